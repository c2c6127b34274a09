"""Supervised embedding of single cells (Lin et al. 2017): the last hidden layer of a network that was trained to name
the types of cells, dense or with units that see the genes of one known set each."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.domains.expression import graphs
from deepbio.learning import training
from deepbio.learning.layers import glorot
from deepbio.learning.table_network import TableMethod


class SetLayer(nn.Module):
    """(n, genes) -> (n, sets): a unit has a weight for each gene of its set and for no other.

    unit, gene : lists of equal length, the connections. Weights begin as Glorot's of a full matrix, as in the authors'
    code.
    """

    def __init__(self, genes, unit, gene):
        super().__init__()
        self.size = int(max(unit)) + 1, genes
        self.register_buffer("place", torch.tensor([unit, gene]).long())
        self.weight = nn.Parameter(torch.empty(len(unit)))
        self.bias = nn.Parameter(torch.zeros(self.size[0]))
        bound = (6 / sum(self.size)) ** 0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def full(self):
        """Give the weights as a matrix (sets, genes), 0 where there is no connection."""
        return self.weight.new_zeros(self.size).index_put(tuple(self.place), self.weight)

    def forward(self, x):
        return F.linear(x, self.full(), self.bias)


class Network(nn.Module):
    """{"x": (n, genes)} -> scores (n, types); tanh layers of `hidden` units, the first beside the units of sets where
    `sets` (connections of a SetLayer) names some."""

    def __init__(self, genes, hidden, outputs, sets=None):
        super().__init__()
        self.sets = SetLayer(genes, sets["unit"], sets["gene"]) if sets else None
        more = self.sets.size[0] if sets else 0
        self.widths = [genes, hidden[0] + more, *hidden[1:]]
        sizes = [(genes, hidden[0]), *pairwise(self.widths[1:])]
        self.layers = glorot(nn.ModuleList(nn.Linear(*size) for size in sizes))
        self.output = glorot(nn.Linear(hidden[-1] if len(hidden) > 1 else self.widths[1], outputs))

    def encode(self, x):
        """Give the last hidden layer, (n, units)."""
        for number, layer in enumerate(self.layers):
            made = layer(x)
            x = torch.tanh(made if number or self.sets is None else torch.cat([self.sets(x), made], dim=1))
        return x

    def forward(self, batch):
        return self.output(self.encode(batch["x"]))


class Denoiser(nn.Module):
    """(n, genes) -> (n, genes): the hidden layers of a network, and tanh layers of their own that lead back."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.back = glorot(nn.ModuleList(nn.Linear(*size) for size in pairwise(network.widths[::-1])))

    def forward(self, x):
        x = self.network.encode(x)
        for layer in self.back:
            x = torch.tanh(layer(x))
        return x


class Method(TableMethod):
    """Parameters: hidden (units of the tanh layers), sets (whether units of known sets of genes lie beside the first
    layer), set_size and set_count (of sets from correlations, where none are known), noise (deviation of the noise in
    pre-training), pretraining (settings; null: none), training.

    Known sets are the context's `set_member`, pairs (set, gene). Cells without a label are for pre-training only.
    """

    def describe(self, split):
        shape = super().describe(split)
        if self.parameters["sets"]:
            unit, gene = self.set_members(split)
            shape["sets"] = {"unit": unit.tolist(), "gene": gene.tolist()}
        return shape

    def set_members(self, split):
        """Give the pairs (set, gene), (2, members): those that are known, else each of the genes with most partners by
        correlation and its own strongest partners."""
        if "set_member" in split.context:
            return np.asarray(split.context["set_member"])
        near = graphs.partners(split["x"], self.parameters["set_size"])
        centres = np.argsort(-np.bincount(near.ravel(), minlength=len(near)), kind="stable")
        centres = np.sort(centres[: self.parameters["set_count"]])
        member = np.column_stack([centres, near[centres]])
        return np.stack([np.repeat(np.arange(len(centres)), member.shape[1]), member.ravel()])

    def build(self, parameters, shape):
        return Network(len(shape["column_mean"]), parameters["hidden"], shape["outputs"], shape.get("sets"))

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        job.seed_torch("fit", "build")
        self.network = self.build(self.parameters, self.shape)
        if self.parameters["pretraining"]:
            self.pretrain(train, job)
        labelled = [split.take(~np.isnan(np.asarray(split.y).ravel())) for split in (train, valid)]
        self.train_built(self.network, self.parameters["training"], *labelled, job)

    def pretrain(self, train, job):
        """Teach the hidden layers to give the clean cells back from noisy ones, all labels aside. Noise is drawn once,
        and noisy cells lie within ± 1, as in the authors' code."""
        clean = self.batch(train, np.arange(len(train)))["x"]
        noise = job.rng("noise").standard_normal(clean.shape).astype(np.float32)
        noisy = (clean + self.parameters["noise"] * torch.from_numpy(noise)).clamp(-1, 1)
        job.seed_torch("pretraining", "build")
        training.fit(
            Denoiser(self.network),
            len(clean),
            lambda index: {"x": noisy[index], "clean": clean[index]},
            lambda network, batch: F.mse_loss(network(batch["x"]), batch["clean"]),
            self.parameters["pretraining"],
            job,
            "pretraining",
        )

    def predict(self, split):
        """Give the probability of each type `y` and the embedding `code`, the last hidden layer (n, units)."""

        def run(batch):
            code = self.network.encode(batch["x"])
            return self.activate(self.network.output(code)).float(), code.float()

        y, code = self.run_batched(split, run)
        return {"y": y.numpy(), "code": code.numpy()}

    def effects(self):
        """Give what each set (or, without sets, each gene) adds to each type's score where no tanh bends it:
        (types, sets or genes)."""
        weight = self.network.output.weight
        for layer in list(self.network.layers)[:0:-1]:
            weight = weight @ layer.weight
        if self.network.sets is not None:
            return weight[:, : self.network.sets.size[0]].detach().cpu().numpy()
        return (weight @ self.network.layers[0].weight).detach().cpu().numpy()

    def interpret(self, split, folder):
        from deepbio.figures import embeddings as figures

        folder, code = Path(folder), self.predict(split)["code"]
        names = split.context["genes"]
        if self.network.sets is not None:
            names = self.set_names(split.context)
        figures.draw_map(split, code, folder / "map")
        figures.draw_precision(split, code, folder / "precision")
        figures.draw_found(split, code, folder / "found")
        figures.draw_effects(self.effects(), names, split.context, folder / "effects")

    def set_names(self, context):
        """Name each set: as the context does, else by its first gene."""
        if "set_names" in context:
            return list(context["set_names"])
        unit, gene = (np.asarray(self.shape["sets"][key]) for key in ("unit", "gene"))
        first = np.searchsorted(unit, np.arange(unit.max() + 1))
        return [f"partners of {context['genes'][gene[place]]}" for place in first]
