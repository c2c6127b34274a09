"""evoNet (Sheehan and Song 2016): selection and population sizes, both from summary statistics of a region.

Each hidden layer first learns, as a sparse autoencoder, to reconstruct its input. Then the whole network learns the
class of selection and the sizes.
"""

from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.learning import pretraining
from deepbio.learning.layers import glorot
from deepbio.learning.table_network import TableMethod

PERMUTATIONS = 5  # of each statistic, by which its importance is measured


class Network(nn.Module):
    """{"x": (n, statistics), standardised} -> (n, classes + sizes): logits of the classes, sizes on a scale from 0 to
    1. Hidden layers are sigmoid."""

    def __init__(self, statistics, hidden, outputs):
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in pairwise([statistics, *hidden]))
        self.output = nn.Linear(hidden[-1], outputs)
        glorot(self)

    def encode(self, x, layers):
        """Compute the activations (n, units) of hidden layer number `layers`; 0 returns the input."""
        for layer in self.hidden[:layers]:
            x = torch.sigmoid(layer(x))
        return x

    def forward(self, batch):
        return self.output(self.encode(batch["x"], len(self.hidden)))


class Method(TableMethod):
    """Parameters: hidden (units of the layers), limit (largest standardised statistic), start (autoencoders or
    random), pretraining (settings of the autoencoders' training, `sparsity` and `penalty`), sizes_weight (of the
    sizes in the loss), training.
    """

    def describe(self, split):
        sizes = np.asarray(split.y, dtype=np.float64)[:, len(split.context["classes"]) :]
        low, high = np.nanmin(sizes, axis=0), np.nanmax(sizes, axis=0)
        return {
            "kind": split.context["output"],
            "classes": len(split.context["classes"]),
            "statistics": split["x"].shape[1],
            "low": low.tolist(),
            "span": np.where(high > low, high - low, 1).tolist(),
            "outputs": int(split.y.shape[1]),
            **self.moments(split),
        }

    def build(self, parameters, shape):
        return Network(shape["statistics"], parameters["hidden"], shape["outputs"])

    def loss(self, network, batch):
        """Compute the cross-entropy of the class plus the weighted squared error of the scaled sizes.

        Regions with an unknown label are left out.
        """
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
            x = self.batch(train, np.arange(len(train)))["x"]
            pretraining.train_autoencoders(
                network.hidden,
                lambda number: network.to("cpu").encode(x, number),
                self.parameters["pretraining"],
                job,
            )
        self.train_built(network, self.parameters["training"], train, valid, job)
        self.network = network

    def interpret(self, split, folder):
        from deepbio.figures import population as figures
        from deepbio.learning import importance

        folder, p = Path(folder), self.predict(split)["y"]
        figures.draw_confusion(split, p, folder / "confusion")
        figures.draw_sizes(split, p, folder / "sizes")
        known = split.take(np.flatnonzero(~np.isnan(np.asarray(split.y)).any(axis=1)))
        change = importance.losses(self.predict, known, partial(self.losses, np.asarray(known.y)), PERMUTATIONS)
        figures.draw_informative(change, split.context, folder / "informative")

    def losses(self, y, p):
        """Compute the cross-entropy of the class and the mean error of each log size, of predictions p (n, outputs)."""
        from deepbio.scoring import functions

        classes = self.shape["classes"]
        entropy = functions.log_loss_of_classes(y[:, :classes].argmax(axis=1), p[:, :classes])
        return [entropy, *(functions.mae(y[:, i], p[:, i]) for i in range(classes, y.shape[1]))]
