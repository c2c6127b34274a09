"""Compare the methods of a task: means with intervals beside published figures, curves, and paired tests.

Reads what score.py wrote; computes no score. comparison.csv says for every mean what kind of interval it has:
  seeds      Student's t over independently trained runs on one split
  splits     Student's t over disjoint test folds
  resampled  Student's t over random splits, corrected for the samples that they share (Nadeau and Bengio 2003)
  bootstrap  percentiles over resampled test samples, where a method has a single run (primary metric only)
Beside it stands, in the primary metric, the interval over resampled test samples of every method (sample_low,
sample_high) and, of every method but the best baseline, the difference from that one on the same resamples
(`against`, difference, difference_low, difference_high). `note` says, where trainings that stay at chance are begun
anew, how many of them there were.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from deepbio.core import command, data
from deepbio.core.catalog import Catalog, data_folder
from deepbio.core.files import atomic, read_json
from deepbio.figures import comparison
from deepbio.scoring import metrics, statistics

COLUMNS = ["scale", "task", "dataset", "method", "role", "metric", "mean", "low", "high", "interval", "runs"]
COLUMNS += ["sample_low", "sample_high", "against", "difference", "difference_low", "difference_high"]
COLUMNS += ["higher_is_better", "origin", "where", "comparable", "note"]


def main():
    arguments = command.parser(__doc__)
    arguments.add_argument("task", help="id of config/tasks")
    command.add_settings(arguments)
    arguments.add_argument("--scores", required=True, help="folder of what score.py wrote")
    arguments.add_argument("--output", required=True, help="folder for comparison.*, curves.{svg,png} and tests.csv")
    given = arguments.parse_args()
    known = Catalog(given.settings)
    names = ("scores", "intervals", "paired", "curves")
    scores, intervals, paired, curves = (pd.read_csv(Path(given.scores) / f"{name}.csv") for name in names)
    output = Path(given.output)
    output.mkdir(parents=True, exist_ok=True)

    means = summarise(known, given.task, scores, intervals, paired)
    table = pd.concat([means, published(known, given.task, means)], ignore_index=True)
    write(output / "comparison.csv", table[COLUMNS].sort_values(["dataset", "metric", "role", "method"]))
    write(output / "tests.csv", tests(known, given.task, means))
    draw(known, given.task, table, scores, output)
    draw_curves(known, given.task, curves, output)


def write(path, table):
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")


def summarise(known, task, scores, intervals, paired):
    """Return one row for each dataset, method and metric."""
    rows, of_method = [], ["dataset", "method", "metric"]
    over_samples = {tuple(row[key] for key in of_method): row for row in intervals.to_dict("records")}
    against, dead = differences(scores, paired), dead_trainings(known, task)
    keys = ["scale", "task", "dataset", "method", "role", "metric", "higher_is_better", "origin"]
    for key, group in scores.groupby(keys, sort=False):
        row = dict(zip(keys, key, strict=True)) | {"runs": len(group)}
        facts, cell = known.dataset(task, row["dataset"]), tuple(row[key] for key in of_method)
        sample = over_samples.get(cell, {"low": np.nan, "high": np.nan})
        row |= {"sample_low": sample["low"], "sample_high": sample["high"]}
        if len(group) == 1:
            row |= {"mean": group["value"].iloc[0], "low": sample["low"], "high": sample["high"]}
            row["interval"] = "bootstrap" if cell in over_samples else "none"
        elif facts.get("resampled"):
            row["interval"] = "resampled"
            ratio = test_over_train(known, task, row["dataset"])
            row["mean"], row["low"], row["high"] = statistics.resampled_interval(group["value"], ratio)
        else:
            row["interval"] = "splits" if facts["splits"] > 1 else "seeds"
            row["mean"], row["low"], row["high"] = statistics.mean_interval(group["value"])
        # Student's t knows no bounds; an interval from two runs may pass those of its metric and is cut there.
        lowest, highest = metrics.facts(row["metric"], task).bounds
        row["low"], row["high"] = max(row["low"], lowest), min(row["high"], highest)
        rows.append(row | against.get(cell, {}) | {"note": dead.get(cell[:2])})
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def dead_trainings(known, task):
    """Map (dataset, method) to how many trainings stayed at chance and were begun anew, where there are some."""
    found = {}
    for run in known.runs(task):
        path = known.results / run.folder / "run.json"
        if path.exists():
            found.setdefault((run.dataset, run.method), []).append(read_json(path).get("restarts", 0))
    return {
        place: f"{sum(counts)} dead in {len(counts)} run{'s' * (len(counts) > 1)}"
        for place, counts in found.items()
        if any(counts)
    }


def differences(scores, paired):
    """Map (dataset, method, metric) to its paired difference from the best baseline: no other baseline is held
    against."""
    baselines = set(scores["method"][scores["role"] == "baseline"])
    names = {"other": "against", "difference": "difference", "low": "difference_low", "high": "difference_high"}
    return {
        (row["dataset"], row["method"], row["metric"]): {name: row[key] for key, name in names.items()}
        for row in paired.to_dict("records")
        if row["other"] in baselines
    }


def test_over_train(known, task, dataset):
    """Compute the size of the test split over that of the others, in the first split that is there: with
    `partial: true` the data of some may be missing."""
    count = known.dataset(task, dataset)["splits"]
    folders = [known.results / data_folder(task, dataset, split) for split in range(1, count + 1)]
    splits = data.read_facts(next((one for one in folders if (one / "dataset.json").exists()), folders[0]))["splits"]
    return splits["test"]["samples"] / (splits["train"]["samples"] + splits["valid"]["samples"])


def published(known, task, means):
    """Return a row for each figure that papers report on the datasets that are there at this scale.

    A figure that belongs to no single dataset stands in docs/METHODS.md only: here it would be compared with what
    it does not measure.
    """
    present = means[["dataset", "metric", "scale", "task", "origin", "higher_is_better"]].drop_duplicates()
    rows = []
    for method in sorted(set(means["method"]) & known.methods.keys()):
        for figure in known.methods[method].get("published", []):
            same = (present["dataset"] == figure.get("dataset")) & (present["metric"] == figure["metric"])
            for place in present[same & (present["task"] == figure["task"])].to_dict("records"):
                error = figure.get("error", np.nan)
                name = figure.get("label", known.methods[method]["title"])
                row = place | {"method": name, "role": "published", "mean": figure["value"], "runs": 0}
                row |= {"low": figure["value"] - error, "high": figure["value"] + error, "interval": "as published"}
                rows.append(row | {key: figure.get(key) for key in ("where", "comparable", "note")})
    return pd.DataFrame(rows, columns=COLUMNS)


def tests(known, task, means):
    """Run paired tests of the best method against the others over datasets, for each metric that all share."""
    rows = []
    for metric, group in means[means["role"] != "control"].groupby("metric", sort=False):
        table = group.pivot(index="dataset", columns="method", values="mean")
        found = statistics.paired_tests(table, bool(group["higher_is_better"].iloc[0]))
        rows += [{"task": task, "metric": metric, **row} for row in found]
    names = ["task", "metric", "best", "other", "datasets", "wins", "p_value", "p_holm"]
    return pd.DataFrame(rows, columns=names)


def labels(known, table):
    """Name the methods for figures: a method's title and the rate of its dead trainings; published figures say so, and
    whether they are comparable."""
    names = []
    for row in table.itertuples():
        name = known.methods[row.method]["title"] if row.method in known.methods else row.method
        if row.role == "published":
            name = f"{name}, published" + ("" if row.comparable is True else " (other data)")
        elif isinstance(row.note, str):
            name = f"{name} ({row.note})"
        names.append(name)
    return names


def draw(known, task, table, scores, output):
    """Draw the comparison in the primary metric of each dataset, a panel each."""
    primary = {dataset: known.dataset(task, dataset)["metrics"][0] for dataset in table["dataset"].unique()}
    chosen = table[[primary[row.dataset] == row.metric for row in table.itertuples()]].copy()
    chosen["label"] = labels(known, chosen)
    chosen["dataset_title"] = [known.dataset(task, dataset)["title"] for dataset in chosen["dataset"]]
    single = scores.groupby(["dataset", "method", "metric"])["value"].apply(list).to_dict()
    chosen["values"] = [single.get((r.dataset, r.method, r.metric), []) for r in chosen.itertuples()]
    chosen["metric_title"] = [metrics.title(metric, task) for metric in chosen["metric"]]
    title = f"{known.tasks[task]['title']} ({known.scale})"
    comparison.comparison(chosen, title, known.plan(task)["origin"], output / "comparison")


def draw_curves(known, task, table, output):
    """Draw the curves that the task's runs gave, whatever they are; the figure's title is theirs.

    Methods stand in the order, and so in the colours, in which the task's own figures have them.
    """
    table = table.assign(
        place=table["dataset"].factorize()[0],
        rank=table["method"].map(known.rank),
        label=[known.methods[method]["title"] for method in table["method"]],
        dataset_title=[known.dataset(task, dataset)["title"] for dataset in table["dataset"]],
    ).sort_values(["place", "rank"], kind="stable")
    what = ", ".join(table["title"].unique()) or "no curves"
    title = f"{known.tasks[task]['title']}: {what}"
    comparison.curves(table, title, known.plan(task)["origin"], output / "curves")


if __name__ == "__main__":
    command.run(main)
