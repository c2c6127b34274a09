"""DeeperBind (Hassanzadeh and Wang 2016): a convolution without pooling, and two LSTMs that keep motifs in order."""

import torch
from torch import nn

from deepbio.learning import layers
from deepbio.learning.sequence_network import SequenceMethod, SequenceNetwork


class DeeperBind(SequenceNetwork):
    """One-hot (n, 4, length) -> (n, outputs): convolution, ReLU, LSTM, LSTM, the last position, linear.

    The published code's option CNN_LSTM; dropout follows each LSTM.
    """

    def __init__(self, motifs=5, motif_length=11, recurrent=(30, 20), dropout=0.2, outputs=1):
        super().__init__()
        self.shortest = motif_length
        self.detectors = nn.Conv1d(4, motifs, motif_length)
        sizes = [motifs, *recurrent]
        self.recurrent = nn.ModuleList(map(layers.lstm, sizes[:-1], sizes[1:]))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(sizes[-1], outputs)

    def score(self, x):
        x = torch.relu(self.detectors(x)).transpose(1, 2)
        for layer in self.recurrent:
            x = self.dropout(layer(x)[0])
        return self.head(x[:, -1])


class Method(SequenceMethod):
    """Parameters: motifs, motif_length, recurrent (units of the LSTMs), dropout, monitor (kind of output → the measure
    that chooses the epoch), training.
    """

    def build(self, parameters, shape):
        names = ("motifs", "motif_length", "recurrent", "dropout")
        return DeeperBind(**{name: parameters[name] for name in names}, outputs=shape["outputs"])

    def fit(self, train, valid, job):
        # The published code keeps the epoch with the best Spearman correlation; for classes, the best loss.
        self.shape = self.describe(train)
        monitor = self.parameters["monitor"].get(self.shape["kind"], "loss")
        self.network, _ = self.train_network(self.parameters, train, valid, job, settings={"monitor": monitor})
