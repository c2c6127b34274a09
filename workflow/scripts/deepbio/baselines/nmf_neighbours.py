"""The most similar labelled cells by non-negative factors of what lies above each gene's mean."""

import warnings

import numpy as np
from sklearn.decomposition import NMF, non_negative_factorization
from sklearn.exceptions import ConvergenceWarning

from deepbio.baselines.cosine_neighbours import Method as Cosine

SETTINGS = {"init": "nndsvda", "solver": "cd", "max_iter": 150, "tol": 1e-3}


class Method(Cosine):
    """Parameters: units (factors of the training cells), neighbours (see cosine_neighbours)."""

    def learn(self, x):
        units = min(self.parameters["units"], *x.shape)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = NMF(units, random_state=0, **SETTINGS).fit(x.clip(0)).components_
            self.arrays = {"factors": np.ascontiguousarray(found)}

    def code(self, x):
        factors = self.arrays["factors"]
        x = np.asarray(x, np.float64).clip(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return non_negative_factorization(
                x, H=factors, n_components=len(factors), init="custom", update_H=False, solver="cd", max_iter=200
            )[0]

    def count_parameters(self):
        return int(self.arrays["factors"].size)
