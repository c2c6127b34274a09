"""The mean share of reads at each position of a window, whatever lies there."""

import numpy as np

from deepbio.baselines.mean_profile import Method as MeanProfile


class Method(MeanProfile):
    """Predicts the mean over training windows of the shares of each one's reads."""

    def fit(self, train, valid, job):
        y = np.asarray(train.y, dtype=float)
        self.facts = {"mean": (y / y.sum(axis=1, keepdims=True)).mean(axis=0).tolist()}
