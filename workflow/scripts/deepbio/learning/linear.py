"""Logistic (or linear) regression with a ridge penalty, on standardised features."""

from typing import Any

from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepbio.learning.estimator import EstimatorMethod


class RidgeLogistic(EstimatorMethod):
    """Parameters: penalty (strengths to choose from), class_weight (`balanced`: classes weigh the same), and those of
    EstimatorMethod."""

    def estimator(self, kind: str, seed: int):
        weight = self.parameters.get("class_weight")
        model = Ridge() if kind == "regression" else LogisticRegression(max_iter=2000, class_weight=weight)
        return make_pipeline(StandardScaler(), model)

    def grid(self, x: Any) -> dict[str, list]:
        # The grid says the penalty's strength; ridge and logistic regression spell it in opposite ways.
        ridge = self.kind == "regression"
        key = "ridge__alpha" if ridge else "logisticregression__C"
        return {key: [s if ridge else 1 / s for s in self.parameters["penalty"]]}

    def fit_output(self, x, y, in_valid, seed):
        # Nothing but the folds is random; one draw of them for all seeds makes the baseline deterministic.
        return super().fit_output(x, y, in_valid, 0)
