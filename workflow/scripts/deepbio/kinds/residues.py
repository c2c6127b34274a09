"""Hidden residues: `y` (n, hidden, 20) says which amino acid each hidden residue of a protein is, one-hot; NaN where a
protein has fewer of them. A prediction gives the probabilities of the 20 amino acids there.

A task of this kind brings its own metrics and `score`.
"""

import numpy as np

from deepbio.core import labels

ROLE = "output"
TITLE = "hidden residues"
METRICS = ()
LOSS = None
CURVE = None


def check(y, context: dict) -> str | None:
    """Say what is wrong with labels (n, hidden, 20), or None: each residue is one amino acid, or missing."""
    y = np.asarray(y)
    if y.ndim != 3 or y.shape[2] != 20 or y.dtype.kind != "f":
        return f"they are of type {y.dtype} and shape {y.shape}, not 20 amino acids for each hidden residue"
    known = ~np.isnan(y).any(axis=2)
    if (np.isnan(y).any(axis=2) != np.isnan(y).all(axis=2)).any():
        return "a residue is known in part"
    if not (np.isin(y[known], (0, 1)).all() and (y[known].sum(axis=1) == 1).all()):
        return "a residue is not one amino acid"
    return None


def control(name: str, train_y, test_y, rng: np.random.Generator) -> np.ndarray:
    """Predict (n x hidden, 20) as a control: `perfect` knows the residues, `random` draws shares, `constant` gives
    those of training."""
    test_y = labels.flat(np.asarray(test_y, float))
    if name == "random":
        return rng.dirichlet(np.ones(20), len(test_y))
    mean = np.broadcast_to(labels.means(train_y), test_y.shape)
    if name == "perfect":
        return np.where(np.isnan(test_y), mean, test_y)
    if name == "constant":
        return np.array(mean)
    raise ValueError(f"a control is perfect, random or constant, not {name}")
