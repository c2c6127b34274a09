"""What is measured of one run: by the functions of its task where the module has them, else by those of all tasks."""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from deepbio.core.data import GROUP, Split
from deepbio.core.labels import one_hot
from deepbio.core.own import module_of
from deepbio.scoring import intervals
from deepbio.scoring.curves import Curve, curve
from deepbio.scoring.metrics import METRICS, evaluate, evaluate_outputs


def _own(name: str, function: str) -> Callable | None:
    return getattr(importlib.import_module(f"deepbio.tasks.{module_of(name)}"), function, None)


def score(
    name: str, test: Split, predictions: dict, wanted: Iterable[str], train: Split | None = None
) -> dict[str, float]:
    """Score one run's predictions on the test split: metric id → value."""
    own = _own(name, "score")
    return own(test, predictions, wanted, train) if own else evaluate(wanted, test.y, predictions["y"])


def curves(name: str, test: Split, predictions: dict) -> list[Curve]:
    """List the curves of one run's predictions; empty where there is nothing to draw."""
    own = _own(name, "curve")
    found = own(test, predictions) if own else curve(test.context["output"], test.y, predictions["y"])
    return [found] if isinstance(found, Curve) else found or []


def resampled(
    name: str, test: Split, predictions: dict, metric: str, train: Split | None = None, by_group: bool = False
) -> intervals.Resampling | None:
    """Say how `metric` is computed in resamples of the test samples, or None where nothing says so.

    A task whose `score` measures the metric itself says by `resampled(test, predictions, metric, train)`
    how it does so, and may name the units that are drawn together; otherwise these are the groups of the test samples,
    where `by_group` says so.
    """
    own = _own(name, "resampled")
    if own:
        found = own(test, predictions, metric, train)
    elif metric not in METRICS or test.context["output"] == "ranking" or "y" not in predictions:
        return None
    else:
        found = intervals.resampled(metric, test.y, predictions["y"])
    if by_group and found and found.units is None and found.samples == len(test):
        return replace(found, units=groups(test))
    return found


def groups(test: Split) -> np.ndarray | None:
    """Name the group of each test sample, as text; None of a split without groups."""
    return np.asarray(test[GROUP]).astype(str) if GROUP in test else None


def per_output(test: Split, predictions: dict, wanted: Iterable[str]) -> list[dict]:
    """Score every output by itself: rows of output (its name), group, metric, value. Empty of a single output.

    Outputs are the columns of `y`, the classes (each against the rest), or the points of an animal. Names come from the
    context's `features` or `classes`, groups from its `output_groups`.
    """
    context, y = test.context, np.asarray(test.y)
    if "y" not in predictions or context["output"] in ("generated", "ranking"):
        return []
    p = np.asarray(predictions["y"])
    wanted = [name for name in wanted if name in METRICS]
    if context["output"] == "multiclass":
        found = evaluate_outputs(["auroc", "auprc"], one_hot(y, p.shape[1]), p)
        names = context.get("classes", ())
    elif any(METRICS[name].of_points for name in wanted):
        points = np.asarray(p).reshape(y.shape)
        found = {
            name: np.array([evaluate([name], y[:, i], points[:, i])[name] for i in range(y.shape[1])])
            for name in wanted
        }
        names = context.get("features", ())
    elif p.size == y.size:
        found, names = evaluate_outputs(wanted, y, p), context.get("features", ())
    else:
        return []
    count = len(next(iter(found.values()), ()))
    if count < 2:
        return []
    names = names if len(names) == count else [str(number) for number in range(1, count + 1)]
    if len(set(names)) < count:  # two of one name would be one output
        names = [f"{name} ({number})" for number, name in enumerate(names, 1)]
    groups = context.get("output_groups") or [""] * count
    return [
        {"output": name, "group": group, "metric": metric, "value": value}
        for metric, values in found.items()
        for name, group, value in zip(names, groups, values, strict=True)
    ]
