"""Ridge regression on counts of k-mers in the promoter."""

import numpy as np

from deepbio.baselines.kmer_logistic import Method as KmerLogistic
from deepbio.domains.dna.sequences import kmer_counts


class Method(KmerLogistic):
    """Parameters: k, span (first and last base of the promoter, relative to the start of transcription), penalty."""

    def features(self, split):
        first, last = (max(0, split.context["tss"] + offset) for offset in self.parameters["span"])
        return kmer_counts(np.asarray(split["codes"])[:, first:last], self.parameters["k"])
