"""Rankings: a sample is a ranking, a row of `y` holds the labels of what is ranked, and each is scored by itself.

A task of this kind brings its own `score`.
"""

import numpy as np

from deepbio.core import labels
from deepbio.kinds.binary import check as check

ROLE = "output"
TITLE = "rankings"
METRICS = ("auroc", "auprc")
LOSS = "binary_cross_entropy"
CURVE = None


def control(name: str, train_y, test_y, rng: np.random.Generator) -> np.ndarray:
    """Predict as a control; rankings of training and of testing have no columns in common, so one mean serves all."""
    test_y = labels.flat(test_y)
    if name == "random":
        return rng.random(test_y.shape)
    mean = np.nanmean(labels.means(train_y))
    return np.where(np.isnan(test_y), mean, test_y) if name == "perfect" else np.full(test_y.shape, mean)
