"""The mean label, whatever the input."""

from pathlib import Path

import numpy as np

from deepbio import metrics
from deepbio.files import read_json, write_json


class Method:
    """Predicts the mean over training and validation labels, one number for each output."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.mean = []

    def fit(self, train, valid, job):
        self.mean = np.nanmean(np.concatenate([metrics.columns(train.y), metrics.columns(valid.y)]), axis=0).tolist()

    def predict(self, split):
        return {"y": np.tile(self.mean, (len(split), 1))}

    def weights(self):
        return len(self.mean)

    def save(self, folder):
        write_json(Path(folder) / "model.json", {"parameters": self.parameters, "mean": self.mean})

    def load(self, folder):
        facts = read_json(Path(folder) / "model.json")
        self.parameters, self.mean = facts["parameters"], facts["mean"]
