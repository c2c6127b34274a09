"""What network methods share: building, fitting with early stopping, predicting in batches, saving without pickle."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from deepbio.core import labels
from deepbio.core.data import concatenate
from deepbio.core.files import atomic, read_json, write_json
from deepbio.learning import training
from deepbio.scoring import metrics


class NetworkMethod:
    """A method that is one torch module; a subclass says `build` and `batch`, and `loss` where it is its own.

    `shape` holds the JSON-able facts that the network's form depends on (numbers of inputs and outputs, the mean
    and spread of the labels); with the parameters it is enough to build the network again.
    """

    def __init__(self, parameters):
        self.parameters = parameters
        self.shape = {}
        self.network = None

    # ---- what a method says of itself

    def build(self, parameters, shape):
        """The torch module."""
        raise TypeError(f"{type(self).__module__} does not say how its network is built")

    def batch(self, split, index):
        """Tensors for the samples `index` of `split`: inputs, and `y` where the split has labels."""
        raise TypeError(f"{type(self).__module__} does not say what goes into its network")

    def describe(self, split):
        """The shape of the data that the network is built for."""
        shape = {"outputs": labels.flat(split.y).shape[1], "kind": split.context["output"]}
        if shape["kind"] == "multiclass":
            shape["outputs"] = len(split.context["classes"])
        if shape["kind"] == "regression":
            y = labels.columns(split.y)
            shape["mean"] = np.nanmean(y, axis=0).tolist()
            shape["spread"] = np.maximum(np.nanstd(y, axis=0), 1e-12).tolist()
        return shape

    def loss(self, network, batch):
        """Mean loss over the known labels: cross-entropy for classes, squared error of standardised numbers."""
        return self.loss_of(network(batch), batch)

    def loss_of(self, output, batch):
        """The loss of an output that is there already."""
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

    def fit(self, train, valid, job):
        train, valid = self.learned(train, valid)
        self.shape = self.describe(train)
        self.network = self.train_network(self.parameters, train, valid, job)

    def learned(self, train, valid):
        """What is learned from and what decides when to stop: with `validate: false` all samples and none, so that
        training goes to its last epoch."""
        return (train, valid) if self.parameters.get("validate", True) else (concatenate(train, valid), None)

    def train_network(self, parameters, train, valid, job, name="fit", settings=None, groups=None, on_epoch=None):
        """Build a network with `parameters` and train it by parameters["training"] (and `settings` over them)."""
        job.seed_torch(name, "build")
        network = self.build(parameters, self.shape)
        settings = {**parameters.get("training", {}), **(settings or {})}
        self.train_built(network, settings, train, valid, job, name, groups, on_epoch)
        return network

    def train_built(self, network, settings, train, valid, job, name="fit", groups=None, on_epoch=None):
        """Train a network that is there already; `groups` and `on_epoch` as in training.fit."""
        training.fit(
            network,
            len(train),
            lambda index: self.batch(train, index),
            self.loss,
            settings,
            job,
            name,
            validate=(lambda: self.validate(network, valid, job.device)) if valid is not None else None,
            groups=groups,
            on_epoch=on_epoch,
        )

    def validate(self, network, valid, device):
        """Loss and metrics on labelled data."""
        losses, outputs, weights = [], [], []
        for index in _chunks(len(valid), self.parameters.get("predict_batch", 512)):
            batch = training.on(device, self.batch(valid, index))
            losses.append(float(self.loss(network, batch)))
            weights.append(len(index))
            outputs.append(self.activate(network(batch)).float().cpu().numpy())
        # What a task measures by its own `score` is not watched in training.
        names = [name for name in valid.context["metrics"] if name in metrics.METRICS]
        values = metrics.evaluate(names, valid.y, np.concatenate(outputs))
        return {"loss": float(np.average(losses, weights=weights)), **values}

    def mean_loss(self, network, split, device, size=512):
        """The mean loss of a split's samples, for methods whose outputs no metric is watched of."""
        total = 0.0
        for index in _chunks(len(split), size):
            batch = training.on(device, self.batch(split, index))
            total += float(self.loss(network, batch)) * len(index)
        return {"loss": total / len(split)}

    def activate(self, output):
        """From what the network gives to what is scored: probabilities, or numbers in the labels' unit."""
        if self.shape["kind"] == "regression":
            mean, spread = (output.new_tensor(self.shape[key]) for key in ("mean", "spread"))
            return output * spread + mean
        return output.softmax(dim=-1) if self.shape["kind"] == "multiclass" else torch.sigmoid(output)

    def predict(self, split, first=0):
        """Predictions for the samples from the number `first` on."""
        self.network.eval()
        where = next(self.network.parameters()).device
        with torch.no_grad():
            parts = [
                self.activate(self.network(training.on(where, self.batch(split, index)))).float().cpu()
                for index in _chunks(len(split), self.parameters.get("predict_batch", 512), first)
            ]
        return {"y": torch.cat(parts).numpy()}

    def weights(self):
        """Number of trained weights."""
        return trained(self.network)

    def save(self, folder):
        save_network(self.network, folder, {"parameters": self.parameters, "shape": self.shape})

    def load(self, folder):
        facts = read_json(Path(folder) / "model.json")
        self.parameters, self.shape = facts["parameters"], facts["shape"]
        self.network = load_network(self.build(self.parameters, self.shape), folder)


def tensors(split, index, key="x", kind=None):
    """The array `key` of the samples `index` as `x`, in another type where `kind` names one, and their labels `y` where
    the split has them."""
    found = {"x": torch.from_numpy(np.asarray(split[key][index], dtype=kind))}
    return found | ({"y": torch.from_numpy(np.asarray(split.y[index]))} if "y" in split else {})


def trained(network):
    """Number of weights that training changes."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def _chunks(samples, size, first=0):
    return (np.arange(start, min(start + size, samples)) for start in range(first, samples, size))


def save_network(network, folder, facts):
    """model.safetensors and model.json under `folder`."""
    with atomic(Path(folder) / "model.safetensors") as temporary:
        save_file({k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}, temporary)
    write_json(Path(folder) / "model.json", json.loads(json.dumps(facts)))


def load_network(network, folder):
    """Weights of model.safetensors put into `network`, which is set to eval mode."""
    network.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return network.eval()
