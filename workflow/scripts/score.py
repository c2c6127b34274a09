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
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Drawn:
    """The primary metric of one run: its id, on the run's split, and in each resample, (repeats,)."""

    metric: str
    split: int
    samples: int
    value: float
    draws: np.ndarray


class Draws:
    """The same of a method, for each split on which the metric is defined: the test samples, the mean over the runs,
    and that in each resample."""

    def __init__(self, found):
        self.samples, self.values, self.draws = {}, {}, {}
        for split in sorted({one.split for one in found if not np.isnan(one.value)}):
            several = [one for one in found if one.split == split and not np.isnan(one.value)]
            self.samples[split] = several[0].samples
            self.values[split] = np.mean([one.value for one in several])
            self.draws[split] = np.mean([one.draws for one in several], axis=0)

    def over(self, splits):
        """Average over some splits: the value and, in as many resamples as all of them have, the draws."""
        least = min(len(self.draws[split]) for split in splits)
        draws = np.mean([self.draws[split][:least] for split in splits], axis=0)
        return float(np.mean([self.values[split] for split in splits])), draws


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
    for dataset in sorted({run["dataset"] for _, run in here}):
        splits = sorted({run["split"] for _, run in here if run["dataset"] == dataset})
        units = units_of(known.results, given.task, dataset, splits)
        for split in splits:
            on_split = [(path, run) for path, run in here if (run["dataset"], run["split"]) == (dataset, split)]
            score_split(on_split, known.results, given.bootstrap, units, tables, draws)
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


def units_of(results, task, dataset, splits):
    """List the groups of the test samples of all splits, which resamples draw; None where they are too few in all, or
    in one of the splits, whose metric would not be defined in resamples that leave them out."""
    found = [runs.groups(data.read_split(results / data_folder(task, dataset, split), "test")) for split in splits]
    if any(groups is None for groups in found):
        return None
    known, fewest = np.unique(np.concatenate(found)), min(len(np.unique(groups)) for groups in found)
    return known if len(known) >= intervals.LEAST_UNITS and fewest >= intervals.LEAST_OF_A_SPLIT else None


def score_split(on_split, results, repeats, units, tables, draws):
    """Add the rows of all runs on one split, and of its controls, to `tables`, and of each run the primary metric, and
    that metric in resamples of the `units` of test samples, to `draws`: (dataset, method) → list of Drawn."""
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
        identity, scores = add_scores(tables, run, train, test, predictions)
        add_details(tables, identity, test, predictions)
        metric = test.context["metrics"][0]
        resampling = runs.resampled(run["task"], test, predictions, metric, train, by_group=units is not None)
        if resampling:
            labels = resampling.samples * max(1, test.y.size // len(test))
            # Splits that have units in common share their draws too; others are independent of each other.
            seed = first["split"] if resampling.units is None else 0
            drawn = intervals.draw(resampling, intervals.repeats_for(labels, repeats), seed, units)
            one = Drawn(metric, run["split"], resampling.samples, scores[metric], drawn)
            draws[run["dataset"], run["method"]].append(one)
    for control in CONTROLS:
        rng = np.random.default_rng([first["split"], CONTROLS.index(control)])
        guess = kind.load(test.context["output"]).control(control, train.y, test.y, rng)
        identity = {**first, "method": control, "role": "control", "seed": first["split"]}
        add_scores(tables, identity, train, test, {"y": guess})


def add_scores(tables, run, train, test, predictions):
    """Add the rows of one run in scores.csv; returns what names the run, and its metrics."""
    identity = {key: run[key] for key in (*METHOD, "seed")}
    scores = runs.score(run["task"], test, predictions, test.context["metrics"], train)
    for metric, value in scores.items():
        facts = {"higher_is_better": metrics.higher_is_better(metric, run["task"]), "origin": run["origin"]}
        tables["scores"].append({**identity, "metric": metric, "value": value, **facts})
    return identity, scores


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
    the means over splits. Two methods are compared on the splits that both have; the best one and the best baseline are
    sought among those that have the most splits.
    """
    about = {(row["dataset"], row["method"]): row for row in reversed(tables["scores"])}
    metric_of = {dataset: found[0].metric for (dataset, _), found in draws.items()}
    for dataset in sorted({dataset for dataset, _ in draws}):
        found = {method: Draws(several) for (one, method), several in sorted(draws.items()) if one == dataset}
        found = {method: its for method, its in found.items() if its.samples}
        if not found:
            continue
        identities = {
            method: {key: about[dataset, method][key] for key in METHOD} | {"metric": metric_of[dataset]}
            for method in found
        }
        for method, its in found.items():
            identities[method]["samples"] = sum(its.samples.values())
            low, high = intervals.percentiles(its.over(its.samples)[1])
            tables["intervals"].append(identities[method] | {"low": low, "high": high})
        sign = 1 if metrics.higher_is_better(metric_of[dataset], about[dataset, method]["task"]) else -1
        most = max(len(its.samples) for its in found.values())
        ranked = sorted(
            (name for name, its in found.items() if identities[name]["role"] != "control" and len(its.samples) == most),
            key=lambda name: -sign * found[name].over(found[name].samples)[0],
        )
        baselines = [method for method in ranked if identities[method]["role"] == "baseline"]
        for method, its in found.items():
            for other in dict.fromkeys([*baselines[:1], *ranked[:1]]):
                common = sorted(its.samples.keys() & found[other].samples.keys())
                if other == method or not common:
                    continue
                (mean, drawn), (other_mean, other_drawn) = its.over(common), found[other].over(common)
                low, high = intervals.percentiles(drawn - other_drawn)
                row = {"other": other, "difference": mean - other_mean, "low": low, "high": high}
                row["samples"] = sum(its.samples[split] for split in common)
                tables["paired"].append(identities[method] | row)


if __name__ == "__main__":
    command.run(main)
