"""Neural graph fingerprints (Duvenaud et al. 2015): circular fingerprints made differentiable; random search.

Every atom starts as its 62 features. A layer adds up an atom's neighbours and their bonds, multiplies the sum by a
filter for that number of neighbours, and replaces the atom's vector. Before the first layer and after each one, every
atom adds a softmax to the molecule's fingerprint, the smooth counterpart of setting one bit of a hash.
"""

import math
from pathlib import Path

import numpy as np
import torch
from rdkit import Chem
from rdkit.Chem import rdmolops
from torch import nn
from torch.nn import functional as F

from deepbio.core.data import Split, concatenate
from deepbio.domains.chemistry import molecules
from deepbio.domains.chemistry.molecules import ATOM_FEATURES, BOND_FEATURES, MAX_DEGREE, Graphs, circular_fingerprints
from deepbio.learning import device, search
from deepbio.learning.graph_network import by_degree
from deepbio.learning.network import NetworkMethod

FRAGMENTS = 5  # drawn for each feature
MOST_ATOMS = 20000  # searched for distinct fragments
GATHERED = 500  # molecules in a batch when statistics are gathered


class Normalisation(nn.Module):
    """Batch normalisation that divides by (standard deviation + 1) and learns no scale.

    In eval mode it uses the statistics that NeuralFingerprint.gather has computed.
    """

    def __init__(self, width):
        super().__init__()
        self.share = 0.0  # weight of the present batch in the gathered statistics; 0: they do not change
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
    """Atom vectors (atoms, before) -> (atoms, width): one filter for the atom, one for each number of neighbours."""

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

    hidden = 0 is the linear head, otherwise one hidden layer. All weights and biases are initialized from N(0,
    init_scale²).
    """

    def __init__(self, fingerprint_length=50, depth=4, width=20, hidden=100, init_scale=0.02, outputs=1):
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
        """Compute each atom's part of the fingerprint: a list over layers 0 to depth of (atoms, fingerprint_length).

        Each row adds up to 1.
        """
        x, source, target = batch["atoms"].float(), batch["source"], batch["target"]
        bonds = x.new_zeros(len(x), BOND_FEATURES).index_add(0, target, batch["bonds"].float())
        degrees = batch["degrees"].tolist()
        written = [self.writers[0](x).softmax(1)]
        for layer, writer in zip(self.layers, self.writers[1:], strict=True):
            x = layer(x, bonds, source, target, degrees)
            written.append(writer(x).softmax(1))
        return written

    def fingerprint(self, batch):
        """Compute fingerprints (molecules, fingerprint_length): the sum over a molecule's atoms and over layers."""
        written = sum(self.activations(batch))
        empty = written.new_zeros(len(batch["sizes"]), written.shape[1])
        return empty.index_add(0, batch["molecule"], written)

    def forward(self, batch):
        return self.head(self.fingerprint(batch))

    @torch.no_grad()
    def gather(self, batches):
        """Compute the statistics for eval mode: the mean of the batches' means and variances.

        The source is algorithm 2 of Ioffe and Szegedy (2015). Running averages are no alternative: they lag behind
        weights that change this fast. As fingerprints are sums over atoms, the validation error then jumps several-fold
        from one evaluation to the next.
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
        """Compute the mean squared weight of the head, which the published script behind Table 1 penalises."""
        return torch.cat([weight.ravel() for weight in self.head.parameters()]).square().mean()


def graph_split(split):
    """Convert a split's molecules to graphs, once for all batches; a split of graphs is returned as it is."""
    if "atoms" in split:
        return split
    graphs = molecules.graphs(split["smiles"])
    arrays = {"atoms": graphs.atoms, "edges": graphs.edges, "bonds": graphs.bonds}
    return Split(arrays | ({"y": np.asarray(split.y)} if "y" in split else {}), split.context)


def graph_batch(split, index):
    """Return the tensors of the molecules `index` of a graph split."""
    return by_degree(Graphs(split["atoms"], split["edges"], split["bonds"]).batch(index), len(index))


def graph_batches(split, size=GATHERED):
    """Yield the molecules of a graph split in order, at most `size` at a time."""
    for part in np.array_split(np.arange(len(split)), math.ceil(len(split) / size)):
        yield graph_batch(split, part)


@torch.no_grad()
def random_fingerprints(splits, form, scale, length, seed):
    """Compute fingerprints (float64) of graph splits by an untrained network with weights from N(0, scale²).

    `form` gives its depth and width. The first split gives the statistics of its normalisation.
    """
    with device.drawn(seed, "cpu"):
        network = NeuralFingerprint(length, form["depth"], form["width"], hidden=0, init_scale=scale)
    network.gather(graph_batches(splits[0]))
    size = max(1, 2**17 // length)  # all atoms of a batch write all features at once
    made = [[network.fingerprint(batch) for batch in graph_batches(split, size)] for split in splits]
    return [torch.cat(parts).double().numpy() for parts in made]


class Method(NetworkMethod):
    """Parameters: search (trials, steps, space), training, and those that the space does not draw.

    The space draws the network's parameters (hidden = 0: linear head), learning_rate and l2; `log_x` is the logarithm
    of x.
    """

    def build(self, parameters, shape):
        names = ("fingerprint_length", "depth", "width", "hidden", "init_scale")
        return NeuralFingerprint(**{name: parameters[name] for name in names}, outputs=shape["outputs"])

    def batch(self, split, index):
        split = graph_split(split)
        return graph_batch(split, index) | ({"y": torch.from_numpy(np.asarray(split.y)[index])} if "y" in split else {})

    def loss(self, network, batch):
        """Compute the data loss; in training add the penalty. So validation compares settings by their fit alone."""
        value = super().loss(network, batch)
        return value + self.parameters["l2"] * network.penalty() if network.training else value

    def fit(self, train, valid, job):
        train, valid = graph_split(train), graph_split(valid)
        fixed = self.parameters
        self.shape = self.describe(train)

        def trial(setting, name):
            return self.trial(fixed | chosen(setting), train, valid, job, name)

        def final(found):
            # As in the paper, the best setting is trained once more, on training and validation samples.
            both = concatenate(train, valid)
            self.parameters = fixed | chosen(found.setting)
            self.shape = self.describe(both)
            return self.train_setting(both, None, job, "final", {})[0]

        _, self.network = search.fit_best(fixed["search"], trial, final, job)

    def trial(self, parameters, train, valid, job, name):
        """Compute the validation loss of a setting at the end of its training."""
        self.parameters = parameters
        settings = {"steps": parameters["search"].get("steps", parameters["training"]["steps"]), "keep": "last"}
        _, result = self.train_setting(train, valid, job, name, settings)
        return {"loss": result.losses[-1]}

    def train_setting(self, train, valid, job, name, settings):
        """Train a network of the present parameters; return it, ready to predict, and the result of its training."""
        self.seen = train
        settings = {**settings, "learning_rate": self.parameters["learning_rate"]}
        network, result = self.train_network(self.parameters, train, valid, job, name, settings)
        self.gather(network, job.device)
        return network, result

    def gather(self, network, where):
        """Measure the statistics of the training samples for the network's normalisation."""
        network.gather(device.to(where, batch) for batch in graph_batches(self.seen))

    def validate(self, network, valid, where, monitor="loss"):
        self.gather(network, where)
        return super().validate(network, valid, where, monitor)

    def predict(self, split):
        return super().predict(graph_split(split))

    def interpret(self, split, folder, train=None):
        """Draw fragments.*: the fragments with most activity in the features that raise and lower the prediction most.

        With the training split also draw random_weights.*, the paper's Figure 3.
        """
        from deepbio.figures import fingerprint as figures

        context = split.context
        batches = self.chunks(graph_split(split))
        effect = self.effects(batches) / len(split)
        known = {name: Chem.MolFromSmarts(text) for name, text in context.get("toxicophores", {}).items()}
        rows = []
        for feature in dict.fromkeys([int(effect.argmax()), int(effect.argmin())]):
            found = strongest(split["smiles"], self.activity(batches, feature), FRAGMENTS, known)
            rows += [{"feature": feature, "effect": float(effect[feature]), **row} for row in found]
        unit = "prediction" if context["output"] == "regression" else "log odds"
        path = Path(folder)
        figures.draw_fragments(rows, unit, context["title"], context["origin"], path / "fragments")
        if train is None:
            return
        facts = self.parameters["random_weights"]
        rng = np.random.default_rng(0)
        both = [part.at_most(facts["molecules"], rng) for part in (train, split)]
        graphs = [graph_split(part) for part in both]
        figures.compare_random(
            lambda length, counts: [
                circular_fingerprints(part["smiles"], facts["depth"], length, counts).astype(float) for part in both
            ],
            lambda weights, length, draw: random_fingerprints(graphs, facts, facts["scales"][weights], length, draw),
            [np.asarray(part.y, float).ravel() for part in both],
            context["output"],
            facts,
            context["origin"],
            path / "random_weights",
        )

    def chunks(self, split):
        """Split a graph split into batches on the network's device."""
        where = next(self.network.parameters()).device
        return [device.to(where, batch) for batch in graph_batches(split)]

    def effects(self, batches):
        """Compute the gradient of the (first) output by every feature, summed over molecules: (features,).

        The gradient of a regression is in the labels' unit. With a linear head it is the regression weight of the
        paper's Figure 4 times the number of molecules.
        """
        total = 0
        for batch in batches:
            with torch.no_grad():
                fingerprint = self.network.fingerprint(batch)
            fingerprint.requires_grad_()
            total += torch.autograd.grad(self.network.head(fingerprint)[:, 0].sum(), fingerprint)[0].sum(0)
        return total.cpu().numpy() * self.shape.get("spread", [1])[0]

    @torch.no_grad()
    def activity(self, batches, feature):
        """Compute each atom's part of one feature: (layers, atoms), atoms in the order of the split."""
        parts = []
        for batch in batches:
            written = torch.stack([layer[:, feature] for layer in self.network.activations(batch)])
            parts.append(torch.empty_like(written).index_copy(1, batch["order"], written))
        return torch.cat(parts, 1).cpu().numpy()


def strongest(smiles, activity, count, known):
    """Find the `count` distinct fragments with the highest activity (layers, atoms): rows for fragments.csv.

    Where patterns are `known` (name → RDKit query), `holds` names those of which the fragment has an instance.
    """
    parsed = [molecules.parse(text) for text in molecules.texts(smiles)]
    sizes = [molecule.GetNumAtoms() for molecule in parsed]
    owner, first = np.repeat(np.arange(len(parsed)), sizes), np.cumsum(sizes) - sizes
    found = {}
    for index in np.argsort(-activity, axis=None, kind="stable")[:MOST_ATOMS]:
        layer, atom = np.unravel_index(index, activity.shape)
        number = owner[atom]
        molecule, atom_here = parsed[number], int(atom - first[number])
        radius = reach(molecule, atom_here, int(layer))
        fragment = molecules.fragment_smiles(molecule, atom_here, radius)
        if fragment not in found:
            found[fragment] = {
                "fragment": fragment,
                "activation": float(activity[layer, atom]),
                "layer": int(layer),
                "radius": radius,
                "atom": atom_here,
                "molecule": smiles[number].decode(),
            }
            if known:
                atoms = molecules.neighbourhood(molecule, atom_here, radius)[0]
                found[fragment]["holds"] = "; ".join(
                    name for name, query in known.items() if molecules.holds(molecule, query, atoms)
                )
        if len(found) == count:
            break
    return list(found.values())


def reach(molecule, atom, layer):
    """Compute the radius of the fragment that an atom sees after `layer` layers.

    It is less than `layer` where the molecule ends before.
    """
    distance = rdmolops.GetDistanceMatrix(molecule)[atom]
    return int(min(layer, distance[distance < molecule.GetNumAtoms()].max()))


def chosen(setting):
    """Return the hyper-parameters of a drawn setting: `log_x` becomes x."""
    return {
        name.removeprefix("log_"): math.exp(value) if name.startswith("log_") else value
        for name, value in setting.items()
    }
