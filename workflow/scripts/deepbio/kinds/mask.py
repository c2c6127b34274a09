"""Masks: the number of the object that each pixel of an image belongs to, 0 for background.

Which number an object has means nothing. A task of this kind brings its own metrics and `score`.
"""

import numpy as np

from deepbio.core import labels

ROLE = "output"
TITLE = "objects of an image"
METRICS = ()
LOSS = None
CURVE = None


def check(y, context: dict) -> str | None:
    """Say what is wrong with masks (n, rows, columns), or None: numbers are whole and not negative."""
    y = np.asarray(y)
    if y.ndim != 3 or y.dtype.kind not in "iu":
        return f"they are of type {y.dtype} with {y.ndim} axes, not whole numbers (images, rows, columns)"
    if y.size and y.min() < 0:
        return f"{y.min()} is no number of an object"
    return None


def control(name: str, train_y, test_y, rng: np.random.Generator) -> np.ndarray:
    """Give the mask itself (`perfect`), pixels that are drawn as foreground with its share in training, all of one
    object (`random`), or background alone (`constant`); each row of pixels is a row, (n x rows, columns)."""
    test_y = labels.flat(np.asarray(test_y))
    if name == "perfect":
        return test_y
    if name == "random":
        share = np.mean(np.asarray(train_y) > 0)
        return (rng.random(test_y.shape) < share).astype(test_y.dtype)
    if name == "constant":
        return np.zeros_like(test_y)
    raise ValueError(f"a control is perfect, random or constant, not {name}")
