"""Genotypes from the share of reads that show the allele, by two thresholds."""

import numpy as np
from scipy.stats import binom

from deepbio.domains.variation.variants import ABSENT
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Parameters: thresholds (below the first the call is no copy, from the second on two copies); reads, the fewest
    that must show the allele; error, the chance that a read shows the wrong allele.

    The probabilities, which give the quality of a call, are binomial with the shares error, 1/2 and 1 - error. Where
    they contradict the thresholds, the genotype of the thresholds gets the largest of them.
    """

    def fit(self, train, valid, job):
        pass

    def predict(self, split):
        _, shown, depth = np.asarray(split["counts"]).T
        share = shown / np.maximum(depth, 1)
        error = self.parameters["error"]
        p = binom.pmf(shown[:, None], depth[:, None], [[error, 0.5, 1 - error]])
        p /= p.sum(axis=1, keepdims=True)
        chosen = np.searchsorted(self.parameters["thresholds"], share, side="right")
        chosen[shown < self.parameters["reads"]] = 0
        row, best = np.arange(len(p)), p.argmax(axis=1)
        p[row, best], p[row, chosen] = p[row, chosen], p[row, best].copy()
        return {"y": np.where(np.asarray(split["candidate"])[:, None] > 0, p, ABSENT)}
