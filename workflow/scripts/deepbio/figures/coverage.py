"""Figures of coverage along the genome: tracks of a window, predicted against measured bins, and saliency of a peak."""

import textwrap
from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.figures.style import COLOURS, PALETTE, panels, plt, save
from deepbio.scoring import metrics

TRACKS = 6  # drawn at most


def per_track(metric, measured, predicted):
    """Compute a metric of every track, (tracks,), over all bins of all windows (n, bins, tracks)."""
    tracks = range(measured.shape[2])
    return np.array([metrics.evaluate([metric], measured[:, :, [i]], predicted[:, :, [i]])[metric] for i in tracks])


def write_tracks(names, measured, predicted, folder):
    """Write tracks.csv: three correlations of every track on the validation windows."""
    wanted = ("pearson", "log_pearson", "spearman")
    values = np.stack([per_track(metric, measured, predicted) for metric in wanted], axis=1)
    rows = [[name, *(f"{value:.4f}" for value in row)] for name, row in zip(names, values, strict=True)]
    tables.write_csv(Path(folder) / "tracks.csv", ["track", *wanted], rows)


def draw_window(names, measured, predicted, drawn, width, context, folder):
    """Draw measured coverage upwards and predicted coverage downwards along one window (bins, tracks).

    Writes tracks.{svg,png}.
    """
    figure, axes = plt.subplots(len(drawn), 1, figsize=(9, 0.9 + 1.1 * len(drawn)), sharex=True, squeeze=False)
    place = np.arange(len(measured)) * width / 1000
    for axis, track in zip(axes.flat, drawn, strict=True):
        axis.fill_between(place, measured[:, track], step="mid", color="#444444", lw=0, label="measured")
        axis.fill_between(place, -predicted[:, track], step="mid", color=COLOURS["listed"], lw=0, label="predicted")
        axis.axhline(0, color="#999999", lw=0.6)
        most = max(np.nanmax(measured[:, track]), predicted[:, track].max(), 1e-6)
        axis.set(ylim=(-1.05 * most, 1.05 * most))
        axis.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
        axis.set_title(names[track], fontsize=9)
    axes[0, 0].legend(frameon=False, fontsize=8, ncols=2, loc="lower right", bbox_to_anchor=(1, 0.95))
    axes[-1, 0].set(xlabel="position among the window's bins (kb)", xlim=(place[0], place[-1]))
    figure.supylabel("coverage", fontsize=10)
    figure.suptitle("Coverage along one validation window", x=0.01, ha="left", fontweight="bold")
    save(figure, Path(folder) / "tracks", context["origin"])


def draw_scatter(names, measured, predicted, drawn, context, folder):
    """Draw predicted against measured coverage of every bin on logarithmic scales. Writes scatter.{svg,png}."""
    figure, axes = panels(len(drawn), 3, (2.9, 2.7), (0.8, 0.8))
    for axis, track in zip(axes, drawn, strict=True):
        x, y = (np.log1p(values[:, :, track].ravel()) for values in (measured, predicted))
        known = ~np.isnan(x)
        x, y = x[known], y[known]
        top = max(x.max(), y.max(), 1e-6)
        image = axis.hexbin(x, y, gridsize=30, bins="log", mincnt=1, cmap="viridis", extent=(0, top, 0, top), lw=0.1)
        axis.plot([0, top], [0, top], color="#999999", lw=0.8, ls=":")
        r = metrics.evaluate(["pearson"], x, y)["pearson"]
        axis.set_title(textwrap.fill(f"{names[track]}, r = {r:.2f}", 36), fontsize=9)
        axis.set(xlabel="log(1 + measured)", ylabel="log(1 + predicted)")
        figure.colorbar(image, ax=axis, label="bins", pad=0.02)
    figure.suptitle("Bins of all validation windows", x=0.01, ha="left", fontweight="bold")
    save(figure, Path(folder) / "scatter", context["origin"])


def draw_saliency(found, split, where, width, bins, reach, names, folder):
    """Draw the saliency of a predicted peak along the window, above the measured tracks. Writes saliency.{svg,png}.

    Parameters
    ----------
    found : (length,) absolute gradient times input for one bin of one track of a sample
    where : the sample, the bin and the track
    width, bins : bases of a bin, and the number of bins in the window's middle
    reach : bases on each side in the receptive field of the dilated layers
    """
    sample, peak, track = where
    found = found[: len(found) // width * width].reshape(-1, width).sum(1)
    first = (split["codes"].shape[1] - bins * width) // 2
    distance = (np.arange(len(found)) * width - first - peak * width) / 1000
    reach = reach / 1000
    figure, (top, below) = plt.subplots(2, 1, figsize=(9, 4), height_ratios=[1.2, 1], sharex=True)
    top.fill_between(distance, found / found.max(), step="mid", color=PALETTE[0])
    top.set_yscale("symlog", linthresh=1e-3)
    top.set(ylim=(0, 1.5), ylabel="|gradient × input|,\nshare of the largest")
    top.axvspan(-reach, reach, color="#e0e0e0", zorder=0, label="receptive field of the dilated layers")
    top.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.97))
    top.set_title(f"Saliency of the strongest predicted peak of {names[track].split()[0]}")
    measured = np.asarray(split.y[sample], float)
    place = (np.arange(bins) - peak) * width / 1000
    others = np.argsort(-np.nanstd(split.y, axis=(0, 1), dtype=float), kind="stable")
    for i, one in enumerate([track, *[other for other in others if other != track][:2]]):
        height = measured[:, one] / max(np.nanmax(measured[:, one]), 1e-9)
        below.fill_between(place, i, i + 0.9 * height, step="mid", color=PALETTE[i + 1], label=names[one])
    below.set_yticks([])
    below.set(xlabel="distance from the peak (kb)", ylabel="measured")
    below.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.97), ncols=3)
    below.set_xlim(max(distance[0], -1.2 * reach), min(distance[-1], 1.2 * reach))
    save(figure, Path(folder) / "saliency", split.context["origin"])
