"""The style of all figures: colours for colour-blind readers, SVG and PNG, and the origin of the data on each."""

import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from deepbio.core import tables
from deepbio.core.files import atomic

# Okabe and Ito's palette; every role also has a mark of its own, so that colour is never the only sign.
COLOURS = {
    "listed": "#0072B2",
    "variant": "#56B4E9",
    "baseline": "#D55E00",
    "control": "#767676",
    "published": "#000000",
}
MARKS = {"listed": "o", "variant": "^", "baseline": "s", "control": "x", "published": "D"}
BOXED = 5  # from this number of runs on, a box is drawn instead of single values
BOX = {"manage_ticks": False, "zorder": 1}
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31"]

plt.rcParams.update(
    {
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "figure.constrained_layout.use": True,
        "svg.fonttype": "path",
        "svg.hashsalt": "deepbio-bench",
        "savefig.dpi": 150,
    }
)


def save(figure, path, origin):
    """Write `path`.svg and `path`.png, with the data's origin below the figure, and close it.

    A label of all x axes, set by supxlabel, stands on the same line.
    """
    path = Path(path)
    if label := figure.get_supxlabel():
        figure.text(0.5, 0.01, label, ha="center", va="bottom", fontsize=9)
    figure.supxlabel(f"data: {origin}", x=0.995, ha="right", fontsize=8, color="#555555")
    for form, facts in (("svg", {"Date": None}), ("png", {"Software": None})):
        with atomic(path.with_name(f"{path.name}.{form}")) as temporary:
            figure.savefig(temporary, format=form, metadata=facts)
    plt.close(figure)


def legend_below(figure: plt.Figure, handles: list, most: int) -> None:
    """Put a legend below the panels, in at most `most` columns that leave room for the origin of the data."""
    for columns in range(most, 0, -1):
        legend = figure.legend(handles=handles, loc="outside lower left", ncols=columns, frameon=False, fontsize=9)
        if columns == 1 or legend.get_window_extent().width < figure.bbox.width - 1.1 * figure.dpi:
            return
        legend.remove()


def panels(
    count: int, most: int, size: tuple[float, float], margin: tuple[float, float] = (0.0, 0.0), **options
) -> tuple[plt.Figure, list[plt.Axes]]:
    """Lay out `count` panels, `most` in a row: returns the figure and the panels' axes, row by row.

    Each panel has the size `size`; `margin` is added once for the whole figure (width and height in inches). `options`
    are those of plt.subplots.
    """
    columns = max(1, min(most, count))
    lines = max(1, -(-count // columns))
    width, height = (each * number + more for each, number, more in zip(size, (columns, lines), margin, strict=True))
    figure, axes = plt.subplots(lines, columns, figsize=(width, height), squeeze=False, **options)
    for axis in axes.flat[count:]:
        axis.set_visible(False)
    return figure, list(axes.flat[:count])


def components(fitted, shown):
    """Compute the first two principal components of `fitted` (n, d) at `shown` (m, d).

    Returns coordinates (m, 2), and the components' shares (2,) of the variance.
    """
    from sklearn.decomposition import PCA

    model = PCA(min(2, *fitted.shape), random_state=0)
    with np.errstate(invalid="ignore"):  # rows that are all alike have no variance to share
        places = model.fit(fitted).transform(shown)
        share = np.nan_to_num(model.explained_variance_ratio_)
    missing = 2 - places.shape[1]
    return np.pad(places, ((0, 0), (0, missing))), np.pad(share, (0, missing))


def mark_runs(axis: plt.Axes, place: float, values: list[float], mean: float, role: str) -> None:
    """Draw a method's mean on the line `place`, and its single runs, or a box if there are many."""
    colour = COLOURS[role]
    if len(values) >= BOXED:
        box = axis.boxplot([values], positions=[place], widths=0.62, orientation="horizontal", **BOX)
        for line in sum(box.values(), []):
            line.set(color=colour, alpha=0.45, markersize=3, markeredgecolor=colour)
    elif len(values) > 1:
        axis.plot(values, [place] * len(values), "|", color=colour, alpha=0.45, ms=9)
    axis.plot(mean, place, MARKS[role], color=colour, ms=6, clip_on=False)


def bars(labels, values, errors, xlabel, title, origin, path):
    """Draw horizontal bars with errors, the largest at the top."""
    figure, axis = plt.subplots(figsize=(6.5, 1.2 + 0.27 * len(labels)))
    bar_panel(axis, labels, values, errors, xlabel, title)
    save(figure, path, origin)


def bar_panel(axis, labels, values, errors, xlabel, title):
    """Draw horizontal bars with errors into an axis, the largest at the top."""
    order = np.argsort(values)
    axis.barh(np.arange(len(labels)), np.asarray(values)[order], xerr=np.asarray(errors)[order], color=PALETTE[5])
    axis.set_yticks(np.arange(len(labels)), [labels[i] for i in order])
    axis.axvline(0, color="black", lw=0.8)
    axis.set(xlabel=xlabel, title=title)


def quantities(runs, wanted, title, origin, path, columns=4):
    """Draw a panel for each quantity with a row for each method: its runs, or a box if there are many, and their mean.

    runs : title → role and scores (metric → values), the first one at the top
    wanted : metric → label
    columns : panels in a row

    Methods and quantities without a value are left out. Nothing is drawn if no value is left. Writes
    {path}.{svg,png,csv}.
    """
    wanted = {
        metric: label for metric, label in wanted.items() if any(run["scores"].get(metric) for run in runs.values())
    }
    runs = {name: run for name, run in runs.items() if any(run["scores"].get(metric) for metric in wanted)}
    if not runs:
        return
    widest = 0.075 * max(map(len, runs))
    figure, axes = panels(len(wanted), columns, (2.9, 0.9 + 0.3 * len(runs)), (widest, 0.5), sharey=True)
    rows, names = [], list(runs)[::-1]
    for axis, (metric, label) in zip(axes, wanted.items(), strict=True):
        for place, name in enumerate(names):
            values, role = np.array(runs[name]["scores"].get(metric, []), float), runs[name]["role"]
            if len(values):
                mark_runs(axis, place, values, values.mean(), role)
                rows.append([name, label, f"{values.mean():.5g}", len(values)])
        axis.set_yticks(range(len(names)), names)
        axis.set_xlim(1.08 * min(0, axis.dataLim.x0), 1.08 * max(axis.dataLim.x1, 1e-3))
        axis.locator_params(axis="x", nbins=4)
        axis.set_ylim(-0.6, len(names) - 0.4)
        axis.grid(axis="x", alpha=0.25)
        axis.set_xlabel(textwrap.fill(label, 34), fontsize=9)
    tables.write_csv(Path(f"{path}.csv"), ["method", "quantity", "mean", "runs"], rows)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    save(figure, path, origin)
