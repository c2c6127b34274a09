"""Poisson regression of a bin's coverage on the k-mers of ever wider stretches around it."""

import numpy as np

from deepbio.baselines.kmer_poisson import Method as KmerPoisson
from deepbio.domains.dna.sequences import kmer_counts


def shares(codes, width, bins, k, reaches):
    """Compute the shares of k-mers, both strands taken together, among those of the bins within `reach` bins to either
    side of each bin (windows x bins, distinct k-mers x reaches) float32.

    The `bins` bins are in the middle of a window; k-mers across the edge of a bin are not counted, and nothing is
    beyond the window's ends.
    """
    windows, length = codes.shape
    beyond = (length - bins * width) // 2
    edge = beyond % width
    whole = (length - edge) // width
    inner = np.ascontiguousarray(codes[:, edge : edge + whole * width])
    counts = kmer_counts(inner.reshape(-1, width), k).reshape(windows, whole, -1)
    total = np.pad(np.cumsum(counts, axis=1, dtype=np.float64), ((0, 0), (1, 0), (0, 0)))
    first = beyond // width + np.arange(bins)
    found = []
    for reach in reaches:
        low, high = np.maximum(first - reach, 0), np.minimum(first + 1 + reach, whole)
        within = total[:, high] - total[:, low]
        found.append((within / np.maximum(within.sum(axis=2, keepdims=True), 1)).astype(np.float32))
    return np.concatenate(found, axis=2).reshape(windows * bins, -1)


class Method(KmerPoisson):
    """Parameters: k, reaches (bins to either side of a bin), grid, folds."""

    def features(self, split):
        k, reaches = self.parameters["k"], self.parameters["reaches"]
        return shares(np.asarray(split["codes"]), split.context["bin"], self.parameters["bins"], k, reaches)
