"""The label of the training protein whose sequence shares most words with that of a protein: what homology tells."""

import numpy as np

from deepbio.core.data import Ragged, concatenate
from deepbio.domains.protein import sequences
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Compares shares of words of three residues by their cosine. The probability is the mean label, weighted by the
    cosines raised to `sharpness`."""

    def fit(self, train, valid, job):
        both = concatenate(train, valid)
        residues = both["residues"]
        self.arrays = {"values": np.array(residues.values), "offsets": np.array(residues.offsets)}
        self.arrays["y"] = np.asarray(both.y, np.float32)

    def predict(self, split):
        known = Ragged(self.arrays["values"], self.arrays["offsets"])
        one, other = (self.directions(residues) for residues in (split["residues"], known))
        likeness = np.asarray((one @ other.T).todense(), float)
        weight = np.maximum(likeness, 1e-9) ** self.parameters["sharpness"]
        return {"y": (weight @ self.arrays["y"] / weight.sum(axis=1))[:, None]}

    def directions(self, residues):
        """Count words, each protein's counts of length one: sparse (n, 8000)."""
        from sklearn.preprocessing import normalize

        return normalize(sequences.word_counts(residues, 3))
