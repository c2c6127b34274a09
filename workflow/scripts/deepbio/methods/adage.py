"""ADAGE (Tan et al. 2016): a denoising autoencoder with tied weights over all genes of a compendium of expression."""

from pathlib import Path

import numpy as np
from torch import nn

from deepbio.learning.network import NetworkMethod, tensors
from deepbio.learning.pretraining import TiedAutoencoder


class Method(NetworkMethod):
    """Parameters: units, corruption (share of the inputs set to 0), start (how many times Glorot's bound the initial
    weights reach), training. Training goes to its last epoch; validation samples are only watched.
    """

    by_row = True

    def describe(self, split):
        return {"kind": split.context["output"], "genes": int(split["x"].shape[1])}

    def build(self, parameters, shape):
        layer = nn.Linear(shape["genes"], parameters["units"])
        bound = parameters["start"] * np.sqrt(6 / (shape["genes"] + parameters["units"]))
        nn.init.uniform_(layer.weight, -bound, bound)
        nn.init.zeros_(layer.bias)
        return TiedAutoencoder(layer)

    def batch(self, split, index):
        return {"x": tensors(split, index, kind=np.float32)["x"]}

    def loss(self, network, batch):
        return network.loss(batch["x"], self.parameters["corruption"])

    def predict(self, split):
        """Give the units' activities `y` (n, units) and their `weights` (units, genes)."""
        units = self.run_batched(split, lambda batch: self.network.encode(batch["x"]))
        return {"y": units.numpy(), "weights": self.network.layer.weight.detach().cpu().numpy()}

    def interpret(self, split, folder):
        from deepbio.figures import regulons as figures

        folder, found = Path(folder), self.predict(split)
        figures.draw_weights(split, found["weights"], folder / "weights")
        figures.draw_regulons(split, found["weights"], folder / "regulators")
        figures.draw_activities(split, found["y"], folder / "activities")
        figures.draw_neighbours(split, found["weights"], folder / "neighbours")
