"""Deep Motif (Lanchantin et al. 2016) and the three networks of the Deep Motif Dashboard (2017), with its figures."""

from torch import nn
from torch.nn import functional as F

from deepbio.learning import layers
from deepbio.learning.sequence_network import SequenceMethod, SequenceNetwork

POOL = 2


class Convolutional(SequenceNetwork):
    """The Dashboard's CNN: three convolutions with ReLU and dropout, pooling after two, the maximum, the head."""

    def __init__(self, kernels, widths, dropout, shape):
        super().__init__()
        self.detectors = nn.Conv1d(4, kernels, widths[0])
        self.deeper = nn.ModuleList(nn.Conv1d(kernels, kernels, width) for width in widths[1:])
        for width in reversed(widths[1:]):
            self.shortest = (self.shortest + width - 1) * POOL
        self.shortest += widths[0] - 1
        self.dropout = nn.Dropout(dropout)
        self.head = layers.head(kernels, shape)

    def features(self, x):
        x = F.relu(self.detectors(x))
        for layer in self.deeper:
            x = F.relu(layer(self.dropout(F.max_pool1d(x, POOL))))
        return self.dropout(x).amax(2)

    def score(self, x):
        return self.head(self.features(x))


class ConvolutionalHighway(Convolutional):
    """DeMo: the convolutions, then highway layers, then the head."""

    def __init__(self, kernels, widths, dropout, highways, shape):
        super().__init__(kernels, widths, dropout, shape)
        self.highways = nn.Sequential(*(layers.Highway(kernels) for _ in range(highways)))

    def score(self, x):
        return self.head(self.highways(self.features(x)))


class Recurrent(SequenceNetwork):
    """The Dashboard's RNN and CNN-RNN: a bidirectional LSTM over bases or over motifs, its mean over time, the head."""

    def __init__(self, kernels, widths, units, dropout, shape):
        super().__init__()
        self.detectors = nn.Conv1d(4, kernels, widths[0], padding=widths[0] // 2) if kernels else None
        self.lstm = layers.lstm(kernels or 4, units, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.head = layers.head(2 * units, shape)

    def states(self, x):
        """Compute the states of both directions: (n, length, 2 · units)."""
        if self.detectors is not None:
            x = self.dropout(F.relu(self.detectors(x)))
        return self.lstm(x.transpose(1, 2))[0]

    def score(self, x):
        return self.head(self.dropout(self.states(x).mean(1)))


class Method(SequenceMethod):
    """Parameters: network (cnn, rnn, cnn_rnn or demo), kernels, widths, units, highways, dropout, training."""

    def build(self, parameters, shape):
        kernels, widths, dropout = (parameters[name] for name in ("kernels", "widths", "dropout"))
        form = parameters["network"]
        if form == "cnn":
            return Convolutional(kernels, widths, dropout, shape)
        if form == "demo":
            return ConvolutionalHighway(kernels, widths, dropout, parameters["highways"], shape)
        if form in ("rnn", "cnn_rnn"):
            return Recurrent(kernels if form == "cnn_rnn" else 0, widths, parameters["units"], dropout, shape)
        raise ValueError(f"network: '{form}' is none of cnn, rnn, cnn_rnn and demo")

    def interpret(self, split, folder):
        from deepbio.figures import interpretation

        if self.network.detectors is not None:
            super().interpret(split, folder)
        interpretation.class_optimisation(self.network, self.shape["length"], split.context, folder)
        if hasattr(self.network, "states"):
            best = int(self.predict(split)["y"][:, 0].argmax())
            interpretation.temporal_scores(self.predict, split, best, folder)
