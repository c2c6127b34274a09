"""BLOSUM62: a substitution scores by how often it is seen in any protein."""

import numpy as np

from deepbio.domains.protein import alignments, sequences
from deepbio.domains.protein.blosum import BLOSUM62
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """The sum over changed residues of the matrix's entry less that of the wild type with itself."""

    def fit(self, train, valid, job):
        self.facts = {"wild_type": train.context["wild_type"]}

    def predict(self, split):
        wild = alignments.states(sequences.encode(self.facts["wild_type"]))
        found = alignments.states(np.asarray(split["residues"]))
        known = (wild < 20) & (found < 20)
        before, after = np.where(known, wild, 0), np.where(known, found, 0)
        return {"y": ((BLOSUM62[before, after] - BLOSUM62[before, before]) * known).sum(axis=1)}
