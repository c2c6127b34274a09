"""Support vector machines on features of any kind, whose margins are turned into probabilities."""

from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from deepbio.core.data import Split
from deepbio.learning.estimator import EstimatorMethod


class MarginMethod(EstimatorMethod):
    """A support vector machine with a Gaussian kernel on standardised features; of several classes each against the
    rest, by a softmax of their margins. Parameters: C and gamma (in units of one over the number of features), lists to
    choose from, and those of EstimatorMethod."""

    def estimator(self, kind: str, seed: int):
        return make_pipeline(StandardScaler(), SVR() if kind == "regression" else SVC(decision_function_shape="ovr"))

    def grid(self, x: Any) -> dict[str, list]:
        name = "svr" if self.kind == "regression" else "svc"
        gamma = [value / x.shape[1] for value in self.parameters["gamma"]]
        return {f"{name}__C": self.parameters["C"], f"{name}__gamma": gamma}

    def fit_output(self, x, y, in_valid, seed):
        return super().fit_output(x, y, in_valid, 0)

    def predict(self, split: Split) -> dict[str, np.ndarray]:
        if not self.classes:
            return super().predict(split)
        margins = np.asarray(self.models[0].decision_function(self.features(split)))
        if margins.ndim == 1:  # two classes have one margin
            margins = np.stack([-margins, margins], axis=1)
        found = np.full((len(margins), self.classes), -30.0)
        found[:, self.models[0].classes_] = margins
        found = np.exp(found - found.max(axis=1, keepdims=True))
        return {"y": found / found.sum(axis=1, keepdims=True)}
