"""Retrieval of cells of the same type: how well the nearest cells of a database are those that a query asks for."""

import numpy as np


def ranked(distance: np.ndarray, relevant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order the database (d) by its distance to each query (q): distances (q, d) from the nearest on, and whether each
    is relevant, bool."""
    order = np.argsort(distance, axis=1, kind="stable")
    return np.take_along_axis(distance, order, axis=1), np.take_along_axis(np.asarray(relevant, bool), order, axis=1)


def average_precision(distance: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Compute the average precision of each query, (q,): the precision at each relevant cell, averaged over all of
    them; NaN where none is relevant.

    distance, relevant : (q, d). Cells at one distance share the precision at the last of them, so that the order of the
    database changes nothing.
    """
    near, hit = ranked(distance, relevant)
    place = np.arange(near.shape[1])
    last = np.ones(near.shape, bool)
    last[:, :-1] = near[:, 1:] != near[:, :-1]
    end = np.minimum.accumulate(np.where(last, place, len(place))[:, ::-1], axis=1)[:, ::-1]
    precision = np.take_along_axis(hit.cumsum(axis=1), end, axis=1) / (end + 1)
    total = hit.sum(axis=1)
    return np.divide((hit * precision).sum(axis=1), total, out=np.full(len(hit), np.nan), where=total > 0)


def precision_of_found(distance: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Compute the precision of each query as the authors' code does, (q,): of the R nearest cells, R being the number
    of relevant ones, the precision at each hit is averaged over the hits found; 0 without a hit.

    Missed cells cost nothing, so this is never below the average precision of distances without ties.
    """
    _, hit = ranked(distance, relevant)
    rank = np.arange(1, hit.shape[1] + 1)
    precision = hit.cumsum(axis=1) / rank
    found = hit & (rank <= hit.sum(axis=1, keepdims=True))
    count = found.sum(axis=1)
    return np.divide((found * precision).sum(axis=1), count, out=np.zeros(len(hit)), where=count > 0)


def among_each_other(codes: np.ndarray, types: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the distance of every cell to each other one and whether both are of one type, (n, n - 1) each, from codes
    (n, units) and types (n,)."""
    from scipy.spatial.distance import cdist

    other = ~np.eye(len(codes), dtype=bool)
    shape = len(codes), len(codes) - 1
    same = types[:, None] == types
    return cdist(codes, codes)[other].reshape(shape), same[other].reshape(shape)
