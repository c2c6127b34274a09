"""FIDDLE (Eser and Churchman 2016): an encoder for each experiment, whose representations are added, and a decoder that
gives the profile of another."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.domains.dna import sequences
from deepbio.learning.layers import glorot
from deepbio.learning.network import NetworkMethod

LEAST = 1e-7  # added to each position of a target before it is normalised
DNA = "dna"


def _halved(length, width, times):
    for _ in range(times):
        length = (length - width + 1) // 2
    return length


class Encoder(nn.Module):
    """x (n, rows, length) -> (n, units): two valid convolutions with ReLU and mean pooling, and a linear layer."""

    def __init__(self, rows, kernels, width, units, length):
        super().__init__()
        self.detectors, self.deeper = nn.Conv1d(rows, kernels, width), nn.Conv1d(kernels, kernels, width)
        self.dense = nn.Linear(kernels * _halved(length, width, 2), units)

    def forward(self, x):
        for layer in (self.detectors, self.deeper):
            x = F.avg_pool1d(F.relu(layer(x)), 2)
        return self.dense(x.flatten(1))


class Network(nn.Module):
    """A batch of windows -> scores of each position (n, length), whose softmax is the profile."""

    def __init__(self, kernels, width, units, shape):
        super().__init__()
        self.encoders = nn.ModuleDict(
            {name: Encoder(rows, kernels, width, units, shape["length"]) for name, rows in shape["rows"].items()}
        )
        self.decode = nn.Conv1d(1, kernels, width)
        self.dense = nn.Linear(kernels * _halved(units, width, 1), units)
        self.head = nn.Linear(units, shape["length"])
        glorot(self)

    def represent(self, batch):
        """Compute the sum (n, units) of what all inputs are encoded as."""
        return sum(encoder(batch[name]) for name, encoder in self.encoders.items())

    def forward(self, batch):
        x = F.avg_pool1d(F.relu(self.decode(self.represent(batch)[:, None])), 2)
        return self.head(self.dense(x.flatten(1)))


class Method(NetworkMethod):
    """Parameters: inputs (names of those that are read: dna and those of the context; null: all), kernels, width,
    units, training."""

    def describe(self, split):
        rows = {DNA: 4} | {name: len(tracks) for name, tracks in split.context["inputs"].items()}
        wanted = self.parameters["inputs"] or list(rows)
        x = np.asarray(split["tracks"], np.float64)
        # A track is read in units of its own, because representations are added.
        scale = np.maximum(x.std(axis=(0, 2)), 1e-9).tolist()
        shape = {"kind": "regression", "length": int(split["codes"].shape[1]), "scale": scale}
        shape["tracks"] = dict(split.context["inputs"])
        return shape | {"rows": {name: rows[name] for name in sorted(rows) if name in wanted}}

    def build(self, parameters, shape):
        return Network(parameters["kernels"], parameters["width"], parameters["units"], shape)

    def batch(self, split, index):
        found = {}
        tracks = np.asarray(split["tracks"][index]) / np.array(self.shape["scale"], np.float32)[:, None]
        for name in self.shape["rows"]:
            if name == DNA:
                found[name] = sequences.one_hot(torch.from_numpy(np.asarray(split["codes"][index])))
            else:
                found[name] = torch.from_numpy(tracks[:, self.shape["tracks"][name]].astype(np.float32))
        if "y" in split:
            y = torch.from_numpy(np.asarray(split.y[index], np.float32)) + LEAST
            found["y"] = y / y.sum(dim=1, keepdim=True)
        return found

    def loss_of(self, output, batch):
        """Compute the mean divergence of the profiles from the measured ones."""
        return F.kl_div(output.float().log_softmax(dim=1), batch["y"], reduction="batchmean")

    def activate(self, output):
        return output.softmax(dim=1)

    def interpret(self, split, folder):
        from deepbio.figures import starts as figures

        folder, p = Path(folder), self.predict(split)["y"]
        figures.draw_profiles(split, p, folder / "profiles")
        represented = self.run_batched(split, self.network.represent).numpy()
        figures.draw_map(represented, np.asarray(split.y), folder / "representation", split.context["origin"])
        filters = {name: one.detectors.weight.detach().numpy() for name, one in self.network.encoders.items()}
        figures.draw_filters(filters, folder / "filters", split.context["origin"])
