"""DeepCyTOF (Li et al. 2017): a small classifier of the reference's cells, and a map of each other sample onto it.

The maps are those of MMD-ResNet: a sample's cells are brought to the distribution of the reference, of whose cells the
classifier learned.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.domains.cells.mmd import mmd, neighbour_distance
from deepbio.kinds.cells import is_source
from deepbio.learning import alignment, device, training
from deepbio.learning.distribution_matching import ResidualMap, match, matching_loss
from deepbio.learning.layers import glorot
from deepbio.learning.network import NetworkMethod

COMPARED = 1000  # validation cells of a sample, at most, by whose distance a map's training stops
REJECTED = 0.4  # cells without a type of such a probability are not used for calibration, as the authors have it


class Network(nn.Module):
    """{"x": (n, markers), "sample": (n,)} -> logits (n, gates); cells of a sample with a map are mapped first."""

    def __init__(self, markers, hidden, outputs, mapped, options):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise([markers, *hidden, outputs]))
        glorot(self)
        self.maps = nn.ModuleDict({str(number): ResidualMap(markers, **options) for number in mapped})

    def align(self, batch):
        """Map the cells of each sample that has a map: (n, markers)."""
        x = batch["x"]
        for number, one in self.maps.items():
            here = batch["sample"] == int(number)
            if here.any():
                x = x.clone()
                x[here] = one(batch["x"][here])
        return x

    def encode(self, x):
        """Compute the units of the last hidden layer, (n, units), of aligned cells."""
        for layer in self.layers[:-1]:
            x = F.softplus(layer(x))
        return x

    def forward(self, batch):
        return self.layers[-1](self.encode(self.align(batch)))


class Method(NetworkMethod):
    """Parameters: hidden (units), penalty (of the hidden layers' squared weights), training (of the classifier);
    calibrate (whether there are maps) and calibration: map (see ResidualMap), penalty, neighbours, fraction (of the
    cells that are used), training; denoising (settings that differ from denoising.SETTINGS)."""

    def build(self, parameters, shape):
        options = parameters["calibration"]["map"]
        return Network(shape["markers"], parameters["hidden"], shape["outputs"], shape["mapped"], options)

    def batch(self, split, index):
        part = split.take(index)
        found = {"x": torch.from_numpy(alignment.into_space(part, self.shape["space"]))}
        found["sample"] = torch.from_numpy(np.asarray(part["sample"], np.int64))
        return found | ({"y": torch.from_numpy(np.array(part.y, np.float32))} if "y" in part else {})

    def loss(self, network, batch):
        """Compute the classifier's loss on the reference's cells; and of a batch with other samples also the distances
        of their mapped cells from the reference's."""
        here = batch["sample"] == self.shape["reference"]
        x, y = batch["x"][here], batch["y"][here]
        known = ~torch.isnan(y)
        penalty = sum(layer.weight.square().sum() for layer in network.layers[:-1])
        logits = network.layers[-1](network.encode(x[known]))
        total = F.cross_entropy(logits, y[known].long()) + self.parameters["penalty"] * penalty
        for number, one in network.maps.items():
            cells = batch["x"][batch["sample"] == int(number)]
            if len(cells) > 1:
                total = total + matching_loss(one, cells, x, self.shape["distance"], self.calibration["penalty"])
        return total

    @property
    def calibration(self):
        """Give the parameters of the maps."""
        return self.parameters["calibration"]

    def fit(self, train, valid, job):
        context = train.context
        space = alignment.learn_space(train, valid, self.parameters["denoising"], job, by_reference=True)
        others = [] if not self.parameters["calibrate"] else np.unique(train["sample"][is_source(train)]).tolist()
        self.shape = {
            "markers": train["x"].shape[1],
            "outputs": len(context["classes"]),
            "kind": context["output"],
            "space": space,
            "reference": context["reference"],
            "mapped": others,
            "distance": 1.0,
            "mmd": [],
        }
        job.seed_torch("fit", "build")
        self.network = self.build(self.parameters, self.shape)
        gated = [split.take(~is_source(split) & ~np.isnan(split.y)) for split in (train, valid)]
        self.classify(*gated, job)
        if others:
            self.calibrate(train, valid, gated, job)

    def classify(self, train, valid, job):
        """Train the classifier on the reference's gated cells."""
        whole = [self.batch(split, np.arange(len(split))) for split in (train, valid)]
        settings = self.parameters["training"]

        def validate():
            return {"loss": float(self.loss(self.network, {key: t.to(job.device) for key, t in whole[1].items()}))}

        training.fit(
            self.network,
            len(train),
            lambda index: {key: tensor[index] for key, tensor in whole[0].items()},
            self.loss,
            settings,
            job,
            "classifier",
            groups=lambda network: network.layers.parameters(),
            validate=validate if len(valid) else None,
        )

    def calibrate(self, train, valid, gated, job):
        """Train the map of each other sample: of its cells that are called, onto the reference's gated cells."""
        how, rng = self.calibration, job.rng("calibration")
        target, held = (alignment.into_space(split, self.shape["space"]) for split in gated)
        target = target[rng.random(len(target)) < how["fraction"]]
        self.shape["distance"] = neighbour_distance(target, rng, how["neighbours"])
        held = held[rng.permutation(len(held))[:COMPARED]]
        for number in self.shape["mapped"]:
            cells = [self.called(split.take(np.asarray(split["sample"]) == number)) for split in (train, valid)]
            cells[1] = cells[1][rng.permutation(len(cells[1]))[:COMPARED]]
            one, distance = self.network.maps[str(number)], self.shape["distance"]
            match(
                one, cells[0], target, (cells[1], held), distance, how["penalty"], how["training"], job, f"map{number}-"
            )
            one.eval()
            with torch.no_grad():
                after = one(torch.from_numpy(cells[1]).to(job.device)).cpu().numpy()
            self.shape["mmd"].append([number, *(mmd(found, held, distance) for found in (cells[1], after))])

    def called(self, split):
        """Give the cells of a split in the space, (n, markers), that the classifier calls before calibration; all of
        them where it calls fewer than half."""
        x = alignment.into_space(split, self.shape["space"])
        with torch.no_grad():
            network = self.network.eval()
            given = torch.from_numpy(x).to(device.of(network))
            top = network.layers[-1](network.encode(given)).softmax(dim=1).amax(dim=1).cpu().numpy()
        sure = top >= REJECTED
        return x[sure] if sure.mean() > 0.5 else x

    def predict(self, split):
        """Predict probabilities of the gates; and of validation cells the mean distance from the reference before and
        after calibration, where there is one."""
        found = super().predict(split)
        if self.shape["mmd"]:
            _, before, after = np.mean(self.shape["mmd"], axis=0)
            found |= {"mmd_before": np.float64(before), "mmd_after": np.float64(after)}
        return found

    def interpret(self, split, folder):
        from deepbio.figures import cells as figures

        folder, context = Path(folder), split.context
        hidden, before, after = (
            values.numpy()
            for values in self.run_batched(
                split,
                lambda batch: (
                    self.network.encode(self.network.align(batch)),
                    batch["x"],
                    self.network.align(batch),
                ),
            )
        )
        p, y = self.predict(split)["y"], np.asarray(split.y, float)
        figures.draw_gates(y, p, context, folder / "gates")
        figures.draw_hidden(hidden, y, context, folder / "hidden")
        figures.draw_distances(self.shape["mmd"], context, folder / "mmd")
        target = before[~is_source(split)]
        for number in self.shape["mapped"]:
            here = np.asarray(split["sample"]) == number
            names = {"samples": [context["samples"][number], context["samples"][context["reference"]]]}
            path = folder / f"components_{context['samples'][number].replace(' ', '_')}"
            figures.draw_components(before[here], after[here], target, context | names, path)
