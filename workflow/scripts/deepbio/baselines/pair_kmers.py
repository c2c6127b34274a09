"""Logistic regression on counts of k-mers of both elements, both strands taken together."""

import numpy as np
from scipy import sparse

from deepbio.baselines import kmer_logistic
from deepbio.domains.dna.sequences import kmer_counts


class Method(kmer_logistic.Method):
    """Parameters: k, penalty and those of EstimatorMethod."""

    def features(self, split):
        counts = [kmer_counts(np.asarray(split[side]), self.parameters["k"]) for side in ("enhancer", "promoter")]
        return sparse.hstack([sparse.csr_matrix(one) for one in counts], format="csr")
