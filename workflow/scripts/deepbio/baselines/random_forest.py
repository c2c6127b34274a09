"""Random forest on tables, or on circular fingerprints of molecules."""

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from deepbio.core.files import BadInput
from deepbio.learning.estimator import EstimatorMethod


class Method(EstimatorMethod):
    """Parameters: trees, max_features (tried at each node), min_samples_leaf, and those of EstimatorMethod."""

    def estimator(self, kind, seed):
        forest = RandomForestRegressor if kind == "regression" else RandomForestClassifier
        names = ("max_features", "min_samples_leaf")
        chosen = {name: self.parameters[name] for name in names if name in self.parameters}
        return forest(n_estimators=self.parameters["trees"], n_jobs=1, random_state=seed, **chosen)

    # skops does not trust trees, because their node numbers are followed unchecked; `load` checks them.
    trusted = ("sklearn.tree._tree.Tree",)

    def load(self, folder):
        super().load(folder)
        for model in self.models:
            for number, estimator in enumerate(model.estimators_):
                if not _is_sound(estimator.tree_, model.n_features_in_):
                    raise BadInput(f"{folder}/model.skops: tree {number} points to nodes or features that it has not")


def _is_sound(tree, features):
    """Check that every inner node leads to two later nodes and splits by a feature that exists."""
    inner = np.flatnonzero(tree.children_left != -1)
    children = np.stack([tree.children_left[inner], tree.children_right[inner]])
    asked = tree.feature[inner]
    onward = (children > inner) & (children < tree.node_count)
    return bool(onward.all() and (asked >= 0).all() and (asked < features).all())
