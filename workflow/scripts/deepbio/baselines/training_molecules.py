"""Molecules of the training set, drawn at random: the result of a generator that only copies.

Ridge regression on circular fingerprints predicts the properties that a task asks for.
"""

import numpy as np

from deepbio.domains.chemistry.molecules import circular_fingerprints
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Parameters: fingerprint (radius, bits) and penalty of the regression. Where more molecules are asked for than
    there are, they are repeated.
    """

    def fit(self, train, valid, job):
        self.arrays = {"codes": np.array(train.y)[job.rng("order").permutation(len(train))]}
        if "y_properties" in train:
            from sklearn.linear_model import Ridge

            ridge = Ridge(alpha=self.parameters["penalty"]).fit(self.features(train), np.asarray(train["y_properties"]))
            self.arrays |= {"weights": ridge.coef_, "intercept": ridge.intercept_}

    def features(self, split):
        return circular_fingerprints(split["smiles"], **self.parameters["fingerprint"]).astype(np.float32)

    def predict(self, split):
        codes = self.arrays["codes"]
        made = {"y": codes[np.arange(len(split)) % len(codes)]}
        if "weights" in self.arrays:
            made["y_properties"] = self.features(split) @ self.arrays["weights"].T + self.arrays["intercept"]
        return made
