"""A network with one hidden layer on circular fingerprints."""

import numpy as np
import torch
from torch import nn

from deepbio.core import kind
from deepbio.core.data import Split
from deepbio.learning.network import NetworkMethod


def fingerprint_split(split, parameters):
    """Convert a split's molecules to fingerprints `x`, once for all batches; a split with `x` is returned as it is."""
    if "x" in split:
        return split
    labels = {"y": np.asarray(split.y)} if "y" in split else {}
    return Split({"x": kind.load(split.context["input"]).matrix(split, parameters), **labels}, split.context)


class Net(nn.Sequential):
    """Batches with x (n, inputs) -> scores (n, outputs): hidden layer, batch normalisation, ReLU, output."""

    def __init__(self, inputs, hidden, outputs):
        super().__init__(nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, outputs))

    def forward(self, batch):
        return super().forward(batch["x"])


class Method(NetworkMethod):
    """Parameters: fingerprint (radius, bits, counts), hidden, training."""

    def build(self, parameters, shape):
        return Net(shape["inputs"], parameters["hidden"], shape["outputs"])

    def describe(self, split):
        return super().describe(split) | {"inputs": split["x"].shape[1]}

    def batch(self, split, index):
        split = fingerprint_split(split, self.parameters)
        tensors = {"x": torch.from_numpy(split["x"][index]).float()}
        return tensors | ({"y": torch.from_numpy(split.y[index])} if "y" in split else {})

    def fit(self, train, valid, job):
        train, valid = (fingerprint_split(split, self.parameters) for split in (train, valid))
        self.shape = self.describe(train)
        size = self.parameters["training"]["batch_size"]
        # Batch normalisation cannot learn from a last batch of one sample.
        settings = {"batch_size": size + (len(train) % size == 1)}
        self.network, _ = self.train_network(self.parameters, train, valid, job, settings=settings)

    def predict(self, split):
        return super().predict(fingerprint_split(split, self.parameters))
