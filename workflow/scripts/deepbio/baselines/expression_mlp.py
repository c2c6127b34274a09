"""A plain network on all genes, without a graph."""

from itertools import pairwise

from torch import nn

from deepbio.learning.layers import head
from deepbio.learning.table_network import TableMethod


class Network(nn.Module):
    """{"x": (n, genes)} -> scores (n, outputs): ReLU layers of `hidden` units with dropout."""

    def __init__(self, genes, hidden, dropout, shape):
        super().__init__()
        layers = []
        for size in pairwise([genes, *hidden]):
            layers += [nn.Linear(*size), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, head(hidden[-1], shape))

    def forward(self, batch):
        return self.layers(batch["x"])


class Method(TableMethod):
    """Parameters: hidden, dropout, training."""

    def build(self, parameters, shape):
        return Network(len(shape["column_mean"]), parameters["hidden"], parameters["dropout"], shape)
