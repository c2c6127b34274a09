"""Deep belief network of Plis et al. (2014): stacked restricted Boltzmann machines, then fine-tuned on the classes.

Each machine learns without labels, by one step of contrastive divergence, to reconstruct the output of the one below.
The first has Gaussian visible units, the others binary ones. Their layers are then trained together.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from deepbio.learning import device, pretraining
from deepbio.learning.layers import glorot, head
from deepbio.learning.network import tensors
from deepbio.learning.table_network import TableMethod

EDGE = 5.0  # standard deviations at which a feature is clipped: machines with Gaussian units diverge on outliers


class Belief(nn.Module):
    """{"x": (n, features)} -> logits (n, outputs): sigmoid layers over standardised features, and a last linear one.

    Initial weights are Glorot and Bengio's, initial biases 0.
    """

    def __init__(self, hidden, shape):
        super().__init__()
        self.register_buffer("centre", torch.tensor(shape["column_mean"]))
        self.register_buffer("scale", torch.tensor(shape["column_std"]))
        sizes = [len(shape["column_mean"]), *hidden]
        self.layers = nn.ModuleList(nn.Linear(*size) for size in zip(sizes[:-1], sizes[1:], strict=True))
        self.last = head(hidden[-1], shape)
        glorot(self)

    def standardise(self, x):
        return ((x - self.centre) / self.scale).clamp(-EDGE, EDGE)

    def levels(self, batch):
        """Compute the standardised features (n, features) and the activities of each layer (n, units), as a list."""
        found = [self.standardise(batch["x"])]
        for layer in self.layers:
            found.append(torch.sigmoid(layer(found[-1])))
        return found

    def forward(self, batch):
        return self.last(self.levels(batch)[-1])


class Method(TableMethod):
    """Parameters: hidden (units of the layers), pretrained (false: the layers start from their initial weights, without
    machines), pretraining (epochs, batch_size, gaussian_rate and binary_rate of the two kinds of machine, momentum,
    l1), training (of all layers together).
    """

    def build(self, parameters, shape):
        return Belief(parameters["hidden"], shape)

    def batch(self, split, index):
        return tensors(split, index, kind=np.float32)  # the network standardises them

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        job.seed_torch("build")
        self.network = self.build(self.parameters, self.shape).to(job.device)
        if self.parameters["pretrained"]:
            splits = [device.to(job.device, self.batch(part, np.arange(len(part)))) for part in (train, valid)]
            pretraining.train_machines(
                self.network.layers,
                lambda number: tuple(self.network.levels(split)[number] for split in splits),
                self.parameters["pretraining"],
                job,
            )
        self.train_built(self.network, self.parameters["training"], train, valid, job)

    # ---- figures

    def levels(self, split):
        """Compute the standardised features and the layers' activities of all samples: arrays (n, units)."""
        found = self.run_batched(split.inputs(), lambda batch: tuple(self.network.levels(batch)))
        return [level.numpy() for level in found]

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
