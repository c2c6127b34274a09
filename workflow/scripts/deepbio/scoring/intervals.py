"""Bootstrap over test samples: a metric in many resamples at once, and the interval of a paired difference.

A resample is written as counts: how often each of n samples was drawn, (repeats, n) in all. Two methods that are scored
on the same counts are paired: what a hard sample costs both does not count as a difference (Efron and Tibshirani 1993,
An Introduction to the Bootstrap, chapters 13 and 16). Samples that depend on each other, such as the substitutions of
one position or the proteins of one family, are drawn together as one unit (Davison and Hinkley 1997, Bootstrap Methods
and Their Application, section 3.8), and a unit that is in several splits is drawn as often in each of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from deepbio.core.labels import flat
from deepbio.scoring import functions
from deepbio.scoring.functions import share
from deepbio.scoring.metrics import evaluate


@dataclass(frozen=True)
class Resampling:
    """How a metric is computed in resamples of `samples` samples: `function` takes counts (repeats, samples) and gives
    the metric in each resample, (repeats,). `units` (samples,) names what each sample is drawn with; without it each
    is drawn by itself."""

    samples: int
    function: Callable[[np.ndarray], np.ndarray]
    units: np.ndarray | None = None


REPEATS = 400
# Resampling stops at so many labels in all, though not before the least number of resamples that has percentiles.
WORK, LEAST = 10**9, 40
BLOCK = 8 * 10**6  # counts held at a time
# Of fewer groups, such as chromosomes, resamples say nothing; their samples are drawn by themselves.
LEAST_UNITS, LEAST_OF_A_SPLIT = 10, 5
UNDEFINED = 0.05  # share of resamples without a value, beyond which the others are no sample of them


def repeats_for(labels: int, repeats: int = REPEATS) -> int:
    """Say how many resamples of so many labels there is time for."""
    return min(repeats, max(LEAST, WORK // max(1, labels)))


def counts(
    samples: int, repeats: int, seed: int, units: np.ndarray | None = None, known: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Yield blocks (repeats, samples) of how often each sample is drawn; the same ones for the same seed.

    Samples of one of the `units` (samples,) are drawn together, out of these and all that are `known`: with the same
    `known`, a unit is drawn equally often in every split.
    """
    rng = np.random.default_rng([seed, 1993])
    names = np.arange(samples) if units is None else np.unique(units if known is None else np.union1d(units, known))
    place = None if units is None else np.searchsorted(names, units)
    rows = max(1, BLOCK // max(samples, len(names)))
    for start in range(0, repeats, rows):
        drawn = rng.integers(0, len(names), (min(rows, repeats - start), len(names)))
        found = np.stack([np.bincount(row, minlength=len(names)) for row in drawn]).astype(np.float64)
        yield found if place is None else found[:, place]


def draw(resampling: Resampling, repeats: int, seed: int, known: np.ndarray | None = None) -> np.ndarray:
    """Compute a metric in every resample, (repeats,); `known`: see counts."""
    blocks = counts(resampling.samples, repeats, seed, resampling.units, known)
    return np.concatenate([resampling.function(block) for block in blocks])


def percentiles(draws: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Give the interval that holds a share `level` of the draws; NaN where a metric was not defined in too many."""
    draws = np.asarray(draws, dtype=float)
    if not len(draws) or np.isnan(draws).mean() > UNDEFINED:
        return np.nan, np.nan
    draws = draws[~np.isnan(draws)]
    low, high = np.percentile(draws, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


def bootstrap(metric: str, y: np.ndarray, p: np.ndarray, seed: int = 0, repeats: int = REPEATS) -> tuple[float, float]:
    """Give the 95 % interval of a metric over resampled test samples (with all their positions)."""
    return percentiles(draw(resampled(metric, y, p), repeats, seed))


def resampled(metric: str, y: np.ndarray, p: np.ndarray) -> Resampling:
    """Say how a metric is computed in resamples of the rows of labels `y` and predictions `p`.

    The value is that of `evaluate` on the resampled rows of labels and predictions. Errors, calls and Pearson's
    correlation are sums over samples, and scores are sorted once for a block of resamples; only metrics that are
    neither are computed resample by resample.
    """
    y, p = np.asarray(y), np.asarray(p)
    return Resampling(len(y), _function(metric, y, p))


def _function(metric, y, p):
    if flat(y).shape[1] == 1 < flat(p).shape[1]:
        return _of_classes(metric, flat(y)[:, 0].astype(float), flat(p))
    if metric in ERRORS or metric in POINT_ERRORS:
        return _of_errors(metric, y, p)
    if metric in ("pearson", "log_pearson", "strong_pearson", "r2"):
        return _of_moments(metric, y, p)
    if metric in RANKED and y.ndim < 3:
        return _of_outputs(RANKED[metric], y, p)
    return lambda drawn: np.array([_repeated(metric, y, p, row) for row in drawn])


def _repeated(metric, y, p, row):
    rows = np.repeat(np.arange(len(y)), row.astype(int))
    return evaluate([metric], y[rows], p[rows])[metric]


def nanmean(values: np.ndarray) -> np.ndarray:
    """Average (outputs, repeats) over the outputs in which there is a value."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis=0)
    return np.divide(total, known.sum(axis=0), out=np.full(total.shape, np.nan), where=known.any(axis=0))


def _sums(drawn, values):
    """Sum values (n, outputs) over each resample: (outputs, repeats)."""
    return (drawn @ values).T


# ---- errors: sums over samples

ERRORS = {
    "mse": lambda y, p: (y - p) ** 2,
    "rmse": lambda y, p: (y - p) ** 2,
    "mae": lambda y, p: np.abs(y - p),
    "within_10_years": lambda y, p: np.abs(y - p) <= 10,
    "accuracy": lambda y, p: (p > 0.5) == (y == 1),
}
POINT_ERRORS = {
    "pixel_error": lambda distance: distance,
    "pck_2px": lambda distance: distance <= 2,
    "pck_10px": lambda distance: distance <= 10,
}


def _of_errors(metric, y, p):
    """Average an error over the known labels of each output, then over the outputs."""
    n, shape = len(y), np.shape(y)
    y, p = flat(y).astype(float), flat(p).astype(float)
    if metric in POINT_ERRORS:
        error = POINT_ERRORS[metric](functions.distances(y, p))[:, None].astype(float)
        known = ~np.isnan(y).any(axis=1, keepdims=True)
        error, known = np.where(known, error, 0), known.astype(float)
    else:
        known = ~np.isnan(y)
        error, known = np.where(known, ERRORS[metric](y, p), 0.0), known.astype(float)
    ones = (y == 1).astype(float) if metric == "accuracy" else np.zeros_like(known)
    if len(shape) == 3:  # the positions of a sample are drawn together
        error, known, ones = (values.reshape(n, shape[1], -1).sum(axis=1) for values in (error, known, ones))

    def metric_of(drawn):
        weight = _sums(drawn, known)
        mean = share(_sums(drawn, error), weight)
        if metric == "accuracy":  # of one class alone, calls are not scored
            positive = _sums(drawn, ones)
            mean = np.where((positive > 0) & (positive < weight), mean, np.nan)
        return nanmean(np.sqrt(mean) if metric == "rmse" else mean)

    return metric_of


# ---- Pearson's correlation and R²: sums of products


def _of_moments(metric, y, p):
    n, shape = len(y), np.shape(y)
    y, p = flat(y).astype(float), flat(p).astype(float)
    known = ~np.isnan(y)
    if metric == "log_pearson":
        y, p = np.log1p(np.maximum(y, 0)), np.log1p(np.maximum(p, 0))
    if metric == "strong_pearson":
        with np.errstate(invalid="ignore"):
            known &= np.abs(y) > functions.STRONG
    y, p = np.where(known, y, 0), np.where(known, p, 0)
    constant = [len(np.unique(column[use])) < 2 for column, use in zip(p.T, known.T, strict=True)]
    # Centred, so that a variance is no difference of two large numbers.
    weight = np.maximum(known.sum(axis=0), 1)
    middle_y, middle_p = y.sum(axis=0) / weight, (y if metric == "r2" else p).sum(axis=0) / weight
    y, p = (y - middle_y) * known, (p - middle_p) * known
    parts = [known.astype(float), y, p, y * y, p * p, y * p, (y - p) ** 2]
    if len(shape) == 3:
        parts = [values.reshape(n, shape[1], -1).sum(axis=1) for values in parts]

    def metric_of(drawn):
        w, sy, sp, syy, spp, syp, error = (_sums(drawn, values) for values in parts)
        vary = syy - share(sy * sy, w)
        tiny = 1e-12 * np.maximum(syy, 1e-300)
        if metric == "r2":
            return nanmean(np.where(vary > tiny, 1 - share(error, vary), np.nan))
        varp = spp - share(sp * sp, w)
        flat_p = (varp <= 1e-12 * np.maximum(spp, 1e-300)) | np.array(constant)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            r = (syp - share(sy * sp, w)) / np.sqrt(vary * varp)
        return nanmean(np.where((w < 2) | ~(vary > tiny), np.nan, np.where(flat_p, 0.0, r)))

    return metric_of


# ---- ranked scores: sorted once a block


def _of_outputs(ranked, y, p):
    """Average a ranked metric over the outputs, which are sorted one after the other: their orders would not fit into
    memory together."""
    y, p = flat(y), flat(p)

    def metric_of(drawn):
        found = []
        for output in range(y.shape[1]):
            known = np.flatnonzero(~np.isnan(y[:, output].astype(float)))
            if len(known):
                label, score = (values[known, output].astype(float) for values in (y, p))
                found.append(ranked(label, score)(drawn if len(known) == len(y) else drawn[:, known]))
        return nanmean(np.array(found)) if found else np.full(len(drawn), np.nan)

    return metric_of


RANKED = {
    "auroc": functions.auroc_in,
    "auprc": functions.auprc_in,
    "auprc_negative": functions.auprc_negative_in,
    "spearman": functions.spearman_in,
}


# ---- several classes


def _of_classes(metric, y, p):
    """Average over the known samples, or over the classes that a resample holds."""
    known = ~np.isnan(y)
    number = np.where(known, y, 0).astype(int)
    right = (p.argmax(axis=1) == number).astype(float)
    if metric == "balanced_accuracy":
        member = (number[:, None] == np.arange(p.shape[1])) & known[:, None]
        return lambda drawn: nanmean(share(_sums(drawn, right[:, None] * member), _sums(drawn, member.astype(float))))
    if metric == "log_loss":
        value = -np.log(np.clip(p[np.arange(len(p)), number].astype(float), 1e-7, 1))
    elif metric == "accuracy":
        value = right
    else:
        return lambda drawn: np.array([_repeated(metric, y, p, row) for row in drawn])
    return _mean_of(value, known)


def share_of(values: np.ndarray, weight: np.ndarray | None = None) -> Resampling:
    """Say how the mean of values (n,) is computed in resamples, over all samples or over those of a weight (n,)."""
    return Resampling(len(values), _mean_of(values, np.ones(len(values)) if weight is None else weight))


def _mean_of(values, weight):
    values, weight = np.asarray(values, float), np.asarray(weight, float)
    return lambda drawn: share(drawn @ (values * weight), drawn @ weight)
