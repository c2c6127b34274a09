"""DanQ (Quang and Xie 2016): a layer of motif detectors, a bidirectional LSTM over their maxima, and a dense layer."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.learning import layers
from deepbio.learning.sequence_network import SequenceMethod, SequenceNetwork


class DanQ(SequenceNetwork):
    """One-hot (n, 4, length) -> (n, outputs)."""

    def __init__(self, kernels, width, pool, units, dense, dropout, shape):
        super().__init__()
        self.pool, self.shortest = pool, width + pool - 1
        self.detectors = nn.Conv1d(4, kernels, width)
        self.lstm = layers.lstm(kernels, units, bidirectional=True)
        self.dropout = nn.ModuleList(nn.Dropout(share) for share in dropout)
        steps = (max(shape["length"], self.shortest) - width + 1) // pool
        self.dense = nn.Linear(steps * 2 * units, dense)
        self.head = nn.Linear(dense, shape["outputs"])

    def score(self, x):
        x = self.dropout[0](F.max_pool1d(F.relu(self.detectors(x)), self.pool))
        x = self.dropout[1](self.lstm(x.transpose(1, 2))[0])
        return self.head(F.relu(self.dense(x.flatten(1))))


class Method(SequenceMethod):
    """Parameters: kernels, width, pool, units, dense, dropout (before and after the LSTM), jaspar (null, or the
    release and groups whose matrices half of the detectors begin from), both_strands, reverse_complements, training."""

    def build(self, parameters, shape):
        names = ("kernels", "width", "pool", "units", "dense", "dropout")
        network = DanQ(**{name: parameters[name] for name in names}, shape=shape)
        if parameters["jaspar"]:
            begin_with_motifs(network.detectors, **parameters["jaspar"])
        return network


@torch.no_grad()
def begin_with_motifs(layer, release, groups):
    """Put JASPAR matrices minus 0.25, at random positions, into half of a convolution's kernels.

    Their biases are drawn between -1 and 0 (the published code of DanQ-JASPAR). Matrices longer than the kernels are
    left out.
    """
    from deepbio.domains.dna import motifs

    kernels, _, width = layer.weight.shape
    known = [matrix for _, _, matrix in motifs.jaspar(tuple(groups), release) if matrix.shape[1] <= width]
    chosen = torch.randperm(len(known))[: kernels // 2].tolist()
    for kernel, number in enumerate(chosen):
        matrix = torch.from_numpy(np.asarray(known[number], np.float32)) - 0.25
        start = int(torch.randint(0, width - matrix.shape[1] + 1, ()))
        layer.weight[kernel] = 0
        layer.weight[kernel, :, start : start + matrix.shape[1]] = matrix
        layer.bias[kernel] = -torch.rand(())
