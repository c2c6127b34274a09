"""Episodes of few-shot learning: supports of known molecules and queries."""

import numpy as np


def sizes(split):
    """Count actives and inactives in the support of every episode, (n, 2)."""
    return np.stack([(np.asarray(split[name]) >= 0).sum(axis=1) for name in ("actives", "inactives")], axis=1)


def by_size(split):
    """List the rows of the episodes of each size of support, as arrays of numbers."""
    found = sizes(split)
    return [np.flatnonzero((found == size).all(axis=1)) for size in np.unique(found, axis=0)]


def support(split, index):
    """Return the molecules (n, s) and labels (s,) of the supports of episodes `index`, actives first;
    all of one size."""
    size = np.unique(sizes(split.take(index)), axis=0)
    if len(size) != 1:
        raise ValueError("supports of one batch must have one size")
    parts = [np.asarray(split[name])[index] for name in ("actives", "inactives")]
    found = np.concatenate([part[:, :count] for part, count in zip(parts, size[0], strict=True)], axis=1)
    return found, np.repeat(np.float32([1, 0]), size[0])
