"""One-shot learning (Altae-Tran et al. 2017): molecules of a new assay are compared with the few that are known.

A graph convolution computes a vector for every molecule. The vectors of queries and of the support are refined, each in
the context of the others. A query's prediction is the mean of the support's labels, weighted by a softmax of cosine
similarities. From episodes of other assays the network learns how to compare; a new assay changes no weight.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core.files import digest
from deepbio.domains.chemistry import episodes, molecules
from deepbio.learning.graph_network import GraphConvolution, convmol_batch, embed
from deepbio.learning.layers import lstm
from deepbio.learning.network import NetworkMethod

QUERIES = 4096  # compared at a time in prediction


def attention(x, y):
    """Compute attention (…, q, s): the softmax of the cosine similarity of x (…, q, d) to the rows of y (…, s, d)."""
    return (F.normalize(x, dim=-1) @ F.normalize(y, dim=-1).transpose(-1, -2)).softmax(-1)


class Cell(nn.Module):
    """One step of an LSTM over [state, read vector], with hard sigmoid gates.

    The read vector, `weights @ rows`, is never computed: the few rows are multiplied by the cell's weights first.
    Initial weights are Glorot's, those of the state orthogonal, and the initial bias of the forget gate is one.
    """

    def __init__(self, width):
        super().__init__()
        self.read = nn.Parameter(nn.init.xavier_uniform_(torch.empty(2 * width, 4 * width)))
        self.state = nn.Parameter(nn.init.orthogonal_(torch.empty(width, 4 * width)))
        self.bias = nn.Parameter(torch.cat([torch.zeros(width), torch.ones(width), torch.zeros(2 * width)]))

    def forward(self, hidden, weights, rows, memory):
        """Compute the next hidden and memory (…, width) from the present ones and the read vector.

        The read vector is given by weights (…, s) over rows (…, s, width).
        """
        of_state, of_read = self.read.chunk(2)
        gates = hidden @ (of_state + self.state) + weights @ (rows @ of_read) + self.bias
        let_in, keep, new, out = gates.chunk(4, -1)
        memory = _gate(keep) * memory + _gate(let_in) * torch.tanh(new)
        return _gate(out) * torch.tanh(memory), memory


def _gate(x):
    return F.hardsigmoid(1.2 * x)  # 0.2 x + 0.5, not below 0 nor above 1


class Siamese(nn.Module):
    """No refinement: vectors are returned unchanged."""

    def forward(self, support, query):
        return support, query


class Attentive(nn.Module):
    """Matching networks' full context (Vinyals et al. 2016): a bidirectional LSTM along the support, whose two hidden
    states are added to each vector, and an attention LSTM over the support for each query.
    """

    def __init__(self, width, steps):
        super().__init__()
        self.along = lstm(width, width, bidirectional=True)
        self.cell, self.steps = Cell(width), steps

    def forward(self, support, query):
        support = support + torch.stack(self.along(support)[0].chunk(2, -1)).sum(0)
        hidden, memory = torch.zeros_like(query), torch.zeros_like(query)
        for _ in range(self.steps):
            hidden, memory = self.cell(hidden, attention(query + hidden, support), support, memory)
        return support, query + hidden


class Iterative(nn.Module):
    """Iterative refinement: support and queries both change, by comparison with the support refined so far."""

    def __init__(self, width, steps):
        super().__init__()
        self.of_support, self.of_query, self.steps = Cell(width), Cell(width), steps

    def forward(self, support, query):
        context = support
        change, memory = torch.zeros_like(support), torch.zeros_like(support)
        query_change, query_memory = torch.zeros_like(query), torch.zeros_like(query)
        for _ in range(self.steps):
            weights = attention(context + change, support)
            query_weights = attention(query + query_change, context)
            change, memory = self.of_support(change, weights, support, memory)
            query_change, query_memory = self.of_query(query_change, query_weights, context, query_memory)
            context = weights @ support
        return support + change, query + query_change


REFINEMENTS = {
    "none": lambda width, steps: Siamese(),
    "attention": Attentive,
    "iterative": Iterative,
}


class OneShot(nn.Module):
    """Episodes -> logits (episodes, queries)."""

    def __init__(self, widths, vector, refinement, steps):
        super().__init__()
        self.convolution = GraphConvolution(widths, vector)
        self.refine = REFINEMENTS[refinement](vector, steps)

    def compare(self, support, labels, query):
        """Compute probabilities (e, q) of queries (e, q, d), given supports (e, s, d) with labels (s,)."""
        support, query = self.refine(support, query)
        return (attention(query, support) @ labels).clamp(1e-7, 1 - 1e-7)

    def forward(self, batch):
        vectors = self.convolution(batch)
        support, query = (F.embedding(batch[name], vectors) for name in ("support", "query"))
        return torch.logit(self.compare(support, batch["labels"], query))


class Method(NetworkMethod):
    """Parameters: widths, vector (of GraphConvolution), refinement (iterative, attention or none), steps, training."""

    def __init__(self, parameters):
        super().__init__(parameters)
        self.known = None, None

    def build(self, parameters, shape):
        return OneShot(*(parameters[name] for name in ("widths", "vector", "refinement", "steps")))

    def describe(self, split):
        return {"kind": split.context["output"]}

    def graphs(self, split):
        """Build the graphs of all molecules of the context, once."""
        smiles = split.context["smiles"]
        key = digest(np.asarray(smiles))
        if self.known[0] != key:
            self.known = key, molecules.graphs(smiles, "convmol")
        return self.known[1]

    def batch(self, split, index):
        """Make a batch of episodes in which each molecule is one graph.

        `support` (e, s) and `query` (e, q) are indices of the graphs.
        """
        support, labels = episodes.support(split, index)
        query = np.maximum(np.asarray(split["query"])[index], 0)  # a query of -1 is padding and has no label
        used, inverse = np.unique(np.concatenate([support.ravel(), query.ravel()]), return_inverse=True)
        tensors = convmol_batch(self.graphs(split), used)
        tensors["labels"] = torch.from_numpy(labels)
        for name, values in zip(("support", "query"), np.split(inverse, [support.size]), strict=True):
            tensors[name] = torch.from_numpy(values.reshape(len(index), -1))
        if "y" in split:
            tensors |= {name: torch.from_numpy(np.asarray(split[name])[index]) for name in ("y", "y_balance")}
        return tensors

    def loss(self, network, batch):
        return balanced_loss(network(batch), batch["y"], batch["y_balance"])

    def validate(self, network, valid, where, monitor="loss"):
        p = self.probabilities(network, valid)
        y, balance = (torch.from_numpy(np.array(valid[name])) for name in ("y", "y_balance"))
        loss = balanced_loss(torch.logit(p), y, balance)
        if monitor == "loss":
            return {"loss": float(loss)}
        from deepbio.scoring import metrics

        # Each row is a ranking of its own.
        return {"loss": float(loss), **metrics.evaluate([monitor], valid.y.T, p.numpy().T)}

    def predict(self, split):
        self.network.eval()
        return {"y": self.probabilities(self.network, split).numpy()}

    @torch.no_grad()
    def probabilities(self, network, split):
        """Predict probabilities (episodes, queries) float32; every molecule is embedded once."""
        vectors = self.vectors(network, split)
        p = torch.zeros(split["query"].shape)
        for rows in episodes.by_size(split):
            for index in np.array_split(rows, max(1, len(rows) * p.shape[1] // QUERIES)):
                if len(index):
                    support, labels = episodes.support(split, index)
                    query = vectors[np.maximum(np.asarray(split["query"])[index], 0)]
                    p[index] = network.compare(vectors[support], torch.from_numpy(labels).to(query.device), query).cpu()
        return p

    def vectors(self, network, split):
        """Compute the vectors of all molecules of the context; those that no episode names are zeros."""
        used = np.unique(np.concatenate([np.ravel(split[name]) for name in ("actives", "inactives", "query")]))
        used = used[used >= 0]
        found = embed(network.convolution, self.graphs(split), used)
        vectors = found.new_zeros(len(split.context["smiles"]), found.shape[1])
        vectors[used] = found
        return vectors

    @torch.no_grad()
    def interpret(self, split, folder):
        """Draw support and queries of a validation episode before and after refinement, and a query's attention."""
        from deepbio.figures import episode as figures

        row = int(np.nanargmax((np.asarray(split.y) == 1).sum(axis=1)))
        episode = split.take([row])
        vectors = self.vectors(self.network, episode)
        support, labels = episodes.support(episode, np.array([0]))
        query = np.asarray(episode["query"][0])
        query, y = query[query >= 0], np.asarray(episode.y[0])[query >= 0]
        before = vectors[support[0]], vectors[query]
        after = self.network.refine(before[0][None], before[1][None])
        after = after[0][0], after[1][0]
        stages = {
            "before refinement": [part.cpu().numpy() for part in before],
            "after refinement": [part.cpu().numpy() for part in after],
        }
        title, origin = split.context["title"], split.context["origin"]
        name = np.asarray(episode["group"][0]).item().decode()
        figures.draw_vectors(stages, labels, y, f"{title}: {name}", origin, Path(folder) / "embeddings")

        weights = attention(after[1], after[0]).cpu().numpy()
        # The active whose prediction is in the middle of the actives': neither the best nor the worst case.
        actives = np.flatnonzero(y == 1)
        chosen = actives[np.argsort(weights[actives] @ labels)[len(actives) // 2]]
        smiles = split.context["smiles"]
        figures.draw_attention(
            smiles[query[chosen]].decode(),
            molecules.texts(smiles[support[0]]),
            labels,
            weights[chosen],
            f"{title}: {name}",
            origin,
            Path(folder) / "attention",
        )


def balanced_loss(logits, y, balance):
    """Compute the cross-entropy of the known labels: sum over an episode's queries, mean over episodes.

    An active counts as much as `balance` (e,) inactives.
    """
    known = ~torch.isnan(y)
    weight = torch.where(y == 1, balance[:, None], 1.0)
    losses = F.binary_cross_entropy_with_logits(logits, torch.nan_to_num(y), weight, reduction="none")
    return losses[known].sum() / len(y)
