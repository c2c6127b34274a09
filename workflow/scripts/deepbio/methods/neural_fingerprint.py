"""Neural graph fingerprints (Duvenaud et al. 2015): circular fingerprints made differentiable; random search.

Every atom starts as its 62 features. A layer adds up an atom's neighbours and their bonds, weighs the sum by the
number of neighbours, and replaces the atom's vector; before the first layer and after each one every atom writes a
softmax into the molecule's fingerprint, the smooth counterpart of setting one bit of a hash.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio import molecules, search
from deepbio.data import Split, concatenate
from deepbio.molecules import ATOM_FEATURES, BOND_FEATURES, MAX_DEGREE, Graphs
from deepbio.network import NetworkMethod
from deepbio.training import TrainingFailed

GATHERED = 500  # molecules a batch when statistics are gathered

class Normalisation(nn.Module):
    """Batch normalisation that divides by (standard deviation + 1) and learns no scale.

    In eval it uses the statistics that NeuralFingerprint.gather has put there.
    """

    def __init__(self, width):
        super().__init__()
        self.share = 0.0  # of the present batch in the gathered statistics; 0: they stay as they are
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))

    def forward(self, x):
        if self.training:
            mean = x.mean(0)
            centred = x - mean
            variance = centred.square().mean(0)
            if self.share:
                self.mean.lerp_(mean, self.share)
                self.variance.lerp_(variance, self.share)
        else:
            centred, variance = x - self.mean, self.variance
        # The square root of a unit that is always off has no finite gradient without the small constant.
        return centred / ((variance + 1e-10).sqrt() + 1)


class Layer(nn.Module):
    """Atom vectors (atoms, before) -> (atoms, width): own filter, and one filter for each number of neighbours."""

    def __init__(self, before, width):
        super().__init__()
        self.own = nn.Parameter(torch.empty(before, width))
        self.neighbours = nn.Parameter(torch.empty(MAX_DEGREE + 1, before + BOND_FEATURES, width))
        self.bias = nn.Parameter(torch.empty(width))
        self.normalise = Normalisation(width)

    def forward(self, x, bonds, source, target, degrees):
        near = torch.zeros_like(x).index_add(0, target, x.index_select(0, source))
        # Atoms are sorted by degree, so each filter meets one block of rows; the own filter is part of all six.
        rows = torch.cat([x, near, bonds], 1).split(degrees)
        filters = torch.cat([self.own.expand(len(degrees), -1, -1), self.neighbours], 1)
        weighed = torch.cat([block @ weight for block, weight in zip(rows, filters, strict=True) if len(block)])
        return F.relu(self.normalise(weighed + self.bias))


class NeuralFingerprint(nn.Module):
    """A batch of molecular graphs -> scores (molecules, outputs).

    hidden = 0 is the linear head, otherwise one hidden layer. All weights, biases too, start as N(0, init_scale²).
    """

    def __init__(self, fingerprint_length=50, depth=4, width=20, hidden=100, init_scale=math.exp(-4), outputs=1):
        super().__init__()
        sizes = [ATOM_FEATURES] + [width] * depth
        self.layers = nn.ModuleList(Layer(*pair) for pair in zip(sizes[:-1], sizes[1:], strict=True))
        self.writers = nn.ModuleList(nn.Linear(size, fingerprint_length) for size in sizes)
        self.head = (
            nn.Sequential(
                nn.Linear(fingerprint_length, hidden), Normalisation(hidden), nn.ReLU(), nn.Linear(hidden, outputs)
            )
            if hidden
            else nn.Linear(fingerprint_length, outputs)
        )
        for weight in self.parameters():
            nn.init.normal_(weight, std=init_scale)

    def activations(self, batch):
        """What every atom writes: a list over layers 0 to depth of (atoms, fingerprint_length), rows adding up to 1."""
        x, source, target = batch["atoms"].float(), batch["source"], batch["target"]
        bonds = x.new_zeros(len(x), BOND_FEATURES).index_add(0, target, batch["bonds"].float())
        degrees = batch["degrees"].tolist()
        written = [self.writers[0](x).softmax(1)]
        for layer, writer in zip(self.layers, self.writers[1:], strict=True):
            x = layer(x, bonds, source, target, degrees)
            written.append(writer(x).softmax(1))
        return written

    def fingerprint(self, batch):
        """(molecules, fingerprint_length): the sum over a molecule's atoms and over layers."""
        written = sum(self.activations(batch))
        empty = written.new_zeros(len(batch["sizes"]), written.shape[1])
        return empty.index_add(0, batch["molecule"], written)

    def forward(self, batch):
        return self.head(self.fingerprint(batch))

    @torch.no_grad()
    def gather(self, batches):
        """Statistics for eval: the mean of the batches' means and variances (Ioffe and Szegedy 2015, algorithm 2).

        Running averages would not do: they lag behind weights that move this fast, and as fingerprints are sums over
        atoms, the error of validation jumps several-fold from look to look.
        """
        normalisations = [module for module in self.modules() if isinstance(module, Normalisation)]
        self.train()
        for number, batch in enumerate(batches, 1):
            for module in normalisations:
                module.share = 1 / number
            self(batch)
        for module in normalisations:
            module.share = 0.0
        self.eval()

    def penalty(self):
        """Mean squared weight of the head: what the published script behind Table 1 penalises."""
        return torch.cat([weight.ravel() for weight in self.head.parameters()]).square().mean()


def graph_split(split):
    """The split with its molecules as graphs, made once for all batches."""
    graphs = molecules.graphs(split["smiles"])
    arrays = {"atoms": graphs.atoms, "edges": graphs.edges, "bonds": graphs.bonds}
    return Split(arrays | ({"y": np.asarray(split.y)} if "y" in split else {}), split.context)


def by_degree(graph, samples):
    """A batch of molecules.Graphs as tensors, its atoms sorted by number of neighbours.

    Adds `degrees` (6,), the numbers of atoms with 0 to 5 and more neighbours, and `sizes` (molecules,) in atoms.
    """
    degree = np.bincount(graph["target"], minlength=len(graph["atoms"])).clip(max=MAX_DEGREE)
    order = np.argsort(degree, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    arrays = {
        "atoms": graph["atoms"][order],
        "bonds": graph["bonds"],
        "source": place[graph["source"]],
        "target": place[graph["target"]],
        "molecule": graph["molecule"][order],
        "degrees": np.bincount(degree, minlength=MAX_DEGREE + 1),
        "sizes": np.bincount(graph["molecule"], minlength=samples),
    }
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


class Method(NetworkMethod):
    """Parameters: fingerprint_length, depth, width, hidden, init_scale, l2, search (trials, steps, space), training.

    The space names the logarithms of init_scale, learning_rate and l2 as the paper does: log_init_scale and so on.
    """

    def build(self, parameters, shape):
        names = ("fingerprint_length", "depth", "width", "hidden", "init_scale")
        return NeuralFingerprint(**{name: parameters[name] for name in names}, outputs=shape["outputs"])

    def batch(self, split, index):
        graphs = Graphs(split["atoms"], split["edges"], split["bonds"])
        tensors = by_degree(graphs.batch(index), len(index))
        return tensors | ({"y": torch.from_numpy(np.asarray(split.y)[index])} if "y" in split else {})

    def loss(self, network, batch):
        """Data loss; in training also the penalty, so that validation compares settings by their fit alone."""
        value = super().loss(network, batch)
        return value + self.parameters["l2"] * network.penalty() if network.training else value

    def fit(self, train, valid, job):
        train, valid = graph_split(train), graph_split(valid)
        fixed = self.parameters
        self.shape = self.describe(train)
        found = search.random_search(
            fixed["search"]["space"],
            fixed["search"]["trials"],
            lambda setting, name: self.trial(fixed | chosen(setting), train, valid, job, name),
            job,
        )
        # As in the paper, the best setting is trained once more, on training and validation samples.
        both = concatenate(train, valid)
        self.parameters = fixed | chosen(found["setting"])
        self.shape = self.describe(both)
        self.network = self.train_setting(both, None, job, "final", {})

    def trial(self, parameters, train, valid, job, name):
        """Validation loss of a setting at the end of its training; infinite where training fails."""
        self.parameters = parameters
        settings = {"steps": parameters["search"].get("steps", parameters["training"]["steps"]), "keep": "last"}
        try:
            self.train_setting(train, valid, job, name, settings)
        except TrainingFailed:
            return {"loss": math.inf}
        return {"loss": job.history[-1]["valid_loss"]}

    def train_setting(self, train, valid, job, name, settings):
        """A network of the present parameters, ready to predict."""
        self.seen = train
        settings = {**settings, "learning_rate": self.parameters["learning_rate"]}
        network = self.train_network(self.parameters, train, valid, job, name, settings)
        self.gather(network, job.device)
        return network

    def gather(self, network, device):
        """Statistics of the training samples for the network's normalisation."""
        parts = np.array_split(np.arange(len(self.seen)), math.ceil(len(self.seen) / GATHERED))
        network.gather({k: v.to(device) for k, v in self.batch(self.seen, part).items()} for part in parts)

    def validate(self, network, valid, device):
        self.gather(network, device)
        return super().validate(network, valid, device)

    def predict(self, split):
        return super().predict(graph_split(split))


def chosen(setting):
    """Hyper-parameters of a drawn setting: `log_x` becomes x."""
    return {
        name.removeprefix("log_"): math.exp(value) if name.startswith("log_") else value
        for name, value in setting.items()
    }
