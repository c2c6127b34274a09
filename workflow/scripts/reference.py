"""Put the scores and figures of a scale into results/reference/<scale>, with the commit whose code made them.

A run of everything takes hours, so tasks, and methods on a dataset, may be renewed one by one: what results/<scale>
does not hold stays as it is. ledger.csv names each run's commit; the figures of the tasks that are renewed, the
scoreboard and the figure of all tasks are drawn anew. The cross table is renewed in the same way, cell by cell, where
`snakemake cross` has made one; cross_ledger.csv names each cell's commit.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pandas as pd

import compare
import cross
from deepbio.core import command
from deepbio.core.catalog import CONTROLS, CROSS_TABLE, Catalog
from deepbio.core.config import ROOT
from deepbio.core.files import BadInput, atomic
from deepbio.figures import pages
from summarize import glance, scoreboard, write_csv, write_text

TABLES = ("scores", "comparison", "ledger", "cost")
CELL = ["task", "dataset", "method"]  # what names a cell of the cross table


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def main():
    arguments = command.parser(__doc__)
    command.add_scale(arguments)
    given = arguments.parse_args()
    code = ("workflow", "config", "Snakefile", "pyproject.toml")
    if git("status", "--porcelain", "--", *code):
        raise BadInput("commit the code and configuration first: reference scores belong to a commit")
    known = Catalog({"scale": given.scale})
    source = ROOT / known.results
    place, commit = ROOT / "results" / "reference" / given.scale, git("rev-parse", "HEAD")
    scores, crossed = source / "scores.csv", source / "cross" / "cross.csv"
    if not scores.exists() and not crossed.exists():
        raise BadInput(f"{scores} is missing: run snakemake at scale {given.scale} first")
    if scores.exists():
        renew(source, place, known, commit)
    if crossed.exists():
        renew_cross(crossed.parent, place, Catalog({"scale": given.scale, **CROSS_TABLE}), commit)
    print(place.relative_to(ROOT))


def renew_cross(source, place, known, commit):
    """Put the cells of the cross table in the folder `source` in the place of those in the reference at `place`, note
    their commit in cross_ledger.csv, and draw the table of all that `known`, the catalog of the table, has."""
    cells = cross.read(source / "cross.csv").assign(commit=commit).set_index(CELL)
    if (place / "cross.csv").exists():
        old = cross.read(place / "cross.csv").merge(pd.read_csv(place / "cross_ledger.csv"), on=CELL)
        cells = cells.combine_first(old.set_index(CELL))
    there = [
        task in known.tasks and dataset in known.datasets(task) and method in known.competitors(task, dataset)
        for task, dataset, method in cells.index
    ]
    cells = cells[there].reset_index()
    write_csv(place / "cross_ledger.csv", cells[[*CELL, "commit"]])
    cross.write(known, cells, place)
    (place / "cross.png").unlink()


def renew(source, place, known, commit):
    """Put what the results under `source` hold of each task in the place of that in the reference at `place`.

    Raises BadInput where methods that would stay as they are saw other data than those that come.
    """
    tables = {name: pd.read_csv(source / f"{name}.csv") for name in TABLES}
    tables["ledger"]["commit"] = commit
    tasks = list(tables["scores"]["task"].unique())
    with atomic(place, folder=True) as target:
        if place.exists():
            tables = {name: merged(pd.read_csv(place / f"{name}.csv"), new, known) for name, new in tables.items()}
            same_data(tables["ledger"])
            for kept in [*place.glob("*.svg"), *place.glob("cross*.csv")]:
                shutil.copyfile(kept, target / kept.name)
        tables["comparison"] = with_published(known, tables["comparison"], tasks)
        for name, table in tables.items():
            write_csv(target / f"{name}.csv", table)
        for task in tasks:
            draw(known, task, tables, target / f"{task}.svg")
        ledger, board = tables["ledger"], scoreboard(known, tables["comparison"])
        failed = ledger[ledger["status"] != "ok"]
        write_text(target / "scoreboard.txt", pages.scoreboard_text(board, failed, known.scale))
        glance(known, tables["comparison"], target)
        (target / "glance.png").unlink()


def merged(old, new, known):
    """Merge the rows of `new` and those of `old` that are of none of its methods on a dataset (or, of costs, of its
    sources), but of datasets and methods that there still are. A method that did not run takes no row's place."""

    def key(table):
        columns = (table[name].astype(object).fillna("") for name in CELL)
        return list(zip(*columns, strict=True))

    if "status" in new:
        ran = {place for place, status in zip(key(new), new["status"], strict=True) if status != "missing"}
        known_before = set(key(old))
        new = new[[place in ran or place not in known_before for place in key(new)]]
    there = {(task, dataset) for task in known.tasks for dataset in ["", *known.datasets(task)]}
    named = {"", *known.methods, *CONTROLS}
    replaced, renewed = set(key(new)), set(new["task"])
    published = old["role"] == "published" if "role" in old else pd.Series(False, old.index)
    kept = [
        place not in replaced and (place[0] not in renewed or place[:2] in there) and (place[2] in named or figures)
        for place, figures in zip(key(old), published, strict=True)
    ]
    order = ["stage", "task"] if "stage" in new else ["task"]
    return pd.concat([old[kept], new], ignore_index=True).sort_values(order, kind="stable", ignore_index=True)


def same_data(ledger):
    """Raise BadInput where runs on one split of a dataset saw different data."""
    for (task, dataset, split), runs in ledger.groupby(["task", "dataset", "split"]):
        if runs["data_digest"].nunique() > 1:
            newest = runs["data_digest"].iloc[-1]
            others = sorted(runs["method"][runs["data_digest"] != newest].unique())
            raise BadInput(f"{task}/{dataset}, split {split}: {', '.join(others)} saw other data; run them as well")


def with_published(known, table, tasks):
    """Renew comparison.csv with the published figures of `tasks` as the configuration has them now."""
    fixed = table[(table["role"] != "published") | ~table["task"].isin(tasks)]
    figures = [compare.published(known, task, fixed[fixed["task"] == task]) for task in tasks]
    figures = [one for one in figures if len(one)]  # an empty one has no kinds of columns
    order = ["task", "dataset", "metric", "role", "method"]
    table = pd.concat([fixed, *figures], ignore_index=True).sort_values(order, kind="stable", ignore_index=True)
    return table.reindex(columns=compare.COLUMNS)  # rows of an older reference lack the newest columns


def draw(known, task, tables, path):
    """Draw the comparison of a task's methods as an SVG file."""
    table, scores = (tables[name][tables[name]["task"] == task] for name in ("comparison", "scores"))
    with tempfile.TemporaryDirectory() as folder:
        compare.draw(known, task, table, scores, Path(folder))
        shutil.copyfile(Path(folder) / "comparison.svg", path)


if __name__ == "__main__":
    command.run(main)
