"""Logistic (or ridge) regression on counts of words in each piece of a window, on the strand that is read."""

import numpy as np

from deepbio.baselines import kmer_logistic
from deepbio.domains.dna import words


class Method(kmer_logistic.Method):
    """Parameters: longest word, bins (pieces of a window, of equal length), penalty, and those of EstimatorMethod."""

    def features(self, split):
        codes, longest = np.asarray(split["codes"]), self.parameters["longest"]
        ends = np.linspace(0, codes.shape[1], self.parameters["bins"] + 1).astype(int)
        # A word belongs to the piece in which it begins.
        pieces = [codes[:, start : end + longest - 1] for start, end in zip(ends, ends[1:], strict=False)]
        return np.concatenate([words.counts(piece, range(1, longest + 1)) for piece in pieces], axis=1)
