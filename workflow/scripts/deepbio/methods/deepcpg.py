"""DeepCpG (Angermueller et al. 2017): the DNA around a CpG site, and its neighbours in all cells, together."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core import labels
from deepbio.learning import layers
from deepbio.learning.network import NetworkMethod
from deepbio.learning.recurrent import GatedUnits
from deepbio.learning.sequence_network import detector_activations, one_hot


class DnaModule(nn.Module):
    """codes (n, window) -> (n, features): two valid convolutions with pooling, and a dense layer."""

    def __init__(self, kernels, widths, pools, dense, dropout, length):
        super().__init__()
        self.detectors = nn.Conv1d(4, kernels[0], widths[0])
        self.deeper = nn.Conv1d(kernels[0], kernels[1], widths[1])
        self.pools, self.features = pools, dense
        for width, pool in zip(widths, pools, strict=True):
            length = (length - width + 1) // pool
        self.dense, self.dropout = nn.Linear(kernels[1] * length, dense), nn.Dropout(dropout)
        layers.glorot(self)

    def read(self, x):
        """Compute features (n, features) of one-hot windows (n, 4, window)."""
        for layer, pool in zip((self.detectors, self.deeper), self.pools, strict=True):
            x = F.max_pool1d(F.relu(layer(x)), pool)
        return self.dropout(F.relu(self.dense(x.flatten(1))))

    def forward(self, batch):
        return self.read(one_hot(batch["codes"], 4))

    def penalised(self):
        return [layer.weight for layer in (self.detectors, self.deeper, self.dense)]


class CpgModule(nn.Module):
    """states and distances (n, cells, neighbours) -> (n, features): a dense layer that all cells share, and gated units
    in both directions across the cells; without `recurrent` the mean over cells of one dense layer."""

    def __init__(self, dense, units, recurrent, dropout, neighbours):
        super().__init__()
        self.dense = nn.Linear(2 * neighbours, dense if recurrent else 2 * units)
        self.features, self.dropout = 2 * units, nn.Dropout(dropout)
        layers.glorot(self)
        self.passes = nn.ModuleList(GatedUnits(dense, units) for _ in range(2 if recurrent else 0))

    def forward(self, batch):
        x = F.relu(self.dense(torch.cat([batch["states"], batch["distances"]], dim=2)))
        if not self.passes:
            return self.dropout(x.mean(dim=1))
        return self.dropout(torch.cat([self.passes[0](x), self.passes[1](x.flip(1))], dim=1))

    def penalised(self):
        return [self.dense.weight, *(one.inputs.weight for one in self.passes)]


class Network(nn.Module):
    """A batch of sites -> logits (n, cells). With both modules two dense layers join them."""

    def __init__(self, parts, joint, dropout, cells):
        super().__init__()
        self.parts = nn.ModuleDict(parts)
        features, self.joint = sum(part.features for part in parts.values()), nn.Sequential()
        for _ in range(2 if len(parts) > 1 else 0):
            self.joint.extend([nn.Linear(features, joint), nn.ReLU(), nn.Dropout(dropout)])
            features = joint
        self.head = nn.Linear(features, cells)
        layers.glorot(self.joint)
        layers.glorot(self.head)

    def forward(self, batch):
        return self.head(self.joint(torch.cat([part(batch) for part in self.parts.values()], dim=1)))

    def penalised(self):
        own = [layer.weight for layer in self.joint if isinstance(layer, nn.Linear)]
        return own + [weight for part in self.parts.values() for weight in part.penalised() if weight.requires_grad]


class Method(NetworkMethod):
    """Parameters: modules (dna, cpg, or both, joined), kernels, widths, pools, dna_dense; cpg_dense, units, recurrent;
    joint, dropout, l1 and l2 (on the weights between layers), training (of each module, and of what joins them)."""

    by_row = True

    def describe(self, split):
        y = labels.columns(split.y)
        shape = {"kind": "multilabel", "outputs": y.shape[1], "length": int(split["codes"].shape[1])}
        shape["neighbours"] = int(split["states"].shape[2])
        # The weight of a class in a cell is the share of the other one.
        shape["positive"] = np.nan_to_num(np.nanmean(y, axis=0), nan=0.5).tolist()
        return shape

    def part(self, name, parameters, shape):
        """Build one module."""
        if name == "dna":
            sizes = (parameters[key] for key in ("kernels", "widths", "pools", "dna_dense", "dropout"))
            return DnaModule(*sizes, shape["length"])
        sizes = (parameters[key] for key in ("cpg_dense", "units", "recurrent", "dropout"))
        return CpgModule(*sizes, shape["neighbours"])

    def build(self, parameters, shape):
        parts = {name: self.part(name, parameters, shape) for name in parameters["modules"]}
        return Network(parts, parameters["joint"], parameters["dropout"], shape["outputs"])

    def batch(self, split, index):
        found = {name: torch.from_numpy(np.asarray(split[name][index])) for name in ("codes", "states", "distances")}
        return found | ({"y": torch.from_numpy(np.asarray(split.y[index], np.float32))} if "y" in split else {})

    def loss(self, network, batch):
        """Compute the mean loss of known labels. In training: the sum over cells of the weighted loss, averaged over
        all sites of the batch, so that a cell that covers few of them counts less, and the penalties."""
        output, y = network(batch).float(), batch["y"]
        if not network.training:
            return self.loss_of(output, batch)
        known, positive = ~torch.isnan(y), output.new_tensor(self.shape["positive"])
        weight = torch.where(y == 1, 1 - positive, positive) * known
        cross = F.binary_cross_entropy_with_logits(output, torch.nan_to_num(y), reduction="none")
        total = (weight * cross).sum(dim=1).mean()
        for name, power in (("l1", 1), ("l2", 2)):
            if self.parameters[name]:
                total = total + self.parameters[name] * sum(w.abs().pow(power).sum() for w in network.penalised())
        return total

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        read = train.take((np.asarray(train["codes"]) != 4).any(axis=1))  # of some sites there is no sequence
        parts, names = {}, self.parameters["modules"]
        for name in names:
            alone, settings = {**self.parameters, "modules": [name]}, self.parameters["training"][name]
            learned = read if name == "dna" else train
            network, _ = self.train_network({**alone, "training": settings}, learned, valid, job, name)
            parts[name] = network.parts[name]
        if len(names) > 1:
            job.seed_torch("joint", "build")
            network = self.build(self.parameters, self.shape)
            network.parts.update(parts)
            network.parts.requires_grad_(False)
            self.train_built(network, self.parameters["training"]["joint"], read, valid, job, "joint")
        self.network = network.requires_grad_(True)

    def interpret(self, split, folder):
        from deepbio.figures import methylation as figures

        folder, p = Path(folder), self.predict(split)["y"]
        figures.draw_contexts(split, p, folder / "contexts")
        figures.draw_stretch(split, p, folder / "stretch")
        if "dna" in self.parameters["modules"]:
            from deepbio.figures import interpretation

            dna, codes = self.network.parts["dna"], np.asarray(split["codes"])
            active, place, strand, width = detector_activations(self, dna.detectors, split)
            interpretation.detector_logos(codes, active, place, strand, width, split.context, folder)
            figures.draw_filters(active, np.nanmean(split.y, axis=1), folder / "filters", split.context["origin"])
            figures.draw_effects(self.gradients(split), codes, folder / "effects", split.context["origin"])

    def gradients(self, split, most=200):
        """Compute how the mean score over cells changes with each base of the windows, times the bases: (n, window)."""
        batch, dna = self.batch(split, np.arange(min(most, len(split)))), self.network.parts["dna"]
        x = one_hot(batch["codes"], 4).requires_grad_()
        others = [part(batch) for name, part in self.network.parts.items() if name != "dna"]
        features = [dna.read(x), *others] if list(self.network.parts)[0] == "dna" else [*others, dna.read(x)]
        score = self.network.head(self.network.joint(torch.cat(features, dim=1))).mean(dim=1).sum()
        return (torch.autograd.grad(score, x)[0] * x).sum(dim=1).detach().numpy()
