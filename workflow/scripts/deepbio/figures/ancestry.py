"""Figures of genetic ancestry: populations in two dimensions, confusion of populations, parameters against accuracy."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.figures.style import COLOURS, MARKS, PALETTE, plt, save

SHAPES = "osD^vP*X<>"  # of the populations of one continent, which share a colour


def _homes(context):
    """Return the continents' names, and the index of each class's continent; without continents all classes share
    one."""
    classes = context["classes"]
    return context.get("continents", ["all"]), np.asarray(context.get("continent_of", [0] * len(classes)))


def draw_populations(places, y, context, path):
    """Draw principal components of the genotypes beside those of the last hidden layer, with one mark per person.

    `places`: for each of the two, coordinates (n, 2) and the components' shares of the variance; y (n,): the index of
    the class. Writes {path}.{svg,png,csv}.
    """
    continents, home = _homes(context)
    titles = "Genotypes", "Last hidden layer"
    rows = (
        [context["classes"][int(one)], *(f"{v:.5g}" for v in (*a, *b))]
        for one, a, b in zip(y, places[0][0], places[1][0], strict=True)
    )
    tables.write_csv(path.with_suffix(".csv"), ["population", "pc1", "pc2", "hidden1", "hidden2"], rows)
    figure, axes = plt.subplots(1, 2, figsize=(12.5, 5.6))
    for axis, title, (place, share) in zip(axes, titles, places, strict=True):
        for one, name in enumerate(context["classes"]):
            here = y == one
            mark = SHAPES[int((home[:one] == home[one]).sum()) % len(SHAPES)]
            colour = PALETTE[home[one] % len(PALETTE)]
            label = f"{name} ({continents[home[one]]})" if len(continents) > 1 else name
            axis.plot(*place[here].T, mark, color=colour, ms=4.5, alpha=0.65, mec="white", mew=0.3, label=label)
        axis.set(title=title, xlabel=f"component 1 ({share[0]:.1%})", ylabel=f"component 2 ({share[1]:.1%})")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=8, frameon=False)
    figure.suptitle("Validation people, by population", x=0.01, ha="left", fontweight="bold", fontsize=12)
    save(figure, path, context["origin"])


def draw_confusion(p, y, context, path):
    """Draw the share of each population's people (rows) that is predicted as each population (columns).

    Writes {path}.{svg,png,csv}; the table holds counts.
    """
    classes, (continents, home) = context["classes"], _homes(context)
    counts = np.zeros((len(classes), len(classes)), int)
    known = ~np.isnan(y)
    np.add.at(counts, (y[known].astype(int), p[known].argmax(axis=1)), 1)
    rows = ([name, *map(int, row)] for name, row in zip(classes, counts, strict=True))
    tables.write_csv(path.with_suffix(".csv"), ["population", *classes], rows)
    share = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    figure, axis = plt.subplots(figsize=(3.4 + 0.25 * len(classes), 1.6 + 0.25 * len(classes)))
    image = axis.imshow(share, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    for i, j in zip(*np.nonzero(counts), strict=True):
        axis.text(j, i, counts[i, j], ha="center", va="center", fontsize=6, color="white" if share[i, j] > 0.5 else "k")
    axis.set_xticks(range(len(classes)), classes, rotation=90, fontsize=8)
    axis.set_yticks(range(len(classes)), classes, fontsize=8)
    for labels in (axis.get_xticklabels(), axis.get_yticklabels()):
        for label, one in zip(labels, home, strict=True):
            label.set_color(PALETTE[one % len(PALETTE)])
    for border in np.flatnonzero(np.diff(home)) + 0.5:
        axis.axhline(border, color="#555555", lw=0.8)
        axis.axvline(border, color="#555555", lw=0.8)
    for one, name in enumerate(continents):
        if len(continents) > 1:
            axis.text(len(classes), np.flatnonzero(home == one).mean(), name, va="center", color=PALETTE[one])
    right = np.trace(counts) / max(1, counts.sum())
    within = counts[home[:, None] == home].sum() / max(1, counts.sum())
    axis.set(xlabel="predicted", ylabel="population")
    axis.set_title(f"Validation people: {right:.1%} correct, {within:.1%} within the continent", fontsize=10)
    figure.colorbar(image, ax=axis, label="share of the population", shrink=0.6, pad=0.1)
    save(figure, path, context["origin"])


def apart(places, gap):
    """Move increasing coordinates (n,) as little as possible, so that neighbours are at least `gap` apart."""
    from scipy.optimize import isotonic_regression

    steps = gap * np.arange(len(places))
    return isotonic_regression(np.asarray(places) - steps).x + steps


def weights_and_scores(runs, metric, origin, path):
    """Draw the number of free parameters against a metric on the test people, as single runs and mean.

    runs : title of a method → facts, among them `weights` (or None), `role`, `scores` (metric → values of all runs)

    Writes {path}_weights.{svg,png,csv}.
    """
    path = Path(f"{path}_weights")
    shown = [(title, one) for title, one in runs.items() if one.get("weights") and one["scores"].get(metric)]
    rows = ([title, one["role"], one["weights"], f"{np.mean(one['scores'][metric]):.5g}"] for title, one in shown)
    tables.write_csv(path.with_suffix(".csv"), ["method", "role", "weights", metric], rows)
    figure, axis = plt.subplots(figsize=(9.2, 4.8))
    axis.set_xscale("log")
    axis.margins(x=0.08, y=0.08)
    for _, one in shown:
        values, colour = one["scores"][metric], COLOURS[one["role"]]
        axis.plot([one["weights"]] * len(values), values, "_", color=colour, alpha=0.5, ms=10)
        axis.plot(one["weights"], np.mean(values), MARKS[one["role"]], color=colour, ms=8)
    # Names are in a separate column, each as close to the height of its mean as the others allow.
    shown.sort(key=lambda pair: np.mean(pair[1]["scores"][metric]))
    low, high = axis.get_ylim()
    heights = [(np.mean(one["scores"][metric]) - low) / (high - low) for _, one in shown]
    for (title, one), height in zip(shown, apart(heights, 0.09), strict=True):
        axis.annotate(
            f"{title}: {one['weights']:,}",
            (one["weights"], np.mean(one["scores"][metric])),
            xytext=(1.03, height),
            textcoords="axes fraction",
            fontsize=8,
            va="center",
            arrowprops={"arrowstyle": "-", "color": COLOURS[one["role"]], "lw": 0.5, "alpha": 0.6, "relpos": (0, 0.5)},
        )
    axis.xaxis.set_minor_formatter(lambda value, place: "")
    axis.grid(alpha=0.25)
    axis.set(xlabel="free parameters", ylabel=f"{metric} on test people")
    axis.set_title("Free parameters against accuracy; dashes are single runs")
    save(figure, path, origin)
