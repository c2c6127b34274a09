"""A map of cells onto another distribution (MMD-ResNet, Shaham et al. 2017): its network, its loss and its training."""

import numpy as np
import torch
from torch import Tensor, nn

from deepbio.core.job import Job
from deepbio.learning import training
from deepbio.learning.layers import glorot
from deepbio.learning.training import FitResult

WEIGHT = 3.0  # of each term of the kernel, as in the authors' code
SMALLEST = 1e-8  # squared distance whose root still has a finite slope


def kernel(one: Tensor, other: Tensor, distance: float) -> Tensor:
    """Compute the kernel (n, m) of (n, d) and (m, d): the sum over s, half, once and twice `distance`, of
    3 exp(-d² / s²)."""
    squared = one.square().sum(dim=1)[:, None] + other.square().sum(dim=1) - 2 * one @ other.T
    wide = torch.exp(-squared.clamp(min=0) / (4 * distance**2))
    middle = wide**4
    return WEIGHT * (wide + middle + middle**4)


def biased_mmd(source: Tensor, target: Tensor, distance: float) -> Tensor:
    """Compute the square root of the biased estimate of MMD² of (n, d) and (m, d), in which every sample is also
    compared with itself (Gretton et al. 2012, Journal of Machine Learning Research 13:723, eq. 5)."""
    squared = kernel(source, source, distance).mean() + kernel(target, target, distance).mean()
    return (squared - 2 * kernel(source, target, distance).mean()).clamp(min=SMALLEST).sqrt()


class ResidualMap(nn.Module):
    """(n, d) -> (n, d) by residual blocks: batch normalisation, ReLU and a linear layer, twice, and the input added.

    With `initial_std` the weights begin so small that the map is the identity; without (None) they begin as Keras'
    do (Glorot). With `skip` false the inputs are not added: a plain network of the same layers.
    """

    def __init__(self, markers, hidden, blocks, initial_std=1e-5, skip=True, momentum=0.01):
        super().__init__()
        options: dict = {"eps": 1e-3, "momentum": momentum}  # Keras' eps; its momentum 0.99 is 0.01 in torch's words
        self.skip = skip
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm1d(markers, **options),
                nn.ReLU(),
                nn.Linear(markers, hidden),
                nn.BatchNorm1d(hidden, **options),
                nn.ReLU(),
                nn.Linear(hidden, markers),
            )
            for _ in range(blocks)
        )
        glorot(self)
        if initial_std is not None:
            for layer in self.linear():
                nn.init.normal_(layer.weight, std=initial_std)

    def linear(self):
        """List the linear layers."""
        return [layer for layer in self.modules() if isinstance(layer, nn.Linear)]

    def forward(self, x):
        for block in self.blocks:
            x = block(x) + x if self.skip else block(x)
        return x


def matching_loss(network: ResidualMap, source: Tensor, target: Tensor, distance: float, penalty: float) -> Tensor:
    """Compute the distance of mapped cells (n, d) from the target's (m, d), and `penalty` times the sum of the
    squared weights."""
    weights = sum(layer.weight.square().sum() for layer in network.linear())
    return biased_mmd(network(source), target, distance) + penalty * weights


def match(
    network: ResidualMap,
    source: np.ndarray,
    target: np.ndarray,
    held_out: tuple[np.ndarray, np.ndarray],
    distance: float,
    penalty: float,
    settings: dict,
    job: Job,
    name: str = "fit",
) -> FitResult:
    """Train a map of `source` (n, d) onto the distribution of `target` (m, d).

    A step sees a batch of source cells and as many target cells as a whole batch has, drawn anew with replacement.
    `held_out`: cells of the source and of the target by whose distance training stops.
    """
    cells = [torch.from_numpy(np.ascontiguousarray(x, np.float32)) for x in (source, target, *held_out)]
    drawn = min(settings["batch_size"], len(target))

    def batch(index):
        return {"source": cells[0][index], "target": cells[1][torch.randint(len(cells[1]), (drawn,))]}

    def loss(network, batch):
        return matching_loss(network, batch["source"], batch["target"], distance, penalty)

    def validate():
        values = {"source": cells[2].to(job.device), "target": cells[3].to(job.device)}
        return {"loss": float(loss(network, values))}

    return training.fit(network, len(cells[0]), batch, loss, settings, job, name, validate=validate)
