"""What the history of a run says of its trainings that were begun anew (learning/restarts.py)."""

import csv
from pathlib import Path

from deepbio.core.files import read_json


def begun_anew(folder: str | Path) -> int | None:
    """Count the dead trainings of a run; None where its parameters allow no new beginning, or it did not end.

    A training that is begun anew has the name of the first one with a number behind it.
    """
    run = read_json(Path(folder) / "run.json")
    allowed = run.get("parameters", {})
    if run["status"] != "ok" or "restarts" not in {**allowed.get("training", {}), **allowed}:
        return None
    with open(Path(folder) / "history.csv", newline="") as handle:
        phases = {row["phase"] for row in csv.DictReader(handle)}
    # A number after a number has a hyphen between.
    return sum(name.rstrip("0123456789").removesuffix("-") in phases - {name} for name in phases)
