"""Support vector machine with a Gaussian kernel, on standardised features."""

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from deepbio.learning.estimator import EstimatorMethod


class Method(EstimatorMethod):
    """Parameters: `C` and `gamma`, lists to choose from; gamma in units of one over the number of features."""

    def estimator(self, kind, seed):
        return make_pipeline(StandardScaler(), SVR() if kind == "regression" else SVC())

    def grid(self, x):
        name = "svr" if self.kind == "regression" else "svc"
        gamma = [value / x.shape[1] for value in self.parameters["gamma"]]
        return {f"{name}__C": self.parameters["C"], f"{name}__gamma": gamma}

    def fit_output(self, x, y, in_valid, seed):
        # Nothing but the folds is random; one draw of them for all seeds makes the baseline deterministic.
        return super().fit_output(x, y, in_valid, 0)
