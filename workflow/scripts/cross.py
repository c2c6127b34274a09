"""The cross table: every method on every task whose kind of data it takes, as a table and a heat map of ranks.

Reads what score.py wrote for the crossed tasks; writes cross.csv (input, method, role, one column a dataset,
mean_rank) and cross.{svg,png}, a panel for each kind of input. Rank 1 is the best method of a dataset; ties share their
mean rank.
"""

from pathlib import Path

import pandas as pd

from deepbio.core import command
from deepbio.core.catalog import Catalog
from deepbio.core.files import BadInput, atomic
from deepbio.figures import comparison
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
    """Write cross.csv and cross.{svg,png} of `cells`: task, dataset, method and value, its mean in the primary
    metric."""
    blocks, higher = tables(known, cells)
    rows = []
    for kind, (values, ranks) in blocks.items():
        table = values.assign(mean_rank=ranks["mean_rank"]).reset_index()
        table.insert(0, "role", [known.roles[method] for method in table["method"]])
        rows.append(table.assign(input=kind))
    whole = pd.concat(rows, ignore_index=True)
    columns = ["input", "method", "role", *higher, "mean_rank"]
    with atomic(output / "cross.csv") as temporary:
        whole[columns].to_csv(temporary, index=False, float_format="%.6g")
    origins = sorted({known.plan(task)["origin"] for task in cells["task"].unique()})
    draw(known, blocks, higher, " and ".join(origins), output / "cross")


def read(path):
    """Read the cells of a cross.csv, as `write` takes them."""
    table = pd.read_csv(path).drop(columns=["input", "role", "mean_rank"])
    cells = table.melt("method", var_name="place").dropna()
    cells[["task", "dataset"]] = cells.pop("place").str.split("/", n=1, expand=True)
    return cells[["task", "dataset", "method", "value"]]


def tables(known, cells):
    """Rank the methods of each kind of input: the values and the ranks (methods x datasets), best mean rank first; and
    for each dataset whether a higher value of its primary metric is better."""
    higher, found = {}, {}
    for (task, dataset), group in cells.groupby(["task", "dataset"], sort=False):
        name, facts = f"{task}/{dataset}", known.dataset(task, dataset)
        found.setdefault(facts["input"], {})[name] = group.set_index("method")["value"]
        higher[name] = metrics.higher_is_better(facts["metrics"][0], task)
    return {
        kind: ranked(pd.DataFrame(columns).rename_axis("method"), higher) for kind, columns in found.items()
    }, higher


def ranked(values, higher):
    """Return the values and the ranks, with the column `mean_rank`, in the order of that."""
    ranks = pd.DataFrame({name: values[name].rank(ascending=not higher[name]) for name in values})
    # Ranks among different competitors cannot be averaged together: only datasets of the widest field count.
    field = values.notna().sum()
    shared = field.index[field == field.max()]
    ranks["mean_rank"] = ranks[shared].mean(axis=1, skipna=False)
    order = ranks.sort_values("mean_rank", kind="stable", na_position="last").index
    return values.loc[order], ranks.loc[order]


def draw(known, blocks, higher, origin, path):
    """Draw heat maps of ranks with the values written in, one below the other."""
    titles, names = {}, {}
    for values, _ in blocks.values():
        for name in values:
            facts = known.dataset(*name.split("/"))
            arrow = "" if higher[name] else ", lower is better"
            metric = metrics.title(facts["metrics"][0], name.split("/")[0])
            titles[name] = f"{facts['title']} ({metric}{arrow})"
        for method in values.index:
            mark = "" if known.roles[method] == "listed" else " (baseline)"
            names[method] = known.methods[method]["title"] + mark
    title = f"Every method on every task ({known.scale}); dark: best of its column"
    comparison.cross(blocks, titles, names, title, origin, path)


if __name__ == "__main__":
    command.run(main)
