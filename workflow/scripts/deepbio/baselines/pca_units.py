"""Principal components as units of a representation."""

import numpy as np

from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Parameters: units. A unit's `weights` are those of its component on the inputs, (units, inputs)."""

    def fit(self, train, valid, job):
        x = np.asarray(train["x"], np.float64)
        self.units = min(self.parameters["units"], x.shape[1], len(x) - 1)
        mean = self.centre(x)
        found = np.ascontiguousarray(self.components(x - mean), np.float64)
        self.arrays = {"mean": mean, "weights": found}

    def centre(self, x):
        return x.mean(axis=0)

    def components(self, x):
        """Give components (units, inputs) of centred x."""
        return np.linalg.svd(x, full_matrices=False)[2][: self.units]

    def predict(self, split):
        x = np.asarray(split["x"], np.float64) - self.arrays["mean"]
        return {"y": self.units_of(x), "weights": self.arrays["weights"]}

    def units_of(self, x):
        """Give the units (n, units) by which the components rebuild x with the least squares."""
        return x @ np.linalg.pinv(self.arrays["weights"])

    def count_parameters(self):
        return int(self.arrays["weights"].size)
