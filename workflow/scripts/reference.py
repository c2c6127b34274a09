"""Copy the scores and figures of a scale to results/reference/<scale>, with the commit whose code made them."""

import shutil
import subprocess
from pathlib import Path

from deepbio import command
from deepbio.catalog import ROOT, Catalog
from deepbio.files import BadInput, atomic, write_json

FILES = ("scores.csv", "comparison.csv", "ledger.csv", "cost.csv", "scoreboard.txt", "glance.svg")


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
    with atomic(ROOT / "results" / "reference" / given.scale, folder=True) as target:
        for name in FILES:
            shutil.copyfile(source / name, target / name)
        for figure in sorted(source.glob("*/comparison.svg")):
            shutil.copyfile(figure, target / f"{figure.parent.name}.svg")
        write_json(target / "commit.json", {"commit": git("rev-parse", "HEAD"), "scale": given.scale})
    print(Path("results/reference") / given.scale)


if __name__ == "__main__":
    command.run(main)
