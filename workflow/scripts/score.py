"""Score all runs of a task on their test splits, beside controls that prove the metrics.

Writes into the output folder
  scores.csv      one row a run and metric
  per_output.csv  one row a run, output (feature, cell type, class, track) and metric, of tasks with several outputs
  intervals.csv   each method's 95 % interval of the primary metric by bootstrap over test samples, over all its runs
  paired.csv      its difference from the best baseline, and from the best method, on the same resamples
  curves.csv      points of ROC and other curves
A failed run has no scores. Nothing else in the workflow reads test labels.
"""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from deepbio.core import command, data, kind
from deepbio.core.catalog import CONTROLS, Catalog, data_folder
from deepbio.core.files import BadInput, atomic, read_json
from deepbio.scoring import intervals, metrics, runs

METHOD = ["scale", "task", "dataset", "method", "role"]
TABLES = {
    "scores": [*METHOD, "seed", "metric", "value", "higher_is_better", "origin"],
    "per_output": [*METHOD, "seed", "output", "group", "metric", "value"],
    "intervals": [*METHOD, "metric", "low", "high", "samples"],
    "paired": [*METHOD, "metric", "other", "difference", "low", "high", "samples"],
    "curves": [*METHOD, "seed", "kind", "title", "x_label", "y_label", "reference", "series", "x", "y"],
}


def main():
    arguments = command.parser(__doc__)
    arguments.add_argument("task", help="id of config/tasks")
    command.add_settings(arguments)
    arguments.add_argument("--bootstrap", type=int, default=intervals.REPEATS, help="resamples of the test split")
    arguments.add_argument("--output", required=True, help="folder for the tables")
    given = arguments.parse_args()
    known = Catalog(given.settings)
    folders = [known.results / run.folder for run in known.runs(given.task)]
    # With `partial: true` some runs may be missing; the ledger says which.
    here = [(folder, read_json(folder / "run.json")) for folder in folders if (folder / "run.json").exists()]
    here = [(folder, run | {"role": known.shown_role(run["method"])}) for folder, run in here]
    tables, draws = {name: [] for name in TABLES}, defaultdict(list)
    for place in sorted({(run["dataset"], run["split"]) for _, run in here}):
        on_split = [(path, run) for path, run in here if (run["dataset"], run["split"]) == place]
        score_split(on_split, known.results, given.bootstrap, tables, draws)
    add_intervals(tables, draws)
    for name, columns in TABLES.items():
        write(Path(given.output) / f"{name}.csv", columns, tables[name])


def write(path, columns, rows):
    """Write a table of dicts atomically; what is not defined (NaN) is an empty cell."""
    with atomic(path) as temporary, open(temporary, "w", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([cell(row[column]) for column in columns] for row in rows)


def cell(value):
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.6g}"
    return value


def score_split(on_split, results, repeats, tables, draws):
    """Add the rows of all runs on one split, and of its controls, to `tables`, and the primary metric of each run in
    resamples of the test samples to `draws`: (dataset, method) → split → list of draws."""
    first = on_split[0][1]
    folder = results / data_folder(first["task"], first["dataset"], first["split"])
    about = command.about(first)
    train, test = data.read_split(folder, "train", **about), data.read_split(folder, "test", **about)
    digest = data.read_facts(folder)["digest"]
    for path, run in on_split:
        if run["status"] != "ok":
            continue
        if run["data_digest"] != digest:
            raise BadInput(f"{path}/run.json: the run saw other data than {folder} holds now; train it again")
        with np.load(path / "predictions.npz", allow_pickle=False) as stored:
            predictions = dict(stored)
        identity = add_scores(tables, run, train, test, predictions)
        add_details(tables, identity, test, predictions)
        metric = test.context["metrics"][0]
        resampling = runs.resampled(run["task"], test, predictions, metric, train)
        if resampling:
            labels = resampling.samples * max(1, test.y.size // len(test))
            drawn = intervals.draw(resampling, intervals.repeats_for(labels, repeats), first["split"])
            draws[run["dataset"], run["method"]].append((run["split"], resampling.samples, drawn))
    for control in CONTROLS:
        rng = np.random.default_rng([first["split"], CONTROLS.index(control)])
        guess = kind.load(test.context["output"]).control(control, train.y, test.y, rng)
        identity = {**first, "method": control, "role": "control", "seed": first["split"]}
        add_scores(tables, identity, train, test, {"y": guess})


def add_scores(tables, run, train, test, predictions):
    """Add the rows of one run in scores.csv; returns what names the run."""
    identity = {key: run[key] for key in (*METHOD, "seed")}
    for metric, value in runs.score(run["task"], test, predictions, test.context["metrics"], train).items():
        facts = {"higher_is_better": metrics.higher_is_better(metric, run["task"]), "origin": run["origin"]}
        tables["scores"].append({**identity, "metric": metric, "value": value, **facts})
    return identity


def add_details(tables, identity, test, predictions):
    """Add the rows of one run in per_output.csv and curves.csv."""
    for row in runs.per_output(test, predictions, test.context["metrics"]):
        tables["per_output"].append(identity | row)
    for one in runs.curves(identity["task"], test, predictions):
        facts = {key: getattr(one, key) for key in ("kind", "title", "x_label", "y_label", "reference", "series")}
        tables["curves"] += [{**identity, **facts, "x": x, "y": y} for x, y in zip(one.x, one.y, strict=True)]


def add_intervals(tables, draws):
    """Add the rows of intervals.csv and paired.csv.

    A method's draws are the means over its runs on a split, on the same resamples as every other method's, and then
    the means over splits, whose resamples are independent.
    """
    scores = defaultdict(list)
    for row in tables["scores"]:
        scores[row["dataset"], row["method"], row["metric"]].append(row)
    of_dataset = defaultdict(dict)
    for (dataset, method), found in draws.items():
        of_dataset[dataset][method] = found
    for dataset, methods in of_dataset.items():
        means, mean_draws, identities = {}, {}, {}
        for method, found in methods.items():
            rows = scores[dataset, method, primary(tables["scores"], dataset)]
            means[method] = float(np.mean([row["value"] for row in rows]))
            identities[method] = {key: rows[0][key] for key in (*METHOD, "metric")}
            splits = {split for split, _, _ in found}
            mean_draws[method] = np.mean(
                [np.mean([drawn for one, _, drawn in found if one == split], axis=0) for split in splits], axis=0
            )
            samples = sum({split: count for split, count, _ in found}.values())
            low, high = intervals.percentiles(mean_draws[method])
            tables["intervals"].append(identities[method] | {"low": low, "high": high, "samples": samples})
            identities[method]["samples"] = samples
        sign = 1 if rows[0]["higher_is_better"] else -1
        ranked = sorted(
            (name for name in means if identities[name]["role"] != "control"), key=lambda method: -sign * means[method]
        )
        baselines = [method for method in ranked if identities[method]["role"] == "baseline"]
        for method in sorted(means):
            for other in dict.fromkeys([*baselines[:1], *ranked[:1]]):
                if other != method:
                    low, high = intervals.percentiles(mean_draws[method] - mean_draws[other])
                    row = {"other": other, "difference": means[method] - means[other], "low": low, "high": high}
                    tables["paired"].append(identities[method] | row)


def primary(rows, dataset):
    """Find the primary metric of a dataset: the first one of its rows."""
    return next(row["metric"] for row in rows if row["dataset"] == dataset)


if __name__ == "__main__":
    command.run(main)
