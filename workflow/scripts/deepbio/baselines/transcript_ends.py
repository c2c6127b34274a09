"""Logistic regression on the bases at both ends of a transcript: how the transcripts of the classes were assembled."""

import numpy as np

from deepbio.baselines import kmer_logistic
from deepbio.domains.dna import words


class Method(kmer_logistic.Method):
    """Parameters: bases (read from either end), penalty, and those of EstimatorMethod."""

    def features(self, split):
        codes, bases = split["codes"], self.parameters["bases"]
        first, last = np.asarray(codes.offsets[:-1])[:, None], np.asarray(codes.offsets[1:])[:, None]
        # A transcript shorter than that has the same bases at both ends.
        from_end = np.minimum(np.arange(bases), codes.lengths[:, None] - 1)
        places = np.concatenate([first + from_end, last - 1 - from_end], axis=1)
        return words.at_positions(np.asarray(codes.values)[places], 1).astype("float32")
