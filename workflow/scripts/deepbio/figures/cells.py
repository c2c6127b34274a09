"""Figures of single cells: batches before and after alignment."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.domains.cells import samples
from deepbio.figures.style import PALETTE, components, panels, plt, quantities, save

SHOWN = 1500  # cells of a batch in a scatter plot
BEFORE, AFTER, TARGET = PALETTE[1], PALETTE[0], "#888888"


def _some(cells, seed=0):
    rng = np.random.default_rng(seed)
    return cells if len(cells) <= SHOWN else cells[rng.choice(len(cells), SHOWN, replace=False)]


def draw_components(before, after, target, context, path):
    """Draw {svg,png,csv}: first two principal components of the target, with the source before and after alignment.

    Above and beside each panel are the histograms of both components.
    """
    shown = {"before alignment": (_some(before), BEFORE), "after alignment": (_some(after), AFTER)}
    target = _some(target)
    joined = np.concatenate([target, *(cells for cells, _ in shown.values())])
    places, share = components(target, joined)
    limits = [np.percentile(places[:, axis], [0.2, 99.8]) for axis in (0, 1)]
    figure = plt.figure(figsize=(9.6, 4.9))
    grid = figure.add_gridspec(2, 5, width_ratios=[5, 1, 0.35, 5, 1], height_ratios=[1, 5])
    rows, start = [["target", *map("{:.5g}".format, place)] for place in places[: len(target)]], len(target)
    for number, (title, (cells, colour)) in enumerate(shown.items()):
        place, start = places[start : start + len(cells)], start + len(cells)
        rows += [[title, *map("{:.5g}".format, one)] for one in place]
        axis = figure.add_subplot(grid[1, 3 * number])
        top = figure.add_subplot(grid[0, 3 * number], sharex=axis)
        side = figure.add_subplot(grid[1, 3 * number + 1], sharey=axis)
        for name, points, mark, ink in (("target", places[: len(target)], "o", TARGET), ("source", place, "x", colour)):
            axis.plot(points[:, 0], points[:, 1], mark, ms=2.2, color=ink, alpha=0.45, label=name, rasterized=True)
            for one, values, limit, way in zip((top, side), points.T, limits, ("vertical", "horizontal"), strict=True):
                one.hist(values, np.linspace(*limit, 40), density=True, histtype="step", color=ink, orientation=way)
        axis.set(xlim=limits[0], ylim=limits[1], xlabel=f"component 1 ({share[0]:.0%} of the target's variance)")
        axis.set_ylabel(f"component 2 ({share[1]:.0%})")
        axis.legend(fontsize=8, markerscale=2.5, loc="best")
        top.set_title(title, fontsize=10)
        for one in (top, side):
            one.axis("off")
    tables.write_csv(path.with_suffix(".csv"), ["cells", "component_1", "component_2"], rows)
    figure.suptitle(" to ".join(context["samples"]), x=0.01, ha="left", fontsize=11)
    save(figure, path, context["origin"])


def draw_markers(before, after, target, context, path, most=12):
    """Draw {svg,png,csv}: cumulative distributions of the markers before and after alignment and in the target.

    Of many markers those are drawn that differed most; the table has all.
    """
    distance = {name: samples.ks_distances(cells, target) for name, cells in (("before", before), ("after", after))}
    order = np.argsort(-distance["before"], kind="stable")
    figure, axes = panels(min(most, len(order)), 4, (2.5, 2.1), (0.2, 0.6))
    for axis, marker in zip(axes, order[:most], strict=True):
        for name, cells, colour, style in (
            ("source before", before, BEFORE, "--"),
            ("source after", after, AFTER, "-"),
            ("target", target, TARGET, "-"),
        ):
            values = np.sort(cells[:, marker])
            axis.plot(values, np.arange(1, len(values) + 1) / len(values), style, color=colour, lw=1.4, label=name)
        axis.set_xlim(*np.percentile(np.concatenate([before, after, target])[:, marker], [0.5, 99.5]))
        told = f"{context['features'][marker]}: {distance['before'][marker]:.2f} to {distance['after'][marker]:.2f}"
        axis.set_title(told, fontsize=9)
        axis.tick_params(labelsize=8)
    axes[0].legend(fontsize=7, loc="lower right")
    rows = [[context["features"][i], *(f"{values[i]:.4f}" for values in distance.values())] for i in range(len(order))]
    tables.write_csv(path.with_suffix(".csv"), ["marker", "ks_before", "ks_after"], rows)
    figure.suptitle("Share of cells below a level; titles: KS distance from the target", x=0.01, ha="left", fontsize=11)
    save(figure, path, context["origin"])


def draw_correlations(before, after, target, context, path):
    """Draw {svg,png,csv}: how far the correlation of each pair of markers is from the target's, before and after."""
    upper = np.triu_indices(target.shape[1], 1)
    wanted = samples.correlations(target)[upper]
    cells = {"before": before, "after": after}
    shown = {name: samples.correlations(values)[upper] - wanted for name, values in cells.items()}
    figure, axis = plt.subplots(figsize=(5.4, 3.6))
    widest = max(0.05, *(np.abs(values).max() for values in shown.values()))
    for (name, values), colour in zip(shown.items(), (BEFORE, AFTER), strict=True):
        norm = np.sqrt(2 * (values**2).sum())
        told = f"{name} alignment (norm {norm:.2f})"
        axis.hist(values, np.linspace(-widest, widest, 41), histtype="step", lw=1.6, color=colour, label=told)
    axis.set(xlabel="correlation in the source less that in the target", ylabel="pairs of markers")
    axis.set_title("Correlations of two markers, beside the target's")
    axis.legend(fontsize=8)
    pairs = [[context["features"][i], context["features"][j]] for i, j in zip(*upper, strict=True)]
    rows = [[*pair, f"{one:.4f}", f"{two:.4f}"] for pair, one, two in zip(pairs, *shown.values(), strict=True)]
    tables.write_csv(path.with_suffix(".csv"), ["marker", "other", "before", "after"], rows)
    save(figure, path, context["origin"])


def draw_types(before, after, target, kind, target_kind, context, path):
    """Draw {svg,png,csv}: the cells of one type, which no method was told, in two markers before and after alignment.

    The type is the context's `shown_type` and the markers its `shown_markers`; else the last type, and the two markers
    in which it moved most.
    """
    names = context.get("types") or sorted({*map(str, map(int, kind)), *map(str, map(int, target_kind))})
    one = int(context.get("shown_type", max(set(kind) & set(target_kind), default=kind.max())))
    here, there = kind == one, target_kind == one
    if not here.any() or not there.any():
        return
    moved = np.abs(before[here].mean(axis=0) - target[there].mean(axis=0))
    wanted = context.get("shown_markers")
    pair = [context["features"].index(name) for name in wanted] if wanted else np.argsort(-moved)[:2]
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.9), sharex=True, sharey=True)
    rows = []
    for axis, title, cells, colour in ((axes[0], "before", before, BEFORE), (axes[1], "after", after, AFTER)):
        batches = ("target", _some(target[there]), "o", TARGET), ("source", _some(cells[here]), "x", colour)
        for name, points, mark, ink in batches:
            axis.plot(points[:, pair[0]], points[:, pair[1]], mark, ms=3, color=ink, alpha=0.6, label=name)
            rows += [[title, name, *(f"{value:.4f}" for value in point[list(pair)])] for point in points]
        axis.set(title=f"{title} alignment", xlabel=context["features"][pair[0]])
        axis.legend(fontsize=8)
    axes[0].set_ylabel(context["features"][pair[1]])
    header = ["alignment", "batch", *(context["features"][i] for i in pair)]
    tables.write_csv(path.with_suffix(".csv"), header, rows)
    figure.suptitle(f"{names[one]} alone", x=0.01, ha="left", fontsize=11)
    save(figure, path, context["origin"])


def draw_alignment(runs, facts, origin, path):
    """Draw {path}_alignment.{svg,png,csv}: distances and label transfer of all methods, all runs and their mean."""
    wanted = {name: metric.title for name, metric in facts.items() if name not in ("mmd_floor",)}
    quantities(runs, wanted, "Held-out cells (label transfer: higher is better)", origin, f"{Path(path)}_alignment", 4)


def draw_gates(y, p, context, path):
    """Draw {svg,png,csv}: called (columns) against manual (rows) gates of the cells with a label."""
    names, known = context["classes"], ~np.isnan(y)
    counts = samples.confusion(y[known].astype(int), p[known].argmax(axis=1), len(names))
    share = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    figure, axis = plt.subplots(figsize=(1.6 + 0.75 * len(names), 1.4 + 0.7 * len(names)))
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(*counts.shape):
        dark = "white" if share[i, j] > 0.5 else "black"
        axis.text(j, i, f"{share[i, j]:.3f}\n{counts[i, j]}", ha="center", va="center", fontsize=7, color=dark)
    axis.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=8)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set(xlabel="called", ylabel="gated by hand")
    axis.set_title(f"Validation cells: FlowCAP F {samples.flowcap_f(counts):.3f}", fontsize=10)
    tables.write_csv(path.with_suffix(".csv"), ["gate", *names], [[n, *c] for n, c in zip(names, counts, strict=True)])
    save(figure, path, context["origin"])


def draw_hidden(hidden, y, context, path):
    """Draw {svg,png,csv}: the cells in the first three units of the last hidden layer, coloured by their gate."""
    known = ~np.isnan(y)
    hidden, y = hidden[known][:, :3], y[known].astype(int)
    chosen = np.random.default_rng(0).permutation(len(y))[:SHOWN]
    hidden, y = np.pad(hidden[chosen], ((0, 0), (0, 3 - hidden.shape[1]))), y[chosen]
    figure = plt.figure(figsize=(6.4, 4.8))
    axis = figure.add_subplot(projection="3d")
    for number, name in enumerate(context["classes"]):
        here = y == number
        colour = PALETTE[number % len(PALETTE)]
        axis.scatter(*hidden[here].T, s=5, alpha=0.5, color=colour, label=name, rasterized=True)
    axis.set(xlabel="unit 1", ylabel="unit 2", zlabel="unit 3")
    axis.locator_params(nbins=4)
    axis.set_box_aspect(None, zoom=0.85)
    axis.legend(fontsize=8, markerscale=2.5, loc="center left", bbox_to_anchor=(1.12, 0.6))
    rows = [
        [context["classes"][one], *(f"{value:.4f}" for value in units)] for one, units in zip(y, hidden, strict=True)
    ]
    tables.write_csv(path.with_suffix(".csv"), ["gate", "unit_1", "unit_2", "unit_3"], rows)
    figure.suptitle("Last hidden layer, validation cells", x=0.01, ha="left", fontsize=11)
    save(figure, path, context["origin"])


def draw_distances(found, context, path):
    """Draw {svg,png,csv}: distance of each sample from the reference before and after calibration; no figure of none.

    found : [number of the sample, MMD before, after] each.
    """
    if not found:
        return
    figure, axis = plt.subplots(figsize=(5.6, 1.5 + 0.35 * len(found)))
    for place, (_, before, after) in enumerate(found):
        axis.plot([before, after], [place, place], "-", color="#999999", lw=1, zorder=1)
        axis.plot(before, place, "s", color=BEFORE, label="before" if not place else None)
        axis.plot(after, place, "o", color=AFTER, label="after" if not place else None)
    names = [context["samples"][int(number)] for number, *_ in found]
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(-0.6, len(names) - 0.4)
    axis.set_xlim(0, 1.1 * max(max(row[1:]) for row in found))
    axis.set(xlabel="MMD to the reference, validation cells", ylabel="sample")
    axis.legend(fontsize=8)
    rows = [[name, f"{before:.4f}", f"{after:.4f}"] for name, (_, before, after) in zip(names, found, strict=True)]
    tables.write_csv(path.with_suffix(".csv"), ["sample", "mmd_before", "mmd_after"], rows)
    save(figure, path, context["origin"])
