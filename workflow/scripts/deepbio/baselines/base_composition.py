"""Logistic (or ridge) regression on counts of single bases, both strands taken together."""

from deepbio.baselines.kmer_logistic import Method as KmerLogistic


class Method(KmerLogistic):
    """The regression on k-mers with k = 1."""
