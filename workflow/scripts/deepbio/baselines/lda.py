"""Linear discriminant analysis, its covariance shrunk or not."""

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from deepbio.learning.estimator import EstimatorMethod


class Method(EstimatorMethod):
    def estimator(self, kind, seed):
        return LinearDiscriminantAnalysis(solver="lsqr")

    def fit_output(self, x, y, in_valid, seed):
        # Nothing but the folds is random; one draw of them for all seeds makes the baseline deterministic.
        return super().fit_output(x, y, in_valid, 0)
