"""The profiles themselves in place of a representation."""

import numpy as np

from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Hands the inputs on."""

    def fit(self, train, valid, job):
        self.facts = {"inputs": int(train["x"].shape[1])}

    def predict(self, split):
        return {"y": np.asarray(split["x"], np.float64)}
