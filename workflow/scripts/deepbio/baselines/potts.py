"""A pairwise model of the family, fitted by pseudo-likelihood: EVmutation's form."""

import numpy as np

from deepbio.domains.protein import alignments, sequences
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """The difference of the log-probabilities of variant and wild type (Hopf et al. 2017, equation 3). Parameters:
    identity (see sequence_weights), field_penalty, coupling_penalty, epochs (see pseudo_likelihood)."""

    def fit(self, train, valid, job):
        codes = np.asarray(train.context["alignment"])
        weights = alignments.sequence_weights(codes, self.parameters["identity"])
        chosen = {name: self.parameters[name] for name in ("field_penalty", "coupling_penalty", "epochs")}
        model = alignments.pseudo_likelihood(alignments.states(codes), weights, job.number("rows") % 2**32, **chosen)
        self.arrays = {"fields": model.fields, "couplings": model.couplings}
        self.facts = {"wild_type": train.context["wild_type"]}

    def predict(self, split):
        model = alignments.Potts(self.arrays["fields"], self.arrays["couplings"])
        wild = alignments.states(sequences.encode(self.facts["wild_type"]))[None]
        return {"y": model.energies(alignments.states(np.asarray(split["residues"]))) - model.energies(wild)}

    def count_parameters(self):
        columns = len(self.arrays["fields"])
        return self.arrays["fields"].size + columns * (columns - 1) // 2 * alignments.STATES**2
