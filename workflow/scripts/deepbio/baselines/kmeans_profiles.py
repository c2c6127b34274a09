"""Profiles replaced by the centre of their cluster."""

import numpy as np
from sklearn.cluster import KMeans

from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Parameters: centres. Clusters are scored on the profiles themselves, handed on as `code`."""

    def fit(self, train, valid, job):
        x = np.asarray(train["x"], np.float64)
        count = min(self.parameters["centres"], len(x))
        self.arrays = {"centres": KMeans(count, n_init=3, random_state=0).fit(x).cluster_centers_}

    def predict(self, split):
        x, centres = np.asarray(split["x"], np.float64), self.arrays["centres"]
        distance = np.square(centres).sum(axis=1) - 2 * x @ centres.T
        return {"y": centres[distance.argmin(axis=1)], "code": x}
