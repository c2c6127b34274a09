"""Metrics with their direction, and the control predictors that prove them.

Every metric takes `y` (labels, NaN where missing) and `p` (predictions of the same shape) and returns a float.
For several outputs (columns) it is the mean over the columns in which it is defined. Labels of shape (samples,
positions, outputs), such as coverage tracks, are scored over all positions of all samples of each output.
"""

import warnings
from functools import partial

import numpy as np
from scipy import stats
from sklearn import metrics as skl


def _binary(function):
    """A metric of a score against 0/1 labels; undefined (NaN) where only one class is present."""

    def metric(y, p):
        return function(y, p) if len(np.unique(y)) == 2 else np.nan

    return metric


def _called(function):
    """A metric of 0/1 calls: a score above one half is a call."""
    return _binary(lambda y, p: function(y, p > 0.5))


def _correlation(function):
    """A correlation; a constant prediction explains nothing and counts as 0."""

    def metric(y, p):
        if len(y) < 2 or np.ptp(y) == 0:
            return np.nan
        return 0.0 if np.ptp(p) == 0 else float(function(y, p)[0])

    return metric


def _log_pearson(y, p):
    return _correlation(stats.pearsonr)(*(np.log1p(np.maximum(values, 0)) for values in (y, p)))


def _log_loss(y, p):
    return skl.log_loss(y, np.clip(p, 1e-7, 1 - 1e-7))


# id: (function, is a higher value better, name in figures)
METRICS = {
    "auroc": (_binary(skl.roc_auc_score), True, "AUROC"),
    "auprc": (_binary(skl.average_precision_score), True, "AUPRC"),
    "auprc_negative": (_binary(lambda y, p: skl.average_precision_score(1 - y, -p)), True, "AUPRC of the negatives"),
    "accuracy": (_called(skl.accuracy_score), True, "accuracy"),
    "balanced_accuracy": (_called(skl.balanced_accuracy_score), True, "balanced accuracy"),
    "mcc": (_called(skl.matthews_corrcoef), True, "MCC"),
    "f1": (_called(partial(skl.f1_score, zero_division=0)), True, "F1"),
    "log_loss": (_binary(_log_loss), False, "log loss"),
    "pearson": (_correlation(stats.pearsonr), True, "Pearson r"),
    "log_pearson": (_log_pearson, True, "Pearson r of log(1 + y)"),
    "spearman": (_correlation(stats.spearmanr), True, "Spearman ρ"),
    "r2": (skl.r2_score, True, "R²"),
    "mse": (skl.mean_squared_error, False, "mean squared error"),
    "rmse": (skl.root_mean_squared_error, False, "RMSE"),
    "mae": (skl.mean_absolute_error, False, "mean absolute error"),
}


def higher_is_better(name):
    return METRICS[name][1]


def title(name):
    """The name of a metric in figures."""
    return METRICS[name][2]


def columns(values):
    """`values` as (samples, outputs); of (samples, positions, outputs) each position is a row."""
    values = np.asarray(values, dtype=float)
    return values.reshape(-1, values.shape[2]) if values.ndim == 3 else values.reshape(len(values), -1)


def evaluate(names, y, p):
    """Metric id → value, over the samples whose label is known. ValueError where `p` has another shape or NaN."""
    y, p = columns(y), columns(p)
    if y.shape != p.shape:
        raise ValueError(f"predictions have shape {p.shape}, labels {y.shape}")
    if np.isnan(p).any():
        raise ValueError(f"{int(np.isnan(p).any(axis=1).sum())} of {len(p)} predictions are NaN")
    known = ~np.isnan(y)
    values = {}
    for name in names:
        per_output = [METRICS[name][0](y[k, c], p[k, c]) for c, k in enumerate(known.T) if k.any()]
        with warnings.catch_warnings():
            # A column that holds one class only has no AUROC; a task in which that is so for all has none either.
            warnings.simplefilter("ignore", RuntimeWarning)
            values[name] = float(np.nanmean(per_output)) if per_output else np.nan
    return values


def bootstrap(name, y, p, rng, repeats=200):
    """95 % percentile interval of a metric over resampled test samples (with all their positions): (low, high)."""
    y, p = np.asarray(y), np.asarray(p)
    draws = []
    for _ in range(repeats):
        index = rng.integers(0, len(y), len(y))
        draws.append(evaluate([name], y[index], p[index])[name])
    return tuple(np.nanpercentile(draws, [2.5, 97.5]))


def control(kind, name, train_y, test_y, rng):
    """Predictions of a control for the test labels: `perfect` knows them, `random` draws them from the training
    labels (uniform scores for classes), `constant` says the mean training label."""
    train_y, test_y = columns(train_y), columns(test_y)
    mean = np.nanmean(train_y, axis=0)
    if name == "perfect":
        return np.where(np.isnan(test_y), mean, test_y)
    if name == "constant":
        return np.broadcast_to(mean, test_y.shape).copy()
    if kind in ("binary", "multilabel"):
        return rng.random(test_y.shape)
    known = [column[~np.isnan(column)] for column in train_y.T]
    return np.stack([rng.choice(column, len(test_y)) for column in known], axis=1)


def curve(kind, y, p, points=101):
    """What a reader wants to see of one run's predictions, as (curve id, x, y): for classes the ROC curve, its mean
    over outputs, on an even grid of false-positive rates; for numbers predicted against measured values (at most 400
    samples)."""
    y, p = columns(y), columns(p)
    known = ~np.isnan(y)
    if kind in ("binary", "multilabel"):
        grid = np.linspace(0, 1, points)
        outputs = [(y[k, c], p[k, c]) for c, k in enumerate(known.T)]
        rates = [skl.roc_curve(*output)[:2] for output in outputs if len(np.unique(output[0])) == 2]
        if not rates:
            return None
        return "roc", grid, np.mean([np.interp(grid, *rate) for rate in rates], axis=0)
    y, p = y[known[:, 0], 0], p[known[:, 0], 0]
    keep = np.linspace(0, len(y) - 1, min(len(y), 400)).astype(int)
    return "parity", y[keep], p[keep]
