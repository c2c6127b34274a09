"""The contract of kinds: what passes between tasks, methods, baselines, tests and a user's own files.

A kind is a module `kinds/<id>.py`. The kinds of input and of output share the folder; ROLE tells them apart.

A kind of input says

    ROLE = "input"
    TITLE                       its name for people
    ARRAYS                      name → Array: the arrays of a split beside `y` and `group`
    CONTEXT                     key → what it means: facts that the context of a split must hold
    OUTPUTS                     kinds of output for which `sample` makes labels
    sample(rng, n, output) -> (arrays, context)     a small problem with a known answer, for the tests of the contract
    matrix(split, parameters) -> (n, features)      optional: numbers for methods that take nothing else

and, where files of a user's own are read (core/records.py, tasks/own.py),

    read(given, known=None)     yields a Record for each sample of files; `known`: the context of a trained model;
                                a kind whose labels no file of a user's holds says this alone, for predictions
    READS                       kinds of output that own data may have
    SPLIT                       by what own samples are parted where nothing is said
    same(arrays, context)       names equal samples, which must not be parted
    settle(records, given) -> (context, notes)              optional: brings records to one shape
    learn(arrays, context, train, given) -> (arrays, context, notes, kept)      optional: what training samples decide
    scaffold(arrays), cluster(arrays), near(arrays, test, others)               optional: groups and near-duplicates
    compared(arrays) -> (samples, words, least)             optional: words by which core/own_links.py finds variants
    short(arrays) -> (n,) bool                              optional: samples with too few of these words
    traits(arrays) -> {title: (n,) numbers}                 optional: what should not tell a sample's class
    TASK, USUAL                 optional: the task whose module measures own data, and the usual metrics

A kind of output says

    ROLE = "output"
    TITLE
    METRICS                     ids of the metrics that make sense for it, the usual first
    LOSS                        binary_cross_entropy, cross_entropy, squared_error, or None: a method brings its own
    CURVE                       roc, parity or None: what is drawn of the predictions by default
    check(y, context) -> str or None                what is wrong with labels, in a few words
    control(name, train_y, test_y, rng)             predictions of a control that proves the metrics
"""

import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

from deepbio.core.data import GROUP, LABEL, Ragged, Split
from deepbio.core.files import BadInput

FOLDER = Path(__file__).resolve().parent.parent / "kinds"
# What a dtype in ARRAYS admits, as numpy's one-letter kinds.
FAMILIES = {"integer": "iu", "float": "f", "number": "iufb", "text": "S"}


@dataclass(frozen=True)
class Array:
    """One array of a kind: a dtype (numpy's name, or integer, float, number, text), its axes after the sample, and
    what it holds. An array that is not required may be missing; a ragged one has a length of its own each sample."""

    dtype: str
    axes: tuple[str, ...] = ()
    holds: str = ""
    required: bool = True
    ragged: bool = False


@cache
def names() -> tuple[str, ...]:
    """List the ids of all kinds, from the folder."""
    return tuple(sorted(path.stem for path in FOLDER.glob("[a-z]*.py")))


@cache
def load(name: str) -> ModuleType:
    """Import the module of a kind; BadInput lists the known ones where there is none of that name."""
    if name not in names():
        raise BadInput(f"unknown kind '{name}'; workflow/scripts/deepbio/kinds has: {', '.join(names())}")
    return importlib.import_module(f"deepbio.kinds.{name}")


@cache
def of_role(role: str) -> dict[str, ModuleType]:
    """Map the ids of all kinds of `input` or of `output` to their modules."""
    return {name: load(name) for name in names() if role == load(name).ROLE}


def check(split: Split, where: str) -> None:
    """Hold a split against the kinds of input and output that its context names; BadInput says what does not fit."""
    one = load(split.context["input"])
    for name, expected in one.ARRAYS.items():
        if name not in split:
            if expected.required:
                raise BadInput(f"{where}: no array '{name}' ({expected.holds}), which {one.TITLE} must have")
            continue
        wrong = _misfit(split[name], expected)
        if wrong:
            raise BadInput(f"{where}: array '{name}' ({expected.holds}) {wrong}")
    for key, meaning in one.CONTEXT.items():
        if key not in split.context:
            raise BadInput(f"{where}: the context has no '{key}' ({meaning}), which {one.TITLE} must have")
    wrong = load(split.context["output"]).check(split.y, split.context)
    if wrong:
        raise BadInput(f"{where}: labels of kind '{split.context['output']}': {wrong}")


def _misfit(array, expected: Array) -> str | None:
    """Say how an array differs from what is expected, or None."""
    if isinstance(array, Ragged) != expected.ragged:
        return "must be ragged" if expected.ragged else "must have samples of one length"
    values = array.values if expected.ragged else array
    kinds = FAMILIES.get(expected.dtype)
    if values.dtype.kind not in kinds if kinds else values.dtype != np.dtype(expected.dtype):
        return f"is of type {values.dtype}, not {expected.dtype}"
    axes = ("sample", *expected.axes)
    dimensions = values.ndim + (1 if expected.ragged else 0)
    if dimensions != len(axes):
        return f"has {dimensions} axes, not {len(axes)} ({', '.join(axes)})"
    return None


def small_problem(name: str, output: str, samples: int = 160, seed: int = 7) -> dict[str, Split]:
    """Make train, valid and test of the small problem of a kind of input, by which every method is tested.

    A kind that makes no classes of its own has the quarters of its numbers as four classes.
    """
    one, rng = load(name), np.random.default_rng(seed)
    quarters = output == "multiclass" and "multiclass" not in one.OUTPUTS
    splits = {}
    for part, count in (("train", samples), ("valid", samples // 2), ("test", samples)):
        arrays, context = one.sample(rng, count, "regression" if quarters else output)
        context |= {"input": name, "output": output, "title": "small", "origin": "simulated"}
        context.setdefault("metrics", list(load(output).METRICS[:2]))
        if quarters:
            context["classes"] = ["low", "below", "above", "high"]
            arrays[LABEL] = (np.argsort(np.argsort(arrays[LABEL])) * 4 // count).astype(np.float32)
        arrays[GROUP] = np.array([f"{part}{i}" for i in range(count)]).astype("S")
        splits[part] = Split(arrays, context)
    for split in splits.values():
        split.context = splits["train"].context
    return splits
