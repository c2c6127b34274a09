"""Draw what the methods of a task make side by side, beside training data.

Of each method the predictions of its first seed are at hand, its `role`, its number of `weights`, the `scores` of all
its runs (metric → values), `per_output` (metric → output → mean over runs) and `groups` (output → group).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from deepbio.core import command, data, task
from deepbio.core.catalog import Catalog, data_folder
from deepbio.core.files import atomic, read_json


def main():
    arguments = command.parser(__doc__)
    arguments.add_argument("task", help="id of config/tasks")
    command.add_settings(arguments)
    arguments.add_argument("--scores", required=True, help="scores.csv of the task, beside per_output.csv")
    arguments.add_argument("--output", required=True, help="folder for the figures")
    given = arguments.parse_args()
    known = Catalog(given.settings)
    scores = pd.read_csv(given.scores)
    values = scores.groupby(["dataset", "method", "metric"])["value"].apply(list)
    outputs = pd.read_csv(Path(given.scores).with_name("per_output.csv"), dtype={"output": str}, keep_default_na=False)
    outputs["value"] = pd.to_numeric(outputs["value"])
    first = sorted((run for run in known.runs(given.task) if run.seed == 1), key=lambda run: known.rank(run.method))
    with atomic(given.output, folder=True) as folder:
        for dataset in known.datasets(given.task):
            split = known.results / data_folder(given.task, dataset, 1)
            if not (split / "dataset.json").exists():
                continue  # with `partial: true` the data of some datasets may be missing
            about = {key: known.dataset(given.task, dataset)[key] for key in ("title", "metrics")}
            asked = data.read_split(split, "test", **about).inputs()
            made = {}
            for run in first:
                place = known.results / run.folder
                if run.dataset != dataset or not (place / "run.json").exists():
                    continue
                facts = read_json(place / "run.json")
                if facts["status"] == "ok":
                    shown = {"role": facts["role"], "weights": facts["weights"]}
                    shown["scores"] = values[dataset, run.method].to_dict()
                    mine = outputs[(outputs["dataset"] == dataset) & (outputs["method"] == run.method)]
                    shown["groups"] = dict(zip(mine["output"], mine["group"], strict=True))
                    shown["per_output"] = {
                        metric: rows.groupby("output", sort=False)["value"].mean().to_dict()
                        for metric, rows in mine.groupby("metric")
                    }
                    with np.load(place / "predictions.npz", allow_pickle=False) as stored:
                        made[known.methods[run.method]["title"]] = {**asked.arrays, **stored, **shown}
            if made:
                task.load(given.task).interpret(data.read_split(split, "train", **about), made, Path(folder) / dataset)


if __name__ == "__main__":
    command.run(main)
