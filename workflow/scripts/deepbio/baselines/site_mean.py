"""What the training samples say of the same site: their mean, or the word of those most like the asked sample."""

from pathlib import Path

import numpy as np

from deepbio.files import read_json, write_json


class Method:
    """Parameters: samples, "all" or "nearest" (by Pearson correlation of expression).

    Nothing is learned but the share of open sites, which is said where no other sample is known.
    """

    def __init__(self, parameters):
        self.parameters = parameters
        self.prior = None

    def fit(self, train, valid, job):
        self.prior = float(np.nanmean(train.y))

    def predict(self, split):
        known = np.asarray(split["open_in"], dtype=float)
        if self.parameters["samples"] == "nearest":
            likeness = np.corrcoef(np.asarray(split.context["expression"], dtype=float))[split["sample"]]
            best = np.where(np.isnan(known), -np.inf, likeness).argmax(axis=1)
            known = np.take_along_axis(known, best[:, None], axis=1)
        there = ~np.isnan(known)
        mean = np.where(there, known, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
        return {"y": np.where(there.any(axis=1), mean, self.prior)[:, None]}

    def weights(self):
        return None

    def save(self, folder):
        write_json(Path(folder) / "model.json", {"parameters": self.parameters, "prior": self.prior})

    def load(self, folder):
        facts = read_json(Path(folder) / "model.json")
        self.parameters, self.prior = facts["parameters"], facts["prior"]
