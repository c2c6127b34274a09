"""A pairwise model of the family, fitted by pseudo-likelihood: EVmutation's form."""

import numpy as np

from deepbio.domains.protein import alignments, sequences
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """The difference of the log-probabilities of variant and wild type (Hopf et al. 2017, equation 3). Parameters:
    identity (see sequence_weights), field_penalty, coupling_penalty, epochs (see pseudo_likelihood).

    Couplings are kept once a pair, in half precision: a family of 250 columns has 14 million.
    """

    def fit(self, train, valid, job):
        codes = np.asarray(train.context["alignment"])
        weights = alignments.sequence_weights(codes, self.parameters["identity"])
        chosen = {name: self.parameters[name] for name in ("field_penalty", "coupling_penalty", "epochs")}
        # The order of the rows is one for all seeds, which makes the baseline deterministic.
        model = alignments.pseudo_likelihood(alignments.states(codes), weights, 0, **chosen)
        upper = np.triu_indices(len(model.couplings), 1)
        self.arrays = {"fields": model.fields, "upper": model.couplings[upper].astype(np.float16)}
        self.facts = {"wild_type": train.context["wild_type"]}

    def predict(self, split):
        size = self.arrays["fields"].size
        couplings = np.zeros((size, size), np.float32)
        couplings[np.triu_indices(size, 1)] = self.arrays["upper"]
        model = alignments.Potts(self.arrays["fields"], couplings + couplings.T)
        wild = alignments.states(sequences.encode(self.facts["wild_type"]))[None]
        return {"y": model.energies(alignments.states(np.asarray(split["residues"]))) - model.energies(wild)}

    def count_parameters(self):
        columns = len(self.arrays["fields"])
        return self.arrays["fields"].size + columns * (columns - 1) // 2 * alignments.STATES**2
