"""Gradient-boosted trees that split on histograms of the features."""

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from deepbio.learning.estimator import EstimatorMethod


class Method(EstimatorMethod):
    """Parameters: `learning_rate`, `min_samples_leaf`, `class_weight` (`balanced`: classes weigh the same) and the
    grid."""

    def estimator(self, kind, seed):
        # Early stopping would set samples aside; the number of trees is in the grid.
        settings = {"early_stopping": False, "random_state": seed}
        settings |= {name: self.parameters[name] for name in ("learning_rate", "min_samples_leaf")}
        if kind == "regression":
            return HistGradientBoostingRegressor(**settings)
        return HistGradientBoostingClassifier(**settings, class_weight=self.parameters["class_weight"])

    def fit_output(self, x, y, in_valid, seed):
        # Nothing but the folds is random; one draw of them for all seeds makes the baseline deterministic.
        return super().fit_output(x, y, in_valid, 0)

    trusted = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)
