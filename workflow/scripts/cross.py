"""The cross table: every method on every task whose kind of data it takes, as a table and a heat map of ranks.

Reads what score.py wrote for the crossed tasks; writes cross.csv (method, role, one column a dataset, mean_rank) and
cross.{svg,png}. Rank 1 is the best method of a dataset; ties share their mean rank.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from deepbio import command, metrics, plotting
from deepbio.catalog import Catalog
from deepbio.files import atomic


def main():
    arguments = command.parser(__doc__)
    command.add_settings(arguments)
    arguments.add_argument("--output", required=True, help="folder of the scores, for cross.csv and cross.svg")
    given = arguments.parse_args()
    known = Catalog(given.settings)
    output = Path(given.output)
    scores = pd.concat([pd.read_csv(output / task / "scores.csv") for task in known.selected_tasks], ignore_index=True)
    scores = scores[scores["role"] != "control"]
    values, ranks, rises = tables(known, scores)
    table = values.assign(mean_rank=ranks["mean_rank"])
    table.insert(0, "role", [known.roles[method] for method in table.index])
    with atomic(output / "cross.csv") as temporary:
        table.to_csv(temporary, index_label="method", float_format="%.6g")
    origins = sorted({known.plan(task)["origin"] for task in known.selected_tasks})
    draw(known, values, ranks, rises, " and ".join(origins), output / "cross")


def tables(known, scores):
    """Values and ranks (methods x datasets) in the primary metrics, best mean rank first; what rises with quality."""
    columns, rises = {}, {}
    for (task, dataset), group in scores.groupby(["task", "dataset"], sort=False):
        metric = known.dataset(task, dataset)["metrics"][0]
        columns[f"{task}/{dataset}"] = group[group["metric"] == metric].groupby("method")["value"].mean()
        rises[f"{task}/{dataset}"] = metrics.higher_is_better(metric)
    values = pd.DataFrame(columns)
    ranks = pd.DataFrame({name: values[name].rank(ascending=not rises[name]) for name in values})
    # Ranks among different competitors cannot be averaged together: only datasets of the widest field count.
    field = values.notna().sum()
    shared = field.index[field == field.max()]
    ranks["mean_rank"] = ranks[shared].mean(axis=1, skipna=False)
    order = ranks.sort_values("mean_rank", kind="stable", na_position="last").index
    return values.loc[order], ranks.loc[order], rises


def draw(known, values, ranks, rises, origin, path):
    """Heat map of ranks with the values written in."""
    plt = plotting.plt
    places = ranks.drop(columns="mean_rank").to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        share = (places - 1) / np.maximum(np.nanmax(places, axis=0) - 1, 1)
    count, width = share.shape
    figure, axis = plt.subplots(figsize=(3.6 + 0.95 * (width + 1), 1.8 + 0.32 * count))
    axis.imshow(np.ma.masked_invalid(share), aspect="auto", cmap="viridis", vmin=0, vmax=1)
    for row in range(count):
        for column in range(width):
            if np.isfinite(share[row, column]):
                colour = "white" if share[row, column] < 0.6 else "black"
                text = f"{values.iloc[row, column]:.3f}"
                axis.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
        mean = ranks["mean_rank"].iloc[row]
        axis.text(width, row, "" if np.isnan(mean) else f"{mean:.1f}", ha="center", va="center", fontsize=8)
    titles = []
    for name in values:
        task, dataset = name.split("/")
        facts = known.dataset(task, dataset)
        arrow = "" if rises[name] else " (lower is better)"
        titles.append(f"{facts['title']}\n{metrics.title(facts['metrics'][0])}{arrow}")
    axis.set_xticks(range(width + 1), [*titles, "mean rank"], rotation=40, ha="right", fontsize=8)
    names = [known.methods[method]["title"] for method in values.index]
    marks = ["" if known.roles[method] == "listed" else " (baseline)" for method in values.index]
    axis.set_yticks(range(count), [name + mark for name, mark in zip(names, marks, strict=True)], fontsize=8)
    axis.set_xlim(-0.5, width + 0.5)
    axis.set_title(f"Every method on every task ({known.scale}); dark: best of its column", fontsize=11)
    axis.tick_params(length=0)
    for side in axis.spines.values():
        side.set_visible(False)
    plotting.save(figure, path, origin)


if __name__ == "__main__":
    command.run(main)
