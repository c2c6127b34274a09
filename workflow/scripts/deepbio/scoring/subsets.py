"""Metrics of a subset of the test samples: `auroc_matched` is the AUROC of the samples whose `y_matched` is 1.

A task names such metrics in its METRICS; all others are those of the whole test.
"""

from collections.abc import Container, Iterable

import numpy as np

from deepbio.core import labels
from deepbio.core.data import Split
from deepbio.scoring import intervals, metrics


def score(test: Split, predictions: dict, wanted: Iterable[str], own: Container[str]) -> dict[str, float]:
    """Score predictions (n,) or (n, 1) by the metrics `wanted`, those of `own` on their subset."""
    p, found = labels.columns(predictions["y"])[:, 0], {}
    for name in wanted:
        base, y = _subset(test, name, own)
        found[name] = metrics.evaluate([base], y, p)[base]
    return found


def resampled(test: Split, predictions: dict, metric: str, own: Container[str]) -> intervals.Resampling:
    """Say how a metric is computed in resamples; that of a subset leaves the other labels unknown."""
    base, y = _subset(test, metric, own)
    return intervals.resampled(base, y, labels.columns(predictions["y"])[:, 0])


def _subset(test: Split, name: str, own: Container[str]) -> tuple[str, np.ndarray]:
    """Give the metric of all tasks behind one, and the labels (n,), NaN outside of its subset."""
    y, (base, _, subset) = labels.columns(test.y)[:, 0], name.partition("_")
    if name not in own:
        return name, y
    return base, np.where(np.asarray(test[f"y_{subset}"]) == 1, y, np.nan)
