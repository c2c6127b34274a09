"""A denoising autoencoder of cells, which fills in markers that an instrument missed (Shaham et al. 2017).

It learns from cells with at most one marker at zero, some of whose markers are set to zero, to give back the whole
cell; then it is applied to all cells. What was learned is a list of plain numbers, so that methods without torch may
use it, too.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core.job import Job
from deepbio.learning import training
from deepbio.learning.layers import glorot

# As in the authors' code; Keras' RMSprop has these options.
SETTINGS: dict = {
    "hidden": [25, 25],
    "keep": 0.8,  # share of the markers that are not set to zero
    "penalty": 0.01,  # times the sum of the squared weights
    "training": {
        "optimizer": "rmsprop",
        "optimizer_options": {"alpha": 0.9, "eps": 1e-7},
        "learning_rate": 1e-3,
        "batch_size": 128,
        "epochs": 500,
        "patience": 25,
        "keep": "last",
    },
}
ZEROS = 1  # markers at zero that a cell may have to be learned from
LEAST = 20  # cells to learn from, below which the cells with the fewest zeros are taken


def learn(train: np.ndarray, valid: np.ndarray, settings: dict, job: Job, name: str = "denoiser") -> list:
    """Train an autoencoder on cells (n, markers); give its layers as lists, [weight (out, in), bias (out,)] each.

    `settings`: as SETTINGS, whose values stand for those that are not given.
    """
    settings = SETTINGS | settings
    chosen = {**SETTINGS["training"], **settings["training"]}
    whole = [torch.from_numpy(_with_few_zeros(cells)) for cells in (train, valid)]
    job.seed_torch(name, "build")
    markers = train.shape[1]
    sizes = [markers, *settings["hidden"], markers]
    network = glorot(nn.Sequential(*(nn.Linear(*pair) for pair in pairwise(sizes))))
    # One mask for the whole training, as the authors have it.
    masks = [torch.from_numpy(job.rng(name, "mask", i).random(x.shape) < settings["keep"]) for i, x in enumerate(whole)]

    def loss(network, batch):
        penalty = sum(layer.weight.square().sum() for layer in network)
        return F.mse_loss(_run(network, batch["x"]), batch["whole"]) + settings["penalty"] * penalty

    def batch(index):
        return {"x": whole[0][index] * masks[0][index], "whole": whole[0][index]}

    def validate():
        values = {"x": (whole[1] * masks[1]).to(job.device), "whole": whole[1].to(job.device)}
        return {"loss": float(loss(network, values))}

    training.fit(network, len(whole[0]), batch, loss, chosen, job, name, validate=validate)
    network.cpu()
    return [[layer.weight.tolist(), layer.bias.tolist()] for layer in network]


def _with_few_zeros(cells):
    zeros = (cells == 0).sum(axis=1)
    most = ZEROS if (zeros <= ZEROS).sum() >= LEAST else np.sort(zeros)[min(LEAST, len(zeros)) - 1]
    return np.ascontiguousarray(cells[zeros <= most], np.float32)


def _run(network, x):
    for layer in network[:-1]:
        x = F.relu(layer(x))
    return network[-1](x)


def apply(layers: list, cells: np.ndarray) -> np.ndarray:
    """Denoise cells (n, markers) by what `learn` gave: float32."""
    found = np.asarray(cells, np.float64)
    for number, (weight, bias) in enumerate(layers, 1):
        found = found @ np.asarray(weight).T + np.asarray(bias)
        if number < len(layers):
            found = np.maximum(found, 0)
    return found.astype(np.float32)
