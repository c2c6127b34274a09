"""Ridge (or logistic) regression on which word begins at each position of a window."""

from deepbio.baselines import kmer_logistic
from deepbio.domains.dna import words


class Method(kmer_logistic.Method):
    """Parameters: k, penalty, and those of EstimatorMethod."""

    def features(self, split):
        return words.at_positions(split["codes"], self.parameters["k"]).astype("float32")
