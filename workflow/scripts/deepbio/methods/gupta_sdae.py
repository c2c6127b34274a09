"""Denoising autoencoder of gene profiles (Gupta et al. 2015), whose codes are clustered; further layers may be
stacked."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.learning import pretraining
from deepbio.learning.layers import glorot
from deepbio.learning.network import NetworkMethod, tensors


class Network(nn.Module):
    """(n, conditions) -> rebuilt profiles (n, conditions): sigmoid layers, their transposed weights on the way back,
    and linear outputs."""

    def __init__(self, conditions, hidden):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise([conditions, *hidden]))
        self.visible = nn.ParameterList(nn.Parameter(torch.zeros(layer.in_features)) for layer in self.layers)
        glorot(self)

    def encode(self, x, layers=None):
        """Compute the activities (n, units) of the layer number `layers`, default the last; of none, the input."""
        for layer in self.layers[:layers]:
            x = torch.sigmoid(layer(x))
        return x

    def rebuild(self, x):
        x = self.encode(x)
        for number in range(len(self.layers) - 1, -1, -1):
            x = F.linear(x, self.layers[number].weight.T, self.visible[number])
            x = torch.sigmoid(x) if number else x
        return x


class Method(NetworkMethod):
    """Parameters: widths (units of each layer, as multiples of the number of conditions), corruption (share of the
    inputs set to 0), pretraining (settings of each layer's training and its `corruption`), training.
    """

    by_row = True

    def describe(self, split):
        x = np.asarray(split["x"], float)
        return {"kind": split.context["output"], "conditions": int(x.shape[1]), "centre": float(x.mean())}

    def build(self, parameters, shape):
        hidden = [max(2, round(width * shape["conditions"])) for width in parameters["widths"]]
        return Network(shape["conditions"], hidden)

    def batch(self, split, index):
        # A missing value is replaced by the mean level, which is 0 here.
        return {"x": tensors(split, index, kind=np.float32)["x"] - self.shape["centre"]}

    def loss(self, network, batch):
        """Compute the squared error of the clean profile that is rebuilt from a corrupted one, summed over
        conditions."""
        rate = self.parameters["corruption"] if network.training else 0
        kept = F.dropout(batch["x"], rate, network.training) * (1 - rate)
        return (network.rebuild(kept) - batch["x"]).square().sum(dim=1).mean()

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        job.seed_torch("fit", "build")
        network = self.build(self.parameters, self.shape)
        x = self.batch(train, np.arange(len(train)))["x"]
        if len(network.layers) > 1:
            pretraining.train_denoising(
                network.layers, lambda i: network.to("cpu").encode(x, i), self.parameters["pretraining"], job
            )
        self.train_built(network, self.parameters["training"], train, valid, job)
        self.network = network

    def predict(self, split):
        """Give the codes `y` (n, units)."""
        return {"y": self.run_batched(split, lambda batch: self.network.encode(batch["x"])).numpy()}

    def interpret(self, split, folder):
        from deepbio.domains.expression import clusters
        from deepbio.figures import regulons as figures

        folder, codes = Path(folder), self.predict(split)["y"]
        clean = self.run_batched(split, lambda batch: self.network.rebuild(batch["x"])).numpy() + self.shape["centre"]
        number = clusters.cluster(codes, split.context.get("clusters", 6))
        figures.draw_rebuilt(split, clean, folder / "rebuilt")
        figures.draw_profiles(split, clean, number, folder / "clusters")
        figures.draw_map(split, codes, number, folder / "map")
