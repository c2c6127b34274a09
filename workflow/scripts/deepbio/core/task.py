"""The contract of tasks, and the checks that every prepared dataset passes.

A task is a module `tasks/<id>.py` with

    prepare(sources, parameters, seed) -> {"train": Split, "valid": Split, "test": Split}
        sources: id of a source set → its folder, and `simulation` → that of simulated batches (simulation.py), where
        the dataset has some; parameters: those of the dataset; seed: number of the split
    METRICS                                        optional: id → Metric, what the task's own `score` measures
    score(test, predictions, wanted, train) -> {metric: value}      optional; default: scoring.metrics.evaluate
    curve(test, predictions) -> Curve, a list of them, or None      optional; default: scoring.curves.curve
    resampled(test, predictions, metric, train) -> Resampling or None      optional: how the test samples are resampled
        for a metric of its own, and which of them are drawn together; default: scoring.intervals.resampled, by group
    interpret(train, runs, path)                   optional: figures of several methods side by side; runs: title of a
        method → its inputs and predictions, `role`, `weights`, `scores` (metric → values of all runs) and `per_output`
        (metric → output → mean over runs); the files' names begin with `path`

Where the output is `ranking`, a sample is a ranking and a row of `y` its labels, each row to be scored by itself; such
a task brings its own `score`.

Where the output is `generated`, `y` are records like those that a generator should make, the inputs say what is asked
for (a class), and a prediction is as many new records. The training split tells such a task's `score` whether
its records were copied.
"""

import importlib
from types import ModuleType

import numpy as np

from deepbio.core import kind, own
from deepbio.core.data import GROUP, LABEL, NAMES, Split
from deepbio.core.files import BadInput, row_blocks

# What the context of every split says beside what the task itself puts there. The title and the metrics of a dataset
# are added when it is read: they decide no array, and so prepare nothing anew.
KNOWN = ("input", "output", "origin")


class Parameters(dict):
    """Parameters of a dataset; one that a task needs and the dataset does not give is BadInput, not KeyError."""

    def __init__(self, where: str, given: dict):
        super().__init__({key: Parameters(where, v) if isinstance(v, dict) else v for key, v in given.items()})
        self.where = where

    def __missing__(self, key):
        raise BadInput(f"{self.where}: parameter '{key}' is missing; given are: {', '.join(map(str, self)) or 'none'}")


def load(name: str) -> ModuleType:
    """Import the module of a task."""
    return importlib.import_module(f"deepbio.tasks.{own.module_of(name)}")


def prepare(name: str, dataset: str, facts: dict, sources: dict, seed: int) -> dict[str, Split]:
    """Run a task's `prepare`, add what all methods may ask of the context, and check the three splits."""
    where = facts["own"]["yaml"] if "own" in facts else f"config/tasks/{name}.yaml: dataset {dataset}"
    module = importlib.import_module("deepbio.tasks.own") if "own" in facts else load(name)
    splits = module.prepare(sources, Parameters(where, facts["parameters"]), seed)
    known = {"task": name, "dataset": dataset, **{key: facts[key] for key in KNOWN}}
    context = {**splits["train"].context, **known}
    for split in splits.values():
        split.context = context
    check(splits, f"{name}/{dataset}")
    for part, split in splits.items():
        kind.check(split, f"{name}/{dataset}: split '{part}'")
    return splits


def check(splits: dict[str, Split], where: str) -> None:
    """Raise BadInput where a split is missing or empty, is not of its kinds, has no label, or shares a group with
    another split."""
    for name in NAMES:
        if name not in splits or len(splits[name]) == 0:
            raise BadInput(f"{where}: split '{name}' is empty")
        for array in (LABEL, GROUP):
            if array not in splits[name]:
                raise BadInput(f"{where}: split '{name}' has no array '{array}'")
        if all(np.isnan(block.astype(float)).all() for block in row_blocks(splits[name].y)):
            raise BadInput(f"{where}: split '{name}' has no known label")
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        shared = np.intersect1d(splits[one][GROUP], splits[other][GROUP])
        if len(shared):
            raise BadInput(
                f"{where}: {len(shared)} groups are in both {one} and {other}, such as {shared[0]!r}: test data leak"
            )
