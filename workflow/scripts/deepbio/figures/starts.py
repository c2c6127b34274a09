"""Figures of profiles of transcription starts: windows, a map of representations, and first filters."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.figures import style

WINDOWS, FILTERS = 6, 12


def draw_profiles(split, p, path):
    """Draw measured and predicted profiles of windows from the best to the worst predicted, and the tracks. Writes
    {path}.{csv,svg,png}."""
    y = np.asarray(split.y, float)
    measured = y / np.maximum(y.sum(axis=1, keepdims=True), 1e-9)
    overlap = np.minimum(measured, p).sum(axis=1)
    chosen = np.argsort(-overlap, kind="stable")[np.linspace(0, len(y) - 1, min(WINDOWS, len(y))).astype(int)]
    figure, axes = style.panels(len(chosen), 2, (4.6, 1.8), (0, 0.5))
    for axis, row in zip(axes, chosen, strict=True):
        axis.fill_between(np.arange(y.shape[1]), measured[row], step="mid", color=style.PALETTE[0], alpha=0.5, lw=0)
        axis.plot(p[row], color=style.PALETTE[1], lw=1)
        other = axis.twinx()
        for number, tracks in enumerate(split.context["inputs"].values()):
            level = np.asarray(split["tracks"][row, tracks]).mean(axis=0)
            other.plot(
                level / max(float(np.abs(level).max()), 1e-9), color=style.PALETTE[2 + number], lw=0.7, alpha=0.7
            )
        other.set(yticks=[], ylim=(-0.1, 2.2))
        axis.set_title(f"window {int(row)}: {100 * overlap[row]:.0f} % in common", fontsize=9)
    axes[-1].set_xlabel("base of the window")
    names = ["measured starts", "predicted", *split.context["inputs"]]
    handles = [style.plt.Line2D([], [], color=style.PALETTE[i], label=name) for i, name in enumerate(names)]
    figure.legend(handles=handles, loc="outside lower left", ncols=5, frameon=False, fontsize=8)
    rows = [[int(i), f"{overlap[i]:.4f}", int(y[i].argmax()), int(p[i].argmax())] for i in range(len(y))]
    tables.write_csv(Path(f"{path}.csv"), ["window", "overlap", "measured_summit", "predicted_summit"], rows)
    style.save(figure, path, split.context["origin"])


def draw_map(represented, y, path, origin):
    """Draw windows by the first two principal components of their representation, coloured by where most starts lie.
    Writes {path}.{svg,png}."""
    places, share = style.components(represented, represented)
    figure, axis = style.plt.subplots(figsize=(5.4, 4))
    image = axis.scatter(*places.T, c=y.argmax(axis=1), s=8, cmap="viridis")
    axis.set(xlabel=f"first component ({100 * share[0]:.0f} %)", ylabel=f"second component ({100 * share[1]:.0f} %)")
    axis.set_title("Representations of validation windows")
    figure.colorbar(image, ax=axis, label="base with the most starts")
    style.save(figure, path, origin)


def draw_filters(filters, path, origin):
    """Draw the strongest first filters of each input, name → (kernels, rows, width). Writes {path}.{svg,png}."""
    figure, axes = style.plt.subplots(len(filters), FILTERS, figsize=(9, 0.6 + 1.1 * len(filters)), squeeze=False)
    for line, (name, weight) in zip(axes, filters.items(), strict=True):
        order = np.argsort(-np.abs(weight).sum(axis=(1, 2)), kind="stable")
        limit = float(np.abs(weight).max())
        for axis in line:
            axis.set_axis_off()
        for axis, kernel in zip(line, order, strict=False):
            axis.imshow(weight[kernel], cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
        line[0].set_title(name, fontsize=9)
    figure.suptitle("First filters of each input (rows: ACGT or tracks)", x=0.01, ha="left", fontsize=10)
    style.save(figure, path, origin)
