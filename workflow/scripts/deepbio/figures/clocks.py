"""Figures of a predicted age: predicted against true age, errors, survival, and members of an ensemble."""

from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from deepbio.core import tables
from deepbio.figures.style import COLOURS, PALETTE, plt, save
from deepbio.scoring import metrics


def age_gap(age, predicted):
    """Compute predicted minus true age, without the part that age alone explains.

    Predictions shrink towards the mean age. So young people are predicted too old, and old people too young. The linear
    fit of the gap on age is subtracted.
    """
    gap = predicted - age
    return gap - np.polyval(np.polyfit(age, gap, 1), age)


def survival(months, died):
    """Estimate survival (Kaplan and Meier 1958): the times of deaths, and the share alive after each; begins at (0,
    1)."""
    times = np.unique(months[died == 1])
    at_risk = len(months) - np.searchsorted(np.sort(months), times)
    deaths = np.array([np.sum((months == time) & (died == 1)) for time in times])
    return np.r_[0, times], np.r_[1, np.cumprod(1 - deaths / at_risk)]


def bins(age):
    """Return round edges over the range of ages (decades, if ages are years), and the bin of each person."""
    edges = MaxNLocator(nbins=8, steps=[1, 2, 5, 10]).tick_values(age.min(), age.max())
    return edges, np.clip(np.searchsorted(edges, age, side="right") - 1, 0, len(edges) - 2)


def draw_predicted(age, predicted, origin, path):
    """Draw the density of predicted against true age, the line of equality, and the mean prediction by age."""
    figure, axis = plt.subplots(figsize=(6, 5))
    span = min(age.min(), predicted.min()), max(age.max(), predicted.max())
    drawn = axis.hexbin(age, predicted, gridsize=24, mincnt=1, vmin=0, cmap="Blues", linewidths=0.2)
    axis.plot(span, span, color="black", lw=1, ls=":", label="predicted = true")
    edges, place = bins(age)
    there = np.unique(place)
    middle = [age[place == i].mean() for i in there]
    axis.plot(
        middle, [predicted[place == i].mean() for i in there], "o-", color=PALETTE[1], ms=4, label="mean prediction"
    )
    found = metrics.evaluate(["mae", "r2", "pearson"], age, predicted)
    text = f"MAE {found['mae']:.2f}   R² {found['r2']:.2f}   r {found['pearson']:.2f}"
    axis.set(xlabel="true age (years)", ylabel="predicted age (years)", title=f"Validation people: {text}")
    axis.legend(frameon=False, loc="upper left", fontsize=9)
    bar = figure.colorbar(drawn, ax=axis, label="people", shrink=0.8)
    bar.locator = MaxNLocator(integer=True)
    save(figure, path, origin)


def draw_errors(age, predicted, sex, origin, path):
    """Draw mean absolute error and mean error by age, for each sex (for all people, where sex is unknown)."""
    groups = [("women", sex == 1, "o-"), ("men", sex == 0, "s--")]
    groups = groups if np.isfinite(sex).all() else [("all", np.full(len(age), True), "o-")]
    edges, place = bins(age)
    middle = (edges[:-1] + edges[1:]) / 2
    figure, axes = plt.subplots(1, 2, figsize=(9, 4))
    for (name, members, style), colour in zip(groups, PALETTE, strict=False):
        for axis, error in zip(axes, (np.abs(predicted - age), predicted - age), strict=True):
            parts = [(i, error[members & (place == i)]) for i in range(len(middle))]
            parts = [(middle[i], part.mean(), 1.96 * part.std() / len(part) ** 0.5) for i, part in parts if len(part)]
            x, mean, half = np.array(parts).T
            label = f"{name} ({members.sum()}): {error[members].mean():.1f} years"
            axis.errorbar(x, mean, half, fmt=style, color=colour, ms=5, capsize=2, label=label)
    axes[0].set(ylabel="mean absolute error (years)", title="Absolute error of validation people", ylim=(0, None))
    axes[1].set(ylabel="predicted - true age (years)", title="Signed error")
    axes[1].axhline(0, color="black", lw=0.8)
    for axis in axes:
        axis.set_xlabel("true age (years)")
        axis.legend(frameon=False, fontsize=9)
    save(figure, path, origin)


def draw_survival(age, predicted, sex, died, months, origin, folder):
    """Draw the survival of validation people by thirds of their age gap, with the hazard ratio of five years of it.

    The hazard ratio comes from Cox's proportional hazards with age, sex and the gap; survival.csv holds it and its
    interval. Draws nothing if nobody died.
    """
    from statsmodels.duration.hazard_regression import PHReg

    known = np.isfinite(died) & np.isfinite(months)
    age, predicted, sex, died, months = (values[known] for values in (age, predicted, sex, died, months))
    if not died.any():
        return
    gap = age_gap(age, predicted)
    fit = PHReg(months, np.column_stack([gap / 5, age, sex]), status=died, ties="efron").fit()
    ratio, (low, high) = np.exp(fit.params[0]), np.exp(fit.conf_int()[0])
    row = [len(died), int(died.sum()), *(f"{value:.4f}" for value in (ratio, low, high))]
    tables.write_csv(Path(folder) / "survival.csv", ["people", "deaths", "hazard_ratio_5_years", "low", "high"], [row])
    figure, axis = plt.subplots(figsize=(6.5, 4.4))
    third = np.searchsorted(np.quantile(gap, [1 / 3, 2 / 3]), gap)
    for number, (name, style) in enumerate([("younger", "-"), ("middle", "--"), ("older", "-.")]):
        members = third == number
        time, share = survival(months[members], died[members])
        label = f"{name} third (mean gap {gap[members].mean():+.1f} years): {int(died[members].sum())} deaths"
        end = months[members].max()
        axis.step(
            np.r_[time, end] / 12,
            100 * np.r_[share, share[-1]],
            style,
            where="post",
            color=PALETTE[number],
            label=label,
        )
    axis.set(xlabel="years after the blood test", ylabel="people alive (%)")
    axis.set_title(
        f"Validation people by age gap, corrected for age\n"
        f"hazard ratio {ratio:.2f} ({low:.2f} to {high:.2f}) per 5 years, adjusted for age and sex"
    )
    axis.legend(frameon=False, fontsize=9, loc="lower left")
    save(figure, Path(folder) / "survival", origin)


def draw_members(labels, each, held, stack, age, predicted, origin, folder):
    """Draw the correlation of an ensemble's members, and the gain from averaging the best of them; writes members.csv.

    Parameters
    ----------
    labels : names of the members
    each : (n, members) prediction of every person's age by each member
    age, predicted : (n,) true age, and the ensemble's prediction
    held : (members,) mean absolute error on held-out samples, which orders the members
    stack : the ensemble's `weights`
    """
    error = np.abs(each - age[:, None]).mean(axis=0)
    rows = zip(labels, held, error, stack["weights"], strict=True)
    header = ["member", "held_out_mae", "validation_mae", "stack_weight"]
    tables.write_csv(Path(folder) / "members.csv", header, [[name, *(f"{v:.4f}" for v in row)] for name, *row in rows])
    figure, (left, right) = plt.subplots(1, 2, figsize=(12.5, 5.4), width_ratios=[1.3, 1])
    image = left.imshow(np.corrcoef(each.T), cmap="viridis", interpolation="nearest")
    left.set_yticks(range(len(labels)), labels, fontsize=8)
    left.set_xticks(range(len(labels)), range(1, len(labels) + 1), fontsize=8)
    left.tick_params(length=0)
    left.set(title="Members' predictions for validation people", xlabel="member")
    figure.colorbar(image, ax=left, label="Pearson r", shrink=0.8)

    order, counts = np.argsort(held, kind="stable"), np.arange(1, len(labels) + 1)
    means = np.cumsum(each[:, order], axis=1) / counts
    right.plot(counts, error[order], "x", color=COLOURS["control"], label="the kth member alone")
    gain = np.abs(means - age[:, None]).mean(axis=0)
    right.plot(counts, gain, "o-", color=COLOURS["baseline"], ms=4, label="mean of the best k")
    right.axhline(np.abs(predicted - age).mean(), color=COLOURS["listed"], label="elastic net over all")
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.set(xlabel="k, members in the order of their held-out error", ylabel="validation mean absolute error (years)")
    right.set_title("Gain of the ensemble")
    right.legend(frameon=False)
    save(figure, Path(folder) / "members", origin)
