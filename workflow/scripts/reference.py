"""Put the scores and figures of a scale into results/reference/<scale>, with the commit whose code made them.

A run of all tasks takes hours, so tasks may be renewed one by one: the rows of tasks that results/<scale> does not hold
stay as they are. commit.json names each task's commit; the scoreboard and the figure of all tasks are made anew.
"""

import shutil
import subprocess
from pathlib import Path

import pandas as pd

from deepbio import command, pages
from deepbio.catalog import ROOT, Catalog
from deepbio.files import BadInput, atomic, read_json, write_json
from summarize import glance, scoreboard, write_csv, write_text

TABLES = ("scores", "comparison", "ledger", "cost")


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
    if not (source / "scores.csv").exists():
        raise BadInput(f"{source}/scores.csv is missing: run snakemake at scale {given.scale} first")
    renew(source, ROOT / "results" / "reference" / given.scale, known, git("rev-parse", "HEAD"))
    print(Path("results/reference") / given.scale)


def renew(source, place, known, commit):
    """Replace the tasks that the results under `source` hold in the reference at `place`."""
    tables = {name: pd.read_csv(source / f"{name}.csv") for name in TABLES}
    tasks = list(tables["scores"]["task"].unique())
    commits = {}
    with atomic(place, folder=True) as target:
        if place.exists():
            commits = read_json(place / "commit.json")["commits"]
            tables = {name: merged(pd.read_csv(place / f"{name}.csv"), table, tasks) for name, table in tables.items()}
            for figure in place.glob("*.svg"):
                shutil.copyfile(figure, target / figure.name)
        for name, table in tables.items():
            write_csv(target / f"{name}.csv", table)
        for task in tasks:
            shutil.copyfile(source / task / "comparison.svg", target / f"{task}.svg")
        ledger, board = tables["ledger"], scoreboard(known, tables["comparison"])
        failed = ledger[ledger["status"] != "ok"]
        write_text(target / "scoreboard.txt", pages.scoreboard_text(board, failed, known.scale))
        glance(known, tables["comparison"], target)
        (target / "glance.png").unlink()
        commits |= dict.fromkeys(tasks, commit)
        write_json(target / "commit.json", {"scale": known.scale, "commits": dict(sorted(commits.items()))})


def merged(old, new, tasks):
    """The rows of `new`, and those of `old` that are of none of its tasks (or, of costs, of its sources)."""
    kept = old[~old["task"].isin({*tasks, *new["task"].unique()})]
    order = ["stage", "task"] if "stage" in new else ["task"]
    return pd.concat([kept, new], ignore_index=True).sort_values(order, kind="stable", ignore_index=True)


if __name__ == "__main__":
    command.run(main)
