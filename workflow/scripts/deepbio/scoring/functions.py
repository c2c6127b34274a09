"""Functions behind the metrics: known labels and their predictions, one output at a time, give one number.

Those of scores against 0/1 labels are NaN where only one class is present. They agree with scikit-learn's and SciPy's,
which the tests hold them against, and spare every training and scoring job the import of both.

Ranked metrics are written for resamples: `auroc_in(y, p)` sorts once and returns the function from counts
(repeats, n), how often each sample was drawn, to the metric in each resample, (repeats,). One of each sample is the
metric itself.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[[np.ndarray, np.ndarray], float]

STRONG = 0.08  # size of a genetic interaction score that Costanzo et al. (2016) count as one


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide; NaN where the whole is 0."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def once(function_in: Callable) -> Function:
    """Return the metric of the samples as they are, from one that is written for resamples."""
    return lambda y, p: float(function_in(y, p)(np.ones((1, len(y))))[0])


# ---- ranks


def ties(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the order that sorts values, and where each run of equal ones begins in it."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    return order, np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])


def auroc_in(y: np.ndarray, p: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Compute the area under the ROC curve: the share of pairs in the right order, of which a tie counts as half."""
    order, starts = ties(p)
    label = y[order]

    def metric(drawn):
        weight = drawn[:, order]
        positive = np.add.reduceat(weight * label, starts, axis=1)
        negative = np.add.reduceat(weight * (1 - label), starts, axis=1)
        below = np.cumsum(negative, axis=1) - negative / 2
        return share((positive * below).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))

    return metric


def auprc_in(y: np.ndarray, p: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Compute the average precision: the precision at each distinct score, weighted by the recall that it adds."""
    order, starts = ties(-p)
    label = y[order]

    def metric(drawn):
        weight = drawn[:, order]
        positive = np.add.reduceat(weight * label, starts, axis=1)
        called = np.cumsum(np.add.reduceat(weight, starts, axis=1), axis=1)
        precision = np.divide(np.cumsum(positive, axis=1), called, out=np.zeros(called.shape), where=called > 0)
        total = positive.sum(axis=1)
        found = share((positive * precision).sum(axis=1), total)
        return np.where(total < called[:, -1], found, np.nan)

    return metric


def auprc_negative_in(y: np.ndarray, p: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Compute the average precision of the class 0."""
    return auprc_in(1 - y, -p)


def spearman_in(y: np.ndarray, p: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Compute Spearman's correlation: Pearson's of ranks, where equal values share their mean rank.

    A constant prediction explains nothing and counts as 0.
    """
    sides = [ties(values) for values in (y, p)]

    def ranks(drawn, order, starts):
        count = np.add.reduceat(drawn[:, order], starts, axis=1)
        rank = np.cumsum(count, axis=1) - (count - 1) / 2
        found = np.empty(drawn.shape)
        found[:, order] = np.repeat(rank, np.diff(np.r_[starts, len(order)]), axis=1)
        return found - (drawn.sum(axis=1, keepdims=True) + 1) / 2  # less the mean rank

    def metric(drawn):
        a, b = (ranks(drawn, *side) for side in sides)
        varies_a, varies_b = ((drawn * values * values).sum(axis=1) for values in (a, b))
        found = share((drawn * a * b).sum(axis=1), np.sqrt(varies_a * varies_b))
        found = np.clip(np.where(varies_b > 0, found, 0.0), -1, 1)
        return np.where((drawn.sum(axis=1) > 1) & (varies_a > 0), found, np.nan)

    return metric


# ---- scores and calls against 0/1 labels; a score above one half is a call


def of_both(function: Function) -> Function:
    """Return a metric that is NaN where only one class is present."""
    return lambda y, p: float(function(y, p)) if len(np.unique(y)) == 2 else np.nan


def _counts(y, p):
    """Count true positives, false positives, false negatives and true negatives."""
    made, true = p > 0.5, y == 1
    return ((made & true).sum(), (made & ~true).sum(), (~made & true).sum(), (~made & ~true).sum())


def accuracy(y: np.ndarray, p: np.ndarray) -> float:
    """Compute the share of the right calls."""
    return np.mean((p > 0.5) == (y == 1))


def balanced_accuracy(y: np.ndarray, p: np.ndarray) -> float:
    """Compute the mean of the shares of positives and of negatives that are called right."""
    tp, fp, fn, tn = _counts(y, p)
    return (tp / (tp + fn) + tn / (tn + fp)) / 2


def mcc(y: np.ndarray, p: np.ndarray) -> float:
    """Compute Matthews' correlation coefficient of the calls; 0 where all calls are the same."""
    tp, fp, fn, tn = map(float, _counts(y, p))
    size = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return (tp * tn - fp * fn) / size if size else 0.0


def f1(y: np.ndarray, p: np.ndarray) -> float:
    """Compute the harmonic mean of precision and recall of the calls; 0 where nothing is called."""
    tp, fp, fn, _ = _counts(y, p)
    return 2 * tp / (2 * tp + fp + fn)


def log_loss(y: np.ndarray, p: np.ndarray) -> float:
    """Compute the binary cross-entropy in nats; probabilities are kept 1e-7 away from 0 and 1."""
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return -np.mean(y * np.log(p) + (1 - y) * np.log1p(-p))


# ---- numbers


def pearson(y: np.ndarray, p: np.ndarray) -> float:
    """Compute Pearson's correlation; a constant prediction explains nothing and counts as 0. NaN of constant labels."""
    if len(y) < 2 or np.ptp(y) == 0:
        return np.nan
    if np.ptp(p) == 0:
        return 0.0
    y, p = y - y.mean(), p - p.mean()
    return float(np.clip((y / np.linalg.norm(y)) @ (p / np.linalg.norm(p)), -1, 1))


def log_pearson(y: np.ndarray, p: np.ndarray) -> float:
    """Compute Pearson's correlation of log(1 + counts); what is negative counts as 0."""
    return pearson(*(np.log1p(np.maximum(values, 0)) for values in (y, p)))


def strong_pearson(y: np.ndarray, p: np.ndarray) -> float:
    """Compute Pearson's correlation over the labels whose size is above STRONG."""
    strong = np.abs(y) > STRONG
    return pearson(y[strong], p[strong])


def r2(y: np.ndarray, p: np.ndarray) -> float:
    """Compute the share of the variance that is explained; NaN of constant labels."""
    if len(y) < 2 or np.ptp(y) == 0:
        return np.nan
    return float(1 - np.sum((y - p) ** 2) / np.sum((y - y.mean()) ** 2))


def mse(y: np.ndarray, p: np.ndarray) -> float:
    """Compute the mean squared error."""
    return float(np.mean((y - p) ** 2))


def rmse(y: np.ndarray, p: np.ndarray) -> float:
    """Compute the root of the mean squared error."""
    return float(np.sqrt(mse(y, p)))


def mae(y: np.ndarray, p: np.ndarray) -> float:
    """Compute the mean absolute error."""
    return float(np.mean(np.abs(y - p)))


def within(width: float) -> Function:
    """Compute the share of predictions that lie within `width` of their label."""
    return lambda y, p: float(np.mean(np.abs(y - p) <= width))


# ---- points: both columns of y and p (n, 2) are the coordinates of one point


def distances(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Measure how far points (n, 2) lie from their predictions, (n,)."""
    return np.hypot(*(p - y).T)


def of_distances(summary: Callable[[np.ndarray], Any]) -> Function:
    """Return a summary of the distances of points from their predictions."""
    return lambda y, p: float(summary(distances(y, p)))


# ---- several classes: y (n,) holds the number of a class, p (n, classes) a probability for each


def accuracy_of_classes(y: np.ndarray, p: np.ndarray) -> float:
    """Compute the share of the samples whose most likely class is the right one."""
    return float(np.mean(p.argmax(axis=1) == y))


def balanced_accuracy_of_classes(y: np.ndarray, p: np.ndarray) -> float:
    """Compute the mean over the classes of the share of their samples that are called right."""
    return float(np.mean([np.mean(p[y == one].argmax(axis=1) == one) for one in np.unique(y)]))


def log_loss_of_classes(y: np.ndarray, p: np.ndarray) -> float:
    """Compute the cross-entropy in nats of the right class's probability, which counts as 1e-7 at least."""
    return float(-np.mean(np.log(np.clip(p[np.arange(len(y)), y], 1e-7, 1))))
