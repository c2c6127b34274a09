"""Metrics with their direction, and the control predictors that prove them.

Every metric takes `y` (labels, NaN where missing) and `p` (predictions of the same shape) and returns a float.
For several outputs (columns) it is the mean over the columns in which it is defined. Labels of shape (samples,
positions, outputs), such as coverage tracks, are scored over all positions of all samples of each output, and points
of shape (samples, points, 2) over all points of all samples. Where the output is `multiclass`, `y` holds the number of
a class, 0, 1, …, and `p` the probability of each class, (samples, classes).
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import stats
from sklearn import metrics as skl

from deepbio.core.files import row_blocks

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


SHARE, SIGNED, AMOUNT = (0, 1), (-1, 1), (0, np.inf)


class Metric(NamedTuple):
    """Whether a higher value is better, the name in figures, the least and the greatest value that there can be, and
    the function of labels and predictions, where the metric is not of a task's own."""

    higher: bool
    title: str
    bounds: tuple = (-np.inf, np.inf)
    function: Callable | None = None


METRICS = {
    "auroc": Metric(True, "AUROC", SHARE, function=_binary(skl.roc_auc_score)),
    "auprc": Metric(True, "AUPRC", SHARE, function=_binary(skl.average_precision_score)),
    "auprc_negative": Metric(
        True, "AUPRC of the negatives", SHARE, function=_binary(lambda y, p: skl.average_precision_score(1 - y, -p))
    ),
    "accuracy": Metric(True, "accuracy", SHARE, function=_called(skl.accuracy_score)),
    "balanced_accuracy": Metric(True, "balanced accuracy", SHARE, function=_called(skl.balanced_accuracy_score)),
    "mcc": Metric(True, "MCC", SIGNED, function=_called(skl.matthews_corrcoef)),
    "f1": Metric(True, "F1", SHARE, function=_called(partial(skl.f1_score, zero_division=0))),
    "log_loss": Metric(False, "log loss", AMOUNT, function=_binary(_log_loss)),
    "pearson": Metric(True, "Pearson r", SIGNED, function=_correlation(stats.pearsonr)),
    "log_pearson": Metric(True, "Pearson r of log(1 + y)", SIGNED, function=_log_pearson),
    "strong_pearson": Metric(True, "Pearson r of strong interactions", SIGNED, function=_strong_pearson),
    "spearman": Metric(True, "Spearman ρ", SIGNED, function=_correlation(stats.spearmanr)),
    "r2": Metric(True, "R²", function=skl.r2_score),
    "mse": Metric(False, "mean squared error", AMOUNT, function=skl.mean_squared_error),
    "rmse": Metric(False, "RMSE", AMOUNT, function=skl.root_mean_squared_error),
    "mae": Metric(False, "mean absolute error", AMOUNT, function=skl.mean_absolute_error),
    "within_10_years": Metric(True, "share within 10 years", SHARE, function=lambda y, p: np.mean(np.abs(y - p) <= 10)),
}
# Metrics of whole rows, not of each output by itself.
POINTS = {
    "pixel_error": Metric(False, "mean error (pixels)", AMOUNT, function=_points(np.mean)),
    "median_pixel_error": Metric(False, "median error (pixels)", AMOUNT, function=_points(np.median)),
    "pck_2px": Metric(True, "share within 2 pixels", SHARE, function=_points(lambda distance: np.mean(distance <= 2))),
    "pck_10px": Metric(
        True, "share within 10 pixels", SHARE, function=_points(lambda distance: np.mean(distance <= 10))
    ),
}
METRICS |= POINTS
# Metrics of the probabilities of several classes (samples, classes), under the names that they have for two.
CLASSES = {
    "accuracy": lambda y, p: np.mean(p.argmax(axis=1) == y),
    "balanced_accuracy": lambda y, p: np.mean([np.mean(p[y == one].argmax(axis=1) == one) for one in np.unique(y)]),
    "log_loss": lambda y, p: -np.mean(np.log(np.clip(p[np.arange(len(y)), y], 1e-7, 1))),
}

# What agents that write molecules are led to: id, the title of its metric, and what its agent is called.
OBJECTIVES = (
    ("sulphur_free", "share without sulphur", "sulphur"),
    ("celecoxib_similarity", "similarity to celecoxib", "celecoxib"),
    ("d2_active", "share judged active at D2", "D2"),
)

# What a task measures by its own `score`.
OF_TASKS = {
    "forest_auroc": Metric(True, "forest AUROC on real people", SHARE),
    "logistic_auroc": Metric(True, "logistic AUROC on real people", SHARE),
    "continent_accuracy": Metric(True, "accuracy over continents", SHARE),
    "correlation_of_correlations": Metric(True, "Spearman ρ of correlations", SIGNED),
    "closest_record": Metric(True, "distance to the closest record (real people: 1)", AMOUNT),
    "membership_auroc": Metric(False, "AUROC of a membership attack", SHARE),
    "epsilon": Metric(False, "privacy loss ε", AMOUNT),
    "delta": Metric(False, "privacy failure δ", SHARE),
    "validity": Metric(True, "valid SMILES", SHARE),
    "uniqueness": Metric(True, "distinct among valid", SHARE),
    "novelty": Metric(True, "not among training molecules", SHARE),
    "internal_diversity": Metric(True, "1 − mean similarity of two", SHARE),
    "scaffold_diversity": Metric(True, "scaffolds for each molecule", SHARE),
    "nearest_similarity": Metric(True, "similarity to nearest test molecule", SHARE),
    "property_distance": Metric(False, "distance of logP, QED and SAS (SD)", AMOUNT),
    "longest_run": Metric(False, "longest run of one character", AMOUNT),
    "qed": Metric(True, "mean QED", SHARE),
    "reconstruction": Metric(True, "molecules written back", SHARE),
    "symbol_accuracy": Metric(True, "symbols written back", SHARE),
    "logp_mae": Metric(False, "mean absolute error of logP", AMOUNT),
    "qed_mae": Metric(False, "mean absolute error of QED", AMOUNT),
    "sas_mae": Metric(False, "mean absolute error of SAS", AMOUNT),
    "auroc_median": Metric(True, "AUROC, median over assays", SHARE),
    **{
        f"auroc_{actives}_{inactives}": Metric(True, f"AUROC from {actives} actives and {inactives} inactives", SHARE)
        for actives, inactives in ((5, 10), (1, 10), (1, 5), (1, 1))
    },
    "logp": Metric(True, "mean logP"),
    "top_enrichment": Metric(True, "enrichment of actives in the top 5 %", AMOUNT),
    "bit_error": Metric(False, "share of bits rebuilt wrongly", SHARE),
    "bit_error_saved": Metric(True, "share of the most usual bits' errors saved"),
    "bit_cross_entropy": Metric(False, "cross-entropy of a bit (nats)", AMOUNT),
    "rebuilt_similarity": Metric(True, "Tanimoto similarity to the rebuilt", SHARE),
    "prior_mmd": Metric(False, "discrepancy of latent places and prior", AMOUNT),
    "prior_ks": Metric(False, "Kolmogorov-Smirnov distance to the prior", SHARE),
    "neighbour_enrichment": Metric(True, "enrichment of actives near fingerprints made", AMOUNT),
    "neighbours": Metric(True, "compounds near fingerprints made", AMOUNT),
    "neighbour_spearman": Metric(True, "Spearman ρ of activity wanted and found near", SIGNED),
    "neighbour_similarity": Metric(True, "Tanimoto similarity to nearest compound", SHARE),
    "selection_accuracy": Metric(True, "accuracy over kinds of selection", SHARE),
    "sweep_auroc": Metric(True, "AUROC of sweeps", SHARE),
    "known_sweeps": Metric(True, "populations called rightly at a known site", SHARE),
    **{
        f"n{number}_error{mark}": Metric(False, f"relative error of N{number}{title}", AMOUNT)
        for number in (1, 2, 3)
        for mark, title in (("", ""), ("_neutral", ", regions called neutral"))
    },
    "noisy_accuracy": Metric(True, "accuracy on devices that vary by 20 %", SHARE),
    "noisy_accuracy_sd": Metric(False, "SD of that accuracy over chips", AMOUNT),
    "energy": Metric(False, "modelled energy of one inference (pJ)", AMOUNT),
    "energy_ratio": Metric(True, "energy saved over 8-bit logic (times, model)", AMOUNT),
    "energy_delay_ratio": Metric(True, "energy times delay saved over 8-bit logic (times, model)", AMOUNT),
    "restarts": Metric(False, "restarts of training", AMOUNT),
    "sas": Metric(False, "mean synthetic accessibility"),
    "genotype_concordance": Metric(True, "right genotypes among true alleles called", SHARE),
    **{
        f"{prefix}{kind}_{name}": Metric(True, f"{name if name != 'f1' else 'F1'} of {title}{where}", SHARE)
        for prefix, where in (("", ""), ("confident_", " in confident intervals"))
        for kind, title in (("snp", "SNPs"), ("indel", "indels"))
        for name in ("recall", "precision", "f1")
    },
    **{
        f"{objective}{mark}": Metric(True, f"{title}{', agent' if mark else ''}", SHARE)
        for objective, title, _ in OBJECTIVES
        for mark in ("", "_agent")
    },
    **{
        f"{objective}_agent_{name}": Metric(True, f"{measure}, {agent} agent", SHARE)
        for objective, _, agent in OBJECTIVES
        for name, measure in (("validity", "valid SMILES"), ("diversity", "1 − mean similarity of two"))
    },
}


def facts(name):
    """The Metric of a name."""
    return METRICS[name] if name in METRICS else OF_TASKS[name]


def higher_is_better(name):
    return facts(name).higher


def title(name):
    """The name of a metric in figures."""
    return facts(name).title


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
    of_classes = y.shape[1] == 1 < p.shape[1] and len(y) == len(p) and CLASSES.keys() >= set(names)
    if y.shape != p.shape and not of_classes:
        raise ValueError(f"predictions have shape {p.shape}, labels {y.shape}")
    if np.isnan(p).any():
        raise ValueError(f"{int(np.isnan(p).any(axis=1).sum())} of {len(p)} predictions are NaN")
    if of_classes:
        known = ~np.isnan(y[:, 0].astype(float))
        number, p = y[known, 0].astype(int), p[known]
        if len(number) and not 0 <= number.min() <= number.max() < p.shape[1]:
            raise ValueError(f"labels are of classes {number.min()} to {number.max()}, predictions of {p.shape[1]}")
        return {name: float(CLASSES[name](number, p)) if len(number) else np.nan for name in names}
    found = {name: [] for name in names}
    for one, guess in outputs(y, p):
        for name in found.keys() - POINTS.keys() if len(one) else ():
            found[name].append(METRICS[name].function(one, guess))
    for name in found.keys() & POINTS.keys():
        known = ~np.isnan(y).any(axis=1)
        if known.any():
            found[name].append(METRICS[name].function(y[known], p[known]))
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


def one_hot(y, classes):
    """(n, classes) of 0 and 1 from numbers of classes, y (n,) or (n, 1); a row of NaN where a label is missing."""
    y = columns(y)
    return np.where(np.isnan(y), np.nan, y == np.arange(classes))


def control(kind, name, train_y, test_y, rng):
    """Predictions of a control for the test labels: `perfect` knows them, `random` draws them from the training
    labels (uniform scores for classes), `constant` says the mean training label (the classes' shares)."""
    if kind == "multiclass":
        classes = 1 + int(max(np.nanmax(train_y), np.nanmax(test_y)))
        guess = control("multilabel", name, one_hot(train_y, classes), one_hot(test_y, classes), rng)
        return guess / guess.sum(axis=1, keepdims=True)
    test_y = flat(test_y)
    if name == "random" and kind in ("binary", "multilabel", "ranking"):
        return rng.random(test_y.shape)
    if name == "random":
        known = [column[~np.isnan(column)] for column in columns(train_y).T]
        return np.stack([rng.choice(column, len(test_y)) for column in known], axis=1)
    mean = means(train_y)
    if kind == "ranking":  # rankings of training and of testing have no columns in common
        mean = np.nanmean(mean)
    if name == "perfect":
        return np.where(np.isnan(test_y), mean, test_y)
    return np.broadcast_to(mean, test_y.shape).copy()


def curve(kind, y, p, points=101):
    """What a reader wants to see of one run's predictions, as (curve id, x, y): for classes the ROC curve, its mean
    over outputs (of several classes: each against the rest), on an even grid of false-positive rates; for numbers
    predicted against measured values (at most 400 samples)."""
    if kind == "multiclass":
        return curve("multilabel", one_hot(y, np.shape(p)[1]), p, points)
    if kind in ("binary", "multilabel"):
        grid = np.linspace(0, 1, points)
        drawn = (skl.roc_curve(*one)[:2] for one in outputs(y, p) if len(np.unique(one[0])) == 2)
        rates = [np.interp(grid, *rate) for rate in drawn]
        return ("roc", grid, np.mean(rates, axis=0)) if rates else None
    y, p = next(outputs(y, p))
    keep = np.linspace(0, len(y) - 1, min(len(y), 400)).astype(int)
    return "parity", y[keep], p[keep]
