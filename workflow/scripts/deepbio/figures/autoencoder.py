"""Figures of an autoencoder of fingerprints: losses, compounds near generated fingerprints, and the bits it sets."""

import math

import numpy as np

from deepbio.core import tables
from deepbio.figures import molecule as figures
from deepbio.figures.style import PALETTE, plt, save

PANELS = {
    "discriminator": ("discriminator_loss",),
    "encoder": ("encoder_loss",),
    "activity": ("regression_loss",),
    "autoencoder": ("bit_loss", "concentration_loss"),
}
TITLES = {
    "discriminator_loss": "separating codes from the prior",
    "encoder_loss": "matching the prior",
    "regression_loss": "squared error of activity (SD²)",
    "bit_loss": "cross-entropy of a bit",
    "concentration_loss": "squared error of concentration",
}
SHOWN = 6  # compounds drawn in a row


def draw_course(course, restarts, origin, path):
    """Draw the losses of the four parts along pretraining, with its restarts, and training.

    course : rows of a job's history, the phases of pretraining first

    Writes {path}.{svg,png,csv}.
    """
    figure, axes = plt.subplots(1, len(PANELS), figsize=(3.3 * len(PANELS), 3.2))
    phases = list(dict.fromkeys(row["phase"] for row in course))
    # Every evaluation is one position along the axis: the phases differ a thousandfold in steps.
    place = np.arange(1, len(course) + 1)
    edges = [1 + max(i for i, row in enumerate(course) if row["phase"] == phase) for phase in phases[:-1]]
    for axis, (title, keys) in zip(axes, PANELS.items(), strict=True):
        keys = [key for key in keys if any(key in row for row in course)]
        for number, key in enumerate(keys):
            values = np.array([row.get(key, math.nan) for row in course], float)
            axis.plot(place, values, ["o-", "s--"][number], ms=3, lw=1.3, color=PALETTE[number], label=TITLES[key])
        if edges:
            axis.axvspan(0.5, edges[-1] + 0.5, color="#eeeeee", lw=0, zorder=0)
        for edge in edges[:-1]:
            axis.axvline(edge + 0.5, color="#999999", lw=1, ls=":")
        if title in ("discriminator", "encoder"):
            axis.axhline(math.log(2), color="#999999", lw=0.8, ls="--")
        axis.set(title=title, xlabel="evaluation (grey: pretraining)", xlim=(0.5, len(course) + 0.5))
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_ylim(0, axis.get_ylim()[1] * (1.3 if len(keys) > 1 else 1))
        if len(keys) > 1:
            axis.legend(frameon=False, fontsize=8, loc="upper left")
        else:
            axis.set_ylabel(TITLES[keys[0]], fontsize=9)
    again = "without a restart" if not restarts else f"after {restarts} restart{'s' * (restarts > 1)}"
    figure.suptitle(f"Losses of the four parts, {again}; dashed: the balance, ln 2", x=0.01, ha="left", fontsize=11)
    save(figure, path, origin)
    keys = ["phase", "step", *TITLES, "manifold_loss"]
    tables.write_csv(path.with_suffix(".csv"), keys, ([row.get(key, "") for key in keys] for row in course))


def draw_neighbours(wanted, place, y, least, origin, path):
    """Draw the activity of compounds nearest to generated fingerprints against the requested activity.

    A second panel shows the share of actives among the distinct nearest compounds.

    wanted : (m,) requested activity of each fingerprint
    place : (m,) index of the nearest compound in y
    y : (n,) activities of the library
    least : smallest activity that counts as active

    Writes {path}.{svg,png,csv}.
    """
    levels = np.unique(wanted)
    figure, axes = plt.subplots(1, 2, figsize=(9.2, 3.6))
    groups = [y[place[wanted == level]] for level in levels]
    distinct = [y[np.unique(place[wanted == level])] for level in levels]
    ticks = np.arange(len(levels))
    box = {"facecolor": "#cfe6f3", "edgecolor": PALETTE[0]}
    line = {"color": PALETTE[0]}
    axes[0].boxplot(
        groups, positions=ticks, widths=0.55, patch_artist=True, showfliers=False, boxprops=box,
        medianprops={"color": PALETTE[1], "lw": 2}, whiskerprops=line, capprops=line,
    )  # fmt: skip
    axes[0].axhline(np.median(y), color="#555555", lw=1, ls="--", label="median of the library")
    axes[0].axhline(least, color=PALETTE[2], lw=1, ls=":", label="threshold of activity")
    axes[0].set(ylabel="activity of the nearest compound", title="Activity of nearest compounds")
    share, base = [float(np.mean(group >= least)) for group in distinct], float(np.mean(y >= least))
    axes[1].bar(ticks, share, 0.55, color="#cfe6f3", edgecolor=PALETTE[0])
    axes[1].axhline(base, color="#555555", lw=1, ls="--", label=f"library ({base:.0%})")
    axes[1].set(
        ylabel="share of actives", title="Actives among distinct nearest ones", ylim=(0, max(*share, base) * 1.3)
    )
    for tick, part, group in zip(ticks, share, distinct, strict=True):
        axes[1].annotate(f"of {len(group)}", (tick, part), (0, 3), textcoords="offset points", ha="center", fontsize=8)
    for axis in axes:
        axis.set_xticks(ticks, [f"{level:.1f}" for level in levels])
        axis.set_xlabel("requested activity")
        axis.legend(frameon=False, fontsize=8, loc="upper left")
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(low, high + 0.25 * (high - low))  # room for the legend
    save(figure, path, origin)
    rows = (
        [
            f"{level:.4f}",
            len(group),
            *(f"{q:.4f}" for q in np.quantile(group, [0.25, 0.5, 0.75])),
            len(one),
            f"{part:.4f}",
        ]
        for level, group, one, part in zip(levels, groups, distinct, share, strict=True)
    )
    header = ["wanted", "fingerprints", "quartile1", "median", "quartile3", "distinct", "active_share"]
    tables.write_csv(path.with_suffix(".csv"), header, rows)


def draw_leads(wanted, place, similar, texts, y, origin, path):
    """Draw the compounds that are nearest to most fingerprints, for the highest and for the lowest requested activity.

    place, similar : (m,) index of the nearest compound of each fingerprint, in `texts` (SMILES) and y, and its
        similarity

    Writes {path}.{svg,png,csv}.
    """
    rows, written, titles = [], [], []
    for level, name in ((wanted.max(), "High request"), (wanted.min(), "Low request")):
        chosen = wanted == level
        found, count = np.unique(place[chosen], return_counts=True)
        most = np.argsort(-count, kind="stable")
        near = {i: similar[chosen & (place == i)].max() for i in found}
        written += [
            [f"{level:.4f}", texts[found[i]], count[i], f"{y[found[i]]:.4f}", f"{near[found[i]]:.4f}"] for i in most
        ]
        shown = zip(found[most[:SHOWN]], count[most[:SHOWN]], strict=True)
        rows.append([(texts[i], f"activity {y[i]:.2f} ({times}×)") for i, times in shown])
        titles.append(f"{name}: {level:.1f}")
    figures.draw_grid(rows, titles, origin, path)
    header = ["wanted", "smiles", "times", "activity", "similarity"]
    tables.write_csv(path.with_suffix(".csv"), header, written)


def draw_bits(known, made, names, origin, path):
    """Draw the frequency of each bit in training compounds against that in fingerprints generated from the prior.

    Writes {path}.{svg,png,csv}.
    """
    figure, axis = plt.subplots(figsize=(4.6, 4.4))
    axis.plot([0, 1], [0, 1], color="#999999", lw=0.8, ls=":")
    axis.plot(known, made, "o", color=PALETTE[0], ms=4, alpha=0.6)
    axis.set(xlabel="share of training compounds", ylabel="share of generated fingerprints", aspect="equal")
    axis.set_title(f"Bits set, Pearson r = {np.corrcoef(known, made)[0, 1]:.3f}")
    save(figure, path, origin)
    rows = ([name, f"{one:.5f}", f"{other:.5f}"] for name, one, other in zip(names, known, made, strict=True))
    tables.write_csv(path.with_suffix(".csv"), ["bit", "training", "made"], rows)
