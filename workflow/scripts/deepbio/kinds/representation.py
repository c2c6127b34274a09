"""Representations: a few units that stand for a sample's many measurements, learned without labels.

`y` holds what is known of the samples, such as the activity of known regulators or the regulons of a gene, and a
prediction gives a sample's units, (n, units), of any number. No loss compares the two: a task of this kind brings its
own metrics and `score`, which asks what the units say of the known. A method may add `weights` (units, inputs).
"""

import numpy as np

from deepbio.core import labels
from deepbio.kinds.regression import check as check

ROLE = "output"
TITLE = "a learned representation"
METRICS = ()
LOSS = None
CURVE = None


def control(name: str, train_y, test_y, rng: np.random.Generator) -> np.ndarray:
    """Give units that are what is known (`perfect`), the same of training samples drawn anew (`random`), or their
    mean (`constant`)."""
    test_y = labels.flat(test_y)
    if name == "random":
        train_y = labels.flat(np.asarray(train_y))
        return np.nan_to_num(np.stack([rng.choice(column, len(test_y)) for column in train_y.T], axis=1))
    return labels.known_or_mean(name, train_y, test_y)
