"""Logistic regression on principal components of standardised genotypes or columns of a table."""

from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepbio.learning.estimator import EstimatorMethod


class Method(EstimatorMethod):
    """Parameters: components, C (inverse strength of the ridge penalty on components of unit variance)."""

    def estimator(self, kind, seed):
        return make_pipeline(
            SimpleImputer(),
            StandardScaler(copy=False),
            # One draw for all seeds makes the baseline deterministic; the leading components hardly depend on it.
            PCA(self.components, whiten=True, svd_solver="randomized", iterated_power=4, random_state=0),
            LogisticRegression(C=self.parameters["C"], max_iter=2000, solver="newton-cholesky"),
        )

    def fit_output(self, x, y, in_valid, seed):
        self.components = min(self.parameters["components"], *x.shape)
        return super().fit_output(x, y, in_valid, seed)

    # The imputer stores the type of its numbers, which skops does not trust by itself.
    trusted = ("numpy.dtype",)

    def count_parameters(self):
        """Count the fitted numbers, including those of the components, which need no labels."""
        return super().count_parameters() + sum(model[-2].components_.size for model in self.models)
