"""DECRES (Li, Shi and Wasserman 2018): a multilayer perceptron behind a layer of one weight for each feature, which an
L1 penalty makes sparse."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

from deepbio.core import labels
from deepbio.learning import layers
from deepbio.learning.network import NetworkMethod, tensors

SELECTED = 1e-3  # share of the largest weight above which a feature counts as selected


class Network(nn.Module):
    """x (n, features) -> logits: a weight for each feature, tanh layers, softmax."""

    def __init__(self, features, hidden, selecting, shape):
        super().__init__()
        self.select = nn.Parameter(torch.ones(features), requires_grad=selecting)
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise([features, *hidden]))
        self.head = layers.head(hidden[-1], shape)
        layers.glorot(self.layers)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch):
        x = batch["x"] * self.select
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return self.head(x)


class Method(NetworkMethod):
    """Parameters: hidden, path (penalties of the selecting layer, each trained from scratch; the best on validation is
    kept; empty: no such layer), l2 (of all other weights), balance (whether classes are equally large for training
    and for the choice on validation), training."""

    by_row = True

    def describe(self, split):
        x = np.asarray(split["x"], np.float64)
        low, high = x.min(axis=0), x.max(axis=0)
        return {**super().describe(split), "low": low.tolist(), "range": np.where(high > low, high - low, 1).tolist()}

    def build(self, parameters, shape):
        return Network(len(shape["low"]), parameters["hidden"], bool(parameters["path"]), shape)

    def batch(self, split, index):
        found = tensors(split, index, kind=np.float32)
        low, spread = (torch.tensor(self.shape[key]) for key in ("low", "range"))
        return found | {"x": (found["x"] - low) / spread}

    def loss(self, network, batch):
        found = super().loss(network, batch)
        if not network.training:
            return found
        penalty = (
            self.parameters["l2"] / 2 * sum(layer.weight.square().sum() for layer in (*network.layers, network.head))
        )
        return found + penalty + self.shape.get("penalty", 0.0) * network.select.abs().sum()

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        learned, judge = train, valid
        if self.parameters["balance"]:
            learned, judge = (
                balanced(one, job.rng("balance", name)) for name, one in (("train", train), ("valid", valid))
            )
        path, best = [], None
        for number, penalty in enumerate(self.parameters["path"] or [0.0]):
            self.shape["penalty"] = penalty
            network, result = self.train_network(self.parameters, learned, judge, job, f"path{number + 1}")
            weight = network.select.detach().abs().cpu().numpy()
            path.append({"penalty": penalty, "loss": result.best_loss, "weight": weight.tolist()})
            if best is None or result.best_loss < path[best[0]]["loss"]:
                best = number, network
        self.network, self.shape["path"], self.shape["chosen"] = best[1], path, best[0]

    def interpret(self, split, folder):
        from deepbio.figures import elements as figures

        folder, names = Path(folder), split.context["features"]
        path = [one | {"weight": np.array(one["weight"])} for one in self.shape["path"]]
        figures.draw_path(path, self.shape["chosen"], SELECTED, names, folder / "path", split.context["origin"])
        figures.draw_confusion(split, self.predict(split)["y"], folder / "confusion")


def balanced(split, rng):
    """Draw as many samples of each class as there are of the smallest; all where labels are numbers."""
    y = labels.columns(split.y)[:, 0]
    if split.context["output"] not in ("binary", "multiclass"):
        return split
    members = [rng.permutation(np.flatnonzero(y == one)) for one in np.unique(y[~np.isnan(y)])]
    return split.take(np.sort(np.concatenate([part[: min(map(len, members))] for part in members])))
