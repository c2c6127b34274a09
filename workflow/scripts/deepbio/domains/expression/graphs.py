"""Graphs of genes: known interactions, partners by correlation, and sets of genes that follow from either."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepbio.core import text
from deepbio.core.files import BadInput


def read_adjacency(path: Path, genes: Sequence[str]) -> np.ndarray:
    """Read the edges among `genes` from an adjacency list (networkx): a line names a gene and then its neighbours.

    Edges are pairs of numbers of genes, (edges, 2) int32, the lower one first, each once. BadInput where no edge lies
    among them.
    """
    place = {gene: number for number, gene in enumerate(genes)}
    found = set()
    for _, line in text.lines(path):
        names = line.partition("#")[0].split()
        if names and names[0] in place:
            here = place[names[0]]
            others = (place[name] for name in names[1:] if name in place)
            found.update((min(here, other), max(here, other)) for other in others if other != here)
    if not found:
        raise BadInput(f"{path}: no edge joins two of the {len(place)} genes, such as {next(iter(place), 'none')!r}")
    return np.array(sorted(found), np.int32)


def partners(x: np.ndarray, count: int) -> np.ndarray:
    """Name for each gene of x (samples, genes) the genes with which it correlates most, of either sign, the strongest
    first: (genes, count); a gene that does not vary is nobody's partner."""
    x = np.asarray(x, np.float64)
    z = x - x.mean(axis=0)
    length = np.linalg.norm(z, axis=0)
    z = z / np.where(length > 0, length, 1)
    strength = np.abs(z.T @ z)
    strength[:, length == 0] = -1
    np.fill_diagonal(strength, -2)
    count = min(count, len(strength) - 1)
    near = np.argpartition(-strength, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(strength, near, axis=1), axis=1, kind="stable")
    return np.take_along_axis(near, order, axis=1)


def joined(near: np.ndarray) -> np.ndarray:
    """Join each gene to its partners (genes, count): edges (edges, 2) int32, the lower gene first, each once."""
    pairs = np.stack([np.repeat(np.arange(len(near)), near.shape[1]), near.ravel()], axis=1)
    return np.unique(np.sort(pairs, axis=1), axis=0).astype(np.int32)


def degrees(edges: np.ndarray, genes: int) -> np.ndarray:
    """Count the neighbours of each gene, (genes,)."""
    return np.bincount(np.asarray(edges).ravel(), minlength=genes)


def neighbourhoods(edges: np.ndarray, genes: int, smallest: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Make a set of each gene and its neighbours, where it has `smallest` or more, of the `most` genes that have most.

    Returns the genes at the centres, (sets,), and pairs (set, gene), (2, members), ordered by set.
    """
    degree = degrees(edges, genes)
    centres = np.argsort(-degree, kind="stable")[:most]
    centres = np.sort(centres[degree[centres] >= smallest])
    number = np.full(genes, -1)
    number[centres] = np.arange(len(centres))
    pairs = np.concatenate([edges, np.asarray(edges)[:, ::-1], np.stack([centres, centres], axis=1)])
    pairs = pairs[number[pairs[:, 0]] >= 0]
    member = np.stack([number[pairs[:, 0]], pairs[:, 1]])
    return centres, member[:, np.lexsort((member[1], member[0]))]


def clusters(edges: np.ndarray, genes: int, count: int) -> np.ndarray:
    """Cluster the genes of a graph into `count`: Ward's trees of the rows of the adjacency matrix with self-loops, in
    which only neighbours are joined. Numbers (genes,), in the order of each cluster's first gene.

    Where the graph is in pieces, each piece's first gene counts as a neighbour of the next one's.
    """
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components
    from sklearn.cluster import AgglomerativeClustering

    edges = np.asarray(edges)

    def matrix(pairs):
        both = np.concatenate([pairs, pairs[:, ::-1]])
        found = sparse.csr_matrix((np.ones(len(both), np.float32), tuple(both.T)), shape=(genes, genes))
        found.data[:] = 1
        return found

    itself = np.repeat(np.arange(genes)[:, None], 2, axis=1)
    rows = matrix(np.concatenate([edges, itself])).toarray()
    _, number = connected_components(matrix(edges), directed=False)
    first = np.unique(number, return_index=True)[1]
    bridges = np.stack([first[:-1], first[1:]], axis=1)
    allowed = matrix(np.concatenate([edges, bridges]))
    found = AgglomerativeClustering(count, connectivity=allowed).fit_predict(rows)
    _, first, number = np.unique(found, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number]


def merged(edges: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Join the clusters (genes,) whose genes a graph joins: edges between clusters, each once."""
    pairs = np.sort(number[np.asarray(edges)], axis=1)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return np.unique(pairs, axis=0).astype(np.int32).reshape(-1, 2)
