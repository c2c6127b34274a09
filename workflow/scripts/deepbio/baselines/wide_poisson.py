"""Poisson regression of a bin's coverage on the GC content and the CpGs of ever wider stretches around it."""

import numpy as np

from deepbio.baselines.kmer_poisson import Method as KmerPoisson


def stretches(codes, width, bins, reaches):
    """Compute the shares of G or C and of CpG within `reach` bases to either side of each bin (windows x bins, 2 x
    reaches); beyond the window's ends nothing is counted, and an unknown base is neither."""
    codes = np.asarray(codes)
    length = codes.shape[1]
    gc = (codes == 1) | (codes == 2)
    cpg = np.zeros_like(gc)
    cpg[:, :-1] = (codes[:, :-1] == 1) & (codes[:, 1:] == 2)
    first = (length - bins * width) // 2 + width * np.arange(bins)
    found = []
    for marked in (gc, cpg):
        total = np.pad(np.cumsum(marked, axis=1), ((0, 0), (1, 0)))
        for reach in reaches:
            low, high = np.maximum(first - reach, 0), np.minimum(first + width + reach, length)
            found.append((total[:, high] - total[:, low]) / (high - low))
    return np.stack(found, axis=-1).reshape(-1, len(found))


class Method(KmerPoisson):
    """Parameters: reaches (bases to either side of a bin), grid, folds."""

    def features(self, split):
        return stretches(split["codes"], split.context["bin"], self.parameters["bins"], self.parameters["reaches"])
