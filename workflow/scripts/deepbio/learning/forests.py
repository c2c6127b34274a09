"""Several random forests of a method: stored without pickle, and checked when they are loaded."""

from pathlib import Path

import numpy as np

from deepbio.core.files import BadInput, atomic

# skops does not trust trees, because their node numbers are followed unchecked; `load` checks them.
TRUSTED = ["sklearn.tree._tree.Tree"]


def save(forests: list, path: Path) -> None:
    """Write fitted forests of scikit-learn to one file."""
    from skops import io

    with atomic(path) as temporary:
        io.dump(forests, temporary)


def load(path: Path) -> list:
    """Read the forests that `save` wrote; BadInput for a tree that points to a node or a feature that it has not."""
    from skops import io

    forests = io.load(path, trusted=TRUSTED)
    for forest in forests:
        for number, estimator in enumerate(forest.estimators_):
            tree = estimator.tree_
            inner = np.flatnonzero(tree.children_left != -1)
            children = np.stack([tree.children_left[inner], tree.children_right[inner]])
            asked = tree.feature[inner]
            onward = (children > inner) & (children < tree.node_count)
            if not (onward.all() and (asked >= 0).all() and (asked < forest.n_features_in_).all()):
                raise BadInput(f"{path}: tree {number} points to nodes or features that it has not")
    return forests
