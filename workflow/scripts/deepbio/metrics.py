"""Metrics with their direction, and the control predictors that prove them.

Every metric takes `y` (labels, NaN where missing) and `p` (predictions of the same shape) and returns a float.
For several outputs (columns) it is the mean over the columns in which it is defined. Labels of shape (samples,
positions, outputs), such as coverage tracks, are scored over all positions of all samples of each output, and points
of shape (samples, points, 2) over all points of all samples.
"""

import warnings
from functools import partial

import numpy as np
from scipy import stats
from sklearn import metrics as skl

from deepbio.files import row_blocks

STRONG = 0.08  # size of a genetic interaction score that Costanzo et al. (2016) count as one


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


def _strong_pearson(y, p):
    strong = np.abs(y) > STRONG
    return _correlation(stats.pearsonr)(y[strong], p[strong])


def _log_pearson(y, p):
    return _correlation(stats.pearsonr)(*(np.log1p(np.maximum(values, 0)) for values in (y, p)))


def _points(summary):
    """A metric of how far points (n, 2) lie from their predictions: their two outputs are the coordinates x and y."""
    return lambda y, p: float(summary(np.hypot(*(p - y).T)))


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
    "strong_pearson": (_strong_pearson, True, "Pearson r of strong interactions"),
    "spearman": (_correlation(stats.spearmanr), True, "Spearman ρ"),
    "r2": (skl.r2_score, True, "R²"),
    "mse": (skl.mean_squared_error, False, "mean squared error"),
    "rmse": (skl.root_mean_squared_error, False, "RMSE"),
    "mae": (skl.mean_absolute_error, False, "mean absolute error"),
    "within_10_years": (lambda y, p: np.mean(np.abs(y - p) <= 10), True, "share within 10 years"),
}
# Metrics of whole rows, not of each output by itself.
POINTS = {
    "pixel_error": (_points(np.mean), False, "mean error (pixels)"),
    "median_pixel_error": (_points(np.median), False, "median error (pixels)"),
    "pck_2px": (_points(lambda distance: np.mean(distance <= 2)), True, "share within 2 pixels"),
    "pck_10px": (_points(lambda distance: np.mean(distance <= 10)), True, "share within 10 pixels"),
}
METRICS |= POINTS

# What a task measures by its own `score`: id: (is a higher value better, name in figures)
OF_TASKS = {
    "forest_auroc": (True, "forest AUROC on real people"),
    "logistic_auroc": (True, "logistic AUROC on real people"),
    "correlation_of_correlations": (True, "Spearman ρ of correlations"),
    "closest_record": (True, "distance to the closest record (real people: 1)"),
    "membership_auroc": (False, "AUROC of a membership attack"),
    "epsilon": (False, "privacy loss ε"),
    "delta": (False, "privacy failure δ"),
    "validity": (True, "valid SMILES"),
    "uniqueness": (True, "distinct among valid"),
    "novelty": (True, "not among training molecules"),
    "internal_diversity": (True, "1 − mean similarity of two"),
    "scaffold_diversity": (True, "scaffolds for each molecule"),
    "nearest_similarity": (True, "similarity to nearest test molecule"),
    "property_distance": (False, "distance of logP, QED and SAS (SD)"),
    "longest_run": (False, "longest run of one character"),
    "qed": (True, "mean QED"),
    "reconstruction": (True, "molecules written back"),
    "symbol_accuracy": (True, "symbols written back"),
    "logp_mae": (False, "mean absolute error of logP"),
    "qed_mae": (False, "mean absolute error of QED"),
    "sas_mae": (False, "mean absolute error of SAS"),
    "logp": (True, "mean logP"),
    "top_enrichment": (True, "enrichment of actives in the top 5 %"),
    "bit_error": (False, "share of bits rebuilt wrongly"),
    "bit_error_saved": (True, "share of the most usual bits' errors saved"),
    "bit_cross_entropy": (False, "cross-entropy of a bit (nats)"),
    "rebuilt_similarity": (True, "Tanimoto similarity to the rebuilt"),
    "prior_mmd": (False, "discrepancy of latent places and prior"),
    "prior_ks": (False, "Kolmogorov-Smirnov distance to the prior"),
    "neighbour_enrichment": (True, "enrichment of actives near fingerprints made"),
    "neighbours": (True, "compounds near fingerprints made"),
    "neighbour_spearman": (True, "Spearman ρ of activity wanted and found near"),
    "neighbour_similarity": (True, "Tanimoto similarity to nearest compound"),
    "restarts": (False, "restarts of training"),
    "sas": (False, "mean synthetic accessibility"),
    **{
        f"{objective}{mark}": (True, f"{title}{', agent' if mark else ''}")
        for objective, title in (
            ("sulphur_free", "share without sulphur"),
            ("celecoxib_similarity", "similarity to celecoxib"),
            ("d2_active", "share judged active at D2"),
        )
        for mark in ("", "_agent")
    },
    **{
        f"{objective}_agent_{name}": (True, f"{name}, agent of {objective}")
        for objective in ("sulphur_free", "celecoxib_similarity", "d2_active")
        for name in ("validity", "diversity")
    },
}


def higher_is_better(name):
    return METRICS[name][1] if name in METRICS else OF_TASKS[name][0]


def title(name):
    """The name of a metric in figures."""
    return METRICS[name][2] if name in METRICS else OF_TASKS[name][1]


def columns(values):
    """`values` as floating-point numbers, (samples, outputs); of three dimensions each position is a row."""
    return flat(np.asarray(values, dtype=float))


def flat(values):
    """As `columns`, in their own type."""
    values = np.asarray(values)
    return values.reshape(-1, values.shape[2]) if values.ndim == 3 else values.reshape(len(values), -1)


def outputs(y, p):
    """Known labels and their predictions, output by output, so that one output's numbers are in memory at a time."""
    for one, guess in zip(flat(y).T, flat(p).T, strict=True):
        one, guess = one.astype(float), guess.astype(float)
        known = ~np.isnan(one)
        yield one[known], guess[known]


def evaluate(names, y, p):
    """Metric id → value, over the samples whose label is known. ValueError where `p` has another shape or NaN."""
    y, p = flat(y), flat(p)
    if y.shape != p.shape:
        raise ValueError(f"predictions have shape {p.shape}, labels {y.shape}")
    if np.isnan(p).any():
        raise ValueError(f"{int(np.isnan(p).any(axis=1).sum())} of {len(p)} predictions are NaN")
    found = {name: [] for name in names}
    for one, guess in outputs(y, p):
        for name in found.keys() - POINTS.keys() if len(one) else ():
            found[name].append(METRICS[name][0](one, guess))
    for name in found.keys() & POINTS.keys():
        known = ~np.isnan(y).any(axis=1)
        if known.any():
            found[name].append(METRICS[name][0](y[known], p[known]))
    values = {}
    for name, per_output in found.items():
        with warnings.catch_warnings():
            # A column that holds one class only has no AUROC; a task in which that is so for all has none either.
            warnings.simplefilter("ignore", RuntimeWarning)
            values[name] = float(np.nanmean(per_output)) if per_output else np.nan
    return values


def bootstrap(name, y, p, rng, repeats=200):
    """95 % percentile interval of a metric over resampled test samples (with all their positions): (low, high)."""
    y, p = np.asarray(y), np.asarray(p)
    draws, block = [], max(1, int(2e7 / len(y)))  # resamples held at a time
    for start in range(0, repeats, block):
        index = rng.integers(0, len(y), (min(block, repeats - start), len(y)))
        if name == "auroc" and y.ndim < 3:
            counts = np.stack([np.bincount(row, minlength=len(y)) for row in index])
            draws.extend(_resampled_auroc(flat(y), flat(p), counts))
        else:
            draws.extend(evaluate([name], y[row], p[row])[name] for row in index)
    return tuple(np.nanpercentile(draws, [2.5, 97.5]))


def _resampled_auroc(y, p, counts):
    """Mean AUROC over the outputs (n, outputs) in every resample, given as counts of the samples (repeats, n).

    What scikit-learn gives for sample_weight=counts, for all resamples at once: each output is sorted only once,
    where a hundred outputs and two hundred resamples would take hours.
    """
    found = []
    for column in range(y.shape[1]):
        labels = y[:, column].astype(float)
        known = np.flatnonzero(~np.isnan(labels))
        order = known[np.argsort(p[known, column], kind="stable")]
        if not len(order):
            continue
        score, label = p[order, column], labels[order]
        ties = np.flatnonzero(np.r_[True, score[1:] != score[:-1]])  # where each run of equal scores begins
        weight = counts[:, order]
        positive = np.add.reduceat(weight * label, ties, axis=1)
        negative = np.add.reduceat(weight * (1 - label), ties, axis=1)
        below = np.cumsum(negative, axis=1) - negative / 2  # a tie counts as half a win
        pairs = positive.sum(1) * negative.sum(1)
        found.append(np.divide((positive * below).sum(1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # as in `evaluate`: a resample may hold one class only
        return np.nanmean(found, axis=0) if found else np.full(len(counts), np.nan)


def means(y):
    """Mean known label of each output."""
    total, known = 0.0, 0
    for block in map(columns, row_blocks(y)):
        total = total + np.nansum(block, axis=0)
        known = known + (~np.isnan(block)).sum(axis=0)
    return np.divide(total, known, out=np.full(np.shape(total), np.nan), where=known > 0)


def control(kind, name, train_y, test_y, rng):
    """Predictions of a control for the test labels: `perfect` knows them, `random` draws them from the training
    labels (uniform scores for classes), `constant` says the mean training label."""
    test_y = flat(test_y)
    if name == "random" and kind in ("binary", "multilabel"):
        return rng.random(test_y.shape)
    if name == "random":
        known = [column[~np.isnan(column)] for column in columns(train_y).T]
        return np.stack([rng.choice(column, len(test_y)) for column in known], axis=1)
    mean = means(train_y)
    if name == "perfect":
        return np.where(np.isnan(test_y), mean, test_y)
    return np.broadcast_to(mean, test_y.shape).copy()


def curve(kind, y, p, points=101):
    """What a reader wants to see of one run's predictions, as (curve id, x, y): for classes the ROC curve, its mean
    over outputs, on an even grid of false-positive rates; for numbers predicted against measured values (at most 400
    samples)."""
    if kind in ("binary", "multilabel"):
        grid = np.linspace(0, 1, points)
        drawn = (skl.roc_curve(*one)[:2] for one in outputs(y, p) if len(np.unique(one[0])) == 2)
        rates = [np.interp(grid, *rate) for rate in drawn]
        return ("roc", grid, np.mean(rates, axis=0)) if rates else None
    y, p = next(outputs(y, p))
    keep = np.linspace(0, len(y) - 1, min(len(y), 400)).astype(int)
    return "parity", y[keep], p[keep]
