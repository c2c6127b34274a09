"""Support vector machine on gapped k-mers of the strand that is read."""

from itertools import combinations

import numpy as np
from scipy import sparse
from sklearn.preprocessing import normalize

from deepbio.baselines import gkm_svm
from deepbio.domains.dna.sequences import UNKNOWN


def gapped_words(codes, length, k):
    """Count the words of `length` of which k positions count, rows scaled to length one: (n, patterns · 4^k) sparse.

    As baselines/gkm_svm.py does on both strands (Ghandi et al. 2014, equation 4).
    """
    blocks, positions = [], codes.shape[1] - length + 1
    for pattern in combinations(range(length), k):
        columns = np.stack([codes[:, offset : offset + positions] for offset in pattern])
        known = (columns != UNKNOWN).all(axis=0)
        number = np.einsum("kij,k->ij", np.minimum(columns, 3).astype(np.int64), 4 ** np.arange(k)[::-1])
        rows = np.broadcast_to(np.arange(len(codes))[:, None], known.shape)[known]
        ones = np.ones(len(rows), np.float32)
        blocks.append(sparse.csr_matrix((ones, (rows, number[known])), shape=(len(codes), 4**k)))
    return normalize(sparse.hstack(blocks, format="csr"))


class Method(gkm_svm.Method):
    def features(self, split):
        return gapped_words(np.asarray(split["codes"]), self.parameters["length"], self.parameters["k"])
