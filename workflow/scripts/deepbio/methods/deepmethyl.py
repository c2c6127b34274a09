"""DeepMethyl (Wang et al. 2016): a stack of denoising autoencoders on facts about a CpG site, then a classifier."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

from deepbio.learning import layers, pretraining
from deepbio.learning.network import NetworkMethod, tensors


class Network(nn.Module):
    """x (n, features) in 0 to 1 -> logits (n, outputs): sigmoid layers, and a pair of classes."""

    def __init__(self, features, hidden, shape):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise([features, *hidden]))
        self.head = layers.head(hidden[-1], shape)
        layers.glorot(self)
        with torch.no_grad():
            for layer in self.layers:
                layer.weight.mul_(4)  # as for sigmoid units (Glorot and Bengio 2010)

    def encode(self, x, count=None):
        """Give the activities (n, units) of the first `count` layers, by default all."""
        for layer in self.layers[:count]:
            x = torch.sigmoid(layer(x))
        return x

    def forward(self, batch):
        return self.head(self.encode(batch["x"]))


class Method(NetworkMethod):
    """Parameters: hidden, pretrained (the share of the training samples that are learned from without labels; 0: none),
    pretraining (settings and `corruption`), training."""

    by_row = True

    def describe(self, split):
        x = np.asarray(split["x"], np.float64)
        low, high = x.min(axis=0), x.max(axis=0)
        spread = np.where(high > low, high - low, 1)
        return {**super().describe(split), "low": low.tolist(), "range": spread.tolist()}

    def build(self, parameters, shape):
        return Network(len(shape["low"]), parameters["hidden"], shape)

    def batch(self, split, index):
        found = tensors(split, index, kind=np.float32)
        low, spread = (torch.tensor(self.shape[key]) for key in ("low", "range"))
        return found | {"x": ((found["x"] - low) / spread).clamp(0, 1)}

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        job.seed_torch("fit", "build")
        network, share = self.build(self.parameters, self.shape), self.parameters["pretrained"]
        if share:
            rows = np.sort(job.rng("pretraining").permutation(len(train))[: max(1, round(share * len(train)))])
            x = self.batch(train, rows)["x"]
            pretraining.train_denoising(
                network.layers, lambda number: network.to("cpu").encode(x, number), self.parameters["pretraining"], job,
                linear_input=False,
            )  # fmt: skip
        self.train_built(network, self.parameters["training"], train, valid, job)
        self.network = network

    def interpret(self, split, folder):
        from deepbio.figures import methylation as figures
        from deepbio.scoring import metrics

        folder, p, y = Path(folder), self.predict(split)["y"][:, 0], np.asarray(split.y).ravel()
        figures.draw_distances(split, p, folder / "right_calls")
        whole, rng, drops = metrics.evaluate(["auroc"], y, p)["auroc"], np.random.default_rng(0), []
        for column in range(np.shape(split["x"])[1]):
            x = np.array(split["x"])
            x[:, column] = rng.permutation(x[:, column])
            shuffled = self.predict(type(split)(split.arrays | {"x": x}, split.context))["y"][:, 0]
            drops.append(whole - metrics.evaluate(["auroc"], y, shuffled)["auroc"])
        names, origin = split.context["features"], split.context["origin"]
        figures.draw_importance(names, np.array(drops), folder / "inputs", origin)
