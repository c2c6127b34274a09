"""Diet Networks (Romero et al. 2017): weights of the layers that touch all SNPs are predicted from facts about SNPs.

The main network has a first layer of weights W_e (sites, hidden). These are not free weights: an auxiliary network maps
each SNP's embedding, a vector of facts about the SNP, to its row of W_e. A second auxiliary network maps the embedding
to a row of W_d, by which the genotypes are reconstructed from the first hidden layer. So the number of free weights
does not grow with the SNPs.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.domains.variation import genotypes
from deepbio.learning.layers import glorot, limit_norms
from deepbio.learning.network import NetworkMethod, tensors


class Auxiliary(nn.Sequential):
    """Embeddings (sites, width) -> rows of a fat layer's weights (sites, units[-1]): tanh layers.

    Initial weights are uniform within ± `first`, initial biases 0.
    """

    def __init__(self, width, units, first):
        super().__init__()
        for inputs, outputs in zip([width, *units[:-1]], units, strict=True):
            layer = nn.Linear(inputs, outputs)
            nn.init.uniform_(layer.weight, -first, first)
            nn.init.zeros_(layer.bias)
            self.extend([layer, nn.Tanh()])


def dense(inputs, outputs):
    """Build a linear layer with Glorot and Bengio's initial weights and a bias of zero."""
    return glorot(nn.Linear(inputs, outputs))


class Diet(nn.Module):
    """{"x": genotypes (n, sites), -1 where unknown} -> logits (n, classes).

    centre, scale : mean of each site and 1 / its standard deviation among training people (0 where nobody differs).
    embedding : (sites, width), known while the network is trained; None where the fat weights are final, or free.
    counts : (classes, 3, sites), how many training people have 0, 1 and 2 copies; None where they are not needed.
    fat : (sites, hidden[0]); the predicted weights once they are final, or free ones without an auxiliary network.
    """

    def __init__(self, sites, classes, width, hidden, auxiliary, learned, dropout, reconstruction, first):
        super().__init__()
        self.register_buffer("centre", torch.zeros(sites))
        self.register_buffer("scale", torch.zeros(sites))
        self.register_buffer("embedding", None, persistent=False)
        self.register_buffer("counts", None, persistent=False)
        fat = torch.zeros(sites, hidden[0])
        self.encode = self.decode = self.embed = None
        if auxiliary is None:
            self.fat = nn.Parameter(nn.init.xavier_uniform_(fat))
        else:
            self.register_buffer("fat", fat)
            if learned:
                self.embed = nn.Sequential(dense(width, learned), nn.ReLU())
                width = learned
            self.encode = Auxiliary(width, [*auxiliary, hidden[0]], first["encode"])
            if reconstruction:
                self.decode = Auxiliary(width, [*auxiliary, hidden[0]], first["decode"])
        self.bias = nn.Parameter(torch.zeros(hidden[0]))
        self.norm = nn.BatchNorm1d(hidden[0])
        layers = [nn.Dropout(dropout)]
        for inputs, outputs in zip(hidden[:-1], hidden[1:], strict=True):
            layers += [dense(inputs, outputs), nn.ReLU(), nn.BatchNorm1d(outputs), nn.Dropout(dropout)]
        self.rest = nn.Sequential(*layers)
        self.head = dense(hidden[-1], classes)

    def know(self, centre, scale, embedding, counts):
        """Store facts about the sites from the training people: mean, 1 / std, embedding and counts."""
        self.centre.copy_(centre)
        self.scale.copy_(scale)
        self.embedding, self.counts = embedding, counts

    def standardise(self, x):
        return torch.where(x < 0, 0.0, (x.float() - self.centre) * self.scale)

    def embedded(self, batch=None):
        """Compute the auxiliary networks' input for each site (sites, width).

        It is None where the weights of the first layer are final. Where `counts` are known and a batch is given, the
        people of the batch are left out of the histograms. A class that has no other people keeps its full counts.
        """
        known = self.embedding
        if known is not None and batch is not None and self.counts is not None:
            others = self.counts - self.count(batch)
            alone = others.sum(dim=(1, 2), keepdim=True) == 0
            known = histogram(torch.where(alone, self.counts, others))
        return known if known is None or self.embed is None else self.embed(known)

    def weights(self, embedded):
        """Return the weights of the first layer: (sites, hidden[0])."""
        return self.fat if embedded is None else self.encode(embedded)

    def count(self, batch):
        """Count the people of a batch that have 0, 1 and 2 copies, by class: (classes, 3, sites)."""
        member = F.one_hot(batch["y"].flatten().long(), len(self.counts)).float().T
        return torch.stack([member @ (batch["x"] == copies).float() for copies in range(3)], dim=1)

    def first(self, x, weights):
        """Compute the first hidden layer (n, hidden[0]), batch-normalised, from standardised genotypes (n, sites)."""
        return self.norm(torch.relu(x @ weights + self.bias))

    def last(self, batch):
        """Compute the last hidden layer: (n, hidden[-1])."""
        return self.rest(self.first(self.standardise(batch["x"]), self.weights(self.embedded())))

    def forward(self, batch):
        return self.head(self.last(batch))

    def settle(self):
        """Store the predicted weights as final ones, so that prediction needs no embedding any more."""
        if self.embedding is not None:
            with torch.no_grad():
                self.fat.copy_(self.weights(self.embedded()))
            self.embedding = self.counts = None


class Method(NetworkMethod):
    """Parameters: hidden (units of the main network's layers), embedding (histogram, raw or none), auxiliary (units of
    the auxiliary networks before their last layer), learned (units of the embedding that is learned from raw
    genotypes), dropout, first (bound of the initial weights of the auxiliary networks that encode and decode),
    reconstruction (its weight in the loss), max_norm (the largest Euclidean norm of a unit's incoming weights, but for
    free fat ones; null: none), others (whether a training step's people are left out of the histograms that its weights
    come from), validate (false: the network also learns from the validation people, and trains to the last epoch),
    training.
    """

    by_row = True

    def __init__(self, parameters):
        super().__init__(parameters)
        self.known = None  # the arguments of Diet.know

    def describe(self, split):
        return super().describe(split) | {"sites": split["x"].shape[1], "people": len(split)}

    def build(self, parameters, shape):
        form = parameters["embedding"]
        network = Diet(
            shape["sites"],
            shape["outputs"],
            shape["people"] if form == "raw" else 3 * shape["outputs"],
            parameters["hidden"],
            None if form == "none" else parameters["auxiliary"],
            parameters["learned"] if form == "raw" else None,
            parameters["dropout"],
            parameters["reconstruction"] if form != "none" else 0,
            parameters["first"],
        )
        if self.known:
            network.know(*self.known)
        return network

    def batch(self, split, index):
        return tensors(split, index)

    def loss(self, network, batch):
        """Compute the cross-entropy plus the weighted squared error of the reconstructed, standardised genotypes."""
        if network.training and self.parameters.get("max_norm"):  # which the last step may have passed
            linear = (module for module in network.modules() if isinstance(module, nn.Linear))
            limit_norms(linear, self.parameters["max_norm"])
        x = network.standardise(batch["x"])
        embedded = network.embedded(batch if network.training else None)
        hidden = network.first(x, network.weights(embedded))
        loss = self.loss_of(network.head(network.rest(hidden)), batch)
        if embedded is not None and network.decode is not None:
            again = hidden @ network.decode(embedded).T
            loss = loss + self.parameters["reconstruction"] * F.mse_loss(again.float(), x)
        return loss

    def fit(self, train, valid, job):
        train, valid = self.learned(train, valid)
        self.shape = self.describe(train)
        self.known = self.learn(train)
        self.network, _ = self.train_network(self.parameters, train, valid, job)
        self.network.settle()

    def learn(self, train):
        """Compute the arguments of Diet.know from the training people: float32 tensors, None where not needed."""
        y, form = np.asarray(train.y).ravel(), self.parameters["embedding"]
        counts = torch.from_numpy(genotypes.class_counts(train["x"], y, self.shape["outputs"])).float()
        centre, scale = moments(counts)
        embedding = None
        if form == "histogram":
            embedding = histogram(counts)
        if form == "raw":
            x = torch.from_numpy(np.asarray(train["x"])).float()
            embedding = embeddings(torch.where(x < 0, 0, (x - centre) * scale))
        return centre, scale, embedding, counts if form == "histogram" and self.parameters["others"] else None

    def interpret(self, split, folder, train):
        from deepbio.figures import ancestry as figures
        from deepbio.figures import style

        context, folder = split.context, Path(folder)
        hidden = self.run_batched(split, self.network.last).numpy()
        x, own = (
            self.run_batched(part, lambda batch: self.network.standardise(batch["x"])).numpy()
            for part in (train, split)
        )
        y = np.asarray(split.y).ravel()
        components = style.components(x, own), style.components(hidden, hidden)
        figures.draw_populations(components, y, context, folder / "populations")
        figures.draw_confusion(self.predict(split)["y"], y, context, folder / "confusion")


def moments(counts):
    """Compute the mean of each site and 1 / its std (0 where nobody differs) from class_counts: (sites,) each."""
    total = counts.sum(dim=0).double()
    people = total.sum(dim=0).clamp(min=1)
    mean = (total[1] + 2 * total[2]) / people
    variance = (total[1] + 4 * total[2]) / people - mean**2
    return mean.float(), torch.where(variance > 1e-12, variance.clamp(min=1e-12).rsqrt(), 0).float()


def histogram(counts):
    """Compute embeddings from the share of 0, 1 and 2 copies in each class: (sites, 3 · classes)."""
    share = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    return embeddings(share.flatten(0, 1))


def embeddings(rows):
    """Scale rows (width, sites) to unit norm over the sites, as in the published code: embeddings (sites, width)."""
    return F.normalize(rows, dim=1).T.contiguous()
