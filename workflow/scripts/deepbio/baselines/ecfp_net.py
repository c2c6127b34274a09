"""A network with one hidden layer on circular fingerprints."""

import numpy as np
import torch
from torch import nn

from deepbio import features
from deepbio.data import Split
from deepbio.network import NetworkMethod


class Method(NetworkMethod):
    """Parameters: fingerprint (radius, bits, counts), hidden, dropout, training."""

    def build(self, parameters, shape):
        hidden = parameters["hidden"]
        return nn.Sequential(
            nn.Linear(shape["inputs"], hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, shape["outputs"]),
        )
