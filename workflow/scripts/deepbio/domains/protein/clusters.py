"""Clusters of similar proteins by shared words, which keep relatives on one side of a split.

Words are k-mers of a reduced alphabet, so that conservative substitutions keep them. Two proteins are linked where the
shorter one shares enough of its words; clusters are what links connect. At the defaults, relatives above some 45 %
identity are found.
"""

import numpy as np

from deepbio.core.data import Ragged
from deepbio.domains.protein.sequences import AMINO_ACIDS, words

# Ten groups after Murphy, Wallqvist and Levy 2000 (Protein Engineering 13:149, table 1).
GROUPS = ("LVIM", "C", "A", "G", "ST", "P", "FYW", "EDNQ", "KR", "H")
_TABLE = np.full(25, 255, np.uint8)
for _number, _members in enumerate(GROUPS):
    _TABLE[[AMINO_ACIDS.index(letter) for letter in _members]] = _number
_TABLE[[23, 24]] = _TABLE[[1, 8]]  # U as C, O as K
WORD, SHARE, LEAST = 6, 0.05, 6  # residues of a word; share of the shorter one's words that links, and least number
COMMON = 60  # proteins with a word beyond which it is low complexity and links none


def _links(residues: Ragged, share: float):
    """List pairs of linked proteins, as a sparse matrix in COO form."""
    from scipy.sparse import coo_matrix

    owner, word = words(residues, WORD, _TABLE, len(GROUPS))
    owner, word = np.divmod(np.unique(owner * len(GROUPS) ** WORD + word), len(GROUPS) ** WORD)
    sizes = np.bincount(owner, minlength=len(residues))
    _, column, counts = np.unique(word, return_inverse=True, return_counts=True)
    kept = (counts[column] > 1) & (counts[column] <= COMMON)
    ones = np.ones(int(kept.sum()), np.int32)
    matrix = coo_matrix((ones, (owner[kept], column[kept])), shape=(len(residues), len(counts))).tocsr()
    found = (matrix @ matrix.T).tocoo()
    row, col = found.coords
    shorter = np.minimum(sizes[row], sizes[col])
    linked = (found.data >= LEAST) & (found.data >= share * shorter) & (row != col)
    return coo_matrix((found.data[linked], (row[linked], col[linked])), shape=found.shape)


def cluster(residues: Ragged, share: float = SHARE) -> np.ndarray:
    """Number the cluster of each protein, (n,)."""
    from scipy.sparse.csgraph import connected_components

    return connected_components(_links(residues, share), directed=False)[1]


def near(residues: Ragged, test: np.ndarray, others: np.ndarray, share: float = SHARE) -> np.ndarray:
    """Tell which of the proteins `test` (numbers) are linked to one of `others`: (len(test),) bool."""
    row, col = _links(residues.take(np.concatenate([test, others])), share).coords
    return np.isin(np.arange(len(test)), row[(row < len(test)) & (col >= len(test))])
