"""Linear discriminant analysis, its covariance shrunk or not."""

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from deepbio.estimator import EstimatorMethod


class Method(EstimatorMethod):
    def estimator(self, kind, seed):
        return LinearDiscriminantAnalysis(solver="lsqr")
