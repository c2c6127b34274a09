"""Ridge (or logistic) regression on which word begins at each position of a window."""

from deepbio.baselines import kmer_logistic
from deepbio.domains.dna import words
from deepbio.learning.estimator import SCORING


class Method(kmer_logistic.Method):
    """Parameters: k, penalty, and those of EstimatorMethod."""

    # So many features order samples well under a penalty that leaves all probabilities on one side of a half.
    scoring = SCORING | {"binary": "neg_log_loss"}

    def features(self, split):
        return words.at_positions(split["codes"], self.parameters["k"]).astype("float32")
