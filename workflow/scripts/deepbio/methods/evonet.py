"""evoNet (Sheehan and Song 2016): selection and population sizes, told together from summary statistics of a region.

Each hidden layer first learns, as a sparse autoencoder, to rebuild what it is given; then the whole network learns
the class of selection and the sizes.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core import tables
from deepbio.learning import training
from deepbio.learning.layers import glorot
from deepbio.learning.network import NetworkMethod


class Network(nn.Module):
    """{"x": (n, statistics), standardised} -> (n, classes + sizes): logits of the classes, sizes on a scale from 0 to
    1. Hidden layers are sigmoid."""

    def __init__(self, statistics, hidden, outputs):
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in pairwise([statistics, *hidden]))
        self.output = nn.Linear(hidden[-1], outputs)
        glorot(self)

    def encode(self, x, layers):
        """The activations (n, units) of the hidden layer number `layers`; of none, the input."""
        for layer in self.hidden[:layers]:
            x = torch.sigmoid(layer(x))
        return x

    def forward(self, batch):
        return self.output(self.encode(batch["x"], len(self.hidden)))


class Autoencoder(nn.Module):
    """A hidden layer and the linear layer that rebuilds its input."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.rebuild = layer, nn.Linear(layer.out_features, layer.in_features)

    def loss(self, x, sparsity, penalty):
        """Squared error, and the divergence of the units' mean activity from `sparsity` (Ng 2011, CS294A notes)."""
        active = torch.sigmoid(self.layer(x))
        mean = active.mean(dim=0).clamp(1e-4, 1 - 1e-4)
        divergence = sparsity * torch.log(sparsity / mean) + (1 - sparsity) * torch.log((1 - sparsity) / (1 - mean))
        return F.mse_loss(self.rebuild(active), x) + penalty * divergence.mean()


class Method(NetworkMethod):
    """Parameters: hidden (units of the layers), limit (largest standardised statistic), start (autoencoders or
    random), pretraining (settings of the autoencoders' training, `sparsity` and `penalty`), sizes_weight (of the
    sizes in the loss), training.
    """

    def describe(self, split):
        mean, spread = tables.column_moments(split["x"])
        sizes = np.asarray(split.y, dtype=np.float64)[:, len(split.context["classes"]) :]
        low, high = np.nanmin(sizes, axis=0), np.nanmax(sizes, axis=0)
        return {
            "kind": split.context["output"],
            "classes": len(split.context["classes"]),
            "statistics": split["x"].shape[1],
            "column_mean": mean,
            "column_spread": spread,
            "low": low.tolist(),
            "span": np.where(high > low, high - low, 1).tolist(),
            "outputs": int(split.y.shape[1]),
        }

    def build(self, parameters, shape):
        return Network(shape["statistics"], parameters["hidden"], shape["outputs"])

    def batch(self, split, index):
        moments = self.shape["column_mean"], self.shape["column_spread"]
        x = tables.standardise(split["x"][index], *moments, self.parameters["limit"])
        tensors = {"x": torch.from_numpy(x)}
        if "y" in split:
            tensors["y"] = torch.from_numpy(np.array(split.y[index], np.float32))
        return tensors

    def loss(self, network, batch):
        """Cross-entropy of the class and squared error of the scaled sizes, over regions whose labels are known."""
        known = ~torch.isnan(batch["y"]).any(dim=1)
        output, y, classes = network(batch).float()[known], batch["y"][known], self.shape["classes"]
        low, span = (output.new_tensor(self.shape[key]) for key in ("low", "span"))
        sizes = F.mse_loss(output[:, classes:], (y[:, classes:] - low) / span)
        return F.cross_entropy(output[:, :classes], y[:, :classes]) + self.parameters["sizes_weight"] * sizes

    def activate(self, output):
        classes = self.shape["classes"]
        low, span = (output.new_tensor(self.shape[key]) for key in ("low", "span"))
        return torch.cat([output[:, :classes].softmax(dim=-1), output[:, classes:] * span + low], dim=1)

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        job.seed_torch("fit", "build")
        network = self.build(self.parameters, self.shape)
        if self.parameters["start"] == "autoencoders":
            self.pretrain(network, train, job)
        self.train_built(network, self.parameters["training"], train, valid, job)
        self.network = network

    def pretrain(self, network, train, job):
        """Teach each hidden layer in turn to rebuild the one below."""
        settings = dict(self.parameters["pretraining"])
        sparsity, penalty = settings.pop("sparsity"), settings.pop("penalty")
        for number, layer in enumerate(network.hidden):
            job.seed_torch("pretraining", number, "build")
            part = Autoencoder(layer)
            with torch.no_grad():
                x = network.to("cpu").encode(self.batch(train, np.arange(len(train)))["x"], number)
            training.fit(
                part,
                len(train),
                lambda index, x=x: {"x": x[index]},
                lambda part, batch: part.loss(batch["x"], sparsity, penalty),
                settings,
                job,
                f"pretraining{number + 1}",
            )

    def interpret(self, split, folder):
        from deepbio.figures import population as figures

        folder, p = Path(folder), self.predict(split)["y"]
        figures.draw_confusion(split, p, folder / "confusion")
        figures.draw_sizes(split, p, folder / "sizes")
