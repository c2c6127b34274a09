"""Figures of selection and demography: confusion of classes, errors of population sizes, and scans of a real locus."""

from pathlib import Path

import numpy as np
from matplotlib import ticker

from deepbio.core import tables
from deepbio.domains.variation.population_statistics import CLASSES, SIZES, size_errors, sizes_of, sweep_score
from deepbio.figures.style import COLOURS, MARKS, PALETTE, bar_panel, plt, quantities, save
from deepbio.scoring import metrics

INFORMATIVE = 12  # statistics drawn for each output
BORDERS = (0.5, 0.75)  # of the selected allele's present frequency
RANGES = ("below 0.5", "0.5 to 0.75", "above 0.75")
SHORT = ("neutral", "hard", "soft", "balancing")


def draw_confusion(split, p, path):
    """Draw predicted (columns) against simulated (rows) selection, by the present frequency of the selected allele.

    Neutral regions have no such allele and are in every panel. Writes {path}.{svg,png,csv}.
    """
    count = len(CLASSES)
    truth, called = np.asarray(split.y)[:, :count].argmax(axis=1), np.asarray(p)[:, :count].argmax(axis=1)
    frequency = np.asarray(split["y_frequency"])
    level = np.where(np.isnan(frequency), -1, np.digitize(frequency, BORDERS))
    groups = [("all", np.ones(len(truth), bool))]
    groups += [(name, (level == i) | (truth == 0)) for i, name in enumerate(RANGES)]
    figure, axes = plt.subplots(1, len(groups), figsize=(3.1 * len(groups), 3.4))
    rows = []
    for axis, (name, here) in zip(axes, groups, strict=True):
        counts = np.zeros((count, count), int)
        np.add.at(counts, (truth[here], called[here]), 1)
        share = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
        axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for i, j in np.ndindex(count, count):
            dark = "white" if share[i, j] > 0.5 else "black"
            axis.text(j, i, f"{share[i, j]:.2f}\n{counts[i, j]}", ha="center", va="center", fontsize=7, color=dark)
        axis.set_xticks(range(count), SHORT, rotation=45, ha="right", fontsize=8)
        axis.set_yticks(range(count), SHORT, fontsize=8)
        axis.set_title(f"frequency: {name}" if name != "all" else "all regions", fontsize=10)
        rows += [[name, CLASSES[i], *map(int, counts[i])] for i in range(count)]
    axes[0].set_ylabel("simulated")
    figure.suptitle(
        f"Validation regions: {np.mean(truth == called):.1%} correct; columns: predicted",
        x=0.01,
        ha="left",
        fontsize=11,
    )
    tables.write_csv(path.with_suffix(".csv"), ["frequency", "simulated", *CLASSES], rows)
    save(figure, path, split.context["origin"])


def draw_sizes(split, p, path):
    """Draw estimated against true sizes, one mark per demography, with the mean relative error.

    Writes {path}.{svg,png,csv}.
    """
    names, *sizes = sizes_of(split.y, p, np.asarray(split["group"]))
    errors = size_errors(*sizes)
    figure, axes = plt.subplots(1, len(SIZES), figsize=(4 * len(SIZES), 3.9))
    columns = [names.astype(str)]
    for i, (axis, size) in enumerate(zip(axes, SIZES, strict=True)):
        true, predicted = (values[:, i] for values in sizes)
        columns += [true, predicted]
        axis.loglog(true, predicted, MARKS["listed"], color=COLOURS["listed"], ms=5, alpha=0.7)
        span = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
        axis.plot(span, span, ":", color="#999999", lw=1)
        axis.set(xlabel=f"true {size}", ylabel=f"estimated {size}")
        for one in (axis.xaxis, axis.yaxis):
            one.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
            one.set_major_formatter(ticker.EngFormatter(sep=""))
            one.set_minor_formatter(ticker.NullFormatter())
        axis.set_title(f"{size}: mean relative error {errors[:, i].mean():.2f}", fontsize=10)
    rows = ([row[0], *(f"{value:.6g}" for value in row[1:])] for row in zip(*columns, strict=True))
    header = ["demography", *(f"{size}_{what}" for size in SIZES for what in ("true", "estimated"))]
    tables.write_csv(path.with_suffix(".csv"), header, rows)
    figure.suptitle("Sizes of validation demographies, means over their regions", x=0.01, ha="left", fontsize=11)
    save(figure, path, split.context["origin"])


def draw_informative(change, context, path):
    """Draw for the class and each size the statistics whose permutation raises its loss most.

    change : (statistics, permutations, losses), the rise of the cross-entropy of the class and of the error of each
    log size. Writes {path}.{svg,png} and, of all statistics, {path}.csv.
    """
    names, titles = context["features"], ["selection", *context["sizes"]]
    mean, std = change.mean(axis=1), change.std(axis=1)
    figure, axes = plt.subplots(1, len(titles), figsize=(3.6 * len(titles), 0.9 + 0.24 * INFORMATIVE))
    for column, (axis, title) in enumerate(zip(axes, titles, strict=True)):
        top = np.argsort(-mean[:, column], kind="stable")[:INFORMATIVE]
        rise = "rise of the error of the log size" if column else "rise of the cross-entropy"
        bar_panel(axis, [names[i] for i in top], mean[top, column], std[top, column], rise, title)
        axis.tick_params(axis="y", labelsize=8)
    figure.suptitle(
        f"Most informative statistics: loss in validation when one is permuted (mean ± SD of {change.shape[1]})",
        x=0.01,
        ha="left",
        fontsize=11,
    )
    order = np.argsort(-mean[:, 0], kind="stable")
    rows = ([names[i], *(f"{value:.5g}" for value in mean[i])] for i in order)
    tables.write_csv(path.with_suffix(".csv"), ["statistic", *titles], rows)
    save(figure, path, context["origin"])


def draw_scores(runs, origin, path):
    """Draw relative errors of N1 to N3 and the share of wrong classes, all runs and their mean.

    Writes {path}_errors.{svg,png,csv}.
    """
    errors = [f"{size.lower()}_error" for size in SIZES]
    wanted = {"wrong": "share of regions classified wrongly"} | {
        metric: metrics.title(metric, "selection_demography") for metric in errors
    }
    shown = {}
    for title, run in runs.items():
        wrong = [1 - value for value in run["scores"].get("selection_accuracy", [])]
        shown[title] = run | {"scores": run["scores"] | {"wrong": wrong}}
    quantities(shown, wanted, "Held-out demographies (lower is better)", origin, f"{path}_errors")


def draw_scans(runs, context, path):
    """Draw each method's probability of a sweep in windows of real haplotypes, by population (rows) and position.

    A dot marks a probability above one half; a line marks the known site. Writes {path}_scan.{svg,png,csv}.
    """
    path, scan = Path(f"{path}_scan"), context["scan"]
    known = [*scan["swept"], *scan["spared"]]
    order = known + [name for name in scan["populations"] if name not in known]
    figure, axes = plt.subplots(
        1, len(runs), figsize=(1.2 + 3.1 * len(runs), 1.6 + 0.2 * len(order)), sharey=True, squeeze=False
    )
    rows = []
    for axis, (title, one) in zip(axes[0], runs.items(), strict=True):
        population, centre, p = (np.asarray(one[key]) for key in ("population", "centre", "y"))
        centres = np.unique(centre[population >= 0])
        shown, likeliest = np.zeros((len(order), len(centres))), np.zeros((len(order), len(centres)), int)
        real = population >= 0
        row = np.array([order.index(name) for name in scan["populations"]])[population[real]]
        column = np.searchsorted(centres, centre[real])
        shown[row, column] = sweep_score(p[real])
        likeliest[row, column] = p[real][:, : len(CLASSES)].argmax(axis=1)
        for i, j in np.ndindex(shown.shape):
            rows.append([title, order[i], int(centres[j]), f"{shown[i, j]:.4f}", CLASSES[likeliest[i, j]]])
        edges = (centres[0] - np.diff(centres)[0] / 2) / 1e6, (centres[-1] + np.diff(centres)[0] / 2) / 1e6
        image = axis.imshow(
            shown,
            cmap="magma",
            vmin=0,
            vmax=1,
            aspect="auto",
            extent=(*edges, len(order) - 0.5, -0.5),
            interpolation="nearest",
        )
        where = np.argwhere(shown > 0.5)
        axis.plot(centres[where[:, 1]] / 1e6, where[:, 0], ".", color=PALETTE[5], ms=3)
        axis.axvline(scan["site"] / 1e6, color="white", lw=0.8, ls=":")
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("centre of window (Mb)", fontsize=9)
        axis.set_yticks(range(len(order)), order, fontsize=7)
        for label in axis.get_yticklabels():
            swept, spared = label.get_text() in scan["swept"], label.get_text() in scan["spared"]
            label.set_color(PALETTE[1] if swept else PALETTE[0] if spared else "#555555")
    figure.colorbar(image, ax=axes[0].tolist(), label="probability of a sweep")
    tables.write_csv(path.with_suffix(".csv"), ["method", "population", "centre", "sweep", "likeliest"], rows)
    figure.suptitle(
        f"{scan['name']}: orange: known sweep, blue: known not to be swept; dots: above one half",
        x=0.01,
        ha="left",
        fontsize=11,
    )
    save(figure, path, f"real haplotypes; trained on {context['origin']} ones")
