"""Training in phases of one cycle each, with parts of a network frozen and a rate of its own for every layer.

Howard and Ruder (2018, arXiv:1801.06146): slanted triangular rates, discriminative rates, gradual unfreezing.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from deepbio.core.job import Job
from deepbio.learning import device, training

RISING = 0.3  # share of a phase in which the rate rises
START, END = 25.0, 2.5e5  # what the highest rate is divided by at the beginning and at the end
MOMENTA = (0.8, 0.7)  # of Adam: at a low and at the highest rate
DECAY = 2.6  # what the rate is divided by from layer to layer, going down, where a phase says nothing else


def factor(share: float) -> float:
    """Give the rate's factor after a share of a phase: up along a cosine, then down (a slanted triangle, its corners
    round; Smith 2018, arXiv:1803.09820)."""
    low, high, place = (
        (1 / START, 1.0, share / RISING) if share < RISING else (1.0, 1 / END, (share - RISING) / (1 - RISING))
    )
    return low + (high - low) * (1 - math.cos(math.pi * place)) / 2


def rates(highest: float, groups: int, decay: float = DECAY) -> list[float]:
    """Give the rate of each group of layers, the lowest layer first."""
    return [highest / decay ** (groups - 1 - number) for number in range(groups)]


def fit(
    network: nn.Module,
    groups: Sequence[Sequence[nn.Parameter]],
    samples: int,
    batch: Callable[[torch.Tensor, int], dict[str, Tensor]],
    loss: Callable[[nn.Module, dict[str, Tensor]], Tensor],
    settings: dict,
    job: Job,
    name: str,
    validate: Callable[[], dict] | None = None,
) -> training.FitResult:
    """Train the upper `settings["unfrozen"]` groups of parameters (by default all) through one cycle.

    `batch(index, epoch)` gives tensors; `settings`: epochs, batch_size, learning_rate (of the top group), layer_decay
    (what it is divided by from group to group; 1: one rate for all), unfrozen, weight_decay. The last weights remain.
    """
    unfrozen = min(settings.get("unfrozen") or len(groups), len(groups))
    for number, group in enumerate(groups):
        for parameter in group:
            parameter.requires_grad_(number >= len(groups) - unfrozen)
    highest = rates(settings["learning_rate"], len(groups), settings.get("layer_decay", DECAY))
    chosen = [{"params": list(group), "lr": rate} for group, rate in zip(groups, highest, strict=True)][-unfrozen:]
    highest = highest[-unfrozen:]
    network.to(job.device)
    optimizer = torch.optim.AdamW(chosen, betas=(MOMENTA[0], 0.99), weight_decay=settings.get("weight_decay", 0.01))
    size = min(settings["batch_size"], samples)
    per_epoch = max(1, math.ceil(samples / size) - (samples % size == 1))
    steps, now = settings["epochs"] * per_epoch, {"epoch": -1}

    def step(number: int) -> dict:
        epoch, place = divmod(number, per_epoch)
        if epoch != now["epoch"]:
            now.update(epoch=epoch, order=job.rng(name, "order", epoch).permutation(samples))
        share = factor(number / steps)
        for group, rate in zip(optimizer.param_groups, highest, strict=True):
            group["lr"] = rate * share
            group["betas"] = (MOMENTA[0] + (MOMENTA[1] - MOMENTA[0]) * share, group["betas"][1])
        network.train()
        optimizer.zero_grad(set_to_none=True)
        value = loss(network, device.to(job.device, batch(now["order"][place * size : (place + 1) * size], epoch)))
        value.backward()
        optimizer.step()
        return {"train_loss": value.detach()}

    def evaluate(_: dict) -> dict | None:
        if validate is None:
            return None
        network.eval()
        with torch.no_grad():
            return {f"valid_{key}": float(value) for key, value in validate().items()}

    parts = {"network": network, "optimizer": optimizer}
    return training.play(parts, step, steps, job, name, per_epoch, evaluate, samples=size)
