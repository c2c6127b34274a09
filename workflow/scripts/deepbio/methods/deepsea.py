"""DeepSEA (Zhou and Troyanskaya 2015): three convolutions, two poolings and a dense layer over 1,000 bases."""

from torch import nn
from torch.nn import functional as F

from deepbio.learning.chromatin import ChromatinMethod
from deepbio.learning.sequence_network import SequenceNetwork

WIDTH, POOL = 8, 4


class DeepSEA(SequenceNetwork):
    """One-hot (n, 4, length) -> (n, outputs), with the layout of the same laboratory's later code."""

    def __init__(self, kernels, dense, dropout, shape):
        super().__init__()
        self.shortest = ((1 + WIDTH - 1) * POOL + WIDTH - 1) * POOL + WIDTH - 1
        self.detectors = nn.Conv1d(4, kernels[0], WIDTH)
        self.deeper = nn.ModuleList(nn.Conv1d(a, b, WIDTH) for a, b in zip(kernels[:-1], kernels[1:], strict=True))
        self.dropout = nn.ModuleList(nn.Dropout(share) for share in dropout)
        length = max(shape["length"], self.shortest)
        length = ((length - WIDTH + 1) // POOL - WIDTH + 1) // POOL - WIDTH + 1
        self.dense = nn.Linear(kernels[-1] * length, dense)
        self.head = nn.Linear(dense, shape["outputs"])

    def hidden(self, x):
        """Compute the activations of the last hidden layer: (n, dense)."""
        x = F.relu(self.detectors(x))
        for layer, dropout in zip(self.deeper, self.dropout, strict=False):
            x = F.relu(layer(dropout(F.max_pool1d(x, POOL))))
        return F.relu(self.dense(self.dropout[-1](x).flatten(1)))

    def score(self, x):
        return self.head(self.hidden(x))


class Method(ChromatinMethod):
    """Parameters: kernels, dense, dropout (after each convolution), max_norm, l1 (on the last hidden layer),
    reverse_complements (train on both strands), both_strands (average them in prediction), training."""

    def build(self, parameters, shape):
        names = ("kernels", "dense", "dropout")
        return DeepSEA(**{name: parameters[name] for name in names}, shape=shape)
