"""PEDLA (Liu et al. 2016): a deep belief network whose posteriors are the emissions of a hidden Markov model, trained
on one type of cell after the other."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

from deepbio.learning import hidden_markov, training
from deepbio.learning.layers import ClassPair
from deepbio.learning.network import NetworkMethod, tensors


class Network(nn.Module):
    """x (n, features) -> one logit: sigmoid layers that begin at zero, and a pair of classes without a bias."""

    def __init__(self, features, hidden):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise([features, *hidden]))
        self.head = ClassPair(hidden[-1])
        self.head.bias = None
        for layer in self.layers:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.normal_(self.head.weight, std=0.005)

    def encode(self, x, count=None):
        """Give the probabilities of the units (n, units) after the first `count` layers, by default all."""
        for layer in self.layers[:count]:
            x = torch.sigmoid(layer(x))
        return x

    def forward(self, batch):
        return self.head(self.encode(batch["x"]))


class Belief(nn.Module):
    """A restricted Boltzmann machine whose hidden units are those of `layer`. All weights begin at zero, so that only
    the drawing of states breaks their symmetry."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.visible = layer, nn.Parameter(torch.zeros(layer.in_features))

    @torch.no_grad()
    def step(self, data, rate):
        """Take a step of contrastive divergence, all states drawn; the mean squared error of what was rebuilt."""
        hidden = torch.bernoulli(torch.sigmoid(self.layer(data)))
        rebuilt = torch.bernoulli(torch.sigmoid(hidden @ self.layer.weight + self.visible))
        again = torch.bernoulli(torch.sigmoid(self.layer(rebuilt)))
        self.layer.weight += rate * (hidden.T @ data - again.T @ rebuilt) / len(data)
        self.layer.bias += rate * (hidden - again).mean(dim=0)
        self.visible += rate * (data - rebuilt).mean(dim=0)
        return (rebuilt - data).square().mean()


class Method(NetworkMethod):
    """Parameters: hidden, quantile (of a signal's training values, by which it is divided), pretraining (epochs, rate,
    batch_size of each machine), decay (of the squared weights of the last layer), training (of the last layer, then of
    the whole network, for each type of cell in turn), markov (false: the network alone)."""

    by_row = True

    def describe(self, split):
        largest = np.quantile(np.asarray(split["x"], np.float64), self.parameters["quantile"], axis=0)
        return {**super().describe(split), "largest": np.maximum(largest, 1e-6).tolist()}

    def build(self, parameters, shape):
        return Network(len(shape["largest"]), parameters["hidden"])

    def batch(self, split, index):
        found = tensors(split, index, kind=np.float32)
        return found | {"x": found["x"] / torch.tensor(self.shape["largest"], dtype=torch.float32)}

    def loss(self, network, batch):
        penalty = self.parameters["decay"] / 2 * network.head.weight.square().sum() if network.training else 0.0
        return super().loss(network, batch) + penalty

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        cell = np.asarray(train["cell"]) if "cell" in train else np.zeros(len(train), int)
        order = job.rng("cells").permutation(np.unique(cell)).tolist()
        job.seed_torch("build")
        network, settings = self.build(self.parameters, self.shape), self.parameters["training"]
        prior, first, route = np.zeros(2), np.zeros(2), []
        for number, one in enumerate(order):
            here = train.take(cell == one)
            if number == 0:
                self.pretrain(network, here, job)
                self.train_head(network, here, valid, job)
            self.train_built(network, settings, here, None, job, f"cell{number + 1}")
            states, chain = np.asarray(here.y).astype(int), np.asarray(here["chain"])
            # Each new type of cell counts for half.
            prior = _normalised(prior + _normalised(np.bincount(states, minlength=2) + 1e-9))
            first = _normalised(first + hidden_markov.starts(states, chain, 2))
            with torch.no_grad():
                route.append({"cell": int(one), "loss": self.mean_loss(network.eval(), valid, job.device)["loss"]})
        self.network = network.eval()
        states, chain = np.asarray(train.y).astype(int), np.asarray(train["chain"])
        self.shape |= {"prior": prior.tolist(), "first": first.tolist(), "route": route}
        self.shape["transition"] = hidden_markov.transitions(states, chain, 2).tolist()

    def pretrain(self, network, split, job):
        """Teach each layer as a machine; the first reads the scaled signals as probabilities."""
        settings = self.parameters["pretraining"]
        for number, layer in enumerate(network.layers):
            with torch.no_grad():
                data = network.encode(self.batch(split, np.arange(len(split)))["x"].clamp(0, 1), number).to(job.device)
            size = min(settings["batch_size"], len(data))
            machine, per_epoch = Belief(layer).to(job.device), math.ceil(len(data) / size)

            def step(place, data=data, machine=machine, size=size, per_epoch=per_epoch, number=number):
                epoch, start = divmod(place, per_epoch)
                order = job.rng("machine", number, epoch).permutation(len(data))
                rows = torch.from_numpy(order[start * size : (start + 1) * size]).to(data.device)
                return {"train_loss": machine.step(data[rows], settings["rate"])}

            steps = settings["epochs"] * per_epoch
            training.play({"machine": machine}, step, steps, job, f"machine{number + 1}", per_epoch, samples=size)
            network.to("cpu")

    def train_head(self, network, split, valid, job):
        """Train the last layer on what the machines give."""
        network.layers.requires_grad_(False)
        self.train_built(network, self.parameters["training"], split, None, job, "head")
        network.layers.requires_grad_(True)

    def predict(self, split):
        """Give the probability `y` (n, 1) of a region by the whole model, that of the `network` alone, and the `state`
        (n,) of each region on the best path."""
        alone = super().predict(split)["y"][:, 0].astype(float)
        if not self.parameters["markov"]:
            return {"y": alone[:, None]}
        prior, first, transition = (np.log(np.array(self.shape[key])) for key in ("prior", "first", "transition"))
        alone_ = np.clip(alone, 1e-9, 1 - 1e-9)
        emission = np.stack([np.log1p(-alone_), np.log(alone_)], axis=1) - prior
        chain, place = np.asarray(split["chain"]), np.asarray(split["place"])
        order = np.lexsort((place, chain))
        y, state = np.empty(len(split)), np.empty(len(split), np.int64)
        for rows in np.split(order, np.flatnonzero(np.diff(chain[order])) + 1):
            y[rows] = hidden_markov.posterior(emission[rows], transition, first)[:, 1]
            state[rows] = hidden_markov.viterbi(emission[rows], transition, first)
        return {"y": y[:, None], "network": alone, "state": state}

    def interpret(self, split, folder):
        from deepbio.figures import elements as figures

        found, folder = self.predict(split), Path(folder)
        if "state" in found:
            figures.draw_states(split, found, folder / "states")
        figures.draw_route(self.shape["route"], folder / "route", split.context["origin"])
        figures.draw_confusion(split, found["y"], folder / "confusion")


def _normalised(x):
    return x / x.sum()
