"""Figures of predicted genes: predicted against measured, errors by gene, strongest connections of hidden units."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.figures.style import COLOURS, PALETTE, panels, plt, save
from deepbio.scoring import metrics

REFERENCE = "Ridge regression"  # what the other methods' genes are drawn against


def draw_predicted(split, p, path, shown=6):
    """Draw predicted against measured levels of genes from the best to the worst by Pearson's r; {path}.csv has r and
    mean absolute error of all genes."""
    found = metrics.evaluate_outputs(["pearson", "mae"], np.asarray(split.y), p)
    names = split.context.get("features") or [str(i) for i in range(p.shape[1])]
    rows = ([name, f"{r:.4f}", f"{e:.4f}"] for name, r, e in zip(names, found["pearson"], found["mae"], strict=True))
    tables.write_csv(path.with_suffix(".csv"), ["gene", "pearson", "mae"], rows)
    order = np.argsort(-np.nan_to_num(found["pearson"], nan=-1), kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, shown).astype(int))]
    figure, axes = panels(len(chosen), 3, (2.5, 2.4), (0.3, 0.5))
    for axis, gene in zip(axes, chosen, strict=True):
        y = np.asarray(split.y)[:, gene]
        ends = [min(y.min(), p[:, gene].min()), max(y.max(), p[:, gene].max())]
        axis.plot(ends, ends, color="#999999", lw=0.8)
        axis.plot(y, p[:, gene], "o", ms=3, alpha=0.6, color=COLOURS["listed"], mec="none")
        axis.set_title(f"{names[gene]}, r {found['pearson'][gene]:.2f}", fontsize=9)
    figure.supylabel("predicted", fontsize=9)
    figure.supxlabel("measured")
    figure.suptitle(
        "Predicted against measured level (standard deviations), validation", x=0.01, ha="left", fontsize=11
    )
    save(figure, path, split.context["origin"])


def draw_hidden(split, first, outgoing, path, units=20, inputs=25):
    """Draw the weights of the landmarks that are connected most strongly to the hidden units with the largest
    outgoing weights. first (units, landmarks); outgoing (targets, units)."""
    strength = np.linalg.norm(outgoing, axis=0) if outgoing.shape[1] == len(first) else np.linalg.norm(first, axis=1)
    rows = np.argsort(-strength, kind="stable")[:units]
    columns = np.argsort(-np.abs(first[rows]).max(axis=0), kind="stable")[:inputs]
    part = first[rows][:, columns]
    names = [split.context["genes"][i] for i in columns] if "genes" in split.context else [str(i) for i in columns]
    figure, axis = plt.subplots(figsize=(2.2 + 0.22 * len(columns), 1.6 + 0.2 * len(rows)))
    limit = np.abs(part).max()
    image = axis.imshow(part, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axis.set_xticks(range(len(columns)), names, rotation=90, fontsize=7)
    axis.set_yticks(range(len(rows)), rows, fontsize=7)
    axis.set(xlabel="landmark gene", ylabel="hidden unit", title="Strongest weights of the first layer")
    figure.colorbar(image, ax=axis, label="weight")
    save(figure, path, split.context["origin"])


def draw_gene_errors(runs, train, path):
    """Draw the density of the genes' errors by each method, and each method's against ridge regression's: above the
    diagonal ridge regression is better. {path}_genes.csv has the share of genes on which each method is better."""
    errors = {name: run["per_output"].get("mae", {}) for name, run in runs.items()}
    errors = {name: np.array(list(found.values()), float) for name, found in errors.items() if found}
    if len(errors) < 2:
        return
    top = max(np.percentile(found, 99.5) for found in errors.values())
    others = [name for name in errors if name != REFERENCE and REFERENCE in errors]
    figure, axes = panels(1 + len(others), 3, (3.4, 3.2), (0.3, 0.5))
    grid = np.linspace(0, top, 30)
    for number, (name, found) in enumerate(errors.items()):
        density = np.histogram(found, grid, density=True)[0]
        axes[0].plot((grid[1:] + grid[:-1]) / 2, density, color=PALETTE[number % len(PALETTE)], label=name)
    axes[0].legend(frameon=False, fontsize=7)
    axes[0].set(xlabel="mean absolute error of a gene", ylabel="density of genes")
    rows = []
    for axis, name in zip(axes[1:], others, strict=True):
        better = float(np.mean(errors[name] < errors[REFERENCE]))
        rows.append([name, f"{better:.4f}", f"{1 - errors[name].mean() / errors[REFERENCE].mean():.4f}"])
        axis.plot([0, top], [0, top], color="#999999", lw=0.8)
        axis.plot(errors[REFERENCE], errors[name], ".", ms=2, alpha=0.5, color=COLOURS[runs[name]["role"]])
        axis.set(xlim=(0, top), ylim=(0, top), xlabel=f"error, {REFERENCE.lower()}", ylabel="error")
        axis.set_title(f"{name}\nbetter on {100 * better:.1f} % of genes", fontsize=9)
    tables.write_csv(Path(f"{path}_genes.csv"), ["method", "share of genes better than ridge", "lower error"], rows)
    figure.suptitle("Errors by gene (standard deviations)", x=0.01, ha="left", fontsize=11)
    save(figure, f"{path}_genes", train.context["origin"])
