"""Accessibility from sequence and expression (Wnuk et al. 2019): Basset's trunk beside the sample's gene expression."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.methods.basset import Basset
from deepbio.network import NetworkMethod


class AccessNetwork(nn.Module):
    """codes (n, length) and expression (n, genes) -> logits (n, 1).

    The dense layers see the flattened convolutions and an embedding of the expression side by side.
    """

    def __init__(self, kernels, widths, pools, embedding, dense, dropout, shape):
        super().__init__()
        trunk = Basset(kernels, widths, pools, [1], 0.0, {**shape, "outputs": 1})
        self.trunk, flat = trunk, trunk.dense[0].in_features
        # Of Basset only the convolutions are used.
        trunk.dense, trunk.dense_norms, trunk.head, trunk.dropout = None, None, None, None
        self.embedding = nn.Linear(shape["genes"], embedding)
        sizes = [flat + embedding, *dense]
        self.dense = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True))
        self.norms = nn.ModuleList(nn.BatchNorm1d(size) for size in dense)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(dense[-1], 1)

    def forward(self, batch):
        site = self.trunk.convolved(self.trunk.first(self.trunk.one_hot(batch["codes"])))
        x = torch.cat([site, F.relu(self.embedding(batch["expression"]))], dim=1)
        for layer, norm in zip(self.dense, self.norms, strict=True):
            x = self.dropout(F.relu(norm(layer(x))))
        return self.head(x)


class Method(NetworkMethod):
    """Parameters: kernels, widths, pools (the trunk), embedding, dense, dropout, training."""

    def describe(self, split):
        genes = np.asarray(split.context["expression"]).shape[1]
        return {**super().describe(split), "length": int(split["codes"].shape[1]), "genes": genes}

    def build(self, parameters, shape):
        names = ("kernels", "widths", "pools", "embedding", "dense", "dropout")
        return AccessNetwork(**{name: parameters[name] for name in names}, shape=shape)

    def batch(self, split, index):
        expression = np.asarray(split.context["expression"], np.float32)[np.asarray(split["sample"][index])]
        tensors = {
            "codes": torch.from_numpy(np.asarray(split["codes"][index])),
            "expression": torch.from_numpy(expression),
        }
        return tensors | ({"y": torch.from_numpy(split.y[index])} if "y" in split else {})
