"""Traces of loops: `y` (n, window, 3) holds the coordinates (ångström) of a loop's CA atoms in the frame of the known
residues, NaN elsewhere, and a prediction has the same shape.

A task of this kind brings its own metrics and `score`.
"""

import numpy as np

from deepbio.core import labels

ROLE = "output"
TITLE = "traces of loops"
METRICS = ()
LOSS = None
CURVE = None


def check(y, context: dict) -> str | None:
    """Say what is wrong with labels (n, window, 3), or None: finite coordinates, each whole or missing."""
    y = np.asarray(y)
    if y.ndim != 3 or y.shape[2] != 3 or y.dtype.kind != "f":
        return f"they are of type {y.dtype} and shape {y.shape}, not coordinates of a window"
    if np.isinf(y).any() or (np.isnan(y).any(axis=2) != np.isnan(y).all(axis=2)).any():
        return "a residue has one or two coordinates"
    return None


def control(name: str, train_y, test_y, rng: np.random.Generator) -> np.ndarray:
    """Predict (n x window, 3) as a control: `perfect` knows the loops, `random` draws coordinates as widely spread as
    those of training, `constant` puts all into the middle of the anchors."""
    test_y = labels.flat(np.asarray(test_y, float))
    if name == "perfect":
        return np.nan_to_num(test_y)
    if name == "constant":
        return np.zeros(test_y.shape)
    if name == "random":
        return float(np.nanstd(np.asarray(train_y, float))) * rng.standard_normal(test_y.shape)
    raise ValueError(f"a control is perfect, random or constant, not {name}")
