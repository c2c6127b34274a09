"""Figures of generated molecules: drawn structures, distributions of properties, and the course of an agent."""

import io
import textwrap

import numpy as np
from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from deepbio.core import tables
from deepbio.domains.chemistry import molecule_sets
from deepbio.figures.style import PALETTE, components, plt, save


def picture(text, size=(300, 220)):
    """Draw a SMILES as an image (height, width, 4); a grey field where it is not a valid molecule."""
    molecule = Chem.MolFromSmiles(text) if text else None
    if molecule is None:
        return np.full((size[1], size[0], 4), 0.94)
    drawer = rdMolDraw2D.MolDraw2DCairo(*size)
    drawer.drawOptions().padding = 0.08
    rdMolDraw2D.PrepareAndDrawMolecule(drawer, molecule)
    drawer.FinishDrawing()
    return plt.imread(io.BytesIO(drawer.GetDrawingText()), format="png")


def draw_grid(rows, titles, origin, path):
    """Draw a row of molecules for each list of (SMILES, caption) in `rows`. Writes {path}.{svg,png}."""
    columns = max(map(len, rows))
    figure, axes = plt.subplots(len(rows), columns, figsize=(2.1 * columns, 1.9 * len(rows) + 0.3), squeeze=False)
    for line, row, title in zip(axes, rows, titles, strict=True):
        for axis in line:
            axis.axis("off")
        for axis, (text, caption) in zip(line, row, strict=False):
            axis.imshow(picture(text))
            axis.set_title(caption, fontsize=8, loc="center")
        line[0].annotate(
            textwrap.fill(title, 24), (0, 1.18), xycoords="axes fraction", fontsize=9, fontweight="bold", va="bottom"
        )
    save(figure, path, origin)


def draw_progress(progress, titles, origin, path):
    """Draw score and share of valid molecules of each agent along its training, with molecules that it generated.

    progress : objective → step, score, valid (lists), and stages, each a step with its examples (smiles, score)

    Writes {path}.{svg,png,csv}.
    """
    stages = max(len(facts["stages"]) for facts in progress.values())
    figure, axes = plt.subplots(
        len(progress), stages + 2, figsize=(3.0 + 1.9 * stages, 2.2 * len(progress) + 0.5), squeeze=False
    )
    written = []
    for line, (objective, facts) in zip(axes, progress.items(), strict=True):
        grid = line[0].get_gridspec()
        row = list(progress).index(objective)
        for axis in line[:2]:
            axis.remove()
        axis = figure.add_subplot(grid[row, :2])
        axis.plot(facts["step"], facts["score"], color=PALETTE[0], label="score")
        axis.plot(facts["step"], facts["valid"], "--", color=PALETTE[1], label="valid")
        axis.set(ylim=(-0.03, 1.03), xlabel="step", ylabel="mean of a batch")
        axis.set_title(titles[objective], fontsize=10)
        if row == 0:
            axis.legend(frameon=False, fontsize=8)
        for axis in line[2:]:
            axis.axis("off")
        for axis, stage in zip(line[2:], facts["stages"], strict=False):
            best = stage["examples"][0]
            axis.imshow(picture(best["smiles"]))
            axis.set_title(f"step {stage['step']}: {best['score']:.2f}", fontsize=8, loc="center")
            written += [[objective, stage["step"], one["smiles"], f"{one['score']:.4f}"] for one in stage["examples"]]
    figure.suptitle("Agents along their training, and the best molecule of a batch", x=0.01, ha="left", fontsize=11)
    save(figure, path, origin)
    tables.write_csv(path.with_suffix(".csv"), ["objective", "step", "smiles", "score"], written)


def draw_tokens(rows, origin, path):
    """Draw the log likelihood of each symbol of strings under the prior and under an agent.

    rows : title, symbols, log likelihoods under the prior and under the agent

    Writes {path}.{svg,png,csv}; nothing where there is no string.
    """
    if not rows:
        return
    widest = max(len(symbols) for _, symbols, _, _ in rows)
    size = (2 + 0.19 * widest, 2.1 * len(rows) + 0.5)
    figure, axes = plt.subplots(len(rows), figsize=size, squeeze=False)
    for axis, (title, symbols, prior, agent) in zip(axes[:, 0], rows, strict=True):
        place = np.arange(len(symbols))
        for shift, values, label, colour in ((-0.2, prior, "prior", "#999999"), (0.2, agent, "agent", PALETTE[1])):
            axis.bar(place + shift, values, 0.4, label=f"{label}: {sum(values):.1f} in all", color=colour)
        axis.set_xticks(place, symbols, fontsize=8)
        axis.set(xlim=(-0.8, widest - 0.2), ylabel="log likelihood")
        axis.set_title(f"Agent: {title}", fontsize=9, loc="left")
        axis.legend(frameon=False, fontsize=8, loc="lower right")
    figure.suptitle("Likelihood of each symbol, given those before it", x=0.01, ha="left", fontsize=11)
    save(figure, path, origin)
    table = [[title, *one] for title, *columns in rows for one in zip(*columns, strict=True)]
    tables.write_csv(path.with_suffix(".csv"), ["agent", "symbol", "prior", "agent_log_likelihood"], table)


def draw_properties(texts, origin, path):
    """Draw distributions of logP, QED and synthetic accessibility of sets of molecules; `texts`: name → SMILES.

    Writes {path}.{svg,png,csv}.
    """
    with molecule_sets.Reader() as reader:
        found = {name: reader.read(list(lines)) for name, lines in texts.items()}
    names = molecule_sets.PROPERTIES
    figure, axes = plt.subplots(1, len(names), figsize=(3.4 * len(names), 3.2))
    rows = []
    for axis, column, name in zip(axes, range(len(names)), names, strict=True):
        pooled = np.concatenate([made.properties[made.valid][:, column] for made in found.values()])
        edges = np.linspace(*np.quantile(pooled, [0.005, 0.995]), 31) if len(pooled) else np.linspace(0, 1, 31)
        for place, (label, made) in enumerate(found.items()):
            values = made.properties[made.valid][:, column]
            moments = [f"{values.mean():.4f}", f"{values.std():.4f}"] if len(values) else ["", ""]
            rows.append([label, name, len(values), *moments])
            if len(values):
                axis.hist(values, edges, density=True, lw=1.6, label=label, **_style(place))
        axis.set(xlabel=name, yticks=[])
        axis.spines["left"].set_visible(False)
    axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle("Properties of valid molecules", x=0.01, ha="left", fontsize=11)
    save(figure, path, origin)
    tables.write_csv(path.with_suffix(".csv"), ["set", "property", "molecules", "mean", "sd"], rows)


def _style(place):
    """Return the style of a histogram: the first set is a grey area, the others are lines."""
    if place == 0:
        return {"histtype": "stepfilled", "color": "#cccccc"}
    lines = ["-", "--", "-.", ":"]
    return {"histtype": "step", "color": PALETTE[(place - 1) % len(PALETTE)], "ls": lines[(place - 1) % len(lines)]}


def draw_game(rows, objective, origin, path):
    """Draw reward, objective and share of valid molecules along the adversarial training. Writes
    {path}.{svg,png,csv}."""
    figure, axis = plt.subplots(figsize=(5.2, 3.2))
    steps = [row["step"] for row in rows]
    for place, (key, label) in enumerate((("reward", "reward"), ("objective", objective), ("valid", "valid"))):
        axis.plot(steps, [row[key] for row in rows], ["-", "--", ":"][place], color=PALETTE[place], label=label)
    axis.set(xlabel="round", ylabel="mean of a batch")
    axis.legend(frameon=False, fontsize=8)
    axis.set_title("Course of adversarial training" if rows else "Trained by likelihood only")
    save(figure, path, origin)
    keys = ["step", "reward", "objective", "valid"]
    tables.write_csv(path.with_suffix(".csv"), keys, ([row[key] for key in keys] for row in rows))


def draw_best(texts, origin, path, count=6):
    """Draw the distinct molecules of the highest QED, and the first ones, of a set of SMILES. Writes
    {path}.{svg,png}."""
    with molecule_sets.Reader() as reader:
        made = reader.read(list(texts)).distinct()
    best = np.argsort(-_qed(made), kind="stable")[:count]
    if len(made):
        draw_grid(
            [_captioned(made.take(best)), _captioned(made, count)], ["Highest QED", "First molecules"], origin, path
        )


def draw_first(texts, origin, path, count=6):
    """Draw the first distinct molecules of each set of SMILES (name → SMILES), in a row with its name.

    Writes {path}.{svg,png}.
    """
    with molecule_sets.Reader() as reader:
        rows = {name: _captioned(reader.read(some).distinct(), count) for name, some in texts.items()}
    rows = {name: row for name, row in rows.items() if row}
    if rows:
        draw_grid(list(rows.values()), list(rows), origin, path)


def _qed(made):
    return made.properties[:, molecule_sets.PROPERTIES.index("QED")]


def _captioned(made, count=None):
    """Return (SMILES, QED as text) of the first molecules."""
    return [(text, f"QED {value:.2f}") for text, value in zip(made.smiles[:count], _qed(made), strict=False)]


def draw_latent(places, properties, names, what, origin, path):
    """Draw the first two principal components of latent codes, coloured by each property; a row for each network.

    places : title of a network → latent codes (n, latent) of the same molecules
    properties : (n, names), with their `names`; `what` says which molecules they are of

    Writes {path}.{svg,png,csv}.
    """
    table = []
    size = (3.9 * len(names), 3.3 * len(places))
    figure, axes = plt.subplots(len(places), len(names), figsize=size, sharex="row", sharey="row", squeeze=False)
    for line, (title, codes) in zip(axes, places.items(), strict=True):
        xy, share = components(codes, codes)
        for axis, name, values in zip(line, names, properties.T, strict=True):
            limits = np.quantile(values, [0.02, 0.98])
            shown = axis.scatter(*xy.T, c=values, s=8, cmap="cividis", vmin=limits[0], vmax=limits[1], lw=0)
            figure.colorbar(shown, ax=axis, label=name)
            axis.set_xlabel(f"component 1 ({share[0]:.0%})")
        line[0].set_ylabel(f"{title}\n".lstrip() + f"component 2 ({share[1]:.0%})")
        table += [[title, *(f"{v:.5g}" for v in (*point, *row))] for point, row in zip(xy, properties, strict=True)]
    figure.suptitle(f"Latent codes of {what}", x=0.01, ha="left", fontsize=11)
    save(figure, path, origin)
    tables.write_csv(path.with_suffix(".csv"), ["network", "component1", "component2", *names], table)


def draw_distances(rows, origin, path):
    """Draw what is decoded at growing distances from the latent codes of molecules.

    rows : distance, share of valid strings, share that is the molecule itself, mean similarity of valid ones to it

    Writes {path}.{svg,png,csv}.
    """
    figure, axis = plt.subplots(figsize=(5.4, 3.4))
    distance, *columns = np.array(rows, float).T
    for place, (label, values) in enumerate(
        zip(("valid strings", "the molecule itself", "similarity of valid ones to it"), columns, strict=True)
    ):
        axis.plot(distance, values, f"{'osD'[place]}-", color=PALETTE[place], ms=5, label=label)
    axis.set(xlabel="distance from the molecule (root mean square of all)", ylabel="share", ylim=(-0.03, 1.03))
    axis.set_title("Strings decoded around validation molecules")
    axis.legend(frameon=False, fontsize=8)
    axis.grid(axis="y", alpha=0.25)
    save(figure, path, origin)
    tables.write_csv(path.with_suffix(".csv"), ["distance", "valid", "same", "similarity"], rows)


SEARCHES = {"process": "Gaussian process", "random": "random steps", "genetic": "genetic algorithm"}


def draw_search(found, origin, path):
    """Draw 5 · QED - SAS of molecules with low values, and of the best ones that each kind of search made from them.

    found : `from`, `before`; for each of SEARCHES `smiles` and `reached` (None where no molecule was made); and
        `known`, the percentiles of the values of training molecules

    Writes {path}.{svg,png,csv}.
    """
    figure, axis = plt.subplots(figsize=(5.8, 3.6))
    order = np.argsort(found["before"], kind="stable")
    place, before = np.arange(len(order)), np.array(found["before"])
    axis.plot(place, before[order], "o", color="0.6", label="start", ms=6)
    for column, (name, label) in enumerate(SEARCHES.items()):
        reached = np.array([np.nan if value is None else value for value in found[name]["reached"]])
        made = ~np.isnan(reached)
        percent = np.searchsorted(found["known"], reached[made].mean()) if made.any() else 0
        axis.plot(
            place + (column - 1) * 0.2,
            reached[order],
            "D^s"[column],
            color=PALETTE[column],
            ms=5,
            label=f"{label}: {made.mean() * 100:.0f} % valid, mean at {min(percent, 100)} % of the training set",
        )
    axis.set(xlabel="starting molecules, by value", ylabel="5 · QED − SAS", xticks=[])
    axis.set_title("Search from molecules of low value, equal numbers of tries")
    axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.1))
    save(figure, path, origin)
    header = ["from", "before", *(f"{name}_{key}" for name in SEARCHES for key in ("smiles", "reached"))]
    columns = [found["from"], found["before"], *(found[n][k] for n in SEARCHES for k in ("smiles", "reached"))]
    tables.write_csv(path.with_suffix(".csv"), header, zip(*columns, strict=True))
