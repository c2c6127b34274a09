"""Poisson regression of a bin's coverage on the k-mers of the bin, both strands taken together."""

import numpy as np
from sklearn.linear_model import PoissonRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepbio.domains.dna.sequences import kmer_counts
from deepbio.learning.estimator import EstimatorMethod


class Method(EstimatorMethod):
    """Parameters: k, grid (of poissonregressor__alpha, the L2 penalty), folds."""

    scoring = {"regression": "neg_mean_poisson_deviance"}

    def estimator(self, kind, seed):
        return make_pipeline(StandardScaler(), PoissonRegressor(max_iter=200))

    def fit(self, train, valid, job):
        self.parameters["bins"] = train.y.shape[1]  # unknown where windows have no labels
        super().fit(train, valid, job)

    def features(self, split):
        """Count k-mers (windows x bins, k-mers) within each bin; the `bins` bins are in the middle of a window."""
        codes, width, bins = split["codes"], split.context["bin"], self.parameters["bins"]
        first = (codes.shape[1] - bins * width) // 2
        middle = np.asarray(codes[:, first : first + bins * width])
        return kmer_counts(middle.reshape(-1, width), self.parameters["k"])

    def predict(self, split):
        y = super().predict(split)["y"]
        return {"y": y.reshape(len(split), -1, y.shape[1]).astype(np.float32)}
