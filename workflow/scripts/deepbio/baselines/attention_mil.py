"""Attention over the cells of a bag (Ilse et al. 2018): a weighted mean of hidden units of the cells."""

import numpy as np
import torch
from torch import nn

from deepbio.learning import bags, device, training
from deepbio.learning.layers import head


class Network(nn.Module):
    """{"cells": (n, cells, markers)} -> logits (n, outputs)."""

    def __init__(self, markers, hidden, attention, shape):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(markers, hidden), nn.ReLU())
        self.score = nn.Sequential(nn.Linear(hidden, attention), nn.Tanh(), nn.Linear(attention, 1, bias=False))
        self.output = head(hidden, shape)

    def attend(self, cells):
        """Give the weight of each cell in its bag, (n, cells), and the cells' hidden units."""
        units = self.encode(cells)
        return self.score(units)[..., 0].softmax(dim=-1), units

    def forward(self, batch):
        weight, units = self.attend(batch["cells"])
        return self.output((weight[..., None] * units).sum(dim=-2))


class Method(bags.BagMethod):
    """Parameters: hidden, attention (units), bags (of each class), cells (of a bag), training."""

    def build(self, parameters, shape):
        return Network(len(shape["column_mean"]), parameters["hidden"], parameters["attention"], shape)

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        job.seed_torch("fit", "build")
        self.network = self.build(self.parameters, self.shape)
        drawn = [self.draw(split, job.rng("bags", name)) for name, split in (("train", train), ("valid", valid))]
        (values, rows, y), (held, held_rows, held_y) = drawn

        def validate():
            parts = torch.arange(len(held_y)).split(500)
            batches = [{"cells": held[held_rows[part]], "y": held_y[part]} for part in parts]
            losses = [
                float(self.loss(self.network, {key: t.to(job.device) for key, t in one.items()})) for one in batches
            ]
            return {"loss": float(np.average(losses, weights=list(map(len, parts))))}

        training.fit(
            self.network,
            len(y),
            lambda index: {"cells": values[rows[index]], "y": y[index]},
            self.loss,
            self.parameters["training"],
            job,
            validate=validate,
        )
        self.network.eval()

    def predict(self, split):
        """Predict each sample from all of its cells; `response` is a cell's weight times the number of cells."""
        values, offsets = bags.standardised(split, self.shape)
        values, found, response, here = torch.from_numpy(values), [], [], device.of(self.network)
        with torch.no_grad():
            for start, end in zip(offsets[:-1], offsets[1:], strict=True):
                cells = values[start:end][None].to(here)
                found.append(self.activate(self.network({"cells": cells}))[0].cpu().numpy())
                response.append(self.network.attend(cells)[0][0].cpu().numpy() * (end - start))
        return {"y": np.stack(found), "response": np.concatenate(response)}
