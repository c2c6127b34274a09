"""Score all runs of a task on their test splits, beside controls that prove the metrics.

Writes scores.csv (tidy: one row a run and metric), intervals.csv (bootstrap of the primary metric over test samples,
for methods with a single run) and curves.csv (points of ROC and other curves). A failed run has no scores. Nothing else
in the workflow reads test labels.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from deepbio.core import command, data, task
from deepbio.core.catalog import CONTROLS, Catalog, data_folder
from deepbio.core.files import BadInput, atomic, read_json
from deepbio.scoring import metrics

SCORES = ["scale", "task", "dataset", "method", "role", "seed", "metric", "value", "higher_is_better", "origin"]
INTERVALS = ["scale", "task", "dataset", "method", "role", "seed", "metric", "low", "high"]
# Resampling stops at so many labels in all, though not before the least number of resamples that has percentiles.
WORK, LEAST = 10**9, 40
CURVES = ["scale", "task", "dataset", "method", "role", "seed", "curve", "x", "y"]


def main():
    arguments = command.parser(__doc__)
    arguments.add_argument("task", help="id of config/tasks")
    command.add_settings(arguments)
    arguments.add_argument("--bootstrap", type=int, default=200, help="resamples of the test split")
    arguments.add_argument("--output", required=True, help="folder for the three tables")
    given = arguments.parse_args()
    known = Catalog(given.settings)
    folders = [known.results / run.folder for run in known.runs(given.task)]
    runs = [(folder, read_json(folder / "run.json")) for folder in folders]
    tables = {"scores": [], "intervals": [], "curves": []}
    done = Counter((run["dataset"], run["method"]) for _, run in runs if run["status"] == "ok")
    for place in sorted({(run["dataset"], run["split"]) for _, run in runs}):
        here = [(path, run) for path, run in runs if (run["dataset"], run["split"]) == place]
        alone = {method for dataset, method in done if dataset == place[0] and done[dataset, method] == 1}
        score_split(here, alone, known.results, given.bootstrap, tables)
    for name, columns in (("scores", SCORES), ("intervals", INTERVALS), ("curves", CURVES)):
        frame = pd.DataFrame(tables[name], columns=columns)
        with atomic(Path(given.output) / f"{name}.csv") as temporary:
            frame.to_csv(temporary, index=False, float_format="%.6g")


def score_split(runs, alone, results, repeats, tables):
    """Add the rows of all runs on one split, and of its controls, to `tables`; `alone`: methods with a single run."""
    first = runs[0][1]
    folder = results / data_folder(first["task"], first["dataset"], first["split"])
    train, test = data.read_split(folder, "train"), data.read_split(folder, "test")
    digest = data.read_facts(folder)["digest"]
    for path, run in runs:
        if run["status"] != "ok":
            continue
        if run["data_digest"] != digest:
            raise BadInput(f"{path}/run.json: the run saw other data than {folder} holds now; train it again")
        with np.load(path / "predictions.npz", allow_pickle=False) as stored:
            add(tables, run, train, test, dict(stored), repeats if run["method"] in alone else 0)
    for control in CONTROLS:
        rng = np.random.default_rng([first["split"], CONTROLS.index(control)])
        identity = {**first, "method": control, "role": "control", "seed": first["split"]}
        guess = metrics.control(test.context["output"], control, train.y, test.y, rng)
        add(tables, identity, train, test, {"y": guess}, 0)


def add(tables, run, train, test, predictions, repeats):
    """Rows of one run."""
    identity = {key: run[key] for key in ("scale", "task", "dataset", "method", "role", "seed")}
    wanted = test.context["metrics"]
    for metric, value in task.score(run["task"], test, predictions, wanted, train).items():
        direction = {"higher_is_better": metrics.higher_is_better(metric), "origin": run["origin"]}
        tables["scores"].append({**identity, "metric": metric, "value": value, **direction})
    if run["role"] == "control" or "y" not in predictions:
        return
    # Resampling the rows of a ranking would resample rankings, not what is ranked.
    if repeats and wanted[0] in metrics.METRICS and test.context["output"] != "ranking":
        rng = np.random.default_rng(run["seed"])
        repeats = min(repeats, max(LEAST, WORK // test.y.size))
        low, high = metrics.bootstrap(wanted[0], test.y, predictions["y"], rng, repeats)
        tables["intervals"].append({**identity, "metric": wanted[0], "low": low, "high": high})
    drawn = task.curve(run["task"], test, predictions)
    for name, xs, ys in [drawn] if isinstance(drawn, tuple) else drawn or []:
        tables["curves"] += [{**identity, "curve": name, "x": x, "y": y} for x, y in zip(xs, ys, strict=True)]


if __name__ == "__main__":
    command.run(main)
