"""Deep-RBPPred (Zheng et al. 2018): a convolutional network on physico-chemical features of a whole protein."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core.data import Split
from deepbio.core.labels import columns
from deepbio.domains.protein import features
from deepbio.learning.layers import glorot, head
from deepbio.learning.network import NetworkMethod

SIDE = 13  # the 167 features and two zeros make a square of 13 x 13


class Network(nn.Module):
    """{"x": (n, 167)} -> logits (n, outputs): three stages of two convolutions and a pooling, and two dense layers."""

    def __init__(self, filters, width, dropout, shape):
        super().__init__()
        layers, before = [], 1
        for count in filters:
            layers += [nn.Conv2d(before, count, 3, padding=1), nn.ReLU()]
            layers += [nn.Conv2d(count, count, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            before = count
        side = SIDE // 2 ** len(filters)
        self.stages = nn.Sequential(*layers, nn.Flatten())
        self.hidden, self.dropout = nn.Linear(before * side * side, width), nn.Dropout(dropout)
        self.output = head(width, shape)
        glorot(self)

    def forward(self, batch):
        x = F.pad(batch["x"], (0, SIDE * SIDE - batch["x"].shape[1])).reshape(-1, 1, SIDE, SIDE)
        return self.output(self.dropout(F.relu(self.hidden(self.stages(x)))))


class Method(NetworkMethod):
    """Parameters: filters (of each stage), width, dropout, balance (training on as many negatives as positives, drawn
    at random)."""

    by_row = True

    def build(self, parameters, shape):
        return Network(parameters["filters"], parameters["width"], parameters["dropout"], shape)

    def describe(self, split):
        x = self.table(split)["x"]
        return {**super().describe(split), "low": x.min(axis=0).tolist(), "high": x.max(axis=0).tolist()}

    def batch(self, split, index):
        part = self.table(split.take(index))
        low, high = (np.asarray(self.shape[key]) for key in ("low", "high"))
        x = (np.asarray(part["x"]) - low) / np.where(high > low, high - low, 1)
        tensors = {"x": torch.from_numpy(x.astype(np.float32))}
        return tensors | ({"y": torch.from_numpy(np.array(part.y, np.float32))} if "y" in part else {})

    def table(self, split):
        """Put the features x (n, 167) in the place of residues, once."""
        if "x" in split:
            return split
        arrays = {name: array for name, array in split.arrays.items() if name != "residues"}
        return Split(arrays | {"x": features.physicochemical(split["residues"])}, split.context)

    def fit(self, train, valid, job):
        splits = [self.table(one) for one in (train, valid)]
        if self.parameters["balance"]:
            splits = [balanced(one, job.rng("balance", number)) for number, one in enumerate(splits)]
        super().fit(*splits, job)

    def predict(self, split, first=0):
        return super().predict(self.table(split), first)

    def interpret(self, split, folder):
        from deepbio.figures import proteins as figures

        p = np.asarray(self.predict(split)["y"])[:, 0]
        figures.draw_scores(split, p, folder / "scores")
        figures.draw_roc(split, p, folder / "roc")


def balanced(split: Split, rng: np.random.Generator) -> Split:
    """Draw as many samples of the more frequent class as the other one has, without replacement."""
    y = columns(split.y)[:, 0]
    members = [np.flatnonzero(y == value) for value in (0, 1)]
    count = min(map(len, members))
    return split.take(np.sort(np.concatenate([rng.choice(one, count, replace=False) for one in members])))
