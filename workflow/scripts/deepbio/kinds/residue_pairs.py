"""Maps of residue pairs: `y` (n, residues, residues) says of each pair of residues of a protein whether they touch.

Pairs that are not scored are NaN: those beyond the protein's end, of which shorter proteins have some, and those near
each other in the sequence. A prediction has the same shape, any number a pair, the higher the likelier; only pairs i <
j count. A task of this kind brings its own metrics and `score`.
"""

import numpy as np

from deepbio.core import labels

ROLE = "output"
TITLE = "maps of residue pairs"
METRICS = ()
LOSS = None
CURVE = None


def check(y, context: dict) -> str | None:
    """Say what is wrong with labels (n, residues, residues), or None: square maps of 0, 1 and NaN, symmetric."""
    y = np.asarray(y)
    if y.ndim != 3 or y.shape[1] != y.shape[2] or y.dtype.kind != "f":
        return f"they are of type {y.dtype} and shape {y.shape}, not square maps"
    if not np.isin(y[~np.isnan(y)], (0, 1)).all():
        return "some are neither 0 nor 1"
    if not np.array_equal(y, y.transpose(0, 2, 1), equal_nan=True):
        return "a map is not symmetric"
    return None


def control(name: str, train_y, test_y, rng: np.random.Generator) -> np.ndarray:
    """Predict (n x residues, residues) as a control: `perfect` knows the contacts, `random` draws scores, `constant`
    says the same of all."""
    test_y = labels.flat(np.asarray(test_y, float))
    if name == "random":
        return rng.random(test_y.shape)
    if name == "perfect":
        return np.nan_to_num(test_y)
    if name == "constant":
        return np.full(test_y.shape, float(np.nanmean(train_y)))
    raise ValueError(f"a control is perfect, random or constant, not {name}")
