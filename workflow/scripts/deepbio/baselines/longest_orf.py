"""The length of the longest open reading frame alone, in a logistic regression."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepbio.domains.rna import coding
from deepbio.learning.estimator import EstimatorMethod


class Method(EstimatorMethod):
    def features(self, split):
        return np.log1p(coding.frames(split["codes"])[:, 1:])

    def estimator(self, kind, seed):
        return make_pipeline(StandardScaler(), LogisticRegression())
