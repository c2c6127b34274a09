"""The convolutional network of Cuperus et al. (2017) over yeast 5' untranslated regions, and sequences that it
evolves."""

from pathlib import Path

import numpy as np
from torch import nn
from torch.nn import functional as F

from deepbio.core.data import Split
from deepbio.domains.dna import sequences
from deepbio.learning import layers
from deepbio.learning.sequence_network import SequenceMethod, SequenceNetwork
from deepbio.learning.tree_search import tree_search

MARGIN = 10  # empty columns on each side of a window


class Network(SequenceNetwork):
    """One-hot (n, 4, length), 0 where a base is unknown -> (n, outputs): convolutions with ReLU, of which the first
    alone is valid, no pooling, and dense layers."""

    def __init__(self, width, kernels, convolutions, dense_layers, dense, conv_dropout, dense_dropout, shape):
        super().__init__()
        self.detectors = nn.Conv1d(4, kernels, width)
        self.deeper = nn.ModuleList(nn.Conv1d(kernels, kernels, width, padding="same") for _ in range(convolutions - 1))
        features = kernels * (shape["length"] + 2 * MARGIN - width + 1)
        self.dense = nn.ModuleList()
        for _ in range(dense_layers):
            self.dense.append(nn.Linear(features, dense))
            features = dense
        self.head = nn.Linear(features, shape["outputs"])
        self.conv_dropout, self.dense_dropout = nn.Dropout(conv_dropout), nn.Dropout(dense_dropout)
        layers.glorot(self)

    def one_hot(self, codes):
        return sequences.one_hot(codes, unknown=0.0)

    def score(self, x):
        x = F.pad(x, (MARGIN, MARGIN))
        for layer in (self.detectors, *self.deeper):
            x = self.conv_dropout(F.relu(layer(x)))
        x = x.flatten(1)
        for layer in self.dense:
            x = self.dense_dropout(F.relu(layer(x)))
        return self.head(x)


class Method(SequenceMethod):
    """Parameters: width, kernels, convolutions, dense_layers, dense, conv_dropout, dense_dropout, search (trials,
    space, training: by Optuna, on validation), training, evolution (starts, rounds) of the sequences that are drawn."""

    def build(self, parameters, shape):
        names = ("width", "kernels", "convolutions", "dense_layers", "dense", "conv_dropout", "dense_dropout")
        return Network(**{name: parameters[name] for name in names}, shape=shape)

    def fit(self, train, valid, job):
        self.shape, budget = self.describe(train), self.parameters["search"]
        if budget["trials"]:

            def trial(setting, name):
                parameters = {**self.parameters, **setting}
                return {
                    "loss": self.train_network(parameters, train, valid, job, name, budget["training"])[1].best_loss
                }

            found = tree_search(budget["space"], budget["trials"], trial, job)
            self.parameters = {**self.parameters, **found.setting}
        self.network, _ = self.train_network(self.parameters, train, valid, job, "final")

    def evolve(self, codes, context, rounds):
        """Replace in each round the base whose replacement raises the prediction most, until none does.

        Returns codes (rounds + 1, n, length) and predictions (rounds + 1, n); a sequence that is at its best is
        repeated. Unknown bases before a region stay.
        """
        codes = np.array(codes)
        steps, values = [codes], [self.predict(Split({"codes": codes}, context))["y"][:, 0]]
        count, length = codes.shape
        for _ in range(rounds):
            mutants = np.repeat(steps[-1][:, None], 4 * length, axis=1)
            place = np.arange(4 * length)
            mutants[:, place, place // 4] = place % 4
            p = self.predict(Split({"codes": mutants.reshape(-1, length)}, context))["y"].reshape(count, -1)
            p[np.repeat(steps[-1] == sequences.UNKNOWN, 4, axis=1)] = -np.inf
            best = p.argmax(axis=1)
            better = p[np.arange(count), best] > values[-1] + 1e-6
            if not better.any():
                break
            steps.append(np.where(better[:, None], mutants[np.arange(count), best], steps[-1]))
            values.append(np.where(better, p[np.arange(count), best], values[-1]))
        return np.stack(steps), np.stack(values)

    def interpret(self, split, folder):
        super().interpret(split, folder)
        from deepbio.figures import evolution as figures

        folder, codes, p = Path(folder), np.asarray(split["codes"]), self.predict(split)["y"][:, 0]
        figures.draw_rules(
            codes,
            np.asarray(split.y, float).reshape(len(split), -1)[:, 0],
            p,
            folder / "rules",
            split.context["origin"],
        )
        wanted, order = self.parameters["evolution"], np.argsort(p, kind="stable")
        starts = order[np.linspace(0, len(order) - 1, min(wanted["starts"], len(order))).astype(int)]
        steps, values = self.evolve(codes[starts], split.context, wanted["rounds"])
        figures.draw_evolution(steps, values, folder / "evolution", split.context["origin"])
