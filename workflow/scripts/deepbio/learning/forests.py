"""Several random forests of a method: stored without pickle, and checked when they are loaded."""

from pathlib import Path

import numpy as np

from deepbio.core.files import BadInput, atomic
from deepbio.learning.estimator import skops_io

# skops does not trust trees, because their node numbers are followed unchecked; `load` checks them.
TRUSTED = ["sklearn.tree._tree.Tree"]


def save(forests: list, path: Path) -> None:
    """Write fitted forests of scikit-learn to one file."""
    io = skops_io()
    with atomic(path) as temporary:
        io.dump(forests, temporary)


def load(path: Path) -> list:
    """Read the forests that `save` wrote, checked."""
    io = skops_io()
    forests = io.load(path, trusted=TRUSTED)
    check(forests, path)
    return forests


def check(forests: list, path: Path) -> None:
    """Raise BadInput, with the file `path` they are from, where a tree points to a node or a feature that it has not:
    every inner node leads to two later nodes and splits by a feature that exists."""
    for forest in forests:
        for number, estimator in enumerate(forest.estimators_):
            tree = estimator.tree_
            inner = np.flatnonzero(tree.children_left != -1)
            children = np.stack([tree.children_left[inner], tree.children_right[inner]])
            asked = tree.feature[inner]
            onward = (children > inner) & (children < tree.node_count)
            if not (onward.all() and (asked >= 0).all() and (asked < forest.n_features_in_).all()):
                raise BadInput(f"{path}: tree {number} points to nodes or features that it has not")
