"""The most similar labelled cells by their principal components."""

import numpy as np

from deepbio.baselines.cosine_neighbours import Method as Cosine


class Method(Cosine):
    """Parameters: units (components of the training cells), neighbours (see cosine_neighbours)."""

    def learn(self, x):
        mean = x.mean(axis=0)
        axes = np.linalg.svd(x - mean, full_matrices=False)[2]
        self.arrays = {"mean": mean, "axes": np.ascontiguousarray(axes[: self.parameters["units"]])}

    def code(self, x):
        return (np.asarray(x, np.float64) - self.arrays["mean"]) @ self.arrays["axes"].T

    def count_parameters(self):
        return int(self.arrays["axes"].size)
