"""Sets in which two classes of proteins have the same lengths, so that length tells nothing."""

import numpy as np


def pairs_of_like_length(lengths: np.ndarray, y: np.ndarray, tolerance: float, rng: np.random.Generator) -> np.ndarray:
    """Pair proteins of label 1 with proteins of label 0 of like length: sorted numbers of all that are in a pair.

    Parameters
    ----------
    lengths, y : (n,) residues and labels 0 or 1
    tolerance : largest difference of the natural logarithms of two paired lengths

    Each protein is in one pair at most. Those of the rarer class are taken in random order, each with the nearest free
    one.
    """
    log, y = np.log(np.asarray(lengths, float)), np.asarray(y)
    rare = int((y == 1).sum() < (y == 0).sum())
    others = np.flatnonzero(y == 1 - rare)
    others = others[np.argsort(log[others], kind="stable")]
    values, free, kept = log[others], np.ones(len(others), bool), []
    for one in rng.permutation(np.flatnonzero(y == rare)):
        low, high = np.searchsorted(values, [log[one] - tolerance, log[one] + tolerance], side="left")
        near = low + np.flatnonzero(free[low:high])
        if len(near):
            chosen = near[np.abs(values[near] - log[one]).argmin()]
            free[chosen] = False
            kept += [one, others[chosen]]
    return np.sort(np.array(kept, int))
