"""Independent components of the inputs: units whose weights on the genes are as independent as can be."""

import warnings

import numpy as np
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning

from deepbio.baselines.pca_units import Method as Principal


class Method(Principal):
    """Principal components, rotated by FastICA with the inputs as its samples, as iModulonDB does (Sastry et al.
    2019). Parameters: units."""

    def components(self, x):
        model = FastICA(self.units, whiten="unit-variance", max_iter=100, tol=1e-3, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model.fit_transform(x.T).T if x.shape[1] > self.units else np.eye(self.units)
