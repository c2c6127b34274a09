"""Robust autoencoder of gene profiles (Cui et al. 2020; Zhou and Paffenroth 2017): profiles are what a deep
autoencoder rebuilds, and a sparse rest that it is spared; a prior network joins the codes."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.learning.network import NetworkMethod, tensors

SCALE = 200  # by which the authors' code multiplies the squared error


class Network(nn.Module):
    """Profiles (n, conditions) between 0 and 1 -> rebuilt profiles; sigmoid layers, and their transposed weights on
    the way back. `sparse` (genes, conditions) is the sparse part of the training profiles, `embed` (regulators,
    dimensions) what turns a gene's prior regulators into coordinates."""

    def __init__(self, conditions, hidden, genes, prior):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise([conditions, *hidden]))
        self.back = nn.ParameterList(nn.Parameter(torch.empty(layer.in_features)) for layer in self.layers)
        for layer, bias in zip(self.layers, self.back, strict=True):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.uniform_(layer.bias, -0.1, 0.1)
            nn.init.uniform_(bias, -0.1, 0.1)
        self.register_buffer("sparse", torch.zeros(genes, conditions))
        self.register_buffer("turned", torch.tensor(-1))
        self.register_buffer("embed", torch.zeros(*prior))

    def encode(self, x):
        for layer in self.layers:
            x = torch.sigmoid(layer(x))
        return x

    def rebuild(self, x):
        x = self.encode(x)
        for layer, bias in zip(list(self.layers)[::-1], list(self.back)[::-1], strict=True):
            x = torch.sigmoid(F.linear(x, layer.weight.T, bias))
        return x


def shrink(x, threshold):
    """Move numbers towards 0 by `threshold`, and no further: what is left of them is sparse."""
    return x.sign() * (x.abs() - threshold).clamp(min=0)


class Method(NetworkMethod):
    """Parameters: widths (units of each layer, as shares of the number of conditions), threshold (below which a rest is
    none), inner (epochs between two updates of the sparse part), settle (updates for a profile that is predicted),
    prior (weight of the prior network in the codes that are clustered), dimensions (of the prior network's embedding),
    training.
    """

    def describe(self, split):
        regulators = int(split["prior"].shape[1]) if "prior" in split else 0
        found = {"kind": split.context["output"], "genes": len(split), "conditions": int(split["x"].shape[1])}
        return found | {"regulators": regulators, "dimensions": min(self.parameters["dimensions"], regulators)}

    def build(self, parameters, shape):
        hidden = [max(2, round(width * shape["conditions"])) for width in parameters["widths"]]
        return Network(shape["conditions"], hidden, shape["genes"], (shape["regulators"], shape["dimensions"]))

    def batch(self, split, index):
        found = {"x": tensors(split, index, kind=np.float32)["x"], "row": torch.from_numpy(np.asarray(index))}
        if "prior" in split:
            found["prior"] = torch.from_numpy(np.asarray(split["prior"][index], np.float32))
        return found

    def loss(self, network, batch):
        """Compute the squared error of the profiles less the sparse part that training has found."""
        x = batch["x"] - network.sparse[batch["row"]] if network.training else batch["x"]
        return SCALE * F.mse_loss(network.rebuild(x), x)

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        job.seed_torch("fit", "build")
        network = self.build(self.parameters, self.shape).to(job.device)
        x = torch.from_numpy(np.asarray(train["x"], np.float32)).to(job.device)
        if self.shape["dimensions"]:
            network.embed.copy_(torch.from_numpy(_embedding(train["prior"], self.shape["dimensions"])))

        @torch.no_grad()
        def update(epoch):
            # A resumed epoch begins again, but its update has been made.
            if epoch and epoch % self.parameters["inner"] == 0 and network.turned < epoch:
                network.sparse.copy_(shrink(x - network.rebuild(x - network.sparse), self.parameters["threshold"]))
                network.turned.fill_(epoch)

        self.train_built(network, self.parameters["training"], train, valid, job, on_epoch=update)
        self.network = network

    def separate(self, batch):
        """Give the rebuilt profiles, the codes and the sparse rest of a batch: the network stays as it is, and both
        parts are updated in turn."""
        x, sparse = batch["x"], torch.zeros_like(batch["x"])
        for _ in range(self.parameters["settle"]):
            sparse = shrink(x - self.network.rebuild(x - sparse), self.parameters["threshold"])
        code = self.network.encode(x - sparse)
        if "prior" in batch and self.parameters["prior"] and self.shape["dimensions"]:
            code = torch.cat([code, self.parameters["prior"] * batch["prior"] @ self.network.embed], dim=1)
        return self.network.rebuild(x - sparse), code, sparse

    def predict(self, split):
        """Give the profiles without the sparse rest `y`, the `code` that is clustered, and the `sparse` rest."""
        found = self.run_batched(split, self.separate)
        return dict(zip(("y", "code", "sparse"), (part.numpy() for part in found), strict=True))

    def interpret(self, split, folder):
        from deepbio.domains.expression import clusters
        from deepbio.figures import regulons as figures

        folder, found = Path(folder), self.predict(split)
        number = clusters.cluster(found["code"], split.context.get("clusters", 6))
        figures.draw_parts(split, found["y"], found["sparse"], folder / "parts")
        figures.draw_rebuilt(split, found["y"], folder / "rebuilt")
        figures.draw_profiles(split, found["y"], number, folder / "clusters")


def _embedding(prior, dimensions):
    """Give the leading right singular vectors (regulators, dimensions) of who regulates whom, a gene's row of length
    1, divided so that a gene's coordinates are of the size of a code's."""
    rows = np.asarray(prior, float)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)
    vectors = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2][:dimensions].T
    vectors = np.pad(vectors, ((0, 0), (0, dimensions - vectors.shape[1])))
    return (vectors / np.sqrt(max(1, np.mean(np.sum(np.asarray(prior), axis=1))))).astype(np.float32)
