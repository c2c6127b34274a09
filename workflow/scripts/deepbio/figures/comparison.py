"""Methods side by side: a task's comparison and curves, an overview of all tasks, and the cross table."""

import textwrap

import numpy as np
import pandas as pd

from deepbio.figures.style import BOXED, COLOURS, MARKS, PALETTE, legend_below, mark_runs, panels, plt, save

ROLES = {
    "listed": "listed system",
    "variant": "variant of one",
    "baseline": "baseline",
    "control": "control",
    "published": "published",
}
LINE, PALE = {"lw": 2, "ls": "-"}, {"lw": 7, "ls": "-", "alpha": 0.3, "solid_capstyle": "butt"}
STYLES = ["-", "--", "-.", ":"]


def comparison(table: pd.DataFrame, title: str, origin: str, path) -> None:
    """Draw one panel per dataset: each method's mean with 95 % intervals and single runs, and published figures.

    Many runs are drawn as a box. `table` has the columns dataset, dataset_title, metric_title, higher_is_better,
    method, label, role, mean, low, high (over runs), sample_low, sample_high (over test samples), values (list). The
    best method is at the top.
    """
    datasets = list(table.groupby("dataset", sort=False))
    columns = min(3, len(datasets))
    most, widest = max(len(panel) for _, panel in datasets), max(map(len, table["label"]))
    width = max(1.6 / columns + 3.6, 2.7 + 0.07 * widest)
    figure, axes = panels(len(datasets), columns, (width, 1.0 + 0.27 * most), (0, 0.5))
    boxed = False
    for axis, (_, panel) in zip(axes, datasets, strict=True):
        higher = bool(panel["higher_is_better"].iloc[0])
        panel = panel.iloc[np.argsort(panel["mean"].to_numpy() * (1 if higher else -1), kind="stable")]
        for place, row in enumerate(panel.itertuples()):
            boxed |= len(row.values) >= BOXED
            for low, high, style in ((row.sample_low, row.sample_high, PALE), (row.low, row.high, LINE)):
                # A single run has only the interval over test samples.
                if np.isfinite(low) and (style is PALE or low != row.sample_low):
                    axis.plot([low, high], [place, place], color=COLOURS[row.role], **style)
            mark_runs(axis, place, row.values, row.mean, row.role)
        axis.set_yticks(range(len(panel)), panel["label"], fontsize=9)
        axis.set_ylim(-0.7, len(panel) - 0.3)
        axis.set_title(textwrap.fill(panel["dataset_title"].iloc[0], 30), fontsize=10)
        axis.grid(axis="x", alpha=0.25)
        direction = "higher" if higher else "lower"
        name = panel["metric_title"].iloc[0]
        between = " " if len(name) < 16 else "\n"
        axis.set_xlabel(f"{textwrap.fill(name, 34)}{between}({direction} is better)", fontsize=9)
    handles = [
        plt.Line2D([], [], color=COLOURS[role], marker=MARKS[role], ls="", label=name)
        for role, name in ROLES.items()
        if (table["role"] == role).any()
    ]
    for column, style, name in (("low", LINE, "95 % over runs"), ("sample_low", PALE, "95 % over test samples")):
        shown = table[(table["role"] != "published") & table[column].notna()]
        if column == "sample_low" or (shown["low"] != shown["sample_low"]).any():
            handles += [plt.Line2D([], [], color="#767676", label=name, **style)] if len(shown) else []
    if boxed:
        handles.append(plt.Rectangle((0, 0), 1, 1, fill=False, ec="#999999", label="quartiles of the runs"))
    legend_below(figure, handles, len(handles))
    title = textwrap.fill(title, int(8.5 * figure.get_figwidth()))
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    save(figure, path, origin)


def curves(table: pd.DataFrame, title: str, origin: str, path) -> None:
    """Draw curves of kind `line` (all methods in one panel per dataset) and `points` (one panel per method).

    `table` has the columns of curves.csv, dataset_title and label. `categories` draws curves of that kind. An empty
    table gives an empty figure.
    """
    if table.empty:
        figure, _ = plt.subplots(figsize=(6, 1))
        figure.axes[0].set_axis_off()
        figure.suptitle(textwrap.fill(title, 60), x=0.01, ha="left", fontsize=12, fontweight="bold")
        return save(figure, path, origin)
    if (table["kind"] == "categories").all():
        return categories(table, title, origin, path)
    found = []
    for _, group in table.groupby(["dataset_title", "title"], sort=False):
        for kind, rows in group.groupby("kind", sort=False):
            if kind == "line":
                found.append((kind, [rows["dataset_title"].iloc[0]], rows))
            elif kind == "points":
                found += [
                    (kind, [rows["dataset_title"].iloc[0], label], one)
                    for label, one in rows.groupby("label", sort=False)
                ]
    lines = table[table["kind"] == "line"]
    labels = list(dict.fromkeys(lines["label"]))
    most = min(3 if labels else 4, len(found))
    # The names of the curves stand below, in as many columns as there is room for.
    across = max(1, int((1 + 3.3 * most) / (0.7 + 0.075 * max(map(len, labels), default=1))))
    figure, axes = panels(len(found), most, (3.3, 3.2), (1, 0.7 + 0.2 * -(-len(labels) // across)))
    drawn = {}
    for axis, (kind, names, rows) in zip(axes, found, strict=True):
        axis.set_title("\n".join(textwrap.fill(name, 34) for name in names), fontsize=9)
        axis.set(xlabel=rows["x_label"].iloc[0], ylabel=rows["y_label"].iloc[0])
        x, y = rows["x"].astype(float), rows["y"].astype(float)
        if rows["reference"].iloc[0] != "none":
            ends = [0, 1] if kind == "line" else [min(x.min(), y.min()), max(x.max(), y.max())]
            axis.plot(ends, ends, color="#999999", lw=0.8, ls=":")
        if kind == "points":
            axis.plot(x, y, ".", color=COLOURS["listed"], ms=4, alpha=0.4)
            edge = 0.05 * (np.ptp(x) or 1)  # predictions may be of another unit: they do not stretch the measured axis
            axis.set_xlim(x.min() - edge, x.max() + edge)
            continue
        for label, line in rows.assign(x=x).groupby("label", sort=False):
            mean, i = line.groupby("x")["y"].mean(), labels.index(label)
            # A colour that comes again is drawn in another style.
            style = STYLES[(i + i // len(PALETTE)) % len(STYLES)]
            (drawn[label],) = axis.plot(mean.index, mean, style, color=PALETTE[i % len(PALETTE)], lw=1.5)
        if max(x.max(), y.max()) <= 1:
            axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    if labels:
        handles = [drawn[label] for label in labels]
        figure.legend(handles, labels, loc="outside lower left", ncols=across, frameon=False, fontsize=8)
    figure.suptitle(textwrap.fill(title, 8 + 30 * most), x=0.01, ha="left", fontsize=12, fontweight="bold")
    save(figure, path, origin)


def categories(table: pd.DataFrame, title: str, origin: str, path) -> None:
    """Draw for each dataset a value of several series and, beside it, that of each category in the main series.

    `table` has the columns dataset_title, label, series (the main one first), x (category), y, x_label, y_label. Values
    are means over categories; a bar is the standard deviation over the values and runs of a category.
    """
    value, category = table["y_label"].iloc[0], table["x_label"].iloc[0]
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
        series = list(dict.fromkeys(panel["series"]))[::-1]
        groups = list(dict.fromkeys(panel["x"]))[::-1]
        found = panel.groupby(["label", "series", "x"])["y"].agg(["mean", "std"])
        for i, label in enumerate(labels):
            if label not in panel["label"].to_numpy():
                continue
            dodge = (i - (len(labels) - 1) / 2) / (len(labels) + 1.5)
            style = {"color": PALETTE[i % len(PALETTE)], "marker": "osD^vP"[i % 6], "ms": 4.5, "elinewidth": 1}
            here = found.loc[label].groupby("series").mean().reindex(series)
            places = np.arange(len(series)) + 0.6 * dodge
            left.errorbar(places, here["mean"], here["std"], lw=1.3, label=label, **style)
            each = found.loc[label, series[-1]].reindex(groups)
            right.errorbar(each["mean"], np.arange(len(groups)) - dodge, xerr=each["std"], ls="", **style)
        left.axhline(0.5, color="#999999", lw=0.8, ls=":")
        right.axvline(0.5, color="#999999", lw=0.8, ls=":")
        left.set_xticks(range(len(series)), series)
        left.set(xlim=(-0.6, len(series) - 0.4), ylabel=value)
        left.set_title(textwrap.fill(name, 46), fontsize=10)
        right.set_yticks(range(len(groups)), [textwrap.shorten(group, 34, placeholder=" …") for group in groups])
        right.tick_params(axis="y", labelsize=8)
        right.set(ylim=(-0.6, len(groups) - 0.4), xlabel=value)
        right.set_title(f"each {category}, {series[-1]}", fontsize=10)
        right.grid(axis="x", alpha=0.25)
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(textwrap.fill(title, 90), x=0.01, ha="left", fontsize=12, fontweight="bold")
    save(figure, path, origin)


def glance(table: pd.DataFrame, title: str, origin: str, path) -> None:
    """Draw one line per dataset, below its task's title, in two columns: every method between the constant control (0)
    and the perfect control (1), and the name of the best one.

    `table` has the columns task, dataset, method (titles), role, value. Values below -0.2 or above 1.03
    are drawn at the edges as arrows.
    """
    tasks = {task: list(found.groupby("dataset", sort=False)) for task, found in table.groupby("task", sort=False)}
    sizes = np.array([1 + len(datasets) for datasets in tasks.values()])
    half = 1 + int(np.argmin(np.abs(2 * np.cumsum(sizes) - sizes.sum())))  # tasks of the first column
    longest = max(sizes[:half].sum(), sizes[half:].sum())
    figure, axes = plt.subplots(1, 2, figsize=(11.5, 1.1 + 0.165 * longest))
    for axis, names in zip(axes, (list(tasks)[:half], list(tasks)[half:]), strict=True):
        place, ticks = 0, {}
        for task in names:
            axis.text(-0.22, place, task, va="center", fontsize=7, fontweight="bold")
            for dataset, found in tasks[task]:
                place += 1
                ticks[place] = textwrap.shorten(dataset, 40, placeholder="…")
                _line(axis, place, found)
            place += 1
        axis.set_yticks(list(ticks), ticks.values(), fontsize=7)
        axis.tick_params(axis="y", length=0)
        axis.spines["left"].set_visible(False)
        axis.set(xlim=(-0.23, 1.03), ylim=(longest - 0.4, -0.6), xticks=[0, 0.5, 1])
        axis.tick_params(axis="x", labelsize=8)
        axis.set_xlabel("primary metric, 0: constant control, 1: perfect control", fontsize=8)
        axis.set_visible(bool(names))
    handles = [
        plt.Line2D([], [], color=COLOURS[role], marker=MARKS[role], ls="", label=name)
        for role, name in (("listed", "listed system"), ("baseline", "baseline"))
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    save(figure, path, origin)


def _line(axis, place, found):
    """Draw the methods of one dataset on a line, and name the best one at its right end."""
    axis.plot([-0.2, 1], [place, place], color="#dddddd", lw=0.8, zorder=0)
    axis.plot([0, 0], [place - 0.45, place + 0.45], color="#999999", lw=0.8, zorder=0)
    for role in ("baseline", "listed"):
        values = found[found["role"] == role]["value"].to_numpy()
        inside = values[(values >= -0.2) & (values <= 1.03)]
        axis.plot(inside, [place] * len(inside), MARKS[role], color=COLOURS[role], ms=5, alpha=0.85)
        for edge, mark, outside in ((-0.2, "<", values < -0.2), (1.015, ">", values > 1.03)):
            size = 4 if role == "listed" else 7  # both are seen where they lie on each other
            axis.plot([edge] * outside.sum(), [place] * outside.sum(), mark, color=COLOURS[role], ms=size)
    ranked = found[found["role"].isin(["baseline", "listed"])].sort_values("role", ascending=False)  # of equals, listed
    if len(ranked):
        best = ranked.loc[ranked["value"].idxmax()]
        name = textwrap.shorten(best["method"], 27, placeholder="…")
        axis.text(1.05, place, name, va="center", fontsize=7, color=COLOURS[best["role"]])


def cross(blocks: dict, titles: dict[str, str], names: dict[str, str], title: str, origin: str, path) -> None:
    """Draw heat maps of ranks, with the values as text, one below the other.

    `blocks`: kind of input → values and ranks, frames (methods x datasets), the ranks with a column `mean_rank`;
    `titles` of the datasets and `names` of the methods by their ids.
    """
    counts = [len(values) for values, _ in blocks.values()]
    widest = max(values.shape[1] for values, _ in blocks.values())
    size = (3.6 + 0.85 * (widest + 1), 0.8 + sum(2.2 + 0.32 * count for count in counts))
    figure, axes = plt.subplots(len(blocks), 1, figsize=size, height_ratios=counts, squeeze=False)
    for axis, (kind, (values, ranks)) in zip(axes[:, 0], blocks.items(), strict=True):
        _ranks(axis, values, ranks, titles, names)
        axis.set_xlim(-0.5, widest + 0.5)
        axis.set_title(f"Input: {kind.replace('_', ' ')}", fontsize=10, loc="left")
    figure.suptitle(title, fontsize=12)
    save(figure, path, origin)


def _ranks(axis, values, ranks, titles, names):
    """Draw one heat map; lines separate the tasks, and the last column is the mean rank."""
    places = ranks.drop(columns="mean_rank").to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        share = (places - 1) / np.maximum(np.nanmax(places, axis=0) - 1, 1)
    count, width = share.shape
    axis.imshow(np.ma.masked_invalid(share), aspect="auto", cmap="viridis", vmin=0, vmax=1)
    for row, column in np.argwhere(np.isfinite(share)):
        colour = "white" if share[row, column] < 0.6 else "black"
        text = f"{values.iloc[row, column]:.3f}"
        axis.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    for row, mean in enumerate(ranks["mean_rank"]):
        text = "" if np.isnan(mean) else f"{mean:.1f}"
        axis.text(width, row, text, ha="center", va="center", fontsize=8, weight="bold")
    pairs = [name.split("/") for name in values]
    for column in range(1, width):
        if pairs[column][0] != pairs[column - 1][0]:
            axis.axvline(column - 0.5, color="white", linewidth=5)
    axis.set_xticks(
        range(width + 1),
        [*(titles[name] for name in values), "mean rank"],
        rotation=30,
        ha="right",
        rotation_mode="anchor",
        fontsize=8,
    )
    axis.set_yticks(range(count), [names[method] for method in values.index], fontsize=8)
    axis.tick_params(length=0)
    for side in axis.spines.values():
        side.set_visible(False)
