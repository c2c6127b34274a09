"""One coupling score by itself: the pairs that it puts highest are the contacts."""

import numpy as np

from deepbio.kinds.residue_couplings import maps
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Parameters: score (the beginning of its name; of several depths the first, which has all sequences). Where a
    problem has no score of that name, its first one is taken."""

    def fit(self, train, valid, job):
        found = [at for at, name in enumerate(train.context["scores"]) if name.startswith(self.parameters["score"])]
        self.facts = {"places": found[:1] or [0]}

    def predict(self, split):
        longest = split.context["longest"]
        found = np.full((len(split), longest, longest), -30.0)
        for row, size in enumerate(split["residues"].lengths):
            found[row, :size, :size] = maps(split, split["scores"], row)[:, :, self.facts["places"]].mean(axis=2)
        return {"y": found}
