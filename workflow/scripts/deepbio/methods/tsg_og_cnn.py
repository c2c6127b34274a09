"""Tumour suppressors and oncogenes from structure (Tavanaei et al. 2017): a convolutional network on maps of what the
atoms on the surface of a protein are, seen from six sides."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core.data import Split
from deepbio.domains.protein import surfaces
from deepbio.kinds.protein_structure import one
from deepbio.learning.layers import glorot, head
from deepbio.learning.network import NetworkMethod

MAPS = len(surfaces.VIEWS) * len(surfaces.CHANNELS)


class Network(nn.Module):
    """{"maps": (n, 30, cells, cells)} -> logits (n, outputs): three convolutions, two poolings, a dense layer."""

    def __init__(self, cells, widths, dense, dropout, shape):
        super().__init__()
        first, second, third = widths
        self.stages = nn.Sequential(
            nn.Conv2d(MAPS, first, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(first, second, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(second, third, 3, padding=1), nn.ReLU(), nn.Flatten(),
        )  # fmt: skip
        self.hidden, self.dropout = nn.Linear(third * (cells // 4) ** 2, dense), nn.Dropout(dropout)
        self.output = head(dense, shape)
        glorot(self)

    def describe(self, maps):
        """Compute the activities of the dense layer, (n, dense)."""
        return F.relu(self.hidden(self.stages(maps)))

    def forward(self, batch):
        return self.output(self.dropout(self.describe(batch["maps"])))


class Method(NetworkMethod):
    """Parameters: cells (of a map, on a side), cell_width (ångström), widths (of the convolutions), dense, dropout,
    rotations (of a protein that is predicted, over which the mean is taken; training turns each protein anew at every
    epoch)."""

    def build(self, parameters, shape):
        form = (parameters[key] for key in ("cells", "widths", "dense", "dropout"))
        return Network(*form, shape)

    def maps(self, split, rng=None):
        """Project proteins, turned at random where there is a generator: (n, 30, cells, cells)."""
        found = []
        for row in range(len(split)):
            x, properties = one(split, "atoms", row), one(split, "properties", row)
            x = x if rng is None else x @ surfaces.rotation(rng)
            found.append(surfaces.views(x, properties, self.parameters["cells"], self.parameters["cell_width"]))
        return np.stack(found).reshape(len(found), MAPS, *found[0].shape[-2:])

    def batch(self, split, index):
        maps = split["maps"][index] if "maps" in split else self.maps(split.take(index))
        tensors = {"maps": torch.from_numpy(np.asarray(maps))}
        return tensors | ({"y": torch.from_numpy(np.array(split.y[index], np.float32))} if "y" in split else {})

    def projected(self, split, rng=None):
        """Give a split of maps."""
        arrays = {"maps": self.maps(split, rng)} | ({"y": split.y} if "y" in split else {})
        return Split(arrays, split.context)

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        turned = Split({"y": train.y}, train.context)  # has no maps before the first epoch turns its proteins

        def turn(epoch):
            turned.arrays["maps"] = self.maps(train, job.rng("rotations", epoch))

        self.network, _ = self.train_network(self.parameters, turned, self.projected(valid), job, on_epoch=turn)

    def predict(self, split):
        found = [super(Method, self).predict(self.projected(split, rng))["y"] for rng in self.turns(split)]
        return {"y": np.mean(found, axis=0)}

    def turns(self, split):
        """Give the rotations of predictions: none, then some that are the same for all proteins."""
        yield None
        for number in range(1, self.parameters["rotations"]):
            yield Fixed(number)

    def interpret(self, split, folder):
        from deepbio.figures import structures as figures

        maps = self.projected(split)
        first = maps["maps"][0]
        figures.draw_views(first.reshape(6, len(surfaces.CHANNELS), *first.shape[-2:]), split, folder / "views")
        if len(split) >= 8:  # two principal components of fewer proteins show nothing
            dense = self.run_batched(maps, lambda batch: self.network.describe(batch["maps"])).numpy()
            figures.draw_layer(dense, split, folder / "layer")
        figures.draw_calls(np.asarray(self.predict(split)["y"])[:, 0], split, folder / "calls")


class Fixed:
    """A generator that gives the same draws to each protein, so that a prediction does not depend on the others."""

    def __init__(self, number):
        self.number = number

    def standard_normal(self, size):
        return np.random.default_rng([self.number, 177378]).standard_normal(size)
