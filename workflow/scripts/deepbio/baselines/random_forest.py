"""Random forest on tables, or on circular fingerprints of molecules."""

from pathlib import Path

from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from deepbio.learning import forests
from deepbio.learning.estimator import EstimatorMethod


class Method(EstimatorMethod):
    """Parameters: trees, max_features (tried at each node), min_samples_leaf, and those of EstimatorMethod."""

    def estimator(self, kind, seed):
        forest = RandomForestRegressor if kind == "regression" else RandomForestClassifier
        names = ("max_features", "min_samples_leaf")
        chosen = {name: self.parameters[name] for name in names if name in self.parameters}
        return forest(n_estimators=self.parameters["trees"], n_jobs=1, random_state=seed, **chosen)

    trusted = forests.TRUSTED

    def load(self, folder):
        super().load(folder)
        forests.check(self.models, Path(folder) / "model.skops")
