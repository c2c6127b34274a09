"""Figures of methylation: AUROC by context, a stretch of sites in each cell, filters, and effects of bases."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.figures import style
from deepbio.scoring import metrics

SITES = 120  # of a stretch
FILTERS = 24
DISTANCES = (0, 100, 300, 1000, 3000, 25_001)  # bases to the nearest neighbour


def draw_contexts(split, p, path):
    """Draw the AUROC of each cell by the distance of the nearest neighbour, and inside and outside of CpG islands.
    Writes {path}.{csv,svg,png}."""
    y, names = np.asarray(split.y, float), split.context["features"]
    nearest = np.asarray(split["distances"]).min(axis=2) * 25_000
    groups = [
        (f"{a} to {b - 1} bases", (nearest >= a) & (nearest < b))
        for a, b in zip(DISTANCES[:-1], DISTANCES[1:], strict=True)
    ]
    if "y_island" in split and not np.isnan(split["y_island"]).all():
        island = np.asarray(split["y_island"])[:, None]
        groups += [
            (name, np.broadcast_to(island == value, y.shape)) for value, name in ((1, "island"), (0, "elsewhere"))
        ]
    rows, figure = [], style.plt.figure(figsize=(7.5, 1 + 0.42 * len(groups)))
    axis = figure.subplots()
    for place, (name, inside) in enumerate(groups[::-1]):
        for column, cell in enumerate(names):
            here = inside[:, column] & ~np.isnan(y[:, column])
            value = (
                metrics.evaluate(["auroc"], y[here, column], p[here, column])["auroc"] if here.sum() > 20 else np.nan
            )
            rows.append([name, cell, int(here.sum()), f"{value:.4f}"])
            label = cell if place == 0 else None
            axis.plot(value, place, "osD^v"[column % 5], color=style.PALETTE[column % 8], ms=6, label=label)
    axis.set_yticks(range(len(groups)), [name for name, _ in groups[::-1]])
    axis.axvline(0.5, color="#999999", lw=0.8, ls=":")
    axis.set(xlabel="AUROC of validation sites", ylim=(-0.6, len(groups) - 0.4))
    axis.set_title("By the nearest observed neighbour, and by context")
    axis.grid(axis="x", alpha=0.25)
    figure.legend(loc="outside lower left", ncols=4, frameon=False, fontsize=8)
    tables.write_csv(Path(f"{path}.csv"), ["group", "cell", "sites", "auroc"], rows)
    style.save(figure, path, split.context["origin"])


def draw_stretch(split, p, path):
    """Draw measured and predicted states of consecutive sites in each cell. Writes {path}.{svg,png}."""
    position = np.asarray(split["y_position"]) if "y_position" in split else np.arange(len(p))
    order = np.argsort(position, kind="stable")[: SITES * (1 + len(p) // (4 * SITES))][-SITES:]
    names = split.context["features"][:6]
    figure, axes = style.panels(len(names), 1, (9, 1.2), (0, 0.5), sharex=True)
    for column, (axis, name) in enumerate(zip(axes, names, strict=True)):
        y = np.asarray(split.y, float)[order, column]
        axis.plot(p[order, column], color=style.PALETTE[0], lw=1, label="predicted")
        axis.plot(y, "o", color=style.PALETTE[1], ms=3, label="measured")
        axis.set(ylim=(-0.1, 1.1), yticks=[0, 1])
        axis.set_title(name, fontsize=9)
    axes[-1].set_xlabel("validation sites in the order of their positions")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=2, frameon=False, fontsize=8)
    style.save(figure, path, split.context["origin"])


def draw_filters(active, level, path, origin):
    """Draw how the largest activation of each filter goes with the mean methylation of a site. Writes
    {path}.{csv,svg,png}."""
    known = ~np.isnan(level)
    x, y = active[known] - active[known].mean(axis=0), level[known] - level[known].mean()
    norm = np.sqrt((x**2).sum(axis=0) * (y**2).sum())
    found = np.divide(x.T @ y, norm, out=np.zeros(x.shape[1]), where=norm > 0)
    order = np.argsort(-np.abs(found), kind="stable")[:FILTERS]
    rows = [[int(i), f"{found[i]:.4f}", f"{active[:, i].mean():.4f}"] for i in order]
    tables.write_csv(Path(f"{path}.csv"), ["filter", "correlation", "mean_activation"], rows)
    style.bars(
        [f"filter {i}" for i in order], found[order], np.zeros(len(order)), "correlation with the mean methylation",
        "Filters over the DNA", origin, path,
    )  # fmt: skip


def draw_effects(effects, codes, path, origin):
    """Draw the mean size of the effect of the bases around a site (n, window), and which base has which effect on
    average. Writes {path}.{svg,png}."""
    window, codes = effects.shape[1], codes[: len(effects)]
    place = np.arange(window) - window // 2
    figure, axes = style.plt.subplots(1, 2, figsize=(9, 2.8), width_ratios=[2, 1])
    axes[0].plot(place, np.abs(effects).mean(axis=0), color=style.PALETTE[0], lw=1)
    axes[0].set(xlabel="bases from the site", ylabel="mean |effect|")
    axes[0].set_title("Effect of the bases around a site")
    means = [effects[codes == base].mean() if (codes == base).any() else 0 for base in range(4)]
    axes[1].bar(range(4), means, color=style.PALETTE[2])
    axes[1].axhline(0, color="black", lw=0.6)
    axes[1].set_xticks(range(4), list("ACGT"))
    axes[1].set(ylabel="mean effect (log odds)")
    style.save(figure, path, origin)


def draw_distances(split, p, path):
    """Draw the share of right calls by the distance of the nearer flanking probe. Writes {path}.{csv,svg,png}."""
    names = split.context["features"]
    columns = [i for i, name in enumerate(names) if name.startswith("distance")]
    y = np.asarray(split.y).ravel()
    x = np.asarray(split["x"])[:, columns].min(axis=1) if columns else np.abs(p - 0.5)
    label = "distance of the nearest flanking probe (scaled)" if columns else "distance of the prediction from one half"
    edges = np.unique(np.quantile(x, np.linspace(0, 1, 9)))
    of_bin = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, max(0, len(edges) - 2))
    rows = [
        [f"{x[of_bin == one].mean():.5g}", int((of_bin == one).sum()), f"{((p > 0.5) == y)[of_bin == one].mean():.4f}"]
        for one in np.unique(of_bin)
    ]
    tables.write_csv(Path(f"{path}.csv"), ["mean", "cases", "right"], rows)
    figure, axis = style.plt.subplots(figsize=(6, 3))
    axis.plot([float(row[0]) for row in rows], [float(row[2]) for row in rows], "o-", color=style.PALETTE[0])
    axis.set(xlabel=label, ylabel="share called right", ylim=(0, 1.02))
    axis.set_title("Right calls of validation cases")
    style.save(figure, path, split.context["origin"])


def draw_importance(names, drop, path, origin):
    """Draw how much the AUROC falls when one input is shuffled. Writes {path}.{csv,svg,png}."""
    order = np.argsort(-drop, kind="stable")[:20]
    tables.write_csv(Path(f"{path}.csv"), ["input", "fall"], [[names[i], f"{drop[i]:.5f}"] for i in order])
    title = "What the network relies on"
    style.bars(
        [names[i] for i in order],
        drop[order],
        np.zeros(len(order)),
        "fall of the AUROC when shuffled",
        title,
        origin,
        path,
    )
