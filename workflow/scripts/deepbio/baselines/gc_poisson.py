"""Poisson regression of a bin's coverage on its counts of single bases, both strands taken together: its GC content."""

from deepbio.baselines.kmer_poisson import Method as KmerPoisson


class Method(KmerPoisson):
    """The regression on k-mers with k = 1."""
