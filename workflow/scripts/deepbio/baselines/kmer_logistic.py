"""Logistic (or ridge) regression on counts of k-mers, both strands taken together."""

from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepbio.learning.estimator import EstimatorMethod


class Method(EstimatorMethod):
    def estimator(self, kind, seed):
        model = Ridge() if kind == "regression" else LogisticRegression(max_iter=2000)
        return make_pipeline(StandardScaler(with_mean=False), model)

    def grid(self, x):
        # The grid gives the penalty's strength; logistic regression takes its inverse.
        strengths = self.parameters["penalty"]
        ridge = self.kind == "regression"
        key = "ridge__alpha" if ridge else "logisticregression__C"
        return {key: [s if ridge else 1 / s for s in strengths]}
