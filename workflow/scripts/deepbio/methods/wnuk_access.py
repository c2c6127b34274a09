"""Accessibility from sequence and expression (Wnuk et al. 2019): Basset's trunk beside the sample's gene expression."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core.data import Split
from deepbio.learning.network import NetworkMethod
from deepbio.learning.sequence_layers import Dense, Trunk
from deepbio.learning.sequence_network import detector_activations


class AccessNetwork(nn.Module):
    """codes (n, length) and expression (n, genes) -> logits (n, 1).

    The dense layers see the flattened convolutions and an embedding of the expression side by side.
    """

    def __init__(self, kernels, widths, pools, embedding, dense, dropout, shape):
        super().__init__()
        self.trunk = Trunk(kernels, widths, pools, shape["length"])
        self.embedding = nn.Linear(shape["genes"], embedding)
        self.top = Dense(self.trunk.features + embedding, dense, dropout, 1)

    def forward(self, batch):
        site = self.trunk(batch)
        return self.top(torch.cat([site, F.relu(self.embedding(batch["expression"]))], dim=1))


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

    def in_samples(self, codes, context):
        """Predict sites (n, length) in every sample of the context: probabilities (n, samples)."""
        samples = len(context["expression"])
        arrays = {"codes": np.repeat(codes, samples, axis=0), "sample": np.tile(np.arange(samples), len(codes))}
        return self.predict(Split(arrays, context))["y"].reshape(len(codes), samples)

    def interpret(self, split, folder):
        from deepbio.figures import accessibility, interpretation

        positive = interpretation.positives(split)
        active = detector_activations(self, self.network.trunk.detectors, positive)
        interpretation.detector_logos(np.asarray(positive["codes"]), *active, split.context, folder)
        codes, site = np.unique(np.asarray(split["codes"]), axis=0, return_inverse=True)
        p = self.in_samples(codes, split.context)
        measured = np.full(p.shape, np.nan)
        measured[site.ravel(), np.asarray(split["sample"])] = np.asarray(split.y).ravel()
        accessibility.draw_samples(p, measured, split.context, folder)
