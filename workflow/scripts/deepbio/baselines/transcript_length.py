"""The length of a transcript alone, in a logistic regression: what a network may learn without reading."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepbio.learning.estimator import EstimatorMethod


class Method(EstimatorMethod):
    def features(self, split):
        return np.log1p(split["codes"].lengths)[:, None]

    def estimator(self, kind, seed):
        return make_pipeline(StandardScaler(), LogisticRegression())
