"""Network pieces that at least two methods share."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


class ClassPair(nn.Linear):
    """A softmax over two classes as one logit: features (n, f) -> (n, 1), the second class's score above the first's.

    The cross-entropy of that softmax is the binary cross-entropy of this logit, and the weights are the pair's.
    """

    def __init__(self, features):
        super().__init__(features, 2)

    def forward(self, x):
        first, second = super().forward(x).unbind(-1)
        return (second - first)[..., None]


def head(features: int, shape: dict) -> nn.Module:
    """Build the last layer: a pair of classes for a binary label as many papers have it, else one unit an output."""
    return ClassPair(features) if shape["kind"] == "binary" else nn.Linear(features, shape["outputs"])


def glorot(module: nn.Module) -> nn.Module:
    """Initialize the linear and convolutional layers of `module` as Keras does: weights uniform after Glorot and Bengio
    (2010, eq. 16), biases zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module


def lstm(inputs: int, units: int, bidirectional: bool = False) -> nn.LSTM:
    """Build an LSTM over (n, steps, inputs) with one bias a gate, as Keras and Torch7 have it.

    As there, biases begin at zero but for the forget gate's, which begins at one so that the cell remembers from the
    start. torch adds a second, redundant bias; it is held at zero and takes no part in training.
    """
    network = nn.LSTM(inputs, units, batch_first=True, bidirectional=bidirectional)
    for name, parameter in network.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
        if name.startswith("bias_ih"):
            nn.init.ones_(parameter.data[units : 2 * units])  # torch's order of gates: input, forget, cell, output
        if name.startswith("bias_hh"):
            parameter.requires_grad_(False)
    return network


class Highway(nn.Module):
    """t · H(x) + (1 - t) · x with a learned gate t (Srivastava, Greff and Schmidhuber 2015, eq. 3)."""

    def __init__(self, features):
        super().__init__()
        self.change, self.gate = nn.Linear(features, features), nn.Linear(features, features)
        nn.init.constant_(self.gate.bias, -1.0)  # at first most of x passes, as its authors advise

    def forward(self, x):
        gate = torch.sigmoid(self.gate(x))
        return gate * F.relu(self.change(x)) + (1 - gate) * x


@torch.no_grad()
def limit_norms(modules: Iterable[Any], norm: float) -> None:
    """Put the incoming weights of every unit of some layers back to a norm of at most `norm`."""
    for module in modules:
        module.weight.copy_(torch.renorm(module.weight, 2, 0, norm))
