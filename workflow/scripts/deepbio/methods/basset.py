"""Basset (Kelley, Snoek and Rinn 2016): three convolutions and two dense layers, batch-normalised, over whole sites."""

import numpy as np
import torch

from deepbio.learning import layers
from deepbio.learning.sequence_layers import Dense, Trunk
from deepbio.learning.sequence_network import SequenceMethod, moved

STUDIED = 400  # windows on which the influence of filters is measured


class Basset(Trunk):
    """One-hot (n, 4, length) -> (n, outputs): the trunk's features through dense layers."""

    def __init__(self, kernels, widths, pools, dense, dropout, shape):
        super().__init__(kernels, widths, pools, shape["length"])
        self.top = Dense(self.features, dense, dropout, shape["outputs"])

    def after_first(self, x):
        """Compute the outputs (n, outputs) from the activations of the first layer."""
        return self.top(self.convolved(x))

    def score(self, x):
        return self.after_first(self.first(x))


class Method(SequenceMethod):
    """Parameters: kernels, widths, pools, dense, dropout, max_norm, shift (bases by which training windows are moved),
    validate (false: the network also learns from the validation windows, and trains to the last epoch), training.
    """

    def build(self, parameters, shape):
        names = ("kernels", "widths", "pools", "dense", "dropout")
        return Basset(**{name: parameters[name] for name in names}, shape=shape)

    def loss(self, network, batch):
        if network.training:
            limited = (network.detectors, *network.deeper, *network.top.dense, network.top.head)
            layers.limit_norms(limited, self.parameters["max_norm"])  # the last step may have exceeded it
            batch = batch | {"codes": moved(batch["codes"], self.parameters["shift"])}
        return super().loss(network, batch)

    def interpret(self, split, folder):
        from deepbio.figures import interpretation

        super().interpret(split, folder)
        interpretation.draw_influence(self.influence(split), split.context, folder)

    @torch.no_grad()
    def influence(self, split):
        """Compute how each output's mean score falls when a filter's activations become their mean: (filters, outputs).

        Kelley et al. 2016, "Influence of filters": the filters that an output depends on most change it most.
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
