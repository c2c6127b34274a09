"""A straight line from one anchor of a loop to the other."""

import numpy as np

from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Places the residues at equal steps between the last known residue before the loop and the first one after it."""

    def fit(self, train, valid, job):
        pass

    def predict(self, split):
        found = np.zeros(split["trace"].shape)
        for row, (trace, missing) in enumerate(zip(split["trace"], split["missing"], strict=True)):
            loop = np.flatnonzero(missing)
            share = np.linspace(0, 1, len(loop) + 2)[1:-1, None]
            found[row, loop] = (1 - share) * trace[loop[0] - 1] + share * trace[loop[-1] + 1]
        return {"y": found}
