"""FIDDLE (Eser and Churchman 2016): an encoder for the bases and for each assay, whose representations are summed, and
a decoder that gives the distribution of a window's starts of transcription."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.learning.layers import glorot
from deepbio.learning.network import NetworkMethod

DNA = "dna"
LEAST = 1e-7  # added to reads before they are shares, and the smallest share that is compared


def convolved(length: int, width: int) -> int:
    """Count positions after a valid convolution and average pooling of two."""
    return (length - width + 1) // 2


class Encoder(nn.Module):
    """(n, rows, length) -> representation (n, size): twice a convolution and average pooling, then a linear layer."""

    def __init__(self, rows, length, filters, width, size):
        super().__init__()
        self.first, self.second = nn.Conv1d(rows, filters, width), nn.Conv1d(filters, filters, width)
        self.dense = nn.Linear(filters * convolved(convolved(length, width), width), size)

    def forward(self, x):
        for layer in (self.first, self.second):
            x = F.avg_pool1d(F.relu(layer(x)), 2)
        return self.dense(x.flatten(1))


class Decoder(nn.Module):
    """Representation (n, size) -> scores (n, length): a convolution along its numbers, pooling, two linear layers."""

    def __init__(self, size, length, filters, width):
        super().__init__()
        self.convolution = nn.Conv1d(1, filters, width)
        self.hidden = nn.Linear(filters * convolved(size, width), size)
        self.output = nn.Linear(size, length)

    def forward(self, x):
        x = F.avg_pool1d(F.relu(self.convolution(x[:, None])), 2)
        return self.output(self.hidden(x.flatten(1)))


class Fiddle(nn.Module):
    """{"codes": (n, length), "tracks": (n, tracks, length)} -> scores (n, length); `inputs` names what is read: dna,
    and tracks by their names."""

    def __init__(self, inputs, tracks, length, filters, width, representation):
        super().__init__()
        # An unknown base is a quarter of each.
        self.register_buffer("bases", torch.cat([torch.eye(4), torch.full((1, 4), 0.25)]), persistent=False)
        self.rows = {name: tracks.index(name) for name in inputs if name != DNA}
        self.encoders = nn.ModuleDict(
            {name: Encoder(4 if name == DNA else 1, length, filters, width, representation) for name in inputs}
        )
        self.decoder = Decoder(representation, length, filters, width)
        glorot(self)

    def encode(self, batch):
        """Sum the representations of the inputs, (n, size)."""
        found = 0
        for name, encoder in self.encoders.items():
            if name == DNA:
                x = self.bases[batch["codes"].long()].transpose(1, 2)
            else:
                x = batch["tracks"][:, self.rows[name]][:, None]
            found = found + encoder(x)
        return found

    def forward(self, batch):
        return self.decoder(self.encode(batch))


def divergence(scores, reads):
    """Compute the mean Kullback-Leibler divergence of softmax(scores) from the reads' shares, (n, length) both, each
    clipped to [1e-7, 1] as Keras does."""
    truth = reads + LEAST
    truth = (truth / truth.sum(1, keepdim=True)).clamp(LEAST, 1)
    return (truth * (truth.log() - scores.softmax(1).clamp(LEAST, 1).log())).sum(1).mean()


class Method(NetworkMethod):
    """Parameters: inputs (dna and names of tracks; null: all), filters, width, representation, training."""

    by_row = True

    def describe(self, split):
        tracks = list(split.context["tracks"])
        shape = {"kind": split.context["output"], "length": int(split["codes"].shape[1]), "tracks": tracks}
        inputs = self.parameters["inputs"] or [DNA, *tracks]
        unknown = [name for name in inputs if name not in (DNA, *tracks)]
        if unknown:
            raise ValueError(f"inputs: there is no track '{unknown[0]}'; there are dna, {', '.join(tracks)}")
        return shape | {"inputs": inputs}

    def build(self, parameters, shape):
        sizes = {name: parameters[name] for name in ("filters", "width", "representation")}
        return Fiddle(shape["inputs"], shape["tracks"], shape["length"], **sizes)

    def batch(self, split, index):
        found = {name: torch.from_numpy(np.asarray(split[name][index])) for name in ("codes", "tracks")}
        return found | ({"y": torch.from_numpy(np.asarray(split.y[index]))} if "y" in split else {})

    def loss(self, network, batch):
        return divergence(network(batch).float(), batch["y"])

    def activate(self, output):
        return output.float().softmax(1)

    def predict(self, split, first=0):
        """Give the share of each position `y` (n, length), and the numbers of the `inputs` that were read: 0 for the
        bases, then tracks from 1 on."""
        known = [DNA, *self.shape["tracks"]]
        return super().predict(split, first) | {"inputs": np.array([known.index(one) for one in self.shape["inputs"]])}

    def interpret(self, split, folder):
        from deepbio.figures import profiles as figures

        folder, context = Path(folder), split.context
        p = self.predict(split)["y"]
        representation = self.run_batched(split, lambda batch: self.network.encode(batch).float()).numpy()
        figures.draw_validation(split, p, folder / "windows")
        figures.draw_representation(representation, np.asarray(split.y), context["origin"], folder / "representation")
        filters = {name: encoder.first.weight.detach().cpu().numpy() for name, encoder in self.network.encoders.items()}
        figures.draw_filters(filters, context["origin"], folder / "filters")
