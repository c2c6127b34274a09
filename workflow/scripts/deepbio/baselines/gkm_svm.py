"""Support vector machine on gapped k-mers: words of length l of which k positions count."""

from itertools import combinations

import numpy as np
from scipy import sparse
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC, LinearSVR

from deepbio.domains.dna.sequences import UNKNOWN, reverse_complement
from deepbio.learning.estimator import EstimatorMethod


def gapped_kmers(codes, length, k, both_strands=True):
    """Count gapped k-mers on both strands or the one that is read, rows scaled to length one: (n, patterns · 4^k)
    sparse.

    The linear kernel of these rows is the gkm kernel without truncation (Ghandi et al. 2014, equation 4). Patterns that
    begin or end with a gap are shifts of shorter words and are kept, as there.
    """
    blocks = []
    strands = np.concatenate([codes, reverse_complement(codes)]) if both_strands else codes
    positions = codes.shape[1] - length + 1
    for pattern in combinations(range(length), k):
        words = np.zeros((len(strands), positions), np.int64)
        known = np.ones_like(words, dtype=bool)
        for offset in pattern:
            column = strands[:, offset : offset + positions]
            words = words * 4 + np.minimum(column, 3)
            known &= column != UNKNOWN
        rows = np.broadcast_to((np.arange(len(strands)) % len(codes))[:, None], words.shape)[known]
        ones = np.ones(len(rows), np.float32)
        blocks.append(sparse.csr_matrix((ones, (rows, words[known])), shape=(len(codes), 4**k)))
    return normalize(sparse.hstack(blocks, format="csr"))


class Method(EstimatorMethod):
    both_strands = True

    def features(self, split):
        return gapped_kmers(
            np.asarray(split["codes"]), self.parameters["length"], self.parameters["k"], self.both_strands
        )

    def estimator(self, kind, seed):
        # The seed orders the solver's steps and moves its optimum within the tolerance only: one order for all runs.
        if kind == "regression":
            return LinearSVR(random_state=0, max_iter=5000, loss="squared_epsilon_insensitive", dual="auto")
        return LinearSVC(random_state=0, max_iter=5000, dual="auto")
