"""The Fréchet ChemNet distance of two sets of molecules (Preuer et al. 2018, doi:10.1021/acs.jcim.8b00234).

The network and its published weights come with the authors' package `fcd`, which is no dependency of this project:
where it is missing, the distance is left out.
"""

from functools import lru_cache
from importlib.util import find_spec

import numpy as np

PACKAGE = "fcd"
FEWEST = 2  # molecules that have a covariance


def is_available() -> bool:
    """Tell whether the package is installed."""
    return find_spec(PACKAGE) is not None


def distance(made: list[str], others: list[str]) -> float:
    """Compute the distance of two lists of valid SMILES: that of the normal distributions with the means and
    covariances of ChemNet's last hidden layer. Zero is best; few molecules have a larger distance than many like them.

    Raises ValueError where either has fewer than FEWEST molecules.
    """
    from fcd.utils import calculate_frechet_distance

    found = calculate_frechet_distance(*_moments(tuple(made)), *_moments(tuple(others)))
    return max(0.0, found)  # rounding may end below


@lru_cache(maxsize=2)
def _moments(texts: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Compute the mean (512,) and covariance (512, 512) of ChemNet's activations; cached, because many sets are
    compared with one."""
    if len(texts) < FEWEST:
        raise ValueError(f"{len(texts)} molecules have no Fréchet distance")
    from fcd import get_predictions, load_ref_model

    found = get_predictions(load_ref_model(), list(texts), n_jobs=0, device="cpu")
    return found.mean(axis=0), np.cov(found.T)
