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
    x, y = np.asarray(split["x"]), np.asarray(split.y)
    rng = np.random.default_rng(0)
    sign = 1 if metrics.higher_is_better(metric) else -1
    whole = metrics.evaluate([metric], y, predict(split)["y"])[metric]
    change = np.empty((x.shape[1], repeats))
    for feature in range(x.shape[1]):
        many = np.tile(x, (repeats, 1, 1))
        many[:, :, feature] = rng.permuted(many[:, :, feature], axis=1)
        scores = predict(Split({"x": many.reshape(-1, x.shape[1])}, split.context))["y"]
        values = [metrics.evaluate([metric], y, part)[metric] for part in np.split(scores, repeats)]
        change[feature] = sign * (whole - np.array(values))
    return change
