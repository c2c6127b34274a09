"""Figures of networks on graphs of genes: what genes matter, what the graph gains, and learning curves."""

import csv
import textwrap
from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.domains.expression import graphs
from deepbio.figures.style import COLOURS, PALETTE, plt, save

GRAPH = "Gene graph convolution"  # the title of the method whose gain is drawn
METRIC = "auroc"


def draw_importance(genes, importance, edges, context, path, most=25):
    """Draw {svg,png,csv}: the genes whose level times gradient is largest, and all genes' by their number of
    neighbours."""
    degree = graphs.degrees(edges, len(genes))
    order = np.argsort(-importance, kind="stable")[:most]
    figure, (bars, points) = plt.subplots(1, 2, figsize=(9.4, 0.9 + 0.19 * len(order)), width_ratios=[1, 1.1])
    bars.barh(range(len(order)), importance[order], color=PALETTE[0])
    bars.set_yticks(range(len(order)), [genes[i] for i in order], fontsize=8)
    bars.invert_yaxis()
    bars.set_xlabel("mean size of level times gradient")
    points.plot(degree + 1, importance, "o", ms=3, alpha=0.4, color=PALETTE[0], mec="none", rasterized=True)
    points.set(xscale="log", xlabel="neighbours in the graph, and 1", ylabel="mean size of level times gradient")
    for one in (points.xaxis.set_major_formatter, points.xaxis.set_minor_formatter):
        one(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "125" else "")
    for one in order[:5]:
        points.annotate(
            genes[one], (degree[one] + 1, importance[one]), fontsize=8, xytext=(4, 0), textcoords="offset points"
        )
    rows = [[genes[i], f"{importance[i]:.5g}", int(degree[i])] for i in np.argsort(-importance, kind="stable")]
    tables.write_csv(path.with_suffix(".csv"), ["gene", "importance", "neighbours"], rows)
    figure.suptitle("Validation samples", x=0.01, ha="left", fontsize=11)
    save(figure, path, context["origin"])


def draw_neighbourhood(genes, importance, edges, context, path, most=24):
    """Draw {svg,png}: the most important genes on a circle, with the edges among them."""
    order = np.argsort(-importance, kind="stable")[:most]
    angle = 2 * np.pi * np.arange(len(order)) / len(order)
    place = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    number = np.full(len(genes), -1)
    number[order] = np.arange(len(order))
    inner = number[np.asarray(edges)]
    inner = inner[(inner >= 0).all(axis=1)]
    figure, axis = plt.subplots(figsize=(5.2, 5.2))
    for a, b in inner:
        axis.plot(*place[[a, b]].T, "-", color="#999999", lw=0.8, zorder=1)
    size = 30 + 170 * importance[order] / max(importance[order].max(), 1e-12)
    axis.scatter(*place.T, s=size, color=PALETTE[0], zorder=2)
    for one, (x, y), turn in zip(order, place, angle, strict=True):
        left = np.cos(turn) < 0
        axis.text(
            1.09 * x, 1.09 * y, genes[one], fontsize=8, rotation=np.degrees(turn) + (180 if left else 0),
            ha="right" if left else "left", va="center", rotation_mode="anchor",
        )  # fmt: skip
    axis.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal")
    axis.axis("off")
    figure.suptitle(f"Edges among the {len(order)} most important genes: {len(inner)}", x=0.01, ha="left", fontsize=11)
    save(figure, path, context["origin"])


def draw_gains(runs, context, path):
    """Draw {path}.{svg,png,csv}: each target gene's AUROC with the graph against the other methods', a panel each; no
    figure of a single label."""
    first = runs.get(GRAPH, {}).get("per_output", {}).get(METRIC, {})
    others = {
        name: run["per_output"][METRIC] for name, run in runs.items() if name != GRAPH and METRIC in run["per_output"]
    }
    if not first or not others:
        return
    genes = list(first)
    columns = min(4, len(others))
    lines = -(-len(others) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(2.6 * columns, 2.8 * lines), squeeze=False, sharex=True, sharey=True
    )
    for axis in axes.flat[len(others) :]:
        axis.set_visible(False)
    for axis, (name, values) in zip(axes.flat, others.items(), strict=False):
        x, y = (np.array([one.get(gene, np.nan) for gene in genes], float) for one in (values, first))
        axis.plot([0, 1], [0, 1], color="#999999", lw=0.8)
        axis.plot(x, y, "o", ms=4, alpha=0.7, color=COLOURS["listed"], mec="none")
        axis.set_title(f"{textwrap.fill(name, 30)}\nmean gain {np.nanmean(y - x):+.3f}", fontsize=8)
        axis.set_xlabel("AUROC of the other method", fontsize=8)
    axes[0, 0].set_ylabel("AUROC of the graph network", fontsize=8)
    low = min(np.nanmin([*one.values()]) for one in (first, *others.values()))
    axes[0, 0].set(xlim=(max(0, low - 0.05), 1.02), ylim=(max(0, low - 0.05), 1.02))
    rows = [
        [gene, f"{first[gene]:.4f}", *(f"{one.get(gene, np.nan):.4f}" for one in others.values())] for gene in genes
    ]
    tables.write_csv(Path(f"{path}.csv"), ["gene", GRAPH, *others], rows)
    figure.suptitle("Target genes", x=0.01, ha="left", fontsize=11)
    save(figure, path, context["origin"])


def draw_sizes(runs, context, path):
    """Write {path}_auroc.csv: AUROC of every run; sizes_{series_id}.{svg,png}: that of all sizes of the series by the
    number of training samples, from the tables in the same folder."""
    path = Path(path)
    rows = [
        [context["series"], context["size"], name, run["role"], f"{value:.5f}"]
        for name, run in runs.items()
        for value in run["scores"].get(METRIC, [])
    ]
    tables.write_csv(Path(f"{path}_auroc.csv"), ["series", "size", "method", "role", "auroc"], rows)
    found = {}
    for file in sorted(path.parent.glob("*_auroc.csv")):
        with open(file, newline="") as handle:
            for row in csv.DictReader(handle):
                if row["series"] == context["series"]:
                    found.setdefault(row["method"], {}).setdefault(int(row["size"]), []).append(float(row["auroc"]))
    figure, axis = plt.subplots(figsize=(6.8, 3.9))
    apart = 0.008 * max((size for sizes in found.values() for size in sizes), default=1)  # bars lie side by side
    for place, ((name, sizes), colour, mark) in enumerate(zip(found.items(), PALETTE, "os^DvP*X", strict=False)):
        x = sorted(sizes)
        mean, std = (np.array([measure(sizes[size]) for size in x]) for measure in (np.mean, np.std))
        axis.errorbar(
            np.array(x) + apart * (place - (len(found) - 1) / 2),
            mean,
            std,
            marker=mark,
            color=colour,
            label=name,
            ms=5,
            lw=1.4,
            capsize=3,
        )
    axis.set_xticks(sorted({size for sizes in found.values() for size in sizes}))
    axis.set(xlabel="training and validation samples", ylabel="AUROC (mean and std over runs)", title=context["series"])
    axis.axhline(0.5, color="#999999", lw=0.8)
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    save(figure, path.with_name(f"sizes_{context['series_id']}"), context["origin"])
