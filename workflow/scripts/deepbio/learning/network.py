"""What network methods share: building, fitting with early stopping, predicting in batches, saving without pickle."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from deepbio.core import labels
from deepbio.core.data import Split, concatenate
from deepbio.core.files import atomic, read_json, write_json
from deepbio.core.job import Job
from deepbio.core.method import Method
from deepbio.learning import device, restarts, training
from deepbio.learning.training import FitResult

RESIDENT = 0.25  # share of a GPU's free memory that training data may take
BLOCK = 65536  # samples brought to a GPU at a time
CHANCE = 0.99  # a training whose loss stays above this share of a constant prediction's has learned nothing


class NetworkMethod(Method):
    """A method that is one torch module; a subclass says `build` and `batch`, and `loss` where it is its own.

    `shape` holds the JSON-able facts that the network's form depends on (numbers of inputs and outputs, the mean
    and standard deviation of the labels); with the parameters it is enough to build the network again.
    """

    needs_torch = True
    # Whether `batch` of some samples is the rows of `batch` of all of them, so that all can lie on a GPU.
    by_row = False

    def __init__(self, parameters: dict):
        super().__init__(parameters)
        self.shape = {}
        self.network: Any = None  # a torch module once it is fitted or loaded

    # ---- what a method says of itself

    def build(self, parameters: dict, shape: dict) -> nn.Module:
        """Build the torch module."""
        raise TypeError(f"{type(self).__module__} does not say how its network is built")

    def batch(self, split: Split, index: np.ndarray) -> dict[str, Tensor]:
        """Give tensors for the samples `index` of `split`: inputs, and `y` where the split has labels."""
        raise TypeError(f"{type(self).__module__} does not say what goes into its network")

    def describe(self, split: Split) -> dict:
        """Give the shape of the data that the network is built for."""
        shape = {"outputs": labels.flat(split.y).shape[1], "kind": split.context["output"]}
        if shape["kind"] == "multiclass":
            shape["outputs"] = len(split.context["classes"])
        if shape["kind"] == "regression":
            y = labels.columns(split.y)
            shape["mean"] = np.nanmean(y, axis=0).tolist()
            shape["spread"] = np.maximum(np.nanstd(y, axis=0), 1e-12).tolist()
        return shape

    def loss(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """Compute the mean loss over known labels: cross-entropy of classes, squared error of standardised numbers."""
        return self.loss_of(network(batch), batch)

    def loss_of(self, output: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Compute the loss of an output that is there already."""
        output = output.float()
        if self.shape["kind"] == "multiclass":
            y = batch["y"].flatten()
            known = ~torch.isnan(y)
            return F.cross_entropy(output[known], y[known].long())
        y = batch["y"].to(output.dtype).reshape(output.shape)
        known = ~torch.isnan(y)
        if self.shape["kind"] == "regression":
            mean, spread = (output.new_tensor(self.shape[key]) for key in ("mean", "spread"))
            return F.mse_loss(output[known], ((y - mean) / spread)[known])
        return F.binary_cross_entropy_with_logits(output[known], y[known])

    # ---- the contract

    def fit(self, train: Split, valid: Split, job: Job) -> None:
        learned, judge = self.learned(train, valid)
        self.shape = self.describe(learned)
        self.network, _ = self.train_network(self.parameters, learned, judge, job)

    def learned(self, train: Split, valid: Split) -> tuple[Split, Split | None]:
        """Give what is learned from and what decides when to stop: with `validate: false` all samples and none, so
        that training goes to its last epoch."""
        return (train, valid) if self.parameters.get("validate", True) else (concatenate(train, valid), None)

    def train_network(
        self,
        parameters: dict,
        train: Split,
        valid: Split | None,
        job: Job,
        name: str = "fit",
        settings: dict | None = None,
        groups: Callable | None = None,
        on_epoch: Callable | None = None,
    ) -> tuple[nn.Module, FitResult]:
        """Build a network with `parameters` and train it by parameters["training"] (and `settings` over them).

        `groups` and `on_epoch` as in training.fit. Where the settings allow `restarts`, a training whose validation
        loss stays at chance is begun anew.
        """
        settings = {**parameters.get("training", {}), **(settings or {})}

        def attempt(name):
            job.seed_torch(name, "build")
            network = self.build(parameters, self.shape)
            return network, self.train_built(network, settings, train, valid, job, name, groups, on_epoch)

        return self.until_alive(attempt, settings, train, valid, job, name)

    def until_alive(
        self,
        attempt: Callable[[str], tuple[nn.Module, FitResult]],
        settings: dict,
        train: Split,
        valid: Split | None,
        job: Job,
        name: str,
    ) -> tuple[nn.Module, FitResult]:
        """Call `attempt(name)`, and again with other names while its network stays at chance, as often as the settings
        allow `restarts`."""
        most = settings.get("restarts", 0)
        if not most or valid is None:
            return attempt(name)
        return restarts.until_alive(attempt, CHANCE * self.chance_loss(train, valid), most, job, name)

    def train_built(
        self,
        network: nn.Module,
        settings: dict,
        train: Split,
        valid: Split | None,
        job: Job,
        name: str = "fit",
        groups: Callable | None = None,
        on_epoch: Callable | None = None,
    ) -> FitResult:
        """Train a network that is there already; `groups` and `on_epoch` as in training.fit."""
        monitor = settings.get("monitor", "loss")
        # What an epoch draws anew is not there before it begins.
        resident = self.resident(train, job.device) if job.device != "cpu" and not on_epoch else None
        return training.fit(
            network,
            len(train),
            resident or (lambda index: self.batch(train, index)),
            self.loss,
            settings,
            job,
            name,
            validate=(lambda: self.validate(network, valid, job.device, monitor)) if valid is not None else None,
            groups=groups,
            on_epoch=on_epoch,
        )

    def resident(self, split: Split, where: str) -> Callable[[np.ndarray], dict[str, Tensor]] | None:
        """Bring all samples to a GPU once, where they fit: a callable that gives a batch of them; else None."""
        if not self.by_row:
            return None
        size = sum(tensor.nbytes for tensor in self.batch(split, np.arange(1)).values())
        if size * len(split) > RESIDENT * torch.cuda.mem_get_info()[0]:
            return None
        blocks = [device.to(where, self.batch(split, index)) for index in chunks(len(split), BLOCK)]
        whole = {key: torch.cat([block[key] for block in blocks]) for key in blocks[0]}

        def batch(index):
            index = torch.from_numpy(index).to(where)
            return {key: tensor[index] for key, tensor in whole.items()}

        return batch

    def chance_loss(self, train: Split, valid: Split) -> float:
        """Compute the validation loss of the best constant prediction of the training labels.

        Raises ValueError for a kind of output of which it is not known.
        """
        kind, y = self.shape["kind"], labels.columns(valid.y)
        if kind == "regression":
            mean, std = (np.asarray(self.shape[key]) for key in ("mean", "spread"))
            return float(np.nanmean(((y - mean) / std) ** 2))
        if kind == "multiclass":
            share = np.bincount(train.y[~np.isnan(train.y)].astype(int), minlength=self.shape["outputs"])
            p = np.maximum(share / share.sum(), 1e-7)
            return float(-np.log(p[y[~np.isnan(y)].astype(int)]).mean())
        if kind not in ("binary", "multilabel"):
            raise ValueError(f"restarts: the loss at chance is not known of {kind} labels")
        p = labels.means(train.y).clip(1e-7, 1 - 1e-7)
        return float(-np.nanmean(y * np.log(p) + (1 - y) * np.log(1 - p)))

    def run_batched(
        self,
        split: Split,
        run: Callable[[dict[str, Tensor]], Tensor | tuple[Tensor, ...]],
        network: nn.Module | None = None,
        size: int | None = None,
        first: int = 0,
        even: bool = False,
        where: str | torch.device = "cpu",
    ) -> Tensor | tuple[Tensor, ...]:
        """Call `run` on the samples of a split in batches, with a network in eval mode and without gradients.

        Parameters
        ----------
        run : callable
            `run(batch)` gives a tensor, or several, whose first axis is the sample; `batch` is on the network's device.
        network : Module, optional
            The network that `run` asks; default: the method's own.
        size : int, optional
            Samples a batch; default: the parameter `predict_batch`, or 512.
        first : int
            Number of the first sample.
        even : bool
            Whether the batches are as alike in size as can be; else only the last one is smaller.
        where : device
            Where the joined tensors lie.
        """
        network = (self.network if network is None else network).eval()
        here = next(network.parameters()).device
        size = size or self.parameters.get("predict_batch", 512)
        found = []
        with torch.no_grad():
            for index in chunks(len(split), size, first, even):
                made = run(device.to(here, self.batch(split, index)))
                found.append([part.to(where) for part in (made if isinstance(made, tuple) else (made,))])
        joined = tuple(torch.cat(parts) for parts in zip(*found, strict=True))
        return joined if isinstance(made, tuple) else joined[0]

    def validate(self, network: nn.Module, valid: Split, where: str, monitor: str = "loss") -> dict[str, float]:
        """Compute the loss on labelled data, and the metric that is monitored, where it is one."""
        losses, outputs, weights = [], [], []
        for index in chunks(len(valid), self.parameters.get("predict_batch", 512)):
            batch = device.to(where, self.batch(valid, index))
            losses.append(float(self.loss(network, batch)))
            weights.append(len(index))
            if monitor != "loss":
                outputs.append(self.activate(network(batch)).float().cpu().numpy())
        found = {"loss": float(np.average(losses, weights=weights))}
        if monitor != "loss":
            from deepbio.scoring import metrics  # slow to import, and not needed where the loss decides

            found |= metrics.evaluate([monitor], valid.y, np.concatenate(outputs))
        return found

    def mean_loss(self, network: nn.Module, split: Split, where: str, size: int = 512) -> dict[str, float]:
        """Compute the mean loss of a split's samples, for methods of whose outputs no metric is watched."""
        total = 0.0
        for index in chunks(len(split), size):
            batch = device.to(where, self.batch(split, index))
            total += float(self.loss(network, batch)) * len(index)
        return {"loss": total / len(split)}

    def activate(self, output: Tensor) -> Tensor:
        """Turn what the network gives into what is scored: probabilities, or numbers in the labels' unit."""
        if self.shape["kind"] == "regression":
            mean, spread = (output.new_tensor(self.shape[key]) for key in ("mean", "spread"))
            return output * spread + mean
        return output.softmax(dim=-1) if self.shape["kind"] == "multiclass" else torch.sigmoid(output)

    def predict(self, split: Split, first: int = 0) -> dict[str, np.ndarray]:
        """Predict the samples from the number `first` on."""
        return {
            "y": self.run_batched(split, lambda batch: self.activate(self.network(batch)).float(), first=first).numpy()
        }

    def count_parameters(self) -> int:
        """Count the trained weights."""
        return trained(self.network)

    def save(self, folder: Path) -> None:
        save_network(self.network, folder, {"parameters": self.parameters, "shape": self.shape})

    def load(self, folder: Path) -> None:
        facts = read_json(Path(folder) / "model.json")
        self.parameters, self.shape = facts["parameters"], facts["shape"]
        self.network = load_network(self.build(self.parameters, self.shape), folder)


def tensors(split: Split, index: np.ndarray, key: str = "x", kind: type | None = None) -> dict[str, Tensor]:
    """Give the array `key` of the samples `index` as `x`, in another type where `kind` names one, and their labels `y`
    where the split has them."""
    found = {"x": torch.from_numpy(np.asarray(split[key][index], dtype=kind))}
    return found | ({"y": torch.from_numpy(np.asarray(split.y[index]))} if "y" in split else {})


def trained(network: nn.Module) -> int:
    """Count the weights that training changes."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def chunks(samples: int, size: int, first: int = 0, even: bool = False) -> Iterator[np.ndarray]:
    """Yield the numbers from `first` to `samples` in parts of `size`, or in `even` parts of at most `size`."""
    if even:
        yield from np.array_split(np.arange(first, samples), -(-(samples - first) // size))
    else:
        yield from (np.arange(start, min(start + size, samples)) for start in range(first, samples, size))


def save_network(network: nn.Module, folder: Path, facts: dict) -> None:
    """Write model.safetensors and model.json under `folder`."""
    with atomic(Path(folder) / "model.safetensors") as temporary:
        save_file({k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}, temporary)
    write_json(Path(folder) / "model.json", json.loads(json.dumps(facts)))


def load_network(network: nn.Module, folder: Path) -> nn.Module:
    """Put the weights of model.safetensors into `network`, and set it to eval mode."""
    network.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return network.eval()
