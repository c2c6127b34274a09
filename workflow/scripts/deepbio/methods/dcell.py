"""DCell (Ma et al. 2018): a network wired like an ontology; each term is a few units that read its children and genes.

A term t with the units L_t computes O_t = BatchNorm(tanh(Linear(I_t))), where I_t are the outputs of its children and
the genes annotated to it. The root's outputs give the phenotype. Every other term has a head of its own, which must
predict the phenotype too. Terms of one height above the leaves do not depend on each other, so they are computed
together: one index gathers the inputs of all of them for one batched product. Weights exist only where the ontology has
a connection; nothing is masked.
"""

import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.domains.genes.ontology import Ontology
from deepbio.learning.network import NetworkMethod

GENES = -1  # the level that is the genotype itself


class Level(nn.Module):
    """Terms of one height and of similar size.

    inputs (a term) : list of (level, rows) that it reads, level GENES for genes; units (a term) : its number of units.
    Weights and units are stored one after the other, term by term. For the product they are copied to their indices in
    padded blocks. The padding costs no more than the difference in size between the terms.
    """

    def __init__(self, inputs, units, scale, heads):
        super().__init__()
        counts = [sum(len(rows) for _, rows in one) for one in inputs]
        self.size = terms, most_units, most_inputs = len(units), max(units), max(counts)
        seen = {}  # level: its rows, and the index of each in the block of inputs
        for term, one in enumerate(inputs):
            at = term * most_inputs
            for level, rows in one:
                found = seen.setdefault(level, ([], []))
                found[0].extend(rows)
                found[1].extend(range(at, at + len(rows)))
                at += len(rows)
        self.sources = sorted(seen)
        for number, level in enumerate(self.sources):
            self.keep(f"rows{number}", seen[level][0])
        self.keep("input_place", [index for level in self.sources for index in seen[level][1]])
        # Indices of the real units and of the real weights among the padded ones, in the order of the terms.
        unit = np.concatenate([term * most_units + np.arange(one) for term, one in enumerate(units)])
        fan_in = np.repeat(counts, units)
        start = np.repeat(np.cumsum(fan_in) - fan_in, fan_in)
        self.keep("unit_place", unit)
        self.keep("weight_place", np.repeat(unit * most_inputs, fan_in) + np.arange(fan_in.sum()) - start)
        self.keep("unit_term", np.repeat(np.arange(terms), units))
        bound = torch.from_numpy(fan_in.astype(np.float32)) ** -0.5
        self.weight = nn.Parameter(draw(bound.repeat_interleave(torch.from_numpy(fan_in))) * scale)
        self.bias = nn.Parameter(draw(bound) * scale)
        self.norm = nn.BatchNorm1d(len(unit))
        if heads:
            bound = torch.from_numpy(np.repeat(units, units).astype(np.float32)) ** -0.5
            self.head = nn.Parameter(draw(bound) * scale)
            self.head_bias = nn.Parameter(torch.zeros(terms))

    def keep(self, name, index):
        self.register_buffer(name, torch.as_tensor(np.asarray(index, np.int64)), persistent=False)

    def forward(self, values):
        """Compute the terms' outputs (units, n), and their heads' predictions (terms, n) or None.

        values : level → outputs of its units (rows, n)
        """
        terms, units, inputs = self.size
        parts = [values[level].index_select(0, getattr(self, f"rows{i}")) for i, level in enumerate(self.sources)]
        x = torch.cat(parts)
        samples = x.shape[1]
        x = x.new_zeros(terms * inputs, samples).index_copy(0, self.input_place, x)
        matrix = self.weight.new_zeros(terms * units * inputs).index_copy(0, self.weight_place, self.weight)
        x = torch.bmm(matrix.view(terms, units, inputs), x.view(terms, inputs, samples)).float()
        x = torch.tanh(x.view(terms * units, samples).index_select(0, self.unit_place) + self.bias[:, None])
        state = self.norm(x[None])[0]  # one sample, whose length is the batch: each unit has its own statistics
        if not hasattr(self, "head"):
            return state, None
        heads = x.new_zeros(terms, samples).index_add(0, self.unit_term, x * self.head[:, None])
        return state, torch.tanh(heads + self.head_bias[:, None])


def draw(bound):
    """Draw uniform numbers within ± `bound` (n,), as torch initializes the weights of a linear layer."""
    return torch.empty_like(bound).uniform_(-1, 1) * bound


class Hierarchy(nn.Module):
    """{"x": (n, genes)} -> phenotype (n, 1). `units`: the number of units of each term of the ontology."""

    def __init__(self, ontology, units, scale):
        super().__init__()
        children, genes = ([[] for _ in units] for _ in range(2))
        for parent, child in ontology.edges:
            children[parent].append(int(child))
        for term, gene in ontology.annotations:
            genes[term].append(int(gene))
        height = ontology.heights()
        inputs = [sum(units[child] for child in children[t]) + len(genes[t]) for t in range(len(units))]
        # Terms of one height whose numbers of weights lie between the same powers of four are computed together.
        kind = [(int(height[t]), (units[t] * inputs[t]).bit_length() // 2) for t in range(len(units))]
        self.terms = [[t for t in range(len(units)) if kind[t] == one] for one in sorted(set(kind))]
        self.place = {}  # term: its level and its rows there
        levels = []
        for number, terms in enumerate(self.terms):
            seen = [
                [self.place[child] for child in children[t]] + ([(GENES, genes[t])] if genes[t] else []) for t in terms
            ]
            levels.append(Level(seen, [units[t] for t in terms], scale, heads=number < len(set(kind)) - 1))
            start = 0
            for t in terms:
                self.place[t] = (number, range(start, start + units[t]))
                start += units[t]
        self.levels = nn.ModuleList(levels)
        # The root is the only term of its height, and the last one.
        self.out = nn.Linear(units[self.terms[-1][0]], 1)
        with torch.no_grad():
            self.out.weight *= scale
            self.out.bias *= scale

    def run(self, batch):
        """Compute the phenotype (n, 1), the heads' predictions and the outputs of all levels.

        The heads' predictions are (terms but the root, n) in the order of `terms`, or None. The outputs are level →
        (units, n).
        """
        values, heads = {GENES: batch["x"].T}, []
        for number, level in enumerate(self.levels):
            values[number], head = level(values)
            heads += [] if head is None else [head]
        return self.out(values[number].T), torch.cat(heads) if heads else None, values

    def forward(self, batch):
        return self.run(batch)[0]


def connected(ontology, units):
    """Build the fully connected twin: one term for each height, which reads the term below it and all genes.

    Each term has as many units as all terms of its height together. Returns the ontology and its units.
    """
    height = ontology.heights()
    count, genes = height.max() + 1, len(ontology.genes)
    edges = np.stack([np.arange(1, count), np.arange(count - 1)], axis=1)
    annotations = np.stack([np.repeat(np.arange(count), genes), np.tile(np.arange(genes), count)], axis=1)
    totals = [int(sum(u for u, h in zip(units, height, strict=True) if h == one)) for one in range(count)]
    return Ontology([f"layer {i + 1}" for i in range(count)], ontology.genes, edges, annotations), totals


class Method(NetworkMethod):
    """Parameters: wiring (ontology; permuted: with its genes exchanged at random; or connected), least_units,
    unit_share (of the genes in a term), alpha (weight of the heads' losses), init_scale (factor of the initial
    weights), training.
    """

    by_row = True

    def fit(self, train, valid, job):
        self.draw = job.rng("ontology")
        super().fit(train, valid, job)

    def describe(self, split):
        ontology = Ontology.of(split.context)
        if self.parameters["wiring"] == "permuted":
            ontology = ontology.permuted(self.draw)
        share, least = self.parameters["unit_share"], self.parameters["least_units"]
        units = [max(least, math.ceil(round(share * size, 6))) for size in ontology.members().sum(1).tolist()]
        if self.parameters["wiring"] == "connected":
            ontology, units = connected(ontology, units)
        names = {"terms": ontology.terms, "genes": ontology.genes, "units": units}
        return {**names, "edges": ontology.edges.tolist(), "annotations": ontology.annotations.tolist()}

    def ontology(self, shape=None):
        """Build the network's own ontology from `shape`."""
        shape = shape or self.shape
        arrays = (np.array(shape[key], int).reshape(-1, 2) for key in ("edges", "annotations"))
        return Ontology(shape["terms"], shape["genes"], *arrays)

    def build(self, parameters, shape):
        return Hierarchy(self.ontology(shape), shape["units"], parameters["init_scale"])

    def batch(self, split, index):
        tensors = {"x": torch.from_numpy(np.asarray(split["x"][index], dtype=np.float32))}
        return tensors | ({"y": torch.from_numpy(np.asarray(split.y[index]).ravel())} if "y" in split else {})

    def loss(self, network, batch):
        """Compute the squared error of the root and, in training, add alpha times that of each head.

        Labels are not standardised, because the tanh of a head must be able to reach them. Validation, which chooses
        the epoch, uses the root alone.
        """
        output, heads, _ = network.run(batch)
        known = ~torch.isnan(batch["y"])
        y = batch["y"][known]
        loss = F.mse_loss(output[known, 0].float(), y)
        if heads is not None and network.training:
            loss = loss + self.parameters["alpha"] * (heads[:, known] - y).square().mean(1).sum()
        return loss

    def activate(self, output):
        return output

    def ask(self, x):
        """Predict genotypes x (n, genes): phenotype (n,), heads term → (n,), outputs term → (n, units)."""
        network = self.network.cpu().eval()
        with torch.no_grad():
            output, heads, values = network.run({"x": torch.as_tensor(np.asarray(x, np.float32))})
        output = output[:, 0].numpy()
        order = [term for terms in network.terms for term in terms]
        predicted = dict(zip(order, [*([] if heads is None else heads.numpy()), output], strict=True))
        states = {t: values[level][rows.start : rows.stop].T.numpy() for t, (level, rows) in network.place.items()}
        return output, predicted, states

    def relative_power(self, train, split):
        """Compute the RLIPP of every term.

        Two ridge regressions of the phenotype are fitted on `train`: one on the outputs of the term, one on its inputs
        (its children's outputs and its own genes). Both are evaluated on the genotypes of `split` that have a gene of
        the term. RLIPP is the gain over the inputs' correlation, where that is positive. Returns rows (term, genotypes,
        Spearman of its state, Spearman of its inputs, RLIPP).
        """
        from scipy.stats import spearmanr
        from sklearn.linear_model import RidgeCV

        ontology = self.ontology()
        members = ontology.members()
        x, held = (np.asarray(part["x"], np.float64) for part in (train, split))
        y, truth = (np.asarray(part.y, np.float64).ravel() for part in (train, split))
        own, own_held = self.ask(x)[2], self.ask(held)[2]
        rows = []
        for term in range(len(ontology.terms)):
            learn, judge = x @ members[term] > 0, held @ members[term] > 0
            children = ontology.edges[ontology.edges[:, 0] == term, 1]
            genes = ontology.annotations[ontology.annotations[:, 0] == term, 1]
            found = []
            for given, asked in (
                (own[term], own_held[term]),
                [
                    np.hstack([*(states[child] for child in children), z[:, genes]])
                    for states, z in ((own, x), (own_held, held))
                ],
            ):
                if min(learn.sum(), judge.sum()) < 10:
                    found.append(np.nan)
                    continue
                model = RidgeCV(np.logspace(-1, 4, 11)).fit(given[learn], y[learn])
                guess = model.predict(asked[judge])
                found.append(spearmanr(guess, truth[judge])[0] if np.ptp(guess) > 1e-12 else 0.0)
            gain = (found[0] - found[1]) / found[1] if found[1] > 0 else np.nan
            rows.append((term, int(judge.sum()), *found, gain))
        return rows

    def interpret(self, split, folder, train):
        from deepbio.figures import ontology as figures

        folder, origin, ontology = Path(folder), split.context["origin"], self.ontology()
        rows = self.relative_power(train, split)
        figures.draw_power(rows, ontology, origin, folder / "rlipp")
        p, predicted, states = self.ask(split["x"])
        y = np.asarray(split.y).ravel()
        figures.draw_parity(y, p, origin, folder / "parity")
        figures.draw_states(rows, ontology, states, y, np.asarray(split["x"]), origin, folder / "states")
        # The validation genotype whose predicted phenotype is lowest, against one without any change.
        lowest = int(np.argmin(p))
        chosen = np.flatnonzero(split["x"][lowest])
        both = np.stack([np.zeros_like(split["x"][lowest]), split["x"][lowest]])
        _, predicted, _ = self.ask(both)
        change = np.array([predicted[term][1] - predicted[term][0] for term in range(len(ontology.terms))])
        figures.draw_hierarchy(ontology, change, rows, chosen, origin, folder / "hierarchy")
