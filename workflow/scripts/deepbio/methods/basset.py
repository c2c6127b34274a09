"""Basset (Kelley, Snoek and Rinn 2016): three convolutions and two dense layers, batch-normalised, over whole sites."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core import tables
from deepbio.learning import layers
from deepbio.learning.sequence_network import SequenceMethod, SequenceNetwork, moved

STUDIED = 400  # windows on which the influence of filters is measured
SHOWN = 40


class Trunk(SequenceNetwork):
    """One-hot (n, 4, length) -> features (n, `features`): Basset's convolutions, which keep the length, as in the
    current published code."""

    def __init__(self, kernels, widths, pools, length):
        super().__init__()
        self.pools = pools
        self.shortest = int(np.prod(pools))
        sizes = [4, *kernels]
        blocks = [
            nn.Conv1d(a, b, width, padding="same") for a, b, width in zip(sizes[:-1], sizes[1:], widths, strict=True)
        ]
        self.detectors, self.deeper = blocks[0], nn.ModuleList(blocks[1:])
        self.norms = nn.ModuleList(nn.BatchNorm1d(size) for size in kernels)
        places = max(length, self.shortest)
        for pool in pools:
            places //= pool
        self.features = kernels[-1] * places

    def first(self, x):
        """Activations of the first layer before pooling (n, kernels, length)."""
        return F.relu(self.norms[0](self.detectors(x)))

    def convolved(self, x):
        """Features (n, features) from the activations of the first layer."""
        x = F.max_pool1d(x, self.pools[0])
        for layer, norm, pool in zip(self.deeper, self.norms[1:], self.pools[1:], strict=True):
            x = F.max_pool1d(F.relu(norm(layer(x))), pool)
        return x.flatten(1)

    def score(self, x):
        return self.convolved(self.first(x))


class Dense(nn.Module):
    """x (n, inputs) -> (n, outputs): batch-normalised layers of ReLU with dropout behind each, and a linear one."""

    def __init__(self, inputs, sizes, dropout, outputs):
        super().__init__()
        sizes = [inputs, *sizes]
        self.dense = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True))
        self.norms = nn.ModuleList(nn.BatchNorm1d(size) for size in sizes[1:])
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(sizes[-1], outputs)

    def forward(self, x):
        for layer, norm in zip(self.dense, self.norms, strict=True):
            x = self.dropout(F.relu(norm(layer(x))))
        return self.head(x)


class Basset(Trunk):
    """One-hot (n, 4, length) -> (n, outputs): the trunk's features through dense layers."""

    def __init__(self, kernels, widths, pools, dense, dropout, shape):
        super().__init__(kernels, widths, pools, shape["length"])
        self.top = Dense(self.features, dense, dropout, shape["outputs"])

    def after_first(self, x):
        """Outputs (n, outputs) from the activations of the first layer."""
        return self.top(self.convolved(x))

    def score(self, x):
        return self.after_first(self.first(x))


class Method(SequenceMethod):
    """Parameters: kernels, widths, pools, dense, dropout, max_norm, shift (bases by which training windows are moved),
    validate (false: validation windows are learned from too, to the last epoch), training."""

    def build(self, parameters, shape):
        names = ("kernels", "widths", "pools", "dense", "dropout")
        return Basset(**{name: parameters[name] for name in names}, shape=shape)

    def loss(self, network, batch):
        if network.training:
            limited = (network.detectors, *network.deeper, *network.top.dense, network.top.head)
            layers.limit_norms(limited, self.parameters["max_norm"])  # which the last step may have passed
            batch = batch | {"codes": moved(batch["codes"], self.parameters["shift"])}
        return super().loss(network, batch)

    def interpret(self, split, folder):
        super().interpret(split, folder)
        self.draw_influence(split, folder)

    @torch.no_grad()
    def influence(self, split):
        """Change of every output's mean score when a filter says its mean everywhere: (filters, outputs).

        As in Kelley et al. 2016, "Influence of filters": a filter that the outputs live by changes them most.
        """
        codes = torch.from_numpy(np.array(split["codes"][:STUDIED])).to(self.network.detectors.weight.device)
        active = self.network.first(self.network.one_hot(codes))
        whole = self.network.after_first(active)
        found = []
        for kernel in range(active.shape[1]):
            changed = active.clone()
            changed[:, kernel] = active[:, kernel].mean()
            found.append((whole - self.network.after_first(changed)).mean(0))
        return torch.stack(found).cpu().numpy()

    def draw_influence(self, split, folder):
        """influence.{csv,svg,png}: the most influential filters, output by output."""
        from deepbio.figures.style import plt, save

        found = self.influence(split)
        names = split.context.get("features", [f"output {i}" for i in range(found.shape[1])])
        rows = [[kernel, *(f"{value:.5f}" for value in row)] for kernel, row in enumerate(found)]
        tables.write_csv(Path(folder) / "influence.csv", ["detector", *names], rows)
        top = np.argsort(-np.abs(found).max(1), kind="stable")[:SHOWN]
        figure, axis = plt.subplots(figsize=(3 + 0.22 * len(top), 1.4 + 0.3 * len(names)))
        limit = max(float(np.abs(found).max()), 1e-9)
        image = axis.imshow(found[top].T, aspect="auto", cmap="PuOr", vmin=-limit, vmax=limit)
        axis.set_xticks(range(len(top)), top, rotation=90, fontsize=7)
        axis.set_yticks(range(len(names)), names)
        axis.set(xlabel="filter", title="Influence of filters on each output")
        figure.colorbar(image, ax=axis, label="mean log odds lost", pad=0.01)
        save(figure, Path(folder) / "influence", split.context["origin"])
