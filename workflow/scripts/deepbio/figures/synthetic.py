"""Figures of synthetic people beside real ones, one panel per method.

`train` is the split of the real people; `people` maps the title of a method to its records (people, values) and their
arms.
"""

import csv

import numpy as np

from deepbio.core import tables
from deepbio.core.files import atomic
from deepbio.domains.clinic import synthetic
from deepbio.figures import style
from deepbio.figures.style import PALETTE, save


def _title(figure, text):
    figure.suptitle(text, x=0.01, ha="left", fontsize=12, fontweight="bold")


def _with_real(train, people):
    return {"Real people": (np.asarray(train.y), np.asarray(train["arm"])), **people}


def trajectories(train, people, path):
    """Draw the median of the first variable with quartiles at each visit, by arm, and write it as a table."""
    visits, classes, variable = (train.context[key] for key in ("visits", "classes", "variables"))
    people, rows = _with_real(train, people), []
    figure, axes = style.panels(len(people), 3, (3.0, 2.6), (1, 0.8))
    drawn = []
    for axis, (title, (y, arm)) in zip(axes, people.items(), strict=True):
        for number, name in enumerate(classes):
            low, median, high = np.percentile(y[arm == number][:, : len(visits)], [25, 50, 75], axis=0)
            axis.fill_between(range(len(visits)), low, high, color=PALETTE[number], alpha=0.18, lw=0)
            axis.plot(median, "os"[number] + "-", color=PALETTE[number], ms=4, label=name)
            rows += [[title, name, *row] for row in zip(visits, low, median, high, strict=True)]
            drawn += [low, high]
        axis.set_title(title, fontsize=10)
        axis.set_xticks(range(len(visits)), visits, rotation=90 if len(visits) > 6 else 0, fontsize=8)
    for axis in axes:
        axis.set_ylim(np.min(drawn) - 3, np.max(drawn) + 3)
    figure.supylabel(f"{variable[0]['name']} ({variable[0]['unit']})", fontsize=10)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    _title(figure, "Median and quartiles at each visit")
    save(figure, path, train.context["origin"])
    with atomic(f"{path}.csv") as temporary, open(temporary, "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["people", "arm", "visit", "quartile1", "median", "quartile3"])
        writer.writerows([*row[:3], *(f"{value:g}" for value in row[3:])] for row in rows)


def correlations(train, people, path):
    """Draw pairwise correlations of all values; ρ is Spearman's correlation of these with those of the real people."""
    visits, variables = len(train.context["visits"]), [one["name"] for one in train.context["variables"]]
    people = _with_real(train, people)
    figure, axes = style.panels(len(people), 3, (2.7, 3.0), (1, 0.8))
    for axis, (title, (y, _)) in zip(axes, people.items(), strict=True):
        image = axis.imshow(synthetic.correlations(y), cmap="PuOr_r", vmin=-1, vmax=1, interpolation="nearest")
        rho = synthetic.correlation_of_correlations(y, train.y)
        axis.set_title(title if axis is axes[0] else f"{title}, ρ = {rho:.2f}", fontsize=9)
        middle = (np.arange(len(variables)) + 0.5) * visits - 0.5
        axis.set_xticks(middle, variables, fontsize=7)
        axis.set_yticks(middle, variables, fontsize=7, rotation=90, va="center")
        axis.tick_params(length=0)
        for edge in np.arange(1, len(variables)) * visits - 0.5:
            axis.axhline(edge, color="black", lw=0.6)
            axis.axvline(edge, color="black", lw=0.6)
    figure.colorbar(image, ax=list(axes), label="Pearson r", shrink=0.6, pad=0.01)
    _title(figure, "Correlations of all values")
    save(figure, path, train.context["origin"])


def components(train, people, path):
    """Draw synthetic people over the real ones, on the first two principal components of the real ones."""
    real = np.asarray(train.y, float)
    centre, std = real.mean(axis=0), np.maximum(real.std(axis=0), 1e-9)
    figure, axes = style.panels(len(people), 3, (3.0, 2.9), (1, 0.8))
    real = (real - centre) / std
    places = {title: style.components(real, (y - centre) / std)[0] for title, (y, _) in people.items()}
    real, share = style.components(real, real)
    reach = 1.3 * np.abs(real).max(axis=0)
    for axis, (title, x) in zip(axes, places.items(), strict=True):
        axis.plot(*real.T, ".", color="#aaaaaa", ms=3, label="real", rasterized=True)
        axis.plot(*x.T, ".", color=PALETTE[0], ms=3, alpha=0.5, label="synthetic", rasterized=True)
        axis.set(xlim=(-reach[0], reach[0]), ylim=(-reach[1], reach[1]))
        axis.set_title(title, fontsize=10)
    figure.supylabel(f"component 2 ({share[1]:.0%} of variance)", fontsize=9)
    legend = axes[0].get_legend_handles_labels()
    figure.legend(*legend, loc="outside lower left", ncols=2, frameon=False, fontsize=9, markerscale=3)
    _title(figure, f"Principal components of real people (x axis: component 1, {share[0]:.0%} of variance)")
    save(figure, path, train.context["origin"])


def draw_privacy(spent, whole, privacy, origin, path):
    """Draw epsilon after each evaluation of a private training, within its budget. Writes {path}.{svg,png,csv}.

    spent : rows of epoch and epsilon
    whole : epsilon including the choice of epochs
    privacy : the budget, epsilon and delta
    """
    epochs, epsilon = np.transpose(spent)
    figure, axis = style.plt.subplots(figsize=(6.5, 3.8))
    axis.plot(epochs, epsilon, color=style.COLOURS["listed"], label="training")
    axis.plot(epochs[-1], whole, "D", color=style.COLOURS["baseline"], label="training and choice of epochs")
    axis.axhline(privacy["epsilon"], color="#767676", ls="--", lw=1, label="budget")
    axis.set(xlabel="epoch", ylim=(0, 1.1 * privacy["epsilon"]), ylabel=f"ε at δ = {privacy['delta']:g}")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_title("Privacy loss spent")
    axis.legend(frameon=False, fontsize=9, loc="lower right")
    save(figure, path, origin)
    rows = [[f"{epoch:g}", f"{value:.6g}", privacy["delta"]] for epoch, value in spent]
    tables.write_csv(path.with_suffix(".csv"), ["epoch", "epsilon", "delta"], rows)
