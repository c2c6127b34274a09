"""Nearest neighbours in standardised columns."""

from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepbio.learning.estimator import EstimatorMethod


class Method(EstimatorMethod):
    """Parameters: `neighbours`, a list to choose from by cross-validation over `folds`."""

    def estimator(self, kind, seed):
        build = KNeighborsRegressor if kind == "regression" else KNeighborsClassifier
        return make_pipeline(StandardScaler(), build(algorithm="brute"))

    def grid(self, x):
        name = "kneighborsregressor" if self.kind == "regression" else "kneighborsclassifier"
        return {f"{name}__n_neighbors": self.parameters["neighbours"]}

    def fit_output(self, x, y, in_valid, seed):
        # Nothing but the folds is random; one draw of them for all seeds makes the baseline deterministic.
        return super().fit_output(x, y, in_valid, 0)
