"""A variational autoencoder of SMILES whose latent space also predicts properties (Gómez-Bombarelli et al. 2018).

A convolutional encoder computes the mean and the standard deviation of a molecule's latent code. A recurrent decoder
generates the molecule again. Its last layer also reads the symbol before: the true one in training, its own one in
sampling. A small network predicts properties from the mean. A Gaussian process over latent codes searches for molecules
that reach an objective.
"""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core.data import Split
from deepbio.domains.chemistry import molecule_search, molecule_sets, molecules
from deepbio.domains.chemistry.smiles import Vocabulary
from deepbio.learning import device
from deepbio.learning.network import NetworkMethod

BATCH = 256  # molecules decoded at a time
PATH = 6  # molecules drawn between two given ones
SEEDS, TRIES = 20, 10  # molecules around which strings are decoded, and strings at each distance
DISTANCES = (0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2)
TINY = 1e-7  # the smallest share of a symbol


class Autoencoder(nn.Module):
    """Encoder of character codes (n, length) to latent codes (n, latent), decoder to logits (n, length, symbols), and
    predictor of properties (n, properties) from latent codes.
    """

    def __init__(self, parameters, shape):
        super().__init__()
        self.symbols, self.length = len(shape["symbols"]) + 1, shape["length"]
        layers, before, left = [], self.symbols, self.length
        for count, width in zip(parameters["filters"], parameters["widths"], strict=True):
            layers += [nn.Conv1d(before, count, width), nn.Tanh(), nn.BatchNorm1d(count)]
            before, left = count, left - width + 1
        latent, dropout = parameters["latent"], parameters["dropout"]
        self.encoder = nn.Sequential(*layers, nn.Flatten(), *dense(before * left, latent, dropout))
        self.mean, self.log_variance = nn.Linear(latent, latent), nn.Linear(latent, latent)
        self.middle = nn.Sequential(*dense(latent, latent, dropout))
        units, kept_out = parameters["units"], parameters["recurrent_dropout"]
        shares, self.temperature = parameters["terminal"] == "shares", parameters["temperature"]
        self.recurrent = nn.GRU(
            latent, units, parameters["layers"], batch_first=True, dropout=0.0 if shares else kept_out
        )
        if shares:
            self.terminal = Shares(units, self.symbols, kept_out)
        else:
            self.terminal = nn.GRU(units + self.symbols, self.symbols, batch_first=True)
            self.head = nn.Linear(self.symbols, self.symbols)
        sizes = [latent, *(int(parameters["predictor"] * parameters["growth"] ** i) for i in range(3))]
        predictor = [layer for pair in pairwise(sizes) for layer in dense(*pair, parameters["predictor_dropout"])]
        self.properties = nn.Sequential(*predictor, nn.Linear(sizes[-1], shape["properties"]))

    def one_hot(self, codes):
        return F.one_hot(codes, self.symbols).float()

    def encode(self, codes):
        """Compute the mean and the logarithm of the variance of each molecule's latent code: (n, latent) each."""
        x = self.encoder(self.one_hot(codes).transpose(1, 2))
        return self.mean(x), self.log_variance(x)

    def context(self, latent):
        """Compute the states that the last layer reads, from latent codes (n, latent): (n, length, units)."""
        return self.recurrent(self.middle(latent)[:, None].expand(-1, self.length, -1))[0]

    def finish(self, context, before, state=None):
        """Compute logits (n, steps, symbols) from the context and the symbols before each step, and the last state."""
        if isinstance(self.terminal, Shares):
            return self.terminal(context, before, state)
        found, state = self.terminal(torch.cat([context, before], dim=2), state)
        return self.head(found), state

    def decode(self, latent, codes):
        """Compute logits (n, length, symbols), with the true symbols before each position given (teacher forcing)."""
        before = F.pad(self.one_hot(codes)[:, :-1], (0, 0, 1, 0))
        return self.finish(self.context(latent), before)[0]

    @torch.no_grad()
    def write(self, latent, temperature=None):
        """Sample codes (n, length) from latent codes (n, latent) with torch's generator, at the network's temperature
        unless another one is given.

        Each step reads the symbol that was sampled before.
        """
        context, state, temperature = self.context(latent), None, temperature or self.temperature
        before = torch.zeros(len(latent), 1, self.symbols, device=latent.device)
        codes = torch.zeros(len(latent), self.length, dtype=torch.long, device=latent.device)
        for position in range(self.length):
            logits, state = self.finish(context[:, position : position + 1], before, state)
            drawn = torch.multinomial(F.softmax(logits[:, 0].float() / temperature, dim=1), 1)
            codes[:, position] = drawn[:, 0]
            before = self.one_hot(drawn)
        return codes


class Shares(nn.Module):
    """The decoder's last layer of the published code: a gated recurrent layer whose states are shares of the symbols.

    The candidate for the next state is a softmax in place of a tanh, and the gates, hard sigmoids, mix it with the
    state before. Only the candidate reads the symbol before, through the reset gate. In training each of the three
    products with the state leaves out the same random part of it in all steps.
    """

    def __init__(self, units, symbols, dropout):
        super().__init__()
        self.read, self.dropout = nn.Linear(units, 3 * symbols), dropout
        self.update, self.reset, self.state, self.symbol = (nn.Linear(symbols, symbols, bias=False) for _ in range(4))

    def forward(self, context, before, state=None):
        """Compute logits (n, steps, symbols) from the context (n, steps, units) and the symbols before each step (n,
        steps, symbols), and the last state (n, symbols); without a `state` the first one is 0.
        """
        if state is None:
            state = torch.zeros_like(before[:, 0])
        kept = [F.dropout(torch.ones_like(state), self.dropout, self.training) for _ in range(3)]
        found = []
        for read, symbol in zip(self.read(context).float().unbind(1), before.unbind(1), strict=True):
            update, reset, candidate = read.chunk(3, dim=1)
            update = hard_sigmoid(update + self.update(state * kept[0]))
            reset = hard_sigmoid(reset + self.reset(state * kept[1]))
            candidate = candidate + self.state(reset * state * kept[2]) + self.symbol(reset * symbol)
            state = update * state + (1 - update) * F.softmax(candidate, dim=1)
            found.append(state)
        shares = torch.stack(found, dim=1)
        # The first states add up to less than 1.
        return torch.log((shares / shares.sum(2, keepdim=True).clamp(min=TINY)).clamp(min=TINY)), state


def hard_sigmoid(x):
    """Compute Keras's piecewise linear sigmoid."""
    return (0.2 * x + 0.5).clamp(0, 1)


def dense(before, units, dropout):
    return [nn.Linear(before, units), nn.Tanh(), nn.Dropout(dropout), nn.BatchNorm1d(units)]


class Method(NetworkMethod):
    """Parameters: length; filters and widths of the encoder's convolutions, latent, dropout, units and layers of the
    decoder, `terminal` (the decoder's last layer: "shares", the published one, or "gru", an ordinary one with a linear
    layer on it), recurrent_dropout (of the states of a "shares" layer, else between the recurrent layers), temperature
    of the symbols that are drawn, predictor (units of the first of three layers that predict properties), growth,
    predictor_dropout; mix (share of the properties in the loss), joint (whether their error shapes the latent codes, or
    the predictor learns from codes that know nothing of it), anneal (centre and slope, in epochs, of the sigmoid
    that scales the divergence and the noise); training; search (molecules: the latent codes that a Gaussian process
    learns from; starts: poor molecules that a search begins at; tries at each; step: the distance between two tries as
    a share of the latent codes' root mean square distance from their mean).
    """

    def describe(self, split):
        known = np.asarray(split["y_properties"], np.float64)
        return {
            "symbols": Vocabulary.of(molecules.texts(split["smiles"]), "characters").symbols,
            "length": self.parameters["length"],
            "properties": known.shape[1],
            "mean": known.mean(axis=0).tolist(),
            "spread": np.maximum(known.std(axis=0), 1e-9).tolist(),
        }

    def build(self, parameters, shape):
        return Autoencoder(parameters, shape)

    @property
    def vocabulary(self):
        return Vocabulary(self.shape["symbols"], "characters")

    def encoded(self, split):
        """Convert a split to character codes and standardised properties.

        A molecule that is too long, or has a character that no training molecule has, becomes an empty string.
        """
        texts = molecules.texts(split["smiles"])
        arrays = {"codes": self.vocabulary.encode(texts, self.shape["length"], blank=True)}
        if "y_properties" in split:
            arrays["properties"] = (np.asarray(split["y_properties"]) - self.shape["mean"]) / self.shape["spread"]
        return Split(arrays, split.context)

    def batch(self, split, index):
        if "codes" not in split:
            split, index = self.encoded(split.take(index)), np.arange(len(index))
        tensors = {"codes": torch.from_numpy(split["codes"][index].astype(np.int64))}
        if "properties" in split:
            tensors["properties"] = torch.from_numpy(split["properties"][index].astype(np.float32))
        return tensors

    def fit(self, train, valid, job):
        self.shape = {**self.describe(train), "samples": job.number("samples")}
        train, valid = (part.take(part["codes"].any(axis=1)) for part in map(self.encoded, (train, valid)))
        self.network, _ = self.train_network(self.parameters, train, valid, job, on_epoch=self.begin)
        self.shape["found"] = job.remember("search", lambda: self.search(train, job))

    def begin(self, epoch):
        """Set the weight of divergence and noise for an epoch: a sigmoid of the epoch (published code,
        hyper-parameters).
        """
        facts = self.parameters["anneal"]
        self.weight = 1 / (1 + math.exp(-facts["slope"] * (epoch - facts["centre"])))

    def loss(self, network, batch):
        """Compute the weighted sum of the autoencoder's loss and the squared error of the properties.

        It is (1 - mix) · (cross-entropy of characters + weight · divergence) + mix · squared error. Cross-entropy and
        divergence are means, over characters and over dimensions. A divergence summed over dimensions would outweigh
        the rest, and latent codes would carry no information.
        """
        mean, log_variance = network.encode(batch["codes"])
        latent = mean
        if network.training:
            latent = mean + self.weight * torch.exp(log_variance / 2) * torch.randn_like(mean)
        logits = network.decode(latent, batch["codes"]).float()
        written = F.cross_entropy(logits.transpose(1, 2), batch["codes"])
        weight = self.weight if network.training else 1.0
        divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).mean()
        seen = mean if self.parameters["joint"] else mean.detach()
        error = F.mse_loss(network.properties(seen).float(), batch["properties"])
        mix = self.parameters["mix"]
        return (1 - mix) * (written + weight * divergence) + mix * error

    def validate(self, network, valid, where, monitor="loss"):
        return self.mean_loss(network, valid, where, BATCH)

    # ---- uses of the latent space

    def places(self, split):
        """Compute mean latent codes (n, latent) and predicted properties (n, 3) in their units, of a split of codes."""

        def run(batch):
            mean = self.network.encode(batch["codes"])[0]
            return mean, self.network.properties(mean).float()

        mean, predicted = (found.numpy() for found in self.run_batched(split, run, size=BATCH, even=True))
        return mean, predicted * self.shape["spread"] + self.shape["mean"]

    def written(self, latent, seed):
        """Decode latent codes (n, latent) to a list of n SMILES.

        The same seed gives the same SMILES, and the first ones do not depend on how many follow.
        """
        where, texts = next(self.network.parameters()).device, []
        with device.drawn(seed, where):
            for start in range(0, len(latent), BATCH):
                part = torch.zeros(BATCH, latent.shape[1])
                part[: len(latent) - start] = torch.from_numpy(latent[start : start + BATCH])
                texts += self.vocabulary.decode(self.network.write(part.to(where)).cpu())
        return texts[: len(latent)]

    def search(self, train, job):
        """Search for better molecules from poor ones by a Gaussian process, random steps and a genetic algorithm.

        The objective is 5 · QED - SAS (Fig. 5). The Gaussian process over latent codes knows it for training molecules
        only. All three searches make the same number of tries at every molecule, and the best try counts. Returns a
        dict: `from` (SMILES) and `before` (objective) of the molecules, one entry of `best` for each of `process`,
        `random` and `genetic`, and `known` (percentiles of the training molecules' objective).
        """
        facts, rng = self.parameters["search"], job.rng("search")
        part = train.take(rng.choice(len(train), min(facts["molecules"], len(train)), replace=False))
        latent, _ = self.places(part)
        known = objective(part["properties"] * self.shape["spread"] + self.shape["mean"])
        poor = np.argsort(known, kind="stable")[: max(facts["starts"], len(known) // 10)]
        starts = rng.choice(poor, facts["starts"], replace=False)
        texts, stride = self.vocabulary.decode(part["codes"][starts]), facts["step"] * molecule_search.spread(latent)
        process = molecule_search.fitted(latent, known)
        ways = {
            "process": molecule_search.climb(process, latent[starts], stride, facts["tries"]),
            "random": molecule_search.wander(latent[starts], stride, facts["tries"], rng),
        }
        found = {"from": texts, "before": known[starts].tolist()}
        with molecule_sets.Reader() as reader:

            def judge(texts):
                return objective(reader.read(texts).properties)

            for name, way in ways.items():
                written = self.written(way.reshape(-1, way.shape[2]).astype(np.float32), job.number("written", name))
                found[name] = best(written, judge(written), len(texts))
            bred = molecule_search.breed(texts, facts["tries"], self.vocabulary.symbols, judge, rng)
            written = [text for generation in bred for text in generation]
            found["genetic"] = best(written, judge(written), len(texts))
        return found | {"known": np.quantile(known, np.linspace(0, 1, 101)).tolist()}

    # ---- the contract

    def predict(self, split):
        """Return SMILES from draws of the prior (`y`), and the split's molecules after encoding and decoding.

        `y_reconstructed` are SMILES decoded from the molecules' latent codes `y_latent`, `y_properties` their
        properties as predicted from these codes."""
        count, latent = len(split), self.parameters["latent"]
        drawn = np.random.default_rng(self.shape["samples"]).standard_normal((count, latent), dtype=np.float32)
        mean, predicted = self.places(self.encoded(split))
        seed, vocabulary, length = self.shape["samples"], Vocabulary(split.context["symbols"]), split.context["length"]
        return {
            "y": vocabulary.encode(self.written(drawn, seed), length, blank=True),
            "y_reconstructed": vocabulary.encode(self.written(mean, seed), length, blank=True),
            "y_properties": predicted,
            "y_latent": mean,
        }

    # ---- figures

    def interpret(self, split, folder):
        from deepbio.figures import molecule as figures

        folder, origin = Path(folder), split.context["origin"]
        latent, _ = self.places(self.encoded(split))
        shown = np.asarray(split["y_properties"])
        names, what = molecule_sets.PROPERTIES, "validation molecules"
        figures.draw_latent({"": latent}, shown, names, what, origin, folder / "latent")
        figures.draw_distances(self.around(split, latent), origin, folder / "distances")
        figures.draw_search(self.shape["found"], origin, folder / "search")
        texts, known = molecules.texts(split["smiles"]), np.asarray(split["y_properties"])[:, 0]
        # Between the molecules of the lowest and the highest logP, so that the way shows a change.
        ends = int(known.argmin()), int(known.argmax())
        between = slerp(*latent[list(ends)], np.linspace(0, 1, PATH))
        way = self.written(between.astype(np.float32), self.shape["samples"])
        rows = [
            [(texts[ends[0]], "start"), *((text, f"{i + 1}") for i, text in enumerate(way)), (texts[ends[1]], "end")]
        ]
        figures.draw_grid(rows, ["Between two molecules (grey: no valid string)"], origin, folder / "path")
        codes = self.predict(split)["y"]
        made = Vocabulary(split.context["symbols"]).decode(codes)
        figures.draw_properties({"validation": texts, "made": made}, origin, folder / "properties")

    def around(self, split, latent):
        """Decode latent codes at growing distances from those of some molecules, in random directions.

        Returns rows of the distance (as a share of the codes' root mean square distance from their mean), and of the
        share of valid strings, of strings that are the molecule itself, and the mean similarity of valid ones to it.
        """
        rng, rows = np.random.default_rng(self.shape["samples"]), []
        chosen = rng.choice(len(latent), min(SEEDS, len(latent)), replace=False)
        own = np.repeat(np.arange(len(chosen)), TRIES)
        step = rng.standard_normal((len(own), latent.shape[1]))
        step *= molecule_search.spread(latent) / np.linalg.norm(step, axis=1, keepdims=True)
        seeds = molecule_sets.describe(molecules.texts(np.asarray(split["smiles"])[chosen]))
        with molecule_sets.Reader() as reader:
            for distance in DISTANCES:
                place = latent[chosen][own] + distance * step
                made = reader.read(self.written(place.astype(np.float32), self.shape["samples"]))
                valid = made.valid
                near = molecule_sets.similarity(made.fingerprints, seeds.fingerprints)[np.arange(len(own)), own]
                same = (made.smiles == seeds.smiles[own]).mean()
                rows.append([distance, valid.mean(), same, near[valid].mean() if valid.any() else np.nan])
        return rows


def objective(properties):
    """Compute 5 · QED - SAS from rows of logP, QED and SAS."""
    return 5 * properties[:, 1] - properties[:, 2]


def best(texts, values, count):
    """Select each start's best SMILES and its objective among tries (generation by generation, `count` each).

    The objective is None where no try is a molecule.
    """
    table = np.where(np.isnan(values), -np.inf, values).reshape(-1, count)
    rows = table.argmax(axis=0)
    made = [texts[row * count + column] for column, row in enumerate(rows)]
    reached = table[rows, np.arange(count)]
    return {"smiles": made, "reached": [None if math.isinf(value) else float(value) for value in reached]}


def slerp(one, other, shares):
    """Compute latent codes (n, latent) on the great circle between two latent codes, at shares (n,) of the way."""
    angle = np.arccos(np.clip(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)), -1, 1))
    parts = np.sin(np.stack([1 - shares, shares]) * angle) / max(np.sin(angle), 1e-9)
    return parts[0][:, None] * one + parts[1][:, None] * other
