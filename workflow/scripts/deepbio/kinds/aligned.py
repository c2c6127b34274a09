"""Cells aligned to a reference sample: a prediction gives all cells in one space, (n, markers).

The label of a cell of the reference is the cell itself. How another cell would have been measured there is not known
of real data, and its label is missing. A task of this kind brings its own metrics and `score`.
"""

import numpy as np

ROLE = "output"
TITLE = "cells aligned to a reference"
METRICS = ()
LOSS = None
CURVE = None


def check(y, context: dict) -> str | None:
    """Say what is wrong with labels (n, markers), or None: a row is all known or all missing."""
    y = np.asarray(y)
    if y.ndim != 2 or y.dtype.kind != "f":
        return f"they are of type {y.dtype} with {y.ndim} axes, not numbers (cells, markers)"
    missing = np.isnan(y)
    if (missing.any(axis=1) != missing.all(axis=1)).any():
        return "a cell is known in some markers only"
    if not np.isfinite(y[~missing]).all():
        return "some are infinite"
    return None


def control(name: str, train_y, test_y, rng: np.random.Generator) -> np.ndarray:
    """Leave the reference as it is, and put in the place of each other cell one of the reference's test cells
    (`perfect`), a cell each marker of which is of another training cell (`random`), or the mean one (`constant`)."""
    train_y, found = np.asarray(train_y, float), np.array(test_y, float)
    missing = np.isnan(found).any(axis=1)
    known = train_y[~np.isnan(train_y).any(axis=1)]
    count = int(missing.sum())
    if name == "perfect":
        found[missing] = found[~missing][rng.integers((~missing).sum(), size=count)]
    elif name == "random":
        found[missing] = np.stack([rng.choice(column, count) for column in known.T], axis=1)
    elif name == "constant":
        found[missing] = known.mean(axis=0)
    else:
        raise ValueError(f"a control is perfect, random or constant, not {name}")
    return found
