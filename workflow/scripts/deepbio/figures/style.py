"""The look of all figures: colours that everybody can tell apart, SVG and PNG, the origin of the data on each."""

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
BOXED = 5  # runs of a method of which quartiles are drawn in place of single values
BOX = {"manage_ticks": False, "zorder": 1}
# Curves that all methods share a panel for, and their axes.
LINES = {"roc": ("false-positive rate", "true-positive rate"), "pr": ("recall", "precision")}
# Points for which each method has a panel of its own, and their axes.
POINTS = {"parity": ("measured", "predicted"), "quantiles": ("quantile of the test set", "quantile of what was made")}
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
    """Write `path`.svg and `path`.png, with the data's origin below the figure, and close it."""
    path = Path(path)
    figure.supxlabel(f"data: {origin}", x=0.995, ha="right", fontsize=8, color="#555555")
    for form, facts in (("svg", {"Date": None}), ("png", {"Software": None})):
        with atomic(path.with_name(f"{path.name}.{form}")) as temporary:
            figure.savefig(temporary, format=form, metadata=facts)
    plt.close(figure)


def panels(
    count: int, most: int, size: tuple[float, float], margin: tuple[float, float] = (0.0, 0.0), **options
) -> tuple[plt.Figure, list[plt.Axes]]:
    """Lay out `count` panels, `most` in a line: the figure and the panels' axes, line by line.

    A panel takes `size` and all of them together `margin` beside that (width and height in inches); `options` are
    those of plt.subplots.
    """
    columns = max(1, min(most, count))
    lines = max(1, -(-count // columns))
    width, height = (each * number + more for each, number, more in zip(size, (columns, lines), margin, strict=True))
    figure, axes = plt.subplots(lines, columns, figsize=(width, height), squeeze=False, **options)
    for axis in axes.flat[count:]:
        axis.set_visible(False)
    return figure, list(axes.flat[:count])


def components(fitted, shown):
    """The first two principal components of `fitted` (n, d) at `shown` (m, d): places (m, 2), and the components'
    shares (2,) of the variance."""
    from sklearn.decomposition import PCA

    model = PCA(min(2, *fitted.shape), random_state=0)
    with np.errstate(invalid="ignore"):  # rows that are all alike have no variance to share
        places = model.fit(fitted).transform(shown)
        share = np.nan_to_num(model.explained_variance_ratio_)
    missing = 2 - places.shape[1]
    return np.pad(places, ((0, 0), (0, missing))), np.pad(share, (0, missing))


def comparison(table, title, origin, path):
    """One panel a dataset: each method's mean and 95 % interval, its single runs (of many a box), published figures.

    `table` has the columns dataset, dataset_title, metric_title, higher_is_better, method, label, role, mean, low,
    high, values (list). The best method stands on top.
    """
    datasets = list(table.groupby("dataset", sort=False))
    columns = min(3, len(datasets))
    most, widest = max(len(panel) for _, panel in datasets), max(map(len, table["label"]))
    width = max(1.6 / columns + 3.6, 2.6 + 0.065 * widest)
    figure, axes = panels(len(datasets), columns, (width, 1.0 + 0.27 * most), (0, 0.5))
    boxed = False
    for axis, (_, panel) in zip(axes, datasets, strict=True):
        rises = bool(panel["higher_is_better"].iloc[0])
        panel = panel.iloc[np.argsort(panel["mean"].to_numpy() * (1 if rises else -1), kind="stable")]
        for place, row in enumerate(panel.itertuples()):
            boxed |= len(row.values) >= BOXED
            if np.isfinite(row.low):
                axis.plot([row.low, row.high], [place, place], "-", color=COLOURS[row.role], lw=2)
            _runs(axis, place, row.values, row.mean, row.role)
        axis.set_yticks(range(len(panel)), panel["label"])
        axis.set_ylim(-0.7, len(panel) - 0.3)
        axis.set_title(textwrap.fill(panel["dataset_title"].iloc[0], 30), fontsize=10)
        axis.grid(axis="x", alpha=0.25)
        direction = "higher" if rises else "lower"
        axis.set_xlabel(f"{panel['metric_title'].iloc[0]} ({direction} is better)", fontsize=9)
    handles = [
        plt.Line2D([], [], color=COLOURS[role], marker=MARKS[role], ls="-" if role != "control" else "", label=name)
        for role, name in (
            ("listed", "listed system"),
            ("variant", "variant of one"),
            ("baseline", "baseline"),
            ("control", "control"),
            ("published", "published"),
        )
        if (table["role"] == role).any()
    ]
    if boxed:
        handles.append(plt.Rectangle((0, 0), 1, 1, fill=False, ec="#999999", label="quartiles of the runs"))
    across = len(handles) if columns > 1 else 3  # beside the origin of the data there is room for three
    figure.legend(handles=handles, loc="outside lower left", ncols=across, frameon=False, fontsize=9)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    save(figure, path, origin)


def _runs(axis, place, values, mean, role):
    """A method's mean on the line `place`, and its single runs, of many a box."""
    colour = COLOURS[role]
    if len(values) >= BOXED:
        box = axis.boxplot([values], positions=[place], widths=0.62, orientation="horizontal", **BOX)
        for line in sum(box.values(), []):
            line.set(color=colour, alpha=0.45, markersize=3, markeredgecolor=colour)
    elif len(values) > 1:
        axis.plot(values, [place] * len(values), "|", color=colour, alpha=0.45, ms=9)
    axis.plot(mean, place, MARKS[role], color=colour, ms=6, clip_on=False)


def curves(table, title, origin, path):
    """ROC or precision-recall curves (all methods in one panel a dataset), or points such as predicted against
    measured values (a panel a method).

    `table` has the columns dataset, dataset_title, label, curve, x, y.
    """
    kind = table["curve"].iloc[0]
    is_line = kind in LINES
    keys = ["dataset_title"] if is_line else ["dataset_title", "label"]
    groups = list(table.groupby(keys, sort=False))
    columns = min(3 if is_line else 4, len(groups))
    labels = list(dict.fromkeys(table["label"])) if is_line else []
    # The names of the curves stand below, in as many columns as there is room for.
    across = max(1, int((1 + 3.3 * columns) / (0.7 + 0.075 * max(map(len, labels), default=1))))
    figure, axes = panels(len(groups), columns, (3.3, 3.2), (1, 0.7 + 0.2 * -(-len(labels) // across)))
    drawn = {}
    for axis, (names, panel) in zip(axes, groups, strict=True):
        axis.set_title("\n".join(textwrap.fill(name, 34) for name in names), fontsize=9)
        if is_line:
            if kind == "roc":
                axis.plot([0, 1], [0, 1], color="#999999", lw=0.8, ls=":")
            for label, line in panel.groupby("label", sort=False):
                mean, i = line.groupby("x")["y"].mean(), labels.index(label)
                # A colour that comes again is drawn in another style.
                style = ["-", "--", "-.", ":"][(i + i // len(PALETTE)) % 4]
                (drawn[label],) = axis.plot(mean.index, mean, style, color=PALETTE[i % len(PALETTE)], lw=1.5)
            axis.set(**dict(zip(("xlabel", "ylabel"), LINES[kind], strict=True)), aspect="equal")
            if kind == "pr":
                axis.set(xlim=(0, 1.02), ylim=(0, 1.02))
        else:
            axis.plot(panel["x"], panel["y"], ".", color=COLOURS["listed"], ms=4, alpha=0.4)
            span = [panel[["x", "y"]].min().min(), panel[["x", "y"]].max().max()]
            axis.plot(span, span, color="#999999", lw=0.8, ls=":")
            axis.set(**dict(zip(("xlabel", "ylabel"), POINTS[kind], strict=True)))
    if labels:
        handles = [drawn[label] for label in labels]
        figure.legend(handles, labels, loc="outside lower left", ncols=across, frameon=False, fontsize=8)
    figure.suptitle(textwrap.fill(title, 8 + 30 * columns), x=0.01, ha="left", fontsize=12, fontweight="bold")
    save(figure, path, origin)


def supports(table, title, origin, path):
    """For each dataset AUROC against the size of the support, and beside it that of each assay at the main size.

    `table` has the columns dataset_title, label, curve (size of the support, the main one first), x (assay), y (AUROC
    of one support of it). Means over assays; a bar is the standard deviation over supports and runs of an assay.
    """
    datasets = list(table.groupby("dataset_title", sort=False))
    heights = [max(3.0, 0.9 + 0.42 * panel["x"].nunique()) for _, panel in datasets]
    figure, axes = plt.subplots(
        len(datasets),
        2,
        figsize=(10.5, 0.9 + sum(heights)),
        squeeze=False,
        height_ratios=heights,
        width_ratios=[1, 1.15],
    )
    labels = list(dict.fromkeys(table["label"]))
    for (left, right), (name, panel) in zip(axes, datasets, strict=True):
        sizes = list(dict.fromkeys(panel["curve"]))[::-1]
        assays = list(dict.fromkeys(panel["x"]))[::-1]
        found = panel.groupby(["label", "curve", "x"])["y"].agg(["mean", "std"])
        for i, label in enumerate(labels):
            if label not in panel["label"].to_numpy():
                continue
            dodge = (i - (len(labels) - 1) / 2) / (len(labels) + 1.5)
            style = {"color": PALETTE[i % len(PALETTE)], "marker": "osD^vP"[i % 6], "ms": 4.5, "elinewidth": 1}
            here = found.loc[label].groupby("curve").mean().reindex(sizes)
            places = np.arange(len(sizes)) + 0.6 * dodge
            left.errorbar(places, here["mean"], here["std"], lw=1.3, label=label, **style)
            each = found.loc[label, sizes[-1]].reindex(assays)
            right.errorbar(each["mean"], np.arange(len(assays)) - dodge, xerr=each["std"], ls="", **style)
        left.axhline(0.5, color="#999999", lw=0.8, ls=":")
        right.axvline(0.5, color="#999999", lw=0.8, ls=":")
        left.set_xticks(range(len(sizes)), sizes)
        left.set(xlim=(-0.6, len(sizes) - 0.4), xlabel="actives and inactives in the support", ylabel="AUROC")
        left.set_title(textwrap.fill(name, 46), fontsize=10)
        right.set_yticks(range(len(assays)), [textwrap.shorten(assay, 34, placeholder=" …") for assay in assays])
        right.tick_params(axis="y", labelsize=8)
        right.set(ylim=(-0.6, len(assays) - 0.4), xlabel="AUROC")
        right.set_title(f"each assay, support of {sizes[-1]}", fontsize=10)
        right.grid(axis="x", alpha=0.25)
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(textwrap.fill(title, 90), x=0.01, ha="left", fontsize=12, fontweight="bold")
    save(figure, path, origin)


def bars(labels, values, errors, xlabel, title, origin, path):
    """Horizontal bars with errors, the largest on top."""
    figure, axis = plt.subplots(figsize=(6.5, 1.2 + 0.27 * len(labels)))
    order = np.argsort(values)
    axis.barh(np.arange(len(labels)), np.asarray(values)[order], xerr=np.asarray(errors)[order], color="#56B4E9")
    axis.set_yticks(np.arange(len(labels)), [labels[i] for i in order])
    axis.axvline(0, color="black", lw=0.8)
    axis.set(xlabel=xlabel, title=title)
    save(figure, path, origin)


def quantities(runs, wanted, title, origin, path, columns=4):
    """{svg,png,csv}: a panel for each quantity, in it a row for each method: its runs, of many a box, and their mean.

    runs : title → role and scores (metric → values), the first one on top; wanted : metric → label. Methods and
    quantities without a value are left out, and so is the figure where nothing is left; `columns`: panels in a line.
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
                _runs(axis, place, values, values.mean(), role)
                rows.append([name, label, f"{values.mean():.5g}", len(values)])
        axis.set_yticks(range(len(names)), names)
        axis.set_xlim(0, 1.08 * max(axis.dataLim.x1, 1e-3))
        axis.set_ylim(-0.6, len(names) - 0.4)
        axis.grid(axis="x", alpha=0.25)
        axis.set_xlabel(textwrap.fill(label, 34), fontsize=9)
    tables.write_csv(Path(f"{path}.csv"), ["method", "quantity", "mean", "runs"], rows)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    save(figure, path, origin)


def glance(table, title, origin, path):
    """One line a dataset: every method between the constant control (0) and the perfect one (1).

    `table` has the columns row, method, role, value. Values below -0.2 are drawn at the left edge as arrows.
    """
    names = list(dict.fromkeys(table["row"]))
    figure, axis = plt.subplots(figsize=(8.5, 1.4 + 0.55 * len(names)))
    for place, name in enumerate(reversed(names)):
        group = table[table["row"] == name]
        axis.axhline(place, color="#dddddd", lw=0.8, zorder=0)
        for role in ("baseline", "listed"):
            values = group[group["role"] == role]["value"].to_numpy()
            inside = values[values >= -0.2]
            axis.plot(inside, [place] * len(inside), MARKS[role], color=COLOURS[role], ms=7, alpha=0.85)
            axis.plot(
                [-0.2] * (len(values) - len(inside)), [place] * (len(values) - len(inside)), "<", color=COLOURS[role]
            )
    axis.set_yticks(range(len(names)), reversed(names), fontsize=8)
    axis.set(
        xlim=(-0.23, 1.03),
        ylim=(-0.6, len(names) - 0.4),
        xlabel="0: constant control     primary metric, rescaled     1: perfect control",
    )
    axis.axvline(0, color="#999999", lw=0.8)
    handles = [
        plt.Line2D([], [], color=COLOURS[role], marker=MARKS[role], ls="", label=name)
        for role, name in (("listed", "listed system"), ("baseline", "baseline"))
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    save(figure, path, origin)
