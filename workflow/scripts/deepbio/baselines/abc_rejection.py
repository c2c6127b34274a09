"""Approximate Bayesian computation by rejection (Pritchard et al. 1999).

It predicts the mean labels of the simulations with the most similar statistics.
"""

import numpy as np

from deepbio.core import tables
from deepbio.learning.rule import RuleMethod

BLOCK = 512  # samples whose distances are in memory at a time


class Method(RuleMethod):
    """Parameters: accepted (share of the simulations that are taken), components (principal components of the
    standardised statistics between which distances are taken, each at unit variance)."""

    def fit(self, train, valid, job):
        x = np.concatenate([np.asarray(part["x"], np.float64) for part in (train, valid)])
        y = np.concatenate([np.asarray(part.y, np.float64).reshape(len(part), -1) for part in (train, valid)])
        mean, std = tables.column_moments(x)
        x = (x - mean) / std
        values, vectors = np.linalg.eigh(x.T @ x / len(x))
        values, vectors = values[::-1], vectors[:, ::-1]
        count = min(self.parameters["components"], int((values > 1e-9).sum()))
        project = np.ascontiguousarray(vectors[:, :count] / np.sqrt(values[:count]))
        self.arrays = {"project": project, "mean": np.array(mean), "spread": np.array(std)}
        self.arrays |= {"place": x @ project, "y": y}

    def predict(self, split):
        known, y = self.arrays["place"], self.arrays["y"]
        x = (np.asarray(split["x"], np.float64) - self.arrays["mean"]) / self.arrays["spread"] @ self.arrays["project"]
        count = max(1, round(self.parameters["accepted"] * len(known)))
        found = []
        for start in range(0, len(x), BLOCK):
            # The part of the squared distance that differs between simulations.
            distance = (known**2).sum(axis=1) - 2 * x[start : start + BLOCK] @ known.T
            nearest = np.argpartition(distance, count - 1, axis=1)[:, :count]
            found.append(y[nearest].mean(axis=1))
        return {"y": np.concatenate(found)}
