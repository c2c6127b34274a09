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
    """The Dashboard's RNN and CNN-RNN: a bidirectional LSTM over bases or over motifs, its mean over time, the head.

    `where` is what dropout acts on: the LSTM's "states", or the "mean" and the motifs.
    """

    def __init__(self, kernels, widths, units, dropout, where, shape):
        super().__init__()
        self.detectors = nn.Conv1d(4, kernels, widths[0], padding=widths[0] // 2) if kernels else None
        self.lstm = layers.lstm(kernels or 4, units, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        if where not in ("states", "mean"):
            raise ValueError(f"recurrent_dropout: '{where}' is neither states nor mean")
        self.early = where == "states"
        self.head = layers.head(2 * units, shape)

    def states(self, x):
        """Compute the states of both directions: (n, length, 2 · units)."""
        if self.detectors is not None:
            x = F.relu(self.detectors(x))
            x = x if self.early else self.dropout(x)
        states = self.lstm(x.transpose(1, 2))[0]
        return self.dropout(states) if self.early else states

    def score(self, x):
        mean = self.states(x).mean(1)
        return self.head(mean if self.early else self.dropout(mean))


class Method(SequenceMethod):
    """Parameters: network (cnn, rnn, cnn_rnn or demo), kernels, widths, units, highways, dropout, recurrent_dropout
    (states or mean), training."""

    def build(self, parameters, shape):
        kernels, widths, dropout = (parameters[name] for name in ("kernels", "widths", "dropout"))
        form = parameters["network"]
        if form == "cnn":
            return Convolutional(kernels, widths, dropout, shape)
        if form == "demo":
            return ConvolutionalHighway(kernels, widths, dropout, parameters["highways"], shape)
        if form in ("rnn", "cnn_rnn"):
            kernels, where = kernels if form == "cnn_rnn" else 0, parameters.get("recurrent_dropout", "mean")
            return Recurrent(kernels, widths, parameters["units"], dropout, where, shape)
        raise ValueError(f"network: '{form}' is none of cnn, rnn, cnn_rnn and demo")

    def interpret(self, split, folder):
        from deepbio.figures import interpretation

        if self.network.detectors is not None:
            super().interpret(split, folder)
        interpretation.class_optimisation(self.network, self.shape["length"], split.context, folder)
        if hasattr(self.network, "states"):
            best = int(self.predict(split)["y"][:, 0].argmax())
            interpretation.temporal_scores(self.predict, split, best, folder)
