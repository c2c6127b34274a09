"""What a model makes of each feature of a table."""

from collections.abc import Callable

import numpy as np

from deepbio.core.data import Split
from deepbio.scoring import metrics


def permutation(predict: Callable[[Split], dict], split: Split, metric: str, repeats: int) -> np.ndarray:
    """Measure how much worse `metric` becomes when the values of one feature are permuted: (features, repeats),
    positive where the feature helps (Breiman 2001, Machine Learning 45:5, section 10).

    `predict(split) -> {"y": …}` is asked once a feature, for all its permutations together.
    """
    y, sign = np.asarray(split.y), 1 if metrics.higher_is_better(metric) else -1
    return losses(predict, split, lambda p: [-sign * metrics.evaluate([metric], y, p)[metric]], repeats)[:, :, 0]


def losses(
    predict: Callable[[Split], dict], split: Split, measure: Callable[[np.ndarray], list], repeats: int
) -> np.ndarray:
    """Measure how much several losses rise when the values of one feature are permuted: (features, repeats, losses).

    `measure(p)` computes the losses of the predictions of all samples; `predict` as in `permutation`.
    """
    x = np.asarray(split["x"])
    rng = np.random.default_rng(0)
    whole = np.array(measure(predict(split)["y"]))
    change = np.empty((x.shape[1], repeats, len(whole)))
    for feature in range(x.shape[1]):
        many = np.tile(x, (repeats, 1, 1))
        many[:, :, feature] = rng.permuted(many[:, :, feature], axis=1)
        scores = predict(Split({"x": many.reshape(-1, x.shape[1])}, split.context))["y"]
        change[feature] = np.array([measure(part) for part in np.split(scores, repeats)]) - whole
    return change
