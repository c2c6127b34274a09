"""Gene graph convolution (Dutil et al. 2018): layers that mix each gene's channels with its neighbours' in a graph of
interactions, with pooling over clusters of the graph."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.domains.expression import graphs
from deepbio.learning.layers import head
from deepbio.learning.table_network import TableMethod

MOST_DROPOUT = 0.4


class GraphLayer(nn.Module):
    """(genes, n, before) -> (genes, n, channels): half of the channels of a gene come from its neighbourhood, half
    from itself; ReLU.

    A neighbourhood is summed by D^-1/2 (A + 1) D^-1/2 (Kipf and Welling 2017). source, target : lists of the edges,
    each once.
    """

    def __init__(self, before, channels, genes, source, target):
        super().__init__()
        self.near = nn.Linear(before, channels // 2)
        self.own = nn.Linear(before, channels - channels // 2)
        edges = torch.tensor([source, target]).long().reshape(2, -1)
        itself = torch.arange(genes).repeat(2, 1)
        place = torch.cat([edges, edges.flip(0), itself], dim=1)
        degree = torch.zeros(genes).index_add(0, place[0], torch.ones(place.shape[1]))
        self.genes, self.matrix = genes, None
        self.register_buffer("place", place, persistent=False)
        self.register_buffer("strength", (degree[place[0]] * degree[place[1]]).rsqrt(), persistent=False)

    def gather(self, x):
        """Sum over each gene's neighbourhood, (genes, n, before)."""
        if self.matrix is None or self.matrix.device != x.device:
            size = self.genes, self.genes
            self.matrix = torch.sparse_coo_tensor(self.place, self.strength, size, check_invariants=False).coalesce()
        with torch.autocast(x.device.type, enabled=False):  # sparse products know no half precision
            return torch.sparse.mm(self.matrix, x.float().flatten(1)).view(x.shape)

    def forward(self, x):
        return F.relu(torch.cat([self.near(self.gather(x)), self.own(x)], dim=2))


class Network(nn.Module):
    """{"x": (n, genes)} -> scores (n, outputs).

    layers : {"1": {source, target, kept}, …}, for each layer the edges of its graph and the nodes that remain after it.
    """

    def __init__(self, genes, embedding, channels, dropout, layers, shape):
        super().__init__()
        self.embedding = None
        if embedding:
            bound = embedding**-0.5
            self.embedding = nn.Parameter(torch.empty(genes, embedding).uniform_(-bound, bound))
        self.layers, self.dropout, before, nodes = nn.ModuleList(), dropout, embedding or 1, genes
        for number in range(1, len(layers) + 1):
            one = layers[str(number)]
            self.layers.append(GraphLayer(before, channels, nodes, one["source"], one["target"]))
            self.layers[-1].register_buffer("kept", torch.tensor(one["kept"]).long(), persistent=False)
            before, nodes = channels, len(one["kept"])
        self.output = head(nodes * channels, shape)

    def forward(self, batch):
        x = batch["x"].T[:, :, None]
        if self.embedding is not None:
            x = x * self.embedding[:, None]
        for number, layer in enumerate(self.layers, 1):
            x = layer(x)
            if self.training and self.dropout:
                rate = min(self.dropout * number, MOST_DROPOUT)
                x = x * F.dropout(x.new_ones(*x.shape[:2], 1), rate)  # whole genes
            x = x[layer.kept]
        return self.output(x.transpose(0, 1).flatten(1))


class Method(TableMethod):
    """Parameters: embedding (numbers a gene; 0: none), channels, layers, pool (by what number of genes the graph
    shrinks after each layer; 1: it does not), dropout (of whole genes, in the first layer; as much more in each later
    one, up to 0.4), graph (known; or random, in which each gene has another one's neighbours), neighbours (partners by
    correlation of a gene, where no graph is known), training.
    """

    def build(self, parameters, shape):
        names = ("embedding", "channels", "dropout")
        return Network(len(shape["column_mean"]), *(parameters[key] for key in names), shape["layers"], shape)

    def fit(self, train, valid, job):
        self.shape = self.describe(train) | {"layers": self.pooled(self.edges(train, job), train["x"].shape[1])}
        self.network, _ = self.train_network(self.parameters, train, valid, job)

    def edges(self, split, job):
        """Give the edges of the graph, (edges, 2): the context's, else each gene's strongest partners in training."""
        edges = split.context.get("edges")
        if edges is None:
            edges = graphs.joined(graphs.partners(split["x"], self.parameters["neighbours"]))
        if self.parameters["graph"] == "random":
            edges = job.rng("graph").permutation(split["x"].shape[1])[np.asarray(edges)]
        return np.asarray(edges)

    def pooled(self, edges, genes):
        """Shrink the graph after each layer: {"1": {source, target, kept}, …}; of each cluster the first gene remains,
        as in the authors' code."""
        found = {}
        for number in range(1, self.parameters["layers"] + 1):
            count = max(1, int(genes / self.parameters["pool"]))
            cluster = graphs.clusters(edges, genes, count) if count < genes else np.arange(genes)
            kept = np.unique(cluster, return_index=True)[1]
            found[str(number)] = {
                "source": edges[:, 0].tolist(), "target": edges[:, 1].tolist(), "kept": kept.tolist(),
            }  # fmt: skip
            edges, genes = graphs.merged(edges, cluster), len(kept)
        return found

    def importance(self, split):
        """Measure for each gene the mean size of its value times the gradient of the scores, (genes,)."""
        x = self.batch(split, np.arange(len(split)))["x"].requires_grad_()
        self.network.eval()({"x": x}).sum().backward()
        return (x * x.grad).abs().mean(dim=0).detach().numpy()

    def interpret(self, split, folder):
        from deepbio.figures import gene_graphs as figures

        first = self.shape["layers"]["1"]
        edges = np.stack([first["source"], first["target"]], axis=1)
        genes, importance = split.context["genes"], self.importance(split.inputs())
        figures.draw_importance(genes, importance, edges, split.context, Path(folder) / "importance")
        figures.draw_neighbourhood(genes, importance, edges, split.context, Path(folder) / "neighbourhood")
