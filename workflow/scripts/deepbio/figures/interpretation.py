"""Figures that explain sequence models.

They show logos of motif detectors beside known motifs, mutation and saliency maps, the base frequencies with the
highest score, and the prediction after each base.
"""

from pathlib import Path

import numpy as np
from scipy.special import logit

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.domains.dna import motifs, sequences
from deepbio.figures import style

MOST_LOGOS = 12
MATCHED = 16  # detectors compared with JASPAR: those with the highest mean activation
SHOWN = 80  # bases of a mutation map
FILTERS = 40  # in the figure of their influence
FIELDS = ["detector", "windows", "mean_activation", "consensus", "bits", "id", "name", "p", "q"]


def detector_logos(codes, active, place, strand, width, context, folder):
    """Draw logos of motif detectors from the windows that activate them, matched to JASPAR.

    Parameters
    ----------
    codes : (n, length) windows with positive predictions
    active, place, strand : (n, detectors) activation, first base of the best window, and its strand (1: reverse)
    width : width of the detectors
    folder : where detectors.{svg,png} and detectors.csv are written

    A window counts when its activation is above half of the detector's largest (as in Alipanahi et al. 2015, Online
    Methods: subsequences that pass the threshold are aligned). If there are many detectors, those with the highest mean
    activation are drawn. They are matched to the groups of JASPAR that the context names as `jaspar_groups`; without
    it, to vertebrates, and to none where the list is empty, as for RNA. A word that the context says was planted, as
    `motif`, is among them.
    """
    groups, planted = context.get("jaspar_groups", ["vertebrates"]), context.get("motif", "")
    length = codes.shape[1]
    padded = np.pad(codes, ((0, 0), (width, width)), constant_values=sequences.UNKNOWN)
    rows, found = [], []
    for detector in np.argsort(-active.mean(axis=0), kind="stable")[:MATCHED]:
        strength = active[:, detector]
        if strength.max() <= 1e-6:
            continue
        fires = np.flatnonzero(strength > 0.5 * strength.max())
        if len(fires) < 10:
            continue
        starts = np.clip(place[fires, detector], -width, length) + width
        cut = padded[fires[:, None], starts[:, None] + np.arange(width)]
        reverse = strand[fires, detector] == 1
        cut[reverse] = sequences.reverse_complement(cut[reverse])
        found.append(motifs.trim(motifs.probabilities(motifs.count_matrix(cut))))
        rows.append({"detector": int(detector), "windows": len(fires), "mean_activation": float(strength.mean())})
    for row, motif, hit in zip(rows, found, motifs.match(found, groups, planted) if found else [], strict=True):
        row |= hit | {"consensus": "".join(sequences.BASES[i] for i in motif.argmax(0))}
    tables.write_csv(Path(folder) / "detectors.csv", FIELDS, ([row[field] for field in FIELDS] for row in rows))
    if not found:
        return
    order = sorted(range(len(rows)), key=lambda i: (rows[i]["q"], -rows[i]["mean_activation"]))[:MOST_LOGOS]
    figure, axes = style.panels(len(order), 3, (4, 1.5), (0, 0.6))
    for axis, i in zip(axes, order, strict=True):
        about = _match(rows[i]) if groups else f"detector {rows[i]['detector']}, {rows[i]['windows']} windows"
        motifs.logo(axis, found[i], about)
    nearest = f" and their nearest JASPAR motif ({', '.join(groups)})" if groups else ""
    nearest += f" or {planted}" if nearest and planted else ""
    figure.suptitle(f"Motif detectors{nearest}", x=0.01, ha="left", fontweight="bold")
    style.save(figure, Path(folder) / "detectors", context["origin"])


def _match(row):
    """Return the text of a logo about its detector's nearest motif."""
    if not row["name"]:
        return f"too little information to compare ({row['bits']:.1f} bits)"
    if row["q"] >= 0.1:
        return f"no match (nearest {row['name']})"
    return f"{row['name']} ({row['id']}), q = {row['q']:.1g}"


def _position(context):
    """Name the axis of bases; of RNA, whose motifs are held against no JASPAR group, they are no pairs."""
    return f"position in the window ({'nt' if context.get('jaspar_groups') == [] else 'bp'})"


def positives(split):
    """Return the half of a split's samples with the highest labels (of the first output)."""
    order = np.argsort(-np.asarray(split.y, dtype=float).reshape(len(split), -1)[:, 0], kind="stable")
    return split.take(order[: max(1, len(split) // 2)])


def mutation_map(method, split, sample, folder):
    """Draw the change of the prediction by every substitution in one window, below its bases scaled by importance.

    The importance of a base is the largest decrease that its replacement causes, as in Alipanahi et al. 2015, Figure 4.
    Writes mutation_map.{svg,png}.
    """
    codes = np.asarray(split["codes"][sample])
    change, unit = substitutions(method, codes, split.context, np.arange(len(codes)))
    importance = np.maximum(0, -change.min(axis=0))
    figure, axes = style.plt.subplots(2, 1, figsize=(9, 3.6), height_ratios=[1.4, 1], sharex=True)
    draw_substitutions(figure, axes, codes, change, importance, window(importance), unit)
    axes[0].set_title("Mutation map of the strongest window")
    axes[1].set_xlabel(_position(split.context))
    style.save(figure, Path(folder) / "mutation_map", split.context["origin"])


def substitutions(method, codes, context, positions):
    """Compute the change of the first output by each base at `positions` of one window (length,).

    Returns the changes (4, positions) and their unit: log odds, for a regression the label's own.
    """
    count = len(positions)
    mutants = np.repeat(codes[None], 4 * count, axis=0)
    mutants[np.arange(4 * count), np.repeat(positions, 4)] = np.tile(np.arange(4), count)
    predicted = method.predict(Split({"codes": np.concatenate([codes[None], mutants])}, context))["y"][:, 0]
    unit = "change"
    if context["output"] != "regression":
        # The probability of a confident prediction hardly changes; its log odds do.
        predicted, unit = logit(np.clip(predicted.astype(float), 1e-9, 1 - 1e-9)), "change of log odds"
    return (predicted[1:] - predicted[0]).reshape(count, 4).T, unit


def draw_substitutions(figure, axes, codes, change, importance, shown, unit):
    """Draw the bases of the slice `shown` of a window, scaled by importance, above the change by each new base."""
    top, below = axes
    letters(top, codes, importance, shown)
    top.set_ylabel("largest decrease")
    limit = max(np.abs(change).max(), 1e-9)
    top.set_xlim(shown.start - 0.5, shown.stop - 0.5)
    edges = (shown.start - 0.5, shown.stop - 0.5, 3.5, -0.5)
    image = below.imshow(change[:, shown], aspect="auto", cmap="PuOr", vmin=-limit, vmax=limit, extent=edges)
    below.set_yticks(range(4), list(sequences.BASES))
    below.set_ylabel("new base")
    figure.colorbar(image, ax=below, label=unit, pad=0.01)


def window(importance, width=SHOWN):
    """Return a slice of at most `width` positions around the centre of the importance (length,)."""
    length, importance = len(importance), np.abs(importance)
    centre = int(np.average(np.arange(length), weights=importance)) if importance.any() else length // 2
    first = min(max(0, centre - width // 2), max(0, length - width))
    return slice(first, min(length, first + width))


def letters(axis, codes, heights, shown):
    """Draw the bases of one window (length,) as letters of the given heights; unknown bases are left out."""
    import logomaker
    import pandas as pd

    table = np.zeros((len(codes), 4))
    known = codes != sequences.UNKNOWN
    table[np.flatnonzero(known), codes[known]] = np.asarray(heights)[known]
    index = range(shown.start, shown.stop)
    frame = pd.DataFrame(table[shown], columns=list(sequences.BASES), index=index)
    logomaker.Logo(frame, ax=axis, color_scheme="colorblind_safe", show_spines=False)
    axis.spines["left"].set_visible(True)


def saliency(network, codes, output=0):
    """Compute the gradient of the score before the last nonlinearity, times the input.

    Returns (n, length) for codes (n, length). Simonyan et al. 2013, as used by Lanchantin et al. 2017, section 2.2.
    `network` is a SequenceNetwork.
    """
    import torch
    from captum.attr import InputXGradient

    weight = next(network.parameters())
    x = network.one_hot(torch.from_numpy(np.array(codes)).to(weight.device)).to(weight.dtype)
    with torch.backends.cudnn.flags(enabled=False):  # its recurrent layers give no gradient in eval mode
        found = InputXGradient(network.score).attribute(x.requires_grad_(), target=output)
    added = (found.shape[2] - codes.shape[1]) // 2
    return found.sum(1)[:, added : added + codes.shape[1]].detach().cpu().numpy()


def saliency_map(network, split, sample, folder):
    """Draw the bases of one window, scaled by the gradient of the score times the input. Writes saliency.{svg,png}."""
    codes = np.asarray(split["codes"][sample])
    found = saliency(network, codes[None])[0]
    figure, axis = style.plt.subplots(figsize=(9, 2.2))
    shown = window(found)
    letters(axis, codes, found, shown)
    axis.axhline(0, color="black", lw=0.6)
    axis.set(xlabel=_position(split.context), ylabel="gradient × input", title="Saliency of the strongest window")
    axis.set_xlim(shown.start - 0.5, shown.stop - 0.5)
    style.save(figure, Path(folder) / "saliency", split.context["origin"])


def class_optimisation(network, length, context, folder, starts=16, steps=100, rate=0.3, decay=1e-4):
    """Draw the base frequencies with the highest score of the positive class, found by gradient ascent.

    The score minus decay · |x|² is maximised (Lanchantin et al. 2017, eq. 2) from several random starts, because the
    score is flat around even frequencies, where the paper starts. A softmax keeps the free input a mixture of bases,
    which the paper does without; so the logo shows frequencies. Writes class_optimisation.{svg,png}.
    """
    import torch

    where = next(network.parameters()).device
    generator = torch.Generator().manual_seed(0)
    free = 3 * torch.randn(starts, 4, max(length, network.shortest), generator=generator)
    free = free.to(where).requires_grad_()
    optimizer = torch.optim.Adam([free], lr=rate)
    torch.set_flush_denormal(True)  # vanishing gradients of recurrent layers are a hundred times slower otherwise
    with torch.backends.cudnn.flags(enabled=False):
        for _ in range(steps):
            scores = network.score(free.softmax(1))[:, 0]
            value = decay * free.square().sum() - scores.sum()
            free.grad = torch.autograd.grad(value, free)[0]  # of the input alone: the weights stay as they are
            optimizer.step()
    found = free.softmax(1)[scores.argmax()].detach().cpu().numpy().astype(float)
    shown = window(motifs.information(found))
    figure, axis = style.plt.subplots(figsize=(9, 2.0))
    motifs.logo(axis, found[:, shown], "Base frequencies that maximise the score")
    axis.set_xlabel(f"positions {shown.start} to {shown.stop - 1} of the window (bp)")
    style.save(figure, Path(folder) / "class_optimisation", context["origin"])


def temporal_scores(predict, split, sample, folder):
    """Draw the prediction after every base, read from the left and from the right.

    Bases not read yet are unknown (Lanchantin et al. 2017, section 2.3, cut the sequence there). Writes
    temporal.{svg,png}.
    """
    codes = np.asarray(split["codes"][sample])
    length = len(codes)
    unread = np.arange(length)[None] > np.arange(length)[:, None]  # row t has read bases 0 … t
    forward = np.where(unread, sequences.UNKNOWN, codes[None]).astype(np.uint8)
    backward = np.where(unread.T, sequences.UNKNOWN, codes[None]).astype(np.uint8)  # row t has read t … the end
    scores = np.stack([predict(Split({"codes": part}, split.context))["y"][:, 0] for part in (forward, backward)])
    figure, axes = style.plt.subplots(2, 1, figsize=(9, 2.6), height_ratios=[1, 0.7], sharex=True)
    shown = slice(0, length)
    letters(axes[0], codes, np.ones(length), shown)
    axes[0].set(yticks=[], title="Prediction after each base")
    axes[0].spines["left"].set_visible(False)
    low, high = (0, 1) if split.context["output"] != "regression" else (scores.min(), scores.max())
    edges = (-0.5, length - 0.5, 1.5, -0.5)
    image = axes[1].imshow(scores, aspect="auto", cmap="viridis", vmin=low, vmax=high, extent=edges)
    axes[1].set_yticks([0, 1], ["from the left", "from the right"])
    axes[1].set_xlabel("position in the window (bp)")
    figure.colorbar(image, ax=axes[1], label="prediction", pad=0.01)
    style.save(figure, Path(folder) / "temporal", split.context["origin"])


def draw_influence(found, context, folder):
    """Draw the influence (filters, outputs) of the most influential filters. Writes influence.{csv,svg,png}."""
    names = context.get("features", [f"output {i}" for i in range(found.shape[1])])
    rows = [[kernel, *(f"{value:.5f}" for value in row)] for kernel, row in enumerate(found)]
    tables.write_csv(Path(folder) / "influence.csv", ["detector", *names], rows)
    top = np.argsort(-np.abs(found).max(1), kind="stable")[:FILTERS]
    figure, axis = style.plt.subplots(figsize=(3 + 0.22 * len(top), 1.4 + 0.3 * len(names)))
    limit = max(float(np.abs(found).max()), 1e-9)
    image = axis.imshow(found[top].T, aspect="auto", cmap="PuOr", vmin=-limit, vmax=limit)
    axis.set_xticks(range(len(top)), top, rotation=90, fontsize=7)
    axis.set_yticks(range(len(names)), names)
    axis.set(xlabel="filter", title="Influence of filters on each output")
    figure.colorbar(image, ax=axis, label="mean log odds lost", pad=0.01)
    style.save(figure, Path(folder) / "influence", context["origin"])
