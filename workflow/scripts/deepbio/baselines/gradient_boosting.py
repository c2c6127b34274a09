"""Gradient-boosted trees, each grown on a random half of the samples."""

from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from deepbio.estimator import EstimatorMethod


class Method(EstimatorMethod):
    """Parameters: `learning_rate`, `subsample` (share of the samples a tree sees), and the grid."""

    def estimator(self, kind, seed):
        model = GradientBoostingRegressor if kind == "regression" else GradientBoostingClassifier
        return model(
            learning_rate=self.parameters["learning_rate"], subsample=self.parameters["subsample"], random_state=seed
        )
