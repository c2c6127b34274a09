"""The classifier of BioVec on plain shares of words of three residues in place of their vectors."""

import numpy as np

from deepbio.learning.margins import MarginMethod


class Method(MarginMethod):
    """Square roots of the shares of words, so that lengths do not tell. Parameters as MarginMethod's, and features."""

    def features(self, split):
        counts = super().features(split)
        return np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
