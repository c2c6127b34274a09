"""SPINDLE (Ramasubramanian et al. 2014): a trained network on crossbars of few-level weights with spin neurons.

The network is trained in float, mapped to crossbars, and trained further through their rounding. The crossbars are a
model of the devices (`deepbio.domains.hardware.crossbar`), which also gives the energies reported with the predictions.
"""

import itertools
import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core.job import Job
from deepbio.domains.hardware import crossbar
from deepbio.learning import device
from deepbio.learning.network import NetworkMethod, tensors


class Classifier(nn.Module):
    """{"x": (n, columns)} -> logits (n, classes); inputs are scaled to 0 … 1 by the training columns' range.

    Dense: hidden layers with ReLU. Convolutional: the columns are a square image, row by row (padded with zeros);
    blocks of 3 x 3 filters, batch normalisation, ReLU and pooling, and one dense layer.
    """

    def __init__(self, parameters, shape):
        super().__init__()
        self.low, self.span = shape["low"], shape["span"]
        self.side, layers = None, []
        if parameters["network"] == "dense":
            sizes = [shape["columns"], *parameters["hidden"]]
            for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
                layers += [nn.Linear(inputs, outputs), nn.ReLU()]
            inputs = sizes[-1]
        else:
            self.side = side = math.ceil(shape["columns"] ** 0.5)
            before = 1
            for filters in parameters["filters"]:
                layers += [nn.Conv2d(before, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU()]
                layers.append(nn.MaxPool2d(2))
                before, side = filters, side // 2
            layers.append(nn.Flatten())
            inputs = before * side**2
        self.layers = nn.Sequential(*layers, nn.Linear(inputs, shape["outputs"]))

    def forward(self, batch):
        x = ((batch["x"] - self.low) / self.span).clamp(0, 1)
        if self.side:
            x = F.pad(x, (0, self.side**2 - x.shape[1])).view(-1, 1, self.side, self.side)
        return self.layers(x)


class Method(NetworkMethod):
    """Parameters: network (dense or conv) with hidden or filters; weight_bits (null: the float network), output_bits,
    input_bits; digital (whether digital logic computes it); retrain (whether it is trained after mapping); noise (of
    conductances in that training); device (floor, stuck); sweep (noise, draws: chips that predictions are made on);
    grid (weight_bits, output_bits, epochs: networks that figures compare); costs (constants of the cost model);
    training, retraining.
    """

    by_row = True

    def describe(self, split):
        x = np.asarray(split["x"])
        low, high = float(x.min()), float(x.max())
        return super().describe(split) | {"columns": x.shape[1], "low": low, "span": max(high - low, 1e-9)}

    def build(self, parameters, shape):
        """Build the network: on crossbars, or in float where `weight_bits` is null."""
        network = Classifier(parameters, shape)
        return network if parameters["weight_bits"] is None else self.map(network, parameters)

    def map(self, network, parameters):
        bits = (parameters[key] for key in ("weight_bits", "output_bits", "input_bits"))
        return crossbar.map(network, *bits, parameters["device"]["floor"], parameters["noise"])

    def batch(self, split, index):
        return tensors(split, index, kind=np.float32)

    def fit(self, train, valid, job):
        self.shape = self.describe(train) | {"seed": job.number("devices") % 2**32}
        network = self.train_float(train, valid, job)
        self.network = network if self.parameters["weight_bits"] is None else self.settle(network, train, valid, job)

    def train_float(self, train, valid, job):
        job.seed_torch("build")
        network = Classifier(self.parameters, self.shape)
        self.train_built(network, self.parameters["training"], train, valid, job, "float")
        return network

    def settle(self, network, train, valid, job):
        """Map a trained float network to crossbars and, with `retrain`, train it further through their rounding."""
        mapped = self.map(network.eval(), self.parameters)
        given = device.to(job.device, self.batch(train, np.arange(len(train))))
        crossbar.calibrate(mapped.to(job.device), lambda: mapped(given))
        if self.parameters["retrain"]:
            self.train_built(mapped, self.parameters["retraining"], train, valid, job, "retrain")
        return mapped.eval()

    def predict(self, split):
        """Predict `y`, and the energies and delays of the cost model.

        Where the network is on crossbars, also predict the classes `y_chips` (noise levels, chips, n) of chips with
        conductances of that `noise`.
        """
        found = super().predict(split) | self.costs(split)
        if self.parameters["weight_bits"] is None or self.parameters["digital"]:
            return found
        sweep = self.parameters["sweep"]
        return found | {"y_chips": self.chips(split, **sweep), "noise": np.array(sweep["noise"], np.float64)}

    @torch.no_grad()
    def chips(self, split, noise, draws):
        """Predict classes uint8 (noise levels, draws, n) on chips drawn by the run's own generator."""
        self.network.eval()
        where = next(self.network.parameters()).device
        batch = {key: value.to(where) for key, value in self.batch(split.inputs(), np.arange(len(split))).items()}
        generator = torch.Generator().manual_seed(self.shape["seed"])
        found = np.empty((len(noise), draws, len(split)), np.uint8)
        for level, sigma in enumerate(noise):
            for draw in range(draws):
                crossbar.program(self.network, sigma, self.parameters["device"]["stuck"], generator)
                found[level, draw] = self.network(batch).argmax(1).cpu().numpy()
        crossbar.perfect(self.network)
        return found

    def costs(self, split):
        """Compute `energy` (compute, conversion, memory; pJ), `delay` (ns) and `ratios` of one inference.

        `ratios` are those of digital logic of 8 bits to this network, of energy and of energy times delay, and the
        energy ratio's range over the constants.
        """
        layers, bits, facts = self.layers(split), self.bits(), self.parameters["costs"]
        digital = self.parameters["digital"]
        own, logic = crossbar.cost(layers, *bits, facts, digital), crossbar.cost(layers, 8, 8, 8, facts, True)
        save = crossbar.energy(logic) / crossbar.energy(own)
        found = [save, save * logic["delay"] / own["delay"]]
        if not digital:
            found = list(crossbar.ratios(layers, bits, facts).values())
        return {
            "energy": np.array([own[key] for key in ("compute", "conversion", "memory")]),
            "delay": np.float64(own["delay"]),
            "ratios": np.array(found),
        }

    def bits(self):
        """Return the number of bits of weights, outputs and inputs; a float network has 32."""
        names = ("weight_bits", "output_bits", "input_bits")
        return tuple(self.parameters[name] or 32 for name in names)

    def layers(self, split):
        """Compute the rows, columns and positions of each layer, as crossbar.shapes does."""
        where = next(self.network.parameters()).device
        given = self.batch(split.inputs(), np.arange(1))["x"].to(where)
        return crossbar.shapes(self.network.eval(), {"x": given})

    # ---- figures

    def interpret(self, split, folder, train):
        from deepbio.figures import crossbar as figures

        folder, origin, facts = Path(folder), split.context["origin"], self.parameters
        y = np.asarray(split.y).ravel()
        with tempfile.TemporaryDirectory() as scratch:
            plain = self.train_float(train, split, Job(1, Path(scratch)))

            def other(**changes):
                """Make another form of this method from the same float network."""
                model = Method(facts | changes)
                model.shape = self.shape
                job = Job(1, Path(tempfile.mkdtemp(dir=scratch)))
                model.network = model.settle(plain, train, split, job)
                return model

            rows = []
            retraining = facts["retraining"] | {"epochs": facts["grid"]["epochs"]}
            for weight, output, retrain in itertools.product(*self.grid()):
                bits = {"weight_bits": weight, "output_bits": output}
                model = other(**bits, retrain=retrain, noise=0, retraining=retraining)
                cost = crossbar.energy(crossbar.cost(self.layers(split), *model.bits(), facts["costs"], False))
                rows.append((weight, output, retrain, model.right(split, y), cost))
            forms = {
                "not retrained": other(retrain=False),
                "retrained": other(retrain=True, noise=0),
                "retrained with noise of 20 %": other(retrain=True, noise=0.2),
            }
        sweep = {title: (one.chips(split, **facts["sweep"]) == y).mean(axis=2) for title, one in forms.items()}
        model = Method(facts | {"weight_bits": None})
        model.shape, model.network = self.shape, plain
        top = model.right(split, y)
        logic = crossbar.energy(crossbar.cost(self.layers(split), 8, 8, 8, facts["costs"], True))
        figures.draw_grid(rows, top, origin, folder / "precision")
        figures.draw_pareto(rows, top, logic, origin, folder / "pareto")
        figures.draw_noise(facts["sweep"]["noise"], sweep, top, origin, folder / "noise")
        pairs = [one.conductances().detach().cpu().numpy() for one in crossbar.crossbars(self.network)]
        figures.draw_levels(pairs, origin, folder / "levels")
        figures.draw_staircases(facts["grid"]["output_bits"], origin, folder / "staircase")

    def grid(self):
        """List bits of weights, bits of outputs, and whether a network is retrained, for figures."""
        return self.parameters["grid"]["weight_bits"], self.parameters["grid"]["output_bits"], (False, True)

    def right(self, split, y):
        """Compute the share of a split's samples that ideal devices classify correctly."""
        return float(np.mean(super().predict(split.inputs())["y"].argmax(axis=1) == y))
