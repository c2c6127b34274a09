"""Layer-wise pre-training without labels: each layer learns to rebuild what the layers below it give.

Two ways to teach a layer: a sparse or denoising autoencoder, and a restricted Boltzmann machine. The layers are linear
modules of a network, which hold what was learned afterwards; all units are sigmoid.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepbio.core.job import Job
from deepbio.learning import training


class Autoencoder(nn.Module):
    """A hidden layer, and the linear layer that rebuilds its input."""

    def __init__(self, layer: nn.Linear):
        super().__init__()
        self.layer, self.rebuild = layer, nn.Linear(layer.out_features, layer.in_features)

    def loss(self, x: Tensor, sparsity: float, penalty: float) -> Tensor:
        """Compute the squared error, and the divergence of the units' mean activity from `sparsity` (Ng 2011, CS294A
        notes) times `penalty`."""
        active = torch.sigmoid(self.layer(x))
        mean = active.float().mean(dim=0).clamp(1e-4, 1 - 1e-4)  # in half precision the upper limit is 1
        divergence = sparsity * torch.log(sparsity / mean) + (1 - sparsity) * torch.log((1 - sparsity) / (1 - mean))
        return F.mse_loss(self.rebuild(active), x) + penalty * divergence.mean()


class Machine(nn.Module):
    """A restricted Boltzmann machine whose weights (hidden, visible) and hidden biases are those of `layer`.

    Gaussian visible units have unit variance (Hinton 2012, section 13.2); binary ones are given by probabilities.
    """

    def __init__(self, layer: nn.Linear, gaussian: bool):
        super().__init__()
        self.layer, self.gaussian = layer, gaussian
        self.visible = nn.Parameter(torch.zeros(layer.in_features))

    def rebuild(self, hidden: Tensor) -> Tensor:
        """Turn hidden states (n, hidden) into means of the visible units (n, visible)."""
        mean = hidden @ self.layer.weight + self.visible
        return mean if self.gaussian else torch.sigmoid(mean)

    @torch.no_grad()
    def diverge(self, data: Tensor, l1: float) -> Tensor:
        """Put the gradient of one step of contrastive divergence (Hinton 2002) and of an L1 penalty where an optimiser
        finds it; the mean squared error of what was rebuilt from data (n, visible).

        Hidden states are drawn once, from the data; all else are probabilities and means (Hinton 2012, section 3).
        """
        before = torch.sigmoid(self.layer(data))
        rebuilt = self.rebuild(torch.bernoulli(before))
        after = torch.sigmoid(self.layer(rebuilt))
        weight = self.layer.weight
        weight.grad = (after.T @ rebuilt - before.T @ data) / len(data) + l1 * weight.sign()
        self.layer.bias.grad = (after - before).mean(0)
        self.visible.grad = (rebuilt - data).mean(0)
        return (rebuilt - data).square().mean()


class TiedAutoencoder(nn.Module):
    """A sigmoid hidden layer whose transposed weights rebuild the input (Vincent et al. 2008), and a bias each
    input.

    Inputs are rebuilt by sigmoid units, and so lie between 0 and 1, or where `linear` by linear ones.
    """

    def __init__(self, layer: nn.Linear, linear: bool = False):
        super().__init__()
        self.layer, self.linear = layer, linear
        self.visible = nn.Parameter(torch.zeros(layer.in_features))

    def encode(self, x: Tensor) -> Tensor:
        """Turn inputs (n, features) into activities (n, units) between 0 and 1."""
        return torch.sigmoid(self.layer(x))

    def decode(self, active: Tensor) -> Tensor:
        """Turn activities into inputs; those of sigmoid units as logits."""
        return F.linear(active, self.layer.weight.T, self.visible)

    def rebuild(self, x: Tensor) -> Tensor:
        """Rebuild inputs (n, features)."""
        found = self.decode(self.encode(x))
        return found if self.linear else torch.sigmoid(found)

    def loss(self, x: Tensor, corruption: float) -> Tensor:
        """Compute the cross-entropy (where linear: the squared error) of the clean input that is rebuilt from one each
        number of which was set to 0 with probability `corruption`; summed over features, averaged over samples."""
        kept = F.dropout(x, corruption, self.training) * (1 - corruption if self.training else 1)
        found = self.decode(self.encode(kept))
        if self.linear:
            return (found - x).square().sum(dim=1).mean()
        return F.binary_cross_entropy_with_logits(found, x, reduction="none").sum(dim=1).mean()


def train_denoising(
    layers: Sequence[nn.Linear],
    below: Callable[[int], Tensor],
    settings: dict,
    job: Job,
    name: str = "denoising",
    linear_input: bool = True,
) -> None:
    """Teach each layer in turn, as a tied denoising autoencoder, to rebuild its input; the first one's is rebuilt by
    linear units, unless `linear_input` is False because its numbers lie between 0 and 1.

    `below(number)` as in train_autoencoders; `settings` are those of a training and `corruption`.
    """
    settings = dict(settings)
    corruption = settings.pop("corruption")
    _train_each(
        layers,
        lambda number, layer: TiedAutoencoder(layer, linear=linear_input and number == 0),
        lambda part, batch: part.loss(batch["x"], corruption),
        below, settings, job, name,
    )  # fmt: skip


def train_autoencoders(
    layers: Sequence[nn.Linear], below: Callable[[int], Tensor], settings: dict, job: Job, name: str = "pretraining"
) -> None:
    """Teach each layer in turn, as an autoencoder, to rebuild its input.

    `below(number)` gives the input (n, features) of the layer of that number, on the CPU; `settings` are those of a
    training, `sparsity` and `penalty` (see Autoencoder.loss).
    """
    settings = dict(settings)
    sparsity, penalty = settings.pop("sparsity"), settings.pop("penalty")
    _train_each(
        layers,
        lambda number, layer: Autoencoder(layer),
        lambda part, batch: part.loss(batch["x"], sparsity, penalty),
        below, settings, job, name,
    )  # fmt: skip


def _train_each(layers, build, loss, below, settings, job, name):
    """Train the part that `build(number, layer)` makes around each layer, one after the other."""
    for number, layer in enumerate(layers):
        job.seed_torch(name, number, "build")
        part = build(number, layer)
        with torch.no_grad():
            x = below(number)
        training.fit(part, len(x), lambda index, x=x: {"x": x[index]}, loss, settings, job, f"{name}{number + 1}")


def train_machines(
    layers: Sequence[nn.Linear], below: Callable[[int], tuple[Tensor, Tensor]], settings: dict, job: Job
) -> None:
    """Teach each layer in turn, as a restricted Boltzmann machine; the first has Gaussian visible units.

    `below(number)` gives the inputs (n, features) of the layer of that number, of training and of validation samples,
    on the job's device; `settings`: epochs, batch_size, gaussian_rate and binary_rate of the two kinds of machine,
    momentum, l1. The history says how well each machine rebuilds the validation samples.
    """
    for number, layer in enumerate(layers):
        with torch.no_grad():
            data, held = below(number)
        size = min(settings["batch_size"], len(data))
        per_epoch = math.ceil(len(data) / size)
        machine = Machine(layer, gaussian=number == 0).to(job.device)
        rate = settings["gaussian_rate" if number == 0 else "binary_rate"]
        optimizer = torch.optim.SGD(machine.parameters(), lr=rate, momentum=settings["momentum"])

        def step(_, machine=machine, optimizer=optimizer, data=data, size=size):
            loss = machine.diverge(data[torch.randint(len(data), (size,))], settings["l1"])
            optimizer.step()
            return {"train_loss": loss}

        def evaluate(_, machine=machine, held=held):
            with torch.no_grad():
                rebuilt = machine.rebuild(torch.sigmoid(machine.layer(held)))
            return {"valid_loss": float((rebuilt - held).square().mean())}

        steps = settings["epochs"] * per_epoch
        parts = {"machine": machine, "optimizer": optimizer}
        training.play(parts, step, steps, job, f"machine{number + 1}", per_epoch, evaluate, samples=size)
