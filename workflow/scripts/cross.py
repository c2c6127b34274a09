"""The cross table: every method on every task whose kind of data it takes, as a table and a heat map of ranks.

Reads what score.py wrote for the crossed tasks; writes cross.csv (input, method, role, one column a dataset,
mean_rank) and cross.{svg,png}, a panel for each kind of input. Rank 1 is the best method of a dataset; ties share their
mean rank.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from deepbio.core import command
from deepbio.core.catalog import Catalog
from deepbio.core.files import BadInput, atomic
from deepbio.figures import style
from deepbio.scoring import metrics


def main():
    arguments = command.parser(__doc__)
    command.add_settings(arguments)
    arguments.add_argument("--output", required=True, help="folder of the scores, for cross.csv and cross.svg")
    given = arguments.parse_args()
    known = Catalog(given.settings)
    output = Path(given.output)
    tasks = known.crossed()
    if not tasks:
        raise BadInput("config: no chosen method with `cross: true` runs on any of the chosen tasks")
    scores = pd.concat([pd.read_csv(output / task / "scores.csv") for task in tasks], ignore_index=True)
    scores = scores[scores["role"] != "control"]
    primary = [known.dataset(*place)["metrics"][0] for place in zip(scores["task"], scores["dataset"], strict=True)]
    scores = scores[scores["metric"] == primary]
    means = scores.groupby(["task", "dataset", "method"], sort=False)["value"].mean().reset_index()
    write(known, means, output)


def write(known, cells, output):
    """cross.csv and cross.{svg,png} of `cells`: task, dataset, method and value, its mean in the primary metric."""
    blocks, rises = tables(known, cells)
    rows = []
    for kind, (values, ranks) in blocks.items():
        table = values.assign(mean_rank=ranks["mean_rank"]).reset_index()
        table.insert(0, "role", [known.roles[method] for method in table["method"]])
        rows.append(table.assign(input=kind))
    whole = pd.concat(rows, ignore_index=True)
    columns = ["input", "method", "role", *rises, "mean_rank"]
    with atomic(output / "cross.csv") as temporary:
        whole[columns].to_csv(temporary, index=False, float_format="%.6g")
    origins = sorted({known.plan(task)["origin"] for task in cells["task"].unique()})
    draw(known, blocks, rises, " and ".join(origins), output / "cross")


def read(path):
    """The cells of a cross.csv, as `write` takes them."""
    table = pd.read_csv(path).drop(columns=["input", "role", "mean_rank"])
    cells = table.melt("method", var_name="place").dropna()
    cells[["task", "dataset"]] = cells.pop("place").str.split("/", n=1, expand=True)
    return cells[["task", "dataset", "method", "value"]]


def tables(known, cells):
    """For each kind of input the values and the ranks (methods x datasets), best mean rank first; and for each dataset
    whether its primary metric rises with quality."""
    rises, found = {}, {}
    for (task, dataset), group in cells.groupby(["task", "dataset"], sort=False):
        name, facts = f"{task}/{dataset}", known.dataset(task, dataset)
        found.setdefault(facts["input"], {})[name] = group.set_index("method")["value"]
        rises[name] = metrics.higher_is_better(facts["metrics"][0])
    return {kind: ranked(pd.DataFrame(columns).rename_axis("method"), rises) for kind, columns in found.items()}, rises


def ranked(values, rises):
    """Values and ranks, with the column `mean_rank`, in the order of that."""
    ranks = pd.DataFrame({name: values[name].rank(ascending=not rises[name]) for name in values})
    # Ranks among different competitors cannot be averaged together: only datasets of the widest field count.
    field = values.notna().sum()
    shared = field.index[field == field.max()]
    ranks["mean_rank"] = ranks[shared].mean(axis=1, skipna=False)
    order = ranks.sort_values("mean_rank", kind="stable", na_position="last").index
    return values.loc[order], ranks.loc[order]


def draw(known, blocks, rises, origin, path):
    """Heat maps of ranks with the values written in, one below the other."""
    plt = style.plt
    counts = [len(values) for values, _ in blocks.values()]
    widest = max(values.shape[1] for values, _ in blocks.values())
    size = (3.6 + 0.85 * (widest + 1), 0.8 + sum(2.2 + 0.32 * count for count in counts))
    figure, axes = plt.subplots(len(blocks), 1, figsize=size, height_ratios=counts, squeeze=False)
    for axis, (kind, (values, ranks)) in zip(axes[:, 0], blocks.items(), strict=True):
        panel(axis, known, values, ranks, rises)
        axis.set_xlim(-0.5, widest + 0.5)
        axis.set_title(f"Input: {kind.replace('_', ' ')}", fontsize=10, loc="left")
    figure.suptitle(f"Every method on every task ({known.scale}); dark: best of its column", fontsize=12)
    style.save(figure, path, origin)


def panel(axis, known, values, ranks, rises):
    """One heat map; lines part the tasks, and the last column is the mean rank."""
    places = ranks.drop(columns="mean_rank").to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        share = (places - 1) / np.maximum(np.nanmax(places, axis=0) - 1, 1)
    count, width = share.shape
    axis.imshow(np.ma.masked_invalid(share), aspect="auto", cmap="viridis", vmin=0, vmax=1)
    for row, column in np.argwhere(np.isfinite(share)):
        colour = "white" if share[row, column] < 0.6 else "black"
        text = f"{values.iloc[row, column]:.3f}"
        axis.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    for row, mean in enumerate(ranks["mean_rank"]):
        text = "" if np.isnan(mean) else f"{mean:.1f}"
        axis.text(width, row, text, ha="center", va="center", fontsize=8, weight="bold")
    pairs = [name.split("/") for name in values]
    for column in range(1, width):
        if pairs[column][0] != pairs[column - 1][0]:
            axis.axvline(column - 0.5, color="white", linewidth=5)
    titles = []
    for name, pair in zip(values, pairs, strict=True):
        facts = known.dataset(*pair)
        arrow = "" if rises[name] else ", lower is better"
        titles.append(f"{facts['title']} ({metrics.title(facts['metrics'][0])}{arrow})")
    axis.set_xticks(
        range(width + 1), [*titles, "mean rank"], rotation=30, ha="right", rotation_mode="anchor", fontsize=8
    )
    names = [known.methods[method]["title"] for method in values.index]
    marks = ["" if known.roles[method] == "listed" else " (baseline)" for method in values.index]
    axis.set_yticks(range(count), [name + mark for name, mark in zip(names, marks, strict=True)], fontsize=8)
    axis.tick_params(length=0)
    for side in axis.spines.values():
        side.set_visible(False)


if __name__ == "__main__":
    command.run(main)
