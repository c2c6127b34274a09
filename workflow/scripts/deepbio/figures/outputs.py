"""Scores of many outputs, such as chromatin features, cell types or tracks: medians by group, and pairs of methods."""

import textwrap
from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.core.catalog import ROLES
from deepbio.figures.style import COLOURS, MARKS, PALETTE, panels, plt, save
from deepbio.scoring import metrics


def draw(runs: dict[str, dict], context: dict, path) -> None:
    """Draw <path>_groups and <path>_outputs: medians by group, and pairs of methods output by output.

    The best systems are compared with each other and with the best baseline, in the primary metric of `context`.
    Nothing is drawn of fewer than two outputs.

    runs : title of a method → its `role`, `per_output` (metric → output → mean over runs) and `groups` (output → group,
        "" where there are none)
    """
    metric, task = context["metrics"][0], context["task"]
    runs = {title: run for title, run in runs.items() if len(run["per_output"].get(metric, ())) > 1}
    if not runs:
        return
    values = {title: run["per_output"][metric] for title, run in runs.items()}
    roles = {title: run["role"] for title, run in runs.items()}
    groups = next(iter(runs.values()))["groups"]
    label, higher = metrics.title(metric, task), metrics.higher_is_better(metric, task)
    draw_groups(values, roles, groups, label, context["origin"], f"{path}_groups")
    draw_scatter(pairs(values, roles, higher), values, groups, label, context["origin"], f"{path}_outputs")


def pairs(values: dict[str, dict[str, float]], roles: dict[str, str], higher: bool) -> list[tuple[str, str]]:
    """Choose pairs of methods to compare: the two best systems by median, and the best system and the best baseline.

    Each pair is (x, y) with the better system as y.
    """
    median = {title: np.nanmedian(list(found.values())) for title, found in values.items()}
    ranked = sorted(median, key=lambda title: -median[title] if higher else median[title])
    systems = [title for title in ranked if roles[title] != "baseline"]
    baselines = [title for title in ranked if roles[title] == "baseline"]
    others = systems[1:2] + baselines[:1]
    return [(other, systems[0]) for other in others] if systems else []


def draw_groups(
    values: dict[str, dict[str, float]], roles: dict[str, str], groups: dict[str, str], label: str, origin: str, path
) -> None:
    """Draw for each group of outputs and each method the median (mark) and the quartiles (line), and write them as CSV.

    values : title → output → score
    groups : output → group

    If there are several groups, a group `all` joins them.
    """
    names = list(dict.fromkeys(groups.values()))
    members = {name or "all": [one for one in groups if groups[one] == name] for name in names}
    if len(names) > 1:
        members = {"all": list(groups)} | members
    titles = sorted(values, key=lambda title: ROLES.index(roles[title]))
    figure, axis = plt.subplots(figsize=(7.5, 1.2 + len(members) * (0.35 + 0.2 * len(titles))))
    rows = []
    for place, (name, found) in enumerate(reversed(members.items())):
        for number, title in enumerate(titles):
            scores = np.array([values[title].get(one, np.nan) for one in found])
            scores = scores[~np.isnan(scores)]
            if not len(scores):
                continue
            low, middle, high = np.percentile(scores, [25, 50, 75])
            line = place - 0.8 * ((number + 0.5) / len(titles) - 0.5)
            colour = PALETTE[number % len(PALETTE)]
            axis.plot([low, high], [line, line], "-", color=colour, lw=1.5)
            axis.plot(middle, line, MARKS[roles[title]], color=colour, label=title if place == 0 else None)
            rows.append([name, title, len(scores), *(f"{one:.5g}" for one in (middle, low, high))])
    axis.set_yticks(range(len(members)), [f"{name} ({len(found)})" for name, found in reversed(members.items())])
    axis.set(xlabel=f"{label}: median and quartiles over outputs", ylim=(-0.6, len(members) - 0.4))
    axis.grid(axis="x", alpha=0.25)
    figure.legend(loc="outside lower left", ncols=3, frameon=False, fontsize=8)
    tables.write_csv(Path(f"{path}.csv"), ["group", "method", "outputs", "median", "low", "high"], rows)
    save(figure, path, origin)


def draw_scatter(
    chosen: list[tuple[str, str]],
    values: dict[str, dict[str, float]],
    groups: dict[str, str],
    label: str,
    origin: str,
    path,
) -> None:
    """Draw a panel for each pair of methods, with a point for each output, coloured by its group.

    A point above the line has the higher score with the method on the y axis. Draws nothing without a pair.
    """
    if not chosen:
        return
    names = list(dict.fromkeys(groups.values()))
    figure, axes = panels(len(chosen), 2, (3.9, 3.9), (0.2, 0.5))
    for axis, (one, other) in zip(axes, chosen, strict=True):
        for number, name in enumerate(names):
            points = [(values[one][o], values[other][o]) for o in groups if groups[o] == name and o in values[other]]
            x, y = np.array(points, dtype=float).reshape(-1, 2).T
            colour = PALETTE[number % len(PALETTE)] if len(names) > 1 else COLOURS["listed"]
            axis.plot(x, y, "os^Dv"[number % 5], color=colour, ms=4, alpha=0.5, label=name)
        ends = [min(axis.dataLim.min), max(axis.dataLim.max)]
        axis.plot(ends, ends, color="#999999", lw=0.8, ls=":")
        above = np.nanmean(
            [values[other][o] > values[one][o] for o in groups if o in values[one] and o in values[other]]
        )
        axis.set_title(f"{100 * above:.0f} % of the outputs above the line", fontsize=9)
        axis.set(xlabel=textwrap.fill(f"{label}, {one}", 40), ylabel=textwrap.fill(f"{label}, {other}", 40))
        axis.set_aspect("equal", adjustable="datalim")
    if len(names) > 1:
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=4, frameon=False, fontsize=8)
    save(figure, path, origin)
