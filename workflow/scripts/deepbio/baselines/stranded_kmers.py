"""Logistic (or ridge) regression on counts of all words up to a length, on the strand that is read."""

from deepbio.baselines import kmer_logistic
from deepbio.domains.dna import words


class Method(kmer_logistic.Method):
    """Parameters: shortest and longest word, penalty, and those of EstimatorMethod."""

    def features(self, split):
        lengths = range(self.parameters["shortest"], self.parameters["longest"] + 1)
        return words.counts(split["codes"], lengths)
