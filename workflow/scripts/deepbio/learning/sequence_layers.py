"""Pieces that networks over DNA share: the convolutions of Basset, and batch-normalised dense layers."""

import numpy as np
from torch import nn
from torch.nn import functional as F

from deepbio.learning.sequence_network import SequenceNetwork


class Trunk(SequenceNetwork):
    """One-hot (n, 4, length) -> features (n, `features`): Basset's convolutions, which keep the length, as in the
    current published code."""

    def __init__(self, kernels, widths, pools, length):
        super().__init__()
        self.pools = pools
        self.shortest = int(np.prod(pools))
        sizes = [4, *kernels]
        blocks = [
            nn.Conv1d(a, b, width, padding="same") for a, b, width in zip(sizes[:-1], sizes[1:], widths, strict=True)
        ]
        self.detectors, self.deeper = blocks[0], nn.ModuleList(blocks[1:])
        self.norms = nn.ModuleList(nn.BatchNorm1d(size) for size in kernels)
        places = max(length, self.shortest)
        for pool in pools:
            places //= pool
        self.features = kernels[-1] * places

    def first(self, x):
        """Compute the activations of the first layer before pooling (n, kernels, length)."""
        return F.relu(self.norms[0](self.detectors(x)))

    def convolved(self, x):
        """Compute features (n, features) from the activations of the first layer."""
        x = F.max_pool1d(x, self.pools[0])
        for layer, norm, pool in zip(self.deeper, self.norms[1:], self.pools[1:], strict=True):
            x = F.max_pool1d(F.relu(norm(layer(x))), pool)
        return x.flatten(1)

    def score(self, x):
        return self.convolved(self.first(x))


class Dense(nn.Module):
    """x (n, inputs) -> (n, outputs): batch-normalised layers of ReLU with dropout behind each, and a linear one."""

    def __init__(self, inputs, sizes, dropout, outputs):
        super().__init__()
        sizes = [inputs, *sizes]
        self.dense = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True))
        self.norms = nn.ModuleList(nn.BatchNorm1d(size) for size in sizes[1:])
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(sizes[-1], outputs)

    def forward(self, x):
        for layer, norm in zip(self.dense, self.norms, strict=True):
            x = self.dropout(F.relu(norm(layer(x))))
        return self.head(x)
