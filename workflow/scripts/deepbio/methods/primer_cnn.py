"""The network of "A primer on deep learning in genomics" (Zou et al. 2019): convolution, pooling, two dense layers."""

import torch
from torch import nn
from torch.nn import functional as F

from deepbio.learning import layers
from deepbio.learning.sequence_network import SequenceMethod, SequenceNetwork


class Primer(SequenceNetwork):
    """One-hot (n, 4, length) -> (n, outputs). The convolution has no activation, as in the notebook."""

    def __init__(self, kernels, width, pool, hidden, shape):
        super().__init__()
        self.pool = pool
        self.shortest = width + pool - 1
        self.detectors = nn.Conv1d(4, kernels, width)
        positions = (max(shape["length"], self.shortest) - width + 1) // pool
        self.hidden = nn.Linear(kernels * positions, hidden)
        self.head = layers.head(hidden, shape)

    def score(self, x):
        x = F.max_pool1d(self.detectors(x), self.pool).flatten(1)
        return self.head(torch.relu(self.hidden(x)))


class Method(SequenceMethod):
    """Parameters: kernels, width, pool, hidden, training."""

    def build(self, parameters, shape):
        return Primer(**{name: parameters[name] for name in ("kernels", "width", "pool", "hidden")}, shape=shape)
