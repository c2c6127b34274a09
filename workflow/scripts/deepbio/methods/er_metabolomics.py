"""The feed-forward network of Alakwaa et al. (2018) for oestrogen-receptor status, as H2O builds and trains it.

Hyper-parameters are searched by cross-validation inside the training part. The folds of one setting are trained
side by side, as a stack of networks of one form that see the same batches: a network's loss leaves out the samples
of its own fold. Nothing couples the networks of a stack, so this equals training them one after the other.
"""

import csv
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio import metrics, search, tables, training
from deepbio.data import Split, concatenate
from deepbio.files import atomic
from deepbio.network import NetworkMethod

ACTIVATIONS = {
    "rectifier": torch.relu,
    "tanh": torch.tanh,
    "maxout": lambda x: torch.maximum(*x.chunk(2, dim=-1)),  # two linear channels a unit
}


class Stack(nn.Module):
    """x (n, features) -> logits (copies, n, 2), one set for each of `copies` networks of the same form.

    First weights and biases are H2O's: uniform within sqrt(6 / (inputs + outputs)), four times as wide before the
    softmax; biases of rectifier and maxout units 0.5 in the first and 1 in deeper hidden layers, others 0.
    """

    def __init__(self, centre, spread, hidden, activation, input_dropout, hidden_dropout, l1, l2, copies=1):
        super().__init__()
        self.register_buffer("centre", torch.tensor(centre))
        self.register_buffer("spread", torch.tensor(spread))
        self.activation, self.l1, self.l2 = activation, l1, l2
        self.input_dropout, self.hidden_dropout = input_dropout, hidden_dropout
        self.matrices, self.biases = nn.ParameterList(), nn.ParameterList()
        sizes = [len(centre), *hidden, 2]
        for layer, (inputs, outputs) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
            last = layer == len(hidden)
            wide = outputs * (2 if activation == "maxout" and not last else 1)
            limit = (6 / (inputs + outputs)) ** 0.5 * (4 if last else 1)
            self.matrices.append(nn.Parameter(torch.empty(copies, inputs, wide).uniform_(-limit, limit)))
            bias = 0.0 if last or activation == "tanh" else (1.0 if layer else 0.5)
            self.biases.append(nn.Parameter(torch.full((copies, 1, wide), bias)))

    def standardise(self, x):
        return (x - self.centre) / self.spread

    def hidden_layer(self, x, layer):
        """(copies, n, inputs) -> (copies, n, units)."""
        return ACTIVATIONS[self.activation](torch.baddbmm(self.biases[layer], x, self.matrices[layer]))

    def forward(self, batch):
        x = self.standardise(batch["x"]).expand(len(self.matrices[0]), -1, -1)
        x = F.dropout(x, self.input_dropout, self.training)
        for layer in range(len(self.matrices) - 1):
            x = F.dropout(self.hidden_layer(x, layer), self.hidden_dropout, self.training)
        return torch.baddbmm(self.biases[-1], x, self.matrices[-1])

    def penalty(self):
        """H2O's, whose gradient is l1 · sign(w) + l2 · w."""
        return sum(self.l1 * w.abs().sum() + self.l2 / 2 * w.square().sum() for w in self.matrices)


class Autoencoder(nn.Module):
    """Reconstructs the standardised inputs from the first hidden layer of a stack: batch -> (copies, n, features)."""

    def __init__(self, stack, units):
        super().__init__()
        self.stack = stack
        features = len(stack.centre)
        limit = (6 / (units + features)) ** 0.5
        self.decoder = nn.Parameter(torch.empty(len(stack.matrices[0]), units, features).uniform_(-limit, limit))

    def forward(self, batch):
        x = self.stack.standardise(batch["x"]).expand(len(self.decoder), -1, -1)
        return self.stack.hidden_layer(x, 0) @ self.decoder


def kept(batch, copies):
    """(copies, n) weights, 1 where a network may learn from a sample, 0 where it belongs to the network's fold."""
    if "fold" not in batch:
        return torch.ones(copies, len(batch["x"]), device=batch["x"].device)
    return (batch["fold"] != torch.arange(copies, device=batch["fold"].device)[:, None]).float()


def mean_loss(each, weight):
    """Mean over the kept samples of every network, summed over networks."""
    return ((each * weight).sum(1) / weight.sum(1).clamp(min=1)).sum()


class Method(NetworkMethod):
    """Parameters: search (trials, folds, space), pretraining (settings of training), training."""

    def describe(self, split):
        x = np.asarray(split["x"], dtype=np.float64)
        spread = x.std(axis=0)
        return {
            **super().describe(split),
            "centre": x.mean(axis=0).tolist(),
            "spread": np.where(spread > 0, spread, 1).tolist(),
        }

    def build(self, parameters, shape):
        names = ("hidden", "activation", "input_dropout", "hidden_dropout", "l1", "l2")
        chosen = {name: parameters[name] for name in names}
        return Stack(shape["centre"], shape["spread"], **chosen, copies=parameters.get("copies", 1))

    def batch(self, split, index):
        tensors = {"x": torch.from_numpy(np.asarray(split["x"][index], dtype=np.float32))}
        if "fold" in split:
            tensors["fold"] = torch.from_numpy(split["fold"][index])
        return tensors | ({"y": torch.from_numpy(np.asarray(split.y[index]).ravel()).long()} if "y" in split else {})

    def loss(self, network, batch):
        output = network(batch)
        each = F.cross_entropy(output.flatten(0, 1), batch["y"].repeat(len(output)), reduction="none")
        return mean_loss(each.view(output.shape[:2]), kept(batch, len(output))) + network.penalty()

    def activate(self, output):
        return output[0].softmax(1)[:, 1:]

    def validate(self, network, valid, device):
        batch = {key: value.to(device) for key, value in self.batch(valid, np.arange(len(valid))).items()}
        output = network(batch)
        # In cross-validation a sample is scored by the one network that has not seen it.
        fold = batch.get("fold", torch.zeros_like(batch["y"]))
        output = output[fold, torch.arange(len(fold), device=device)]
        probability = output.softmax(1)[:, 1].cpu().numpy()
        names = dict.fromkeys(["accuracy", *valid.context["metrics"]])
        return {
            "loss": float(F.cross_entropy(output, batch["y"])),
            **metrics.evaluate(names, valid.y, probability),
        }
