"""Each column of the alignment by itself: a substitution scores by how often its residue stands there."""

import numpy as np

from deepbio.domains.protein import alignments, sequences
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Log-odds of the variant's residues against the wild type's, by weighted frequencies with pseudo-counts
    (Hopf et al. 2017, Nature Biotechnology 35:128, the independent model). Parameters: identity (see sequence_weights),
    pseudo."""

    def fit(self, train, valid, job):
        codes = np.asarray(train.context["alignment"])
        weights = alignments.sequence_weights(codes, self.parameters["identity"])
        # Gaps say nothing of a substitution: residues share what they leave.
        share = alignments.frequencies(alignments.states(codes), weights, self.parameters["pseudo"])[:, :20]
        self.arrays = {"log": np.log(share / share.sum(axis=1, keepdims=True))}
        self.facts = {"wild_type": train.context["wild_type"]}

    def predict(self, split):
        columns = np.arange(len(self.arrays["log"]))
        padded = np.concatenate([self.arrays["log"], np.zeros((len(columns), 1))], axis=1)
        wild = padded[columns, alignments.states(sequences.encode(self.facts["wild_type"]))].sum()
        return {"y": padded[columns, alignments.states(np.asarray(split["residues"]))].sum(axis=1) - wild}

    def count_parameters(self):
        return self.arrays["log"].size
