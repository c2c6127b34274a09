"""DeepLNC (Tripathi et al. 2016): a dense network on the information content of the words of a transcript."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.domains.dna import words
from deepbio.learning import layers, search
from deepbio.learning.table_network import TableMethod

LIMIT = 10.0  # largest standardised feature


def information(codes, lengths):
    """Compute -p log2 p of the share p of each word among those of its length: (n, sum of 4^length) float32."""
    found = []
    for k in lengths:
        counts = words.counts(codes, [k])
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-9)
        found.append(-share * np.log2(np.where(share > 0, share, 1)))
    return np.concatenate(found, axis=1).astype(np.float32)


class Network(nn.Module):
    """x (n, words) -> logits (n, outputs): dense layers of ReLU with dropout, and a pair of classes."""

    def __init__(self, inputs, hidden, dropout, shape):
        super().__init__()
        parts = []
        for number, pair in enumerate(pairwise([inputs, *hidden])):
            parts += [nn.Linear(*pair), nn.ReLU(), nn.Dropout(dropout[min(number, len(dropout) - 1)])]
        self.layers = nn.Sequential(*parts, layers.head(hidden[-1], shape))
        layers.glorot(self)

    def forward(self, batch):
        return self.layers(batch["x"])


class Method(TableMethod):
    """Parameters: lengths (of words), hidden, dropout (after the first layer and the further ones), training, search
    (trials, space, training)."""

    def table(self, split):
        """Give the split as a table of the information of its words."""
        arrays = {"x": information(split["codes"], self.parameters["lengths"])}
        return Split(arrays | ({"y": np.asarray(split.y)} if "y" in split else {}), split.context)

    def build(self, parameters, shape):
        return Network(len(shape["column_mean"]), parameters["hidden"], parameters["dropout"], shape)

    def batch(self, split, index):
        if "x" not in split:
            split, index = self.table(split.take(index)), np.arange(len(index))
        x = tables.standardise(split["x"][index], self.shape["column_mean"], self.shape["column_std"], LIMIT)
        found = {"x": torch.from_numpy(x)}
        return found | ({"y": torch.from_numpy(np.asarray(split.y[index], np.float32))} if "y" in split else {})

    def fit(self, train, valid, job):
        train, valid = self.table(train), self.table(valid)
        self.shape, budget = self.describe(train), self.parameters["search"]

        def trial(setting, name):
            parameters, settings = {**self.parameters, **setting}, budget.get("training", {})
            return {"loss": self.train_network(parameters, train, valid, job, name, settings)[1].best_loss}

        def final(found):
            return self.train_network({**self.parameters, **found.setting}, train, valid, job, "final")

        found, (self.network, _) = search.fit_best(budget, trial, final, job)
        self.parameters = {**self.parameters, **found.setting}

    def predict(self, split):
        return super().predict(self.table(split))

    def interpret(self, split, folder):
        from deepbio.figures import coding as figures

        folder, p = Path(folder), self.predict(split)["y"][:, 0]
        figures.draw_by_length(split, p, folder / "by_length")
        lengths = self.parameters["lengths"]
        figures.draw_words(split, information(split["codes"], lengths), lengths, folder / "words")
