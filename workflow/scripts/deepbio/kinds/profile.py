"""Profiles: how the reads of a window are distributed over its positions.

`y` (n, positions) counts reads; a prediction is a distribution over the positions, (n, positions), whose rows sum to
one. A task of this kind brings its own metrics and `score`.
"""

import numpy as np

ROLE = "output"
TITLE = "a profile along positions"
METRICS = ()
LOSS = None
CURVE = None


def check(y, context: dict) -> str | None:
    """Say what is wrong with labels (n, positions), or None: a window without a read has no profile."""
    y = np.asarray(y)
    if y.ndim != 2 or y.dtype.kind != "f":
        return f"they are of type {y.dtype} with {y.ndim} axes, not numbers (windows, positions)"
    if not np.isfinite(y).all() or (y < 0).any():
        return "some are no counts of reads"
    if (y.sum(axis=1) <= 0).any():
        return "a window has no read"
    return None


def control(name: str, train_y, test_y, rng: np.random.Generator) -> np.ndarray:
    """Give the measured shares (`perfect`), those of training windows drawn anew (`random`), or their mean
    (`constant`)."""
    train_y, test_y = (np.asarray(y, float) for y in (train_y, test_y))
    train, test = (y / y.sum(axis=1, keepdims=True) for y in (train_y, test_y))
    if name == "perfect":
        return test
    if name == "random":
        return train[rng.integers(len(train), size=len(test))]
    if name == "constant":
        return np.repeat(train.mean(axis=0)[None], len(test), axis=0)
    raise ValueError(f"a control is perfect, random or constant, not {name}")
