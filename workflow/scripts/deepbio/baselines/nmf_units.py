"""Non-negative factors as units of a representation."""

import warnings

import numpy as np
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from deepbio.baselines.pca_units import Method as Principal

SETTINGS = {"init": "nndsvda", "solver": "cd", "max_iter": 150, "tol": 1e-3, "random_state": 0}


class Method(Principal):
    """Parameters: units."""

    def centre(self, x):
        return np.zeros(x.shape[1])

    def components(self, x):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return NMF(self.units, **SETTINGS).fit(x.clip(0)).components_

    def units_of(self, x):
        from scipy.optimize import nnls

        return np.stack([nnls(self.arrays["weights"].T, row)[0] for row in x.clip(0)])
