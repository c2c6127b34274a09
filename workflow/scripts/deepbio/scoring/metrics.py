"""Metrics: their direction, title, bounds and unit, and how predictions are evaluated.

Every metric takes `y` (labels, NaN where missing) and `p` (predictions of the same shape) and returns a float. For
several outputs (columns) it is the mean over the columns in which it is defined. Labels of shape (samples, positions,
outputs), such as coverage tracks, are scored over all positions of all samples of each output, and points of shape
(samples, points, 2) over all points of all samples. Where the output is `multiclass`, `y` holds the number of a class,
0, 1, …, and `p` the probability of each class, (samples, classes).

What a task measures by a `score` of its own stands in its module as METRICS, which has the form of METRICS here.
"""

import importlib
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from deepbio.core.files import BadInput
from deepbio.core.labels import flat, outputs
from deepbio.core.own import module_of
from deepbio.scoring import functions as f

SHARE, SIGNED, AMOUNT, ANY = (0.0, 1.0), (-1.0, 1.0), (0.0, np.inf), (-np.inf, np.inf)


@dataclass(frozen=True)
class Metric:
    """What is known of a metric: whether a higher value is better, its name in figures, its least and greatest
    possible value, its unit, and the functions that compute it.

    function    of the labels and predictions of one output, (n,) and (n,)
    of_points   of points, (n, 2) and (n, 2)
    of_classes  of numbers of classes (n,) and probabilities (n, classes)

    A metric without any of them is what the `score` of a task measures.
    """

    higher_is_better: bool
    title: str
    bounds: tuple[float, float] = ANY
    unit: str = ""
    function: Callable[[np.ndarray, np.ndarray], float] | None = None
    of_points: Callable[[np.ndarray, np.ndarray], float] | None = None
    of_classes: Callable[[np.ndarray, np.ndarray], float] | None = None


METRICS = {
    "auroc": Metric(True, "AUROC", SHARE, function=f.once(f.auroc_in)),
    "auprc": Metric(True, "AUPRC", SHARE, function=f.once(f.auprc_in)),
    "auprc_negative": Metric(True, "AUPRC of the negatives", SHARE, function=f.once(f.auprc_negative_in)),
    "accuracy": Metric(True, "accuracy", SHARE, function=f.of_both(f.accuracy), of_classes=f.accuracy_of_classes),
    "balanced_accuracy": Metric(
        True,
        "balanced accuracy",
        SHARE,
        function=f.of_both(f.balanced_accuracy),
        of_classes=f.balanced_accuracy_of_classes,
    ),
    "mcc": Metric(True, "MCC", SIGNED, function=f.of_both(f.mcc)),
    "f1": Metric(True, "F1", SHARE, function=f.of_both(f.f1)),
    "log_loss": Metric(
        False, "log loss", AMOUNT, "nats", function=f.of_both(f.log_loss), of_classes=f.log_loss_of_classes
    ),
    "pearson": Metric(True, "Pearson r", SIGNED, function=f.pearson),
    "log_pearson": Metric(True, "Pearson r of log(1 + y)", SIGNED, function=f.log_pearson),
    "strong_pearson": Metric(True, "Pearson r of strong interactions", SIGNED, function=f.strong_pearson),
    "spearman": Metric(True, "Spearman ρ", SIGNED, function=f.once(f.spearman_in)),
    "r2": Metric(True, "R²", (-np.inf, 1.0), function=f.r2),
    "mse": Metric(False, "mean squared error", AMOUNT, "unit of the labels, squared", function=f.mse),
    "rmse": Metric(False, "RMSE", AMOUNT, "unit of the labels", function=f.rmse),
    "mae": Metric(False, "mean absolute error", AMOUNT, "unit of the labels", function=f.mae),
    "within_10_years": Metric(True, "share within 10 years", SHARE, function=f.within(10)),
    "pixel_error": Metric(False, "mean error (pixels)", AMOUNT, "pixels", of_points=f.of_distances(np.mean)),
    "median_pixel_error": Metric(False, "median error (pixels)", AMOUNT, "pixels", of_points=f.of_distances(np.median)),
    "pck_2px": Metric(True, "share within 2 pixels", SHARE, of_points=f.of_distances(lambda d: np.mean(d <= 2))),
    "pck_10px": Metric(True, "share within 10 pixels", SHARE, of_points=f.of_distances(lambda d: np.mean(d <= 10))),
}


def facts(name: str, task: str | None = None) -> Metric:
    """Look up the Metric of an id: one of METRICS, or of those that `task` measures itself.

    Raises BadInput where neither has it.
    """
    if name in METRICS:
        return METRICS[name]
    own = getattr(importlib.import_module(f"deepbio.tasks.{module_of(task)}"), "METRICS", {}) if task else {}
    if name not in own:
        where = f"task '{task}' measures" if task else "the metrics of all tasks are"
        raise BadInput(f"unknown metric '{name}'; {where}: {', '.join(sorted({*METRICS, *own}))}")
    return own[name]


def higher_is_better(name: str, task: str | None = None) -> bool:
    """Tell whether a higher value of a metric is better."""
    return facts(name, task).higher_is_better


def title(name: str, task: str | None = None) -> str:
    """Name a metric in figures."""
    return facts(name, task).title


def evaluate(names: Iterable[str], y: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Compute metrics over the samples whose label is known: metric id → value.

    Raises ValueError where `p` has another shape than `y`, or NaN.
    """
    names, y, p = list(names), flat(y), flat(p)
    of_classes = y.shape[1] == 1 < p.shape[1] and len(y) == len(p) and all(METRICS[one].of_classes for one in names)
    if y.shape != p.shape and not of_classes:
        raise ValueError(f"predictions have shape {p.shape}, labels {y.shape}")
    if np.isnan(p).any():
        raise ValueError(f"{int(np.isnan(p).any(axis=1).sum())} of {len(p)} predictions are NaN")
    if of_classes:
        return _evaluate_classes(names, y[:, 0].astype(float), p)
    values = {}
    points = [name for name in names if METRICS[name].of_points]
    if points:
        known = ~np.isnan(y).any(axis=1)
        values = {name: METRICS[name].of_points(y[known], p[known]) if known.any() else np.nan for name in points}
    others = [name for name in names if name not in points]
    if others:
        found = evaluate_outputs(others, y, p)
        with warnings.catch_warnings():
            # A column that holds one class only has no AUROC; a task in which that is so for all has none either.
            warnings.simplefilter("ignore", RuntimeWarning)
            values |= {name: float(np.nanmean(found[name])) for name in others}
    return {name: values[name] for name in names}


def evaluate_outputs(names: Iterable[str], y: np.ndarray, p: np.ndarray) -> dict[str, np.ndarray]:
    """Compute metrics of each output by itself: metric id → (outputs,), NaN where it is not defined."""
    names = list(names)
    if not names:
        return {}
    found = [[METRICS[name].function(*pair) if len(pair[0]) else np.nan for name in names] for pair in outputs(y, p)]
    return dict(zip(names, np.array(found, dtype=float).reshape(-1, len(names)).T, strict=True))


def _evaluate_classes(names, y, p):
    """Compute metrics of the known numbers of classes among y (n,) and the probabilities p (n, classes)."""
    known = ~np.isnan(y)
    number, p = y[known].astype(int), p[known]
    if len(number) and not 0 <= number.min() <= number.max() < p.shape[1]:
        raise ValueError(f"labels are of classes {number.min()} to {number.max()}, predictions of {p.shape[1]}")
    return {name: METRICS[name].of_classes(number, p) if len(number) else np.nan for name in names}
