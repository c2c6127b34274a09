"""The convolutional networks that Zeng et al. (2016) compared: width, depth and pooling around one motif layer."""

import math

from torch import nn
from torch.nn import functional as F

from deepbio.learning import layers, search
from deepbio.learning.sequence_network import SequenceMethod, SequenceNetwork


class Zeng(SequenceNetwork):
    """One-hot (n, 4, length) -> (n, outputs): convolutions with ReLU, pooling, hidden layer, dropout, head.

    A convolution keeps the length. Between two convolutions lies a maximum over `window` positions; after the last
    one the maximum is taken over all positions (pooling = "global") or over every `window` (pooling = "local").
    """

    def __init__(self, kernels, width, depth, pooling, window, hidden, dropout, shape):
        super().__init__()
        self.pooling, self.window = pooling, window
        self.detectors = nn.Conv1d(4, kernels, width, padding="same")
        self.deeper = nn.ModuleList(nn.Conv1d(kernels, kernels, width, padding="same") for _ in range(depth - 1))
        length = shape["length"]
        for _ in range(depth - 1 if pooling == "global" else depth):
            length = math.ceil(length / window)
        self.hidden = nn.Linear(kernels if pooling == "global" else kernels * length, hidden)
        self.dropout = nn.Dropout(dropout)
        self.head = layers.head(hidden, shape)
        layers.glorot(self)  # the published code is Keras's

    def pool(self, x):
        return F.max_pool1d(x, self.window, ceil_mode=True)

    def score(self, x):
        x = F.relu(self.detectors(x))
        for layer in self.deeper:
            x = F.relu(layer(self.pool(x)))
        x = x.amax(2) if self.pooling == "global" else self.pool(x).flatten(1)
        return self.head(self.dropout(F.relu(self.hidden(x))))


class Method(SequenceMethod):
    """Parameters: kernels, width, depth, pooling, window, hidden, training, search (trials, space, training)."""

    def build(self, parameters, shape):
        names = ("kernels", "width", "depth", "pooling", "window", "hidden", "dropout")
        return Zeng(**{name: parameters[name] for name in names}, shape=shape)

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        budget = self.parameters["search"]

        def trial(setting, name):
            _, result = self.train_setting(setting, train, valid, job, name, budget.get("training", {}))
            return {"loss": result.best_loss}

        def final(found):
            return self.train_setting(found.setting, train, valid, job, "final", {})

        found, (self.network, _) = search.fit_best(budget, trial, final, job)
        self.parameters = {**self.parameters, **found.setting}

    def train_setting(self, setting, train, valid, job, name, settings):
        options = {"rho": setting["rho"], "eps": setting["epsilon"]}
        parameters = {**self.parameters, **setting}
        return self.train_network(parameters, train, valid, job, name, {**settings, "optimizer_options": options})
