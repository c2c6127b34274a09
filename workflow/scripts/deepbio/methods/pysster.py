"""pysster (Budach and Marsico 2018): convolutions over sequence and structure together, and what their kernels look
for, where, and in which class."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core import labels
from deepbio.learning import layers
from deepbio.learning.sequence_network import SequenceMethod, SequenceNetwork


class Network(SequenceNetwork):
    """One-hot (n, letters, length) -> (n, outputs): blocks of a valid convolution, ReLU, pooling and dropout, a dense
    layer, and a softmax or sigmoid outputs. A letter is a base, or a pair of a base and what it is part of."""

    def __init__(self, kernels, width, convolutions, pool, dense, dropout, shape):
        super().__init__()
        self.letters, self.pool = shape["letters"], pool
        for _ in range(convolutions):
            self.shortest = self.shortest * pool + width - 1
        self.detectors = nn.Conv1d(self.letters, kernels, width)
        self.deeper = nn.ModuleList(nn.Conv1d(kernels, kernels, width) for _ in range(convolutions - 1))
        length = max(shape["length"], self.shortest)
        for _ in range(convolutions):
            length = (length - width + 1) // pool
        self.dense = nn.Linear(kernels * length, dense)
        self.head = layers.head(dense, shape)
        self.dropout = nn.ModuleList(nn.Dropout(share) for share in dropout)
        for layer in (self.detectors, *self.deeper, self.dense, self.head):
            nn.init.uniform_(layer.weight, -0.05, 0.05)
            nn.init.zeros_(layer.bias)

    def score(self, x):
        x = self.dropout[0](x)
        for layer in (self.detectors, *self.deeper):
            x = self.dropout[1](F.max_pool1d(F.relu(layer(x)), self.pool))
        return self.head(self.dropout[2](F.relu(self.dense(x.flatten(1)))))

    @torch.no_grad()
    def limit(self, norm):
        """Bound the norm of the weights as Keras's first axis has it: of a convolution those of one kernel in one
        letter, of the dense layer those of one unit."""
        for layer in (self.detectors, *self.deeper):
            size = layer.weight.norm(dim=2, keepdim=True)
            layer.weight.mul_(norm / size.clamp(min=norm))
        layers.limit_norms([self.dense], norm)


class Method(SequenceMethod):
    """Parameters: kernels, width, convolutions, pool, dense, dropout (of the input, after a convolution, after the
    dense layer), max_norm, class_weights (whether rare classes weigh more in training), structure (whether it is used
    where there is one), training."""

    def describe(self, split):
        found = super().describe(split)
        known = split.context.get("structure_letters", "") if self.parameters["structure"] else ""
        found["structure"] = known if "structure" in split else ""
        found["letters"] = 4 * max(1, len(found["structure"]))
        if self.parameters["class_weights"] and found["kind"] in ("binary", "multiclass"):
            counts = np.bincount(labels.columns(split.y)[:, 0].astype(int), minlength=max(2, found["outputs"]))
            found["class_weights"] = (counts.max() / np.maximum(counts, 1)).tolist()
        return found

    def build(self, parameters, shape):
        names = ("kernels", "width", "convolutions", "pool", "dense", "dropout")
        return Network(**{name: parameters[name] for name in names}, shape=shape)

    def batch(self, split, index):
        found, size = super().batch(split, index), len(self.shape["structure"])
        if size:
            pairs = found["codes"] * size + torch.from_numpy(np.asarray(split["structure"][index]))
            found["codes"] = pairs.masked_fill(found["codes"] == 4, 4 * size)
        return found

    def loss(self, network, batch):
        """Compute the mean loss; in training each sample weighs as its class does."""
        network.limit(self.parameters["max_norm"])  # which the last step may have passed
        if not network.training:
            return super().loss(network, batch)
        output = network(batch).float()
        if "class_weights" not in self.shape:
            return self.loss_of(output, batch)
        y = batch["y"].flatten()
        weight = output.new_tensor(self.shape["class_weights"])[y.long()]
        if self.shape["kind"] == "multiclass":
            return (weight * F.cross_entropy(output, y.long(), reduction="none")).mean()
        return (weight * F.binary_cross_entropy_with_logits(output[:, 0], y, reduction="none")).mean()

    def activations(self, split):
        """Give the largest activation of each kernel in each window (n, kernels), and where it begins."""
        missing = max(0, self.network.shortest - self.shape["length"])

        def best(batch):
            values, places = F.relu(self.network.detectors(self.network.one_hot(batch["codes"]))).max(2)
            return values, places - missing // 2

        active, place = (found.numpy() for found in self.run_batched(split, best))
        return active, place, np.zeros(active.shape, int), self.parameters["width"]

    def interpret(self, split, folder):
        from deepbio.figures import rna as figures

        active, place, _, width = self.activations(split)
        figures.draw_kernels(split, self.shape["structure"], active, place, width, Path(folder) / "kernels")
        figures.draw_optimised(self.network, self.shape, split.context, Path(folder) / "optimised_input")
