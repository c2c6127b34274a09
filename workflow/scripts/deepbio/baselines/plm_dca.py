"""One coupling score by itself: the pairs that it puts highest are the contacts."""

import numpy as np

from deepbio.core.files import BadInput
from deepbio.kinds.residue_couplings import maps
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Parameters: score (its name without the depth; of several depths the first, which has all sequences)."""

    def fit(self, train, valid, job):
        names = train.context["scores"]
        found = [place for place, name in enumerate(names) if name.startswith(f"{self.parameters['score']} at")]
        if not found:
            raise BadInput(f"no score '{self.parameters['score']}' among {', '.join(names)}")
        self.facts = {"places": found[:1]}

    def predict(self, split):
        longest = split.context["longest"]
        found = np.full((len(split), longest, longest), -30.0)
        for row, size in enumerate(split["residues"].lengths):
            found[row, :size, :size] = maps(split, split["scores"], row)[:, :, self.facts["places"]].mean(axis=2)
        return {"y": found}
