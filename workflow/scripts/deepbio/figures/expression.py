"""Figures of expression predicted from sequence: the fit, weights of marks by distance, and bases of a promoter."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.figures import interpretation
from deepbio.figures.style import COLOURS, plt, save
from deepbio.scoring import metrics

SHOWN = 25  # marks in the figure of weights
PROMOTER = (-500, 100)  # bases around the start that are substituted
ENLARGED = 80  # bases of it that are drawn as letters


def draw_predictions(y, p, context, folder):
    """Draw predicted against observed expression in every condition, and changes from the first condition.

    Writes predictions.{csv,svg,png}.
    """
    names = context["features"]
    panels = [(name, y[:, i], p[:, i]) for i, name in enumerate(names)]
    panels += [(f"{name} − {names[0]}", y[:, i] - y[:, 0], p[:, i] - p[:, 0]) for i, name in enumerate(names) if i > 0]
    columns = len(names)
    rows = 1 + (columns > 1)
    figure, axes = plt.subplots(rows, columns, figsize=(0.4 + 3.1 * columns, 0.6 + 3.0 * rows), squeeze=False)
    for axis in axes.flat:
        axis.set_visible(False)
    written = []
    for axis, (name, observed, predicted) in zip([*axes[0], *axes[-1][1:]], panels, strict=False):
        known = ~np.isnan(observed)
        values = metrics.evaluate(["spearman", "r2"], observed[known], predicted[known])
        written.append([name, int(known.sum()), *(f"{value:.4f}" for value in values.values())])
        axis.set_visible(True)
        axis.plot(observed[known], predicted[known], ".", color=COLOURS["listed"], ms=4, alpha=0.5, mew=0)
        axis.set_title(f"{name}\nSpearman ρ = {values['spearman']:.2f}", fontsize=10)
        axis.set(xlabel="observed log expression", ylabel="predicted")
        if "−" in name:
            axis.set(xlabel="observed change of log expression", ylabel="predicted change")
    figure.suptitle("Expression of validation genes", x=0.01, ha="left", fontweight="bold")
    tables.write_csv(Path(folder) / "predictions.csv", ["condition", "genes", "spearman", "r2"], written)
    save(figure, Path(folder) / "predictions", context["origin"])


def draw_weights(effect, distance, context, folder):
    """Draw the effect of a certain mark in a bin on the prediction, by the bin's distance.

    effect : (conditions, marks, bins)
    distance : (bins,) in bp from the start of transcription

    Writes chromatin_weights.{csv,svg,png}.
    """
    marks, names = context["marks"], context["features"]
    written = [
        [name, mark, *(f"{value:.5f}" for value in row)]
        for name, panel in zip(names, effect, strict=True)
        for mark, row in zip(marks, panel, strict=True)
    ]
    header = ["condition", "mark", *(f"{place:+g} bp" for place in distance)]
    tables.write_csv(Path(folder) / "chromatin_weights.csv", header, written)
    top = np.argsort(-np.abs(effect).max(axis=(0, 2)), kind="stable")[:SHOWN]
    top = top[np.argsort(-effect[:, top].mean(axis=(0, 2)), kind="stable")]
    figure, axes = plt.subplots(
        1, len(names), figsize=(1.6 + 2.9 * len(names), max(3, 1.6 + 0.2 * len(top))), sharey=True, squeeze=False
    )
    limit = max(float(np.abs(effect).max()), 1e-9)
    for axis, name, panel in zip(axes.flat, names, effect, strict=True):
        image = axis.imshow(panel[top], aspect="auto", cmap="PuOr", vmin=-limit, vmax=limit)
        axis.set_xticks(range(len(distance)), [f"{place:+g}" for place in distance], rotation=90, fontsize=8)
        axis.set_yticks(range(len(top)), [marks[i] for i in top], fontsize=8)
        axis.axvline(np.searchsorted(distance, 0) - 0.5, color="black", lw=0.8)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("middle of the bin (bp from the start)", fontsize=9)
    figure.colorbar(image, ax=axes, label="change of log expression", pad=0.01)
    figure.suptitle("Weights of predicted marks by distance", x=0.01, ha="left", fontweight="bold")
    save(figure, Path(folder) / "chromatin_weights", context["origin"])


def draw_promoter(method, split, gene, folder):
    """Draw the effect of every substitution in the promoter of one gene, and its most important part enlarged.

    Writes promoter.{svg,png}.
    """
    tss, region = split.context["tss"], split["codes"].shape[1]
    first, last = max(0, tss + PROMOTER[0]), min(region, tss + PROMOTER[1])
    codes = np.asarray(split["codes"][gene])
    change = np.zeros((4, region))
    change[:, first:last], unit = interpretation.substitutions(method, codes, split.context, np.arange(first, last))
    importance = np.maximum(0, -change.min(axis=0))
    strongest = np.convolve(importance, np.ones(ENLARGED), "valid")[first : last - ENLARGED + 1].argmax() + first
    shown = slice(int(strongest), int(strongest) + ENLARGED)
    figure, (whole, *axes) = plt.subplots(3, 1, figsize=(9.5, 5.6), height_ratios=[1.2, 1.3, 1])
    place = np.arange(first, last) - tss
    whole.fill_between(place, change.max(axis=0)[first:last], step="mid", color=COLOURS["baseline"], label="increase")
    whole.fill_between(place, change.min(axis=0)[first:last], step="mid", color=COLOURS["listed"], label="decrease")
    whole.axvspan(shown.start - tss, shown.stop - tss, color="#dddddd", zorder=0)
    whole.axvline(0, color="black", lw=0.8)
    whole.set(xlim=(place[0], place[-1]), ylabel="largest change")
    name = split.context["features"][0]
    whole.set_title(f"Every substitution in the promoter of a highly expressed validation gene: {name}")
    whole.legend(frameon=False, fontsize=8, ncols=2, loc="lower left")
    interpretation.draw_substitutions(figure, axes, codes, change, importance, shown, unit)
    ticks = np.arange(shown.start + -(shown.start - tss) % 10, shown.stop, 10)
    for axis in axes:
        axis.set_xlim(shown.start - 0.5, shown.stop - 0.5)
        axis.set_xticks(ticks, ticks - tss)
    axes[1].set_xlabel("position (bp from the start of transcription)")
    save(figure, Path(folder) / "promoter", split.context["origin"])
