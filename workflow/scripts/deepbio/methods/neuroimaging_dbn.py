"""Deep belief network of Plis et al. (2014): stacked restricted Boltzmann machines, then fine-tuned on the classes.

Each machine learns to rebuild what the one below makes of the samples, without labels, by one step of contrastive
divergence; the first has Gaussian visible units, the others binary ones. Their layers are then trained together.
"""

import math
from pathlib import Path

import numpy as np
import torch
from torch import nn

from deepbio.core import tables
from deepbio.learning import training
from deepbio.learning.layers import glorot, head
from deepbio.learning.network import NetworkMethod, tensors

EDGE = 5.0  # standard deviations beyond which a feature is cut: machines with Gaussian units diverge on outliers


class Belief(nn.Module):
    """{"x": (n, features)} -> logits (n, outputs): sigmoid layers over standardised features, and a last linear one.

    First weights are Glorot and Bengio's, first biases 0.
    """

    def __init__(self, hidden, shape):
        super().__init__()
        self.register_buffer("centre", torch.tensor(shape["centre"]))
        self.register_buffer("scale", torch.tensor(shape["scale"]))
        sizes = [len(shape["centre"]), *hidden]
        self.layers = nn.ModuleList(nn.Linear(*size) for size in zip(sizes[:-1], sizes[1:], strict=True))
        self.last = head(hidden[-1], shape)
        glorot(self)

    def standardise(self, x):
        return ((x - self.centre) / self.scale).clamp(-EDGE, EDGE)

    def levels(self, batch):
        """The standardised features (n, features), and what each layer makes of them (n, units)."""
        found = [self.standardise(batch["x"])]
        for layer in self.layers:
            found.append(torch.sigmoid(layer(found[-1])))
        return found

    def forward(self, batch):
        return self.last(self.levels(batch)[-1])


class Machine(nn.Module):
    """A restricted Boltzmann machine whose weights (hidden, visible) and hidden biases are those of `layer`.

    Gaussian visible units have unit variance (Hinton 2012, section 13.2); binary ones are given by probabilities.
    """

    def __init__(self, layer, gaussian):
        super().__init__()
        self.layer, self.gaussian = layer, gaussian
        self.visible = nn.Parameter(torch.zeros(layer.in_features))

    def rebuild(self, hidden):
        """Hidden states (n, hidden) -> means of the visible units (n, visible)."""
        mean = hidden @ self.layer.weight + self.visible
        return mean if self.gaussian else torch.sigmoid(mean)

    @torch.no_grad()
    def diverge(self, data, l1):
        """Put the gradient of one step of contrastive divergence (Hinton 2002) and of an L1 penalty where an optimiser
        finds it; the mean squared error of what was rebuilt from data (n, visible).

        Hidden states are drawn once, from the data; all else are probabilities and means (Hinton 2012, section 3).
        """
        before = torch.sigmoid(self.layer(data))
        rebuilt = self.rebuild(torch.bernoulli(before.cpu()).to(before.device))
        after = torch.sigmoid(self.layer(rebuilt))
        weight = self.layer.weight
        weight.grad = (after.T @ rebuilt - before.T @ data) / len(data) + l1 * weight.sign()
        self.layer.bias.grad = (after - before).mean(0)
        self.visible.grad = (rebuilt - data).mean(0)
        return (rebuilt - data).square().mean()


class Method(NetworkMethod):
    """Parameters: hidden (units of the layers), pretrained (whether there are machines at all), pretraining (epochs,
    batch_size, gaussian_rate and binary_rate of the two kinds of machine, momentum, l1), training (of all layers
    together)."""

    def describe(self, split):
        centre, scale = tables.column_moments(split["x"])
        return {**super().describe(split), "centre": centre, "scale": scale}

    def build(self, parameters, shape):
        return Belief(parameters["hidden"], shape)

    def batch(self, split, index):
        return tensors(split, index, kind=np.float32)

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        job.seed_torch("build")
        self.network = self.build(self.parameters, self.shape).to(job.device)
        if self.parameters["pretrained"]:
            self.pretrain(train, valid, job)
        self.train_built(self.network, self.parameters["training"], train, valid, job)

    def pretrain(self, train, valid, job):
        """One machine after the other, from the first layer up; the history tells how well each rebuilds."""
        facts = self.parameters["pretraining"]
        size = min(facts["batch_size"], len(train))
        per_epoch = math.ceil(len(train) / size)
        for number, layer in enumerate(self.network.layers):
            with torch.no_grad():
                data, held = (
                    self.network.levels(training.on(job.device, self.batch(split, np.arange(len(split)))))[number]
                    for split in (train, valid)
                )
            machine = Machine(layer, gaussian=number == 0).to(job.device)
            rate = facts["gaussian_rate" if number == 0 else "binary_rate"]
            optimizer = torch.optim.SGD(machine.parameters(), lr=rate, momentum=facts["momentum"])

            def step(_, machine=machine, optimizer=optimizer, data=data):
                loss = machine.diverge(data[torch.randint(len(data), (size,))], facts["l1"])
                optimizer.step()
                return {"train_loss": loss}

            def look(_, machine=machine, held=held):
                with torch.no_grad():
                    rebuilt = machine.rebuild(torch.sigmoid(machine.layer(held)))
                return {"valid_loss": float((rebuilt - held).square().mean())}

            steps = facts["epochs"] * per_epoch
            parts = {"machine": machine, "optimizer": optimizer}
            training.play(parts, step, steps, job, f"machine{number + 1}", per_epoch, look)
            job.samples += steps * size

    # ---- figures

    @torch.no_grad()
    def levels(self, split):
        """Standardised features and the layers' activities of all samples: arrays (n, units)."""
        x = self.batch(split.inputs(), np.arange(len(split)))["x"]
        return [level.numpy() for level in self.network.cpu().levels({"x": x})]

    def interpret(self, split, folder, train):
        from deepbio.figures import brain as figures

        folder, context = Path(folder), split.context
        names = context.get("features", [f"feature {i}" for i in range(split["x"].shape[1])])
        own, other = self.levels(split), self.levels(train)
        y = np.asarray(split.y, float).ravel()
        weights = self.network.layers[0].weight.detach().numpy()
        marked = context.get("planted", [])
        figures.draw_filters(weights, other[1], names, marked, context["origin"], folder / "filters")
        found = figures.depths(other, np.asarray(train.y, float).ravel(), own, y, context["output"])
        figures.draw_depths(found, context["origin"], folder / "depths")
        figures.draw_embeddings(own, y, context, folder / "embeddings")
