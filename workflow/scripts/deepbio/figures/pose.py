"""Figures of an animal's pose: skeletons over frames, errors of each part, and confidence maps."""

import math
from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.figures.style import COLOURS, PALETTE, panels, plt, save

DRAWN = 6  # frames with skeletons


def write_parts(names, error, height, folder):
    """Write parts.csv: for every part its labelled validation frames, errors in pixels, and mean height of its peak."""
    rows = []
    for name, column, peak in zip(names, error.T, height.mean(axis=0), strict=True):
        known = column[~np.isnan(column)]
        found = [known.mean(), np.median(known)] if len(known) else [np.nan, np.nan]
        rows.append([name, len(known), *(f"{value:.3f}" for value in [*found, peak])])
    tables.write_csv(Path(folder) / "parts.csv", ["part", "frames", "mean_error", "median_error", "peak_height"], rows)


def draw_skeletons(split, guess, error, folder):
    """Draw labelled and predicted parts over frames, from the smallest mean error to the largest.

    Writes skeletons.{svg,png}.
    """
    mean = np.nanmean(np.where(np.isnan(error).all(axis=1, keepdims=True), np.inf, error), axis=1)
    order = np.argsort(mean, kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, DRAWN).round().astype(int))]
    height, width = split["image"].shape[1:]
    figure, axes = panels(len(chosen), 3, (3, 0.25 + 2.95 * height / width), (0, 0.8))
    for axis, frame in zip(axes, chosen, strict=True):
        axis.axis("off")
        axis.imshow(split["image"][frame], cmap="gray", vmin=0, vmax=np.percentile(split["image"][frame], 99.8))
        pairs = (("labelled", PALETTE[4], split.y[frame], "o"), ("predicted", PALETTE[5], guess[frame], "x"))
        for _, colour, points, mark in pairs:
            for bone in split.context["skeleton"]:
                axis.plot(*points[bone].T, "-", color=colour, lw=1, alpha=0.8)
            face = "none" if mark == "o" else colour
            axis.plot(*points.T, mark, color=colour, mfc=face, ms=5, mew=1.3)
        axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        axis.set_title(f"mean error {mean[frame]:.1f} pixels", fontsize=9)
    handles = [
        plt.Line2D([], [], color=colour, marker=mark, mfc="none" if mark == "o" else colour, label=name)
        for name, colour, _, mark in pairs
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    title = "Validation frames, from the best to the worst"
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    save(figure, Path(folder) / "skeletons", split.context["origin"])


def draw_errors(names, split, error, folder):
    """Draw the error of every part as boxes, and its 90th percentile as circles on one frame. Writes
    errors.{svg,png}."""
    known = [column[~np.isnan(column)] for column in error.T]
    order = sorted(range(len(names)), key=lambda part: np.median(known[part]) if len(known[part]) else -1)
    height, width = split["image"].shape[1:]
    figure, (boxes, circles) = plt.subplots(
        1, 2, figsize=(10.5, max(3.6, 1.2 + 0.24 * len(names))), width_ratios=[1.2, 1]
    )
    boxes.boxplot(
        [known[part] for part in order],
        orientation="horizontal",
        widths=0.6,
        patch_artist=True,
        boxprops={"facecolor": PALETTE[5], "lw": 0.8},
        medianprops={"color": "black"},
        flierprops={"marker": ".", "ms": 4, "mec": COLOURS["listed"]},
    )
    boxes.set_yticks(range(1, len(names) + 1), [names[part] for part in order], fontsize=9)
    boxes.set_xscale("symlog", linthresh=1)
    boxes.set_xlim(0, None)
    boxes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    boxes.set(xlabel="error (pixels)", title=f"Error of each part in {len(error)} validation frames")
    boxes.grid(axis="x", alpha=0.25)
    frame = (~np.isnan(error)).sum(axis=1).argmax()
    circles.imshow(split["image"][frame], cmap="gray", vmin=0, vmax=np.percentile(split["image"][frame], 99.8))
    for part, (x, y) in enumerate(split.y[frame]):
        if len(known[part]) and not np.isnan(x):
            radius = max(np.percentile(known[part], 90), 0.5)
            circles.add_patch(plt.Circle((x, y), radius, fill=False, color=PALETTE[4], lw=1.4))
    circles.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), title="Circles hold 90 % of a part's predictions")
    circles.axis("off")
    save(figure, Path(folder) / "errors", split.context["origin"])


def draw_maps(names, split, frame, maps, guess, folder):
    """Draw one frame, and the confidence map (rows, columns) of every part over it. Writes maps.{svg,png}."""
    height, width = split["image"].shape[1:]
    figure, axes = panels(len(names) + 1, 6, (1.65, 0.22 + 1.62 * height / width), (1.2, 0.6))
    step = math.ceil(height / maps.shape[1])
    extent = (-0.5, step * maps.shape[2] - 0.5, step * maps.shape[1] - 0.5, -0.5)
    axes[0].imshow(split["image"][frame], cmap="gray")
    axes[0].set_title("frame", fontsize=8)
    for axis, name, map_, label, place in zip(axes[1:], names, maps, split.y[frame], guess, strict=True):
        # The square root makes weak second peaks visible; they show which parts are confused.
        image = axis.imshow(map_, cmap="magma", norm=plt.matplotlib.colors.PowerNorm(0.5, 0, 1), extent=extent)
        axis.plot(*label, "o", mfc="none", color=PALETTE[5], ms=8)
        axis.plot(*place, "x", color=PALETTE[5], ms=4)
        axis.set_title(f"{name}, {map_.max():.2f}", fontsize=8)
    for axis in axes:
        axis.axis("off")
        axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    figure.colorbar(image, ax=axes, label="confidence", shrink=0.7, pad=0.01, ticks=[0, 0.1, 0.25, 0.5, 1])
    figure.suptitle(
        "Confidence maps of one validation frame, with their height (circle: labelled, cross: predicted)",
        x=0.01,
        ha="left",
        fontsize=11,
        fontweight="bold",
    )
    save(figure, Path(folder) / "maps", split.context["origin"])
