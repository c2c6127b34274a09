"""The contract of tasks, and the checks that every prepared dataset passes.

A task is a module `tasks/<id>.py` with

    prepare(sources, parameters, seed) -> {"train": Split, "valid": Split, "test": Split}
        sources: id of a source set → its folder, and `simulation` → that of simulated batches (simulation.py), where
        the dataset has some; parameters: those of the dataset; seed: number of the split
    score(test, predictions, metrics, train) -> {metric: value}   optional; default: metrics.evaluate
    curve(test, predictions) -> (curve id, x, y)              optional; default: metrics.curve; or a list of such
    interpret(train, runs, path)                              optional: figures of several methods side by side;
        runs: title of a method → its inputs and predictions, `role`, `weights` and `scores` (metric → values of all
        runs); the files' names begin with `path`

Where the output is `ranking`, a sample is a ranking and a row of `y` its labels, each row to be scored by itself; such
a task brings its own `score`.

Where the output is `generated`, `y` are records like those that a generator should make, the inputs say what is asked
for (a class), and a prediction is as many new records. The training split tells such a task's `score` whether
its records were copied.
"""

import importlib

import numpy as np

from deepbio.core.data import GROUP, LABEL, NAMES
from deepbio.core.files import BadInput, row_blocks
from deepbio.scoring import metrics

# What the context of every split says beside what the task itself puts there.
KNOWN = ("title", "input", "output", "metrics", "origin")


def load(name):
    """The module of a task."""
    return importlib.import_module(f"deepbio.tasks.{name}")


def prepare(name, dataset, facts, sources, seed):
    """Run a task's `prepare`, add what all methods may ask of the context, and check the three splits."""
    splits = load(name).prepare(sources, facts["parameters"], seed)
    known = {"task": name, "dataset": dataset, **{key: facts[key] for key in KNOWN}}
    context = {**splits["train"].context, **known}
    for split in splits.values():
        split.context = context
    check(splits, f"{name}/{dataset}")
    return splits


def check(splits, where):
    """BadInput where a split is missing or empty, has no labels, or shares a group with another split."""
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


def score(name, test, predictions, wanted, train=None):
    """Metric id → value of one run's predictions on the test split."""
    own = getattr(load(name), "score", None)
    return own(test, predictions, wanted, train) if own else metrics.evaluate(wanted, test.y, predictions["y"])


def curve(name, test, predictions):
    """Points of a curve of one run's predictions, as metrics.curve gives them, or None."""
    own = getattr(load(name), "curve", None)
    return own(test, predictions) if own else metrics.curve(test.context["output"], test.y, predictions["y"])
