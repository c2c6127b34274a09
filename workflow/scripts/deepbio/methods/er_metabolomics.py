"""The feed-forward network of Alakwaa et al. (2018) for oestrogen-receptor status, as H2O builds and trains it.

Hyper-parameters are searched by cross-validation inside the training part. The folds of one setting are trained
side by side, as a stack of networks of one form that see the same batches: a network's loss leaves out the samples
of its own fold. Nothing couples the networks of a stack, so this equals training them one after the other.
"""

import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio import metrics, search, tables, training
from deepbio.data import Split, concatenate
from deepbio.network import NetworkMethod

ACTIVATIONS = {
    "rectifier": torch.relu,
    "tanh": torch.tanh,
    "maxout": lambda x: torch.maximum(*x.chunk(2, dim=-1)),  # two linear channels a unit
}


PERMUTATIONS = 30
SHOWN = 20


class Stack(nn.Module):
    """x (n, features) -> logits (copies, n, 2), one set for each of `copies` networks of the same form.

    First weights are uniform within sqrt(6 / (inputs + outputs)), H2O's default; first biases are 0.
    """

    def __init__(self, centre, spread, hidden, activation, input_dropout, hidden_dropout, l1, l2, copies=1):
        super().__init__()
        self.register_buffer("centre", torch.tensor(centre))
        self.register_buffer("spread", torch.tensor(spread))
        self.activation = activation
        self.input_dropout, self.hidden_dropout = input_dropout, hidden_dropout
        self.matrices, self.biases = nn.ParameterList(), nn.ParameterList()
        sizes = [len(centre), *hidden, 2]
        for layer, (inputs, outputs) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
            wide = outputs * (2 if activation == "maxout" and layer < len(hidden) else 1)
            limit = (6 / (inputs + outputs)) ** 0.5
            self.matrices.append(nn.Parameter(torch.empty(copies, inputs, wide).uniform_(-limit, limit)))
            self.biases.append(nn.Parameter(torch.zeros(copies, 1, wide)))
            # H2O's penalties are added to the gradient; so far cheaper than through the loss.
            self.matrices[-1].register_hook(lambda g, w=self.matrices[-1]: g + l1 * w.sign() + l2 * w)

    def standardise(self, x):
        return (x - self.centre) / self.spread

    def hidden_layer(self, x, layer):
        """(copies, n, inputs) -> (copies, n, units)."""
        return ACTIVATIONS[self.activation](torch.baddbmm(self.biases[layer], x, self.matrices[layer]))

    def forward(self, batch):
        x = self.standardise(batch["x"]).expand(len(self.matrices[0]), -1, -1)
        x = F.dropout(x, self.input_dropout, self.training)
        for layer in range(len(self.matrices) - 1):
            x = F.dropout(self.hidden_layer(x, layer), self.hidden_dropout, self.training)
        return torch.baddbmm(self.biases[-1], x, self.matrices[-1])


class Autoencoder(nn.Module):
    """Reconstructs the standardised inputs from the first hidden layer of a stack: batch -> (copies, n, features)."""

    def __init__(self, stack, units):
        super().__init__()
        self.stack = stack
        features = len(stack.centre)
        limit = (6 / (units + features)) ** 0.5
        self.decoder = nn.Parameter(torch.empty(len(stack.matrices[0]), units, features).uniform_(-limit, limit))

    def forward(self, batch):
        x = self.stack.standardise(batch["x"]).expand(len(self.decoder), -1, -1)
        return self.stack.hidden_layer(x, 0) @ self.decoder


def kept(batch, copies):
    """(copies, n) weights, 1 where a network may learn from a sample, 0 where it belongs to the network's fold."""
    if "fold" not in batch:
        return torch.ones(copies, len(batch["x"]), device=batch["x"].device)
    return (batch["fold"] != torch.arange(copies, device=batch["fold"].device)[:, None]).float()


def mean_loss(each, weight):
    """Mean over the kept samples of every network, summed over networks."""
    return ((each * weight).sum(1) / weight.sum(1).clamp(min=1)).sum()


class Method(NetworkMethod):
    """Parameters: search (trials, folds, space), pretraining (settings of training), training."""

    def describe(self, split):
        centre, spread = tables.column_moments(split["x"])
        return {**super().describe(split), "centre": centre, "spread": spread}

    def build(self, parameters, shape):
        names = ("hidden", "activation", "input_dropout", "hidden_dropout", "l1", "l2")
        chosen = {name: parameters[name] for name in names}
        return Stack(shape["centre"], shape["spread"], **chosen, copies=parameters["copies"])

    def batch(self, split, index):
        tensors = {"x": torch.from_numpy(np.asarray(split["x"][index], dtype=np.float32))}
        if "fold" in split:
            tensors["fold"] = torch.from_numpy(split["fold"][index])
        return tensors | ({"y": torch.from_numpy(np.asarray(split.y[index]).ravel()).long()} if "y" in split else {})

    def loss(self, network, batch):
        output = network(batch)
        each = F.cross_entropy(output.flatten(0, 1), batch["y"].repeat(len(output)), reduction="none")
        return mean_loss(each.view(output.shape[:2]), kept(batch, len(output)))

    def activate(self, output):
        return output[-1].softmax(1)[:, 1:]  # the last network of a stack is the one that no fold was kept from

    def held_out(self, network, batch):
        """Logits (n, 2) of every sample by the one network of the stack that has not seen it."""
        return network(batch)[batch["fold"], torch.arange(len(batch["fold"]), device=batch["fold"].device)]

    def validate(self, network, valid, device):
        batch = {key: value.to(device) for key, value in self.batch(valid, np.arange(len(valid))).items()}
        output = self.held_out(network, batch)
        probability = output.softmax(1)[:, 1].cpu().numpy()
        values = metrics.evaluate(["accuracy", "auroc"], valid.y, probability)
        return {"loss": float(F.cross_entropy(output, batch["y"])), **values}

    def weights(self):
        return super().weights() // self.parameters["copies"]

    def fit(self, train, valid, job):
        budget = self.parameters["search"]
        both, count = concatenate(train, valid), budget["folds"]
        self.shape = self.describe(both)
        fold = tables.stratified(np.asarray(both.y).ravel(), [1 / count] * count, job.rng("folds"))
        self.shape["valid_fold"] = fold[len(train) :].tolist()
        folded = Split({**both.arrays, "fold": fold}, both.context)
        found = search.random_search(
            budget["space"], budget["trials"], lambda setting, name: self.trial(setting, folded, job, name), job
        )
        # As in H2O, the main network learns from all samples, for as many epochs as its fold networks need.
        self.parameters = {**self.parameters, **found["setting"], "copies": count + 1}
        self.network = self.train_setting({}, folded, job, "final")

    def trial(self, setting, folded, job, name):
        """One minus the AUROC over the held-out samples of all folds, in the round of the fewest misclassified."""
        self.train_setting({**setting, "copies": self.parameters["search"]["folds"]}, folded, job, name)
        rounds = [row for row in job.history if row["phase"] == name]
        best = max(rounds, key=lambda row: row["valid_accuracy"])  # the first of equals, as early stopping keeps
        return {"loss": 1 - best["valid_auroc"], "accuracy": best["valid_accuracy"], "steps": best["step"]}

    def train_setting(self, setting, folded, job, name):
        """A stack of `copies` networks with the hyper-parameters of `setting`, each trained without its own fold."""
        parameters = {**self.parameters, **setting}
        settings = parameters["training"]
        job.seed_torch(name, "build")
        network = self.build(parameters, self.shape)

        def batch(index):
            return self.batch(folded, index)

        if parameters["pretrain"]:
            autoencoder = Autoencoder(network, parameters["hidden"][0])
            pretraining = {**settings, **parameters["pretraining"]}
            training.fit(autoencoder, len(folded), batch, self.reconstruction, pretraining, job, f"{name}-autoencoder")
        every = parameters["round_epochs"] * math.ceil(len(folded) / min(settings["batch_size"], len(folded)))
        training.fit(
            network,
            len(folded),
            batch,
            self.loss,
            {**settings, "evaluate_every": every},
            job,
            name,
            validate=lambda: self.validate(network, folded, job.device),
        )
        return network

    def reconstruction(self, autoencoder, batch):
        """Mean squared error of the standardised inputs."""
        output = autoencoder(batch)
        each = (output - autoencoder.stack.standardise(batch["x"])).square().mean(2)
        return mean_loss(each, kept(batch, len(output)))

    def interpret(self, split, folder):
        from deepbio import importance, plotting

        names = split.context.get("features", [f"feature {i}" for i in range(split["x"].shape[1])])
        change = importance.permutation(self.predict, split, "auroc", PERMUTATIONS)
        mean, spread = change.mean(1), change.std(1)
        order = np.argsort(-mean, kind="stable")
        gedeon = self.gedeon_importance()
        tables.write_csv(
            Path(folder) / "importance.csv",
            ["feature", "auroc_fall", "auroc_fall_sd", "gedeon"],
            ([names[i], f"{mean[i]:.5f}", f"{spread[i]:.5f}", f"{gedeon[i]:.4f}"] for i in order),
        )
        top, origin = order[:SHOWN], split.context["origin"]
        plotting.bars(
            [names[i] for i in top],
            mean[top],
            spread[top],
            f"fall of the validation AUROC (mean ± SD of {PERMUTATIONS} permutations)",
            "Features whose permutation hurts most",
            origin,
            Path(folder) / "importance",
        )
        self.draw_groups(split, top, [names[i] for i in top], Path(folder) / "groups")

    def gedeon_importance(self):
        """The paper's measure, from the first two layers' weights alone, largest 1: (features,).

        A hidden unit shares its weight among the inputs as |w|, and an output (or second hidden unit) shares its
        own among the hidden units (Gedeon 1997, as in H2O). The two channels of a maxout unit are added.
        """
        first, second = (matrix[0].detach().abs().cpu() for matrix in self.network.matrices[:2])
        if self.network.activation == "maxout":
            first = sum(first.chunk(2, dim=1))
            second = sum(second.chunk(2, dim=1)) if len(self.network.matrices) > 2 else second
        share = ((first / first.sum(0)) @ (second / second.sum(0))).sum(1)
        return (share / share.max()).numpy()

    def draw_groups(self, split, top, labels, path):
        """Heat map of the features `top` over the samples, which are grouped by class and sorted by prediction."""
        from deepbio.plotting import plt, save

        x, y = np.asarray(split["x"])[:, top], np.asarray(split.y).ravel()
        order = np.lexsort([self.predict(split)["y"][:, 0], y])
        figure, axis = plt.subplots(figsize=(8.5, 1.2 + 0.24 * len(labels)))
        scaled = (x - x.mean(0)) / np.maximum(x.std(0), 1e-9)
        image = axis.imshow(scaled[order].T, aspect="auto", cmap="PuOr_r", vmin=-2.5, vmax=2.5, interpolation="nearest")
        border = int((y == 0).sum())
        axis.axvline(border - 0.5, color="black", lw=1.5)
        axis.set_yticks(range(len(labels)), labels)
        classes = split.context.get("classes", ["class 0", "class 1"])
        axis.set_xticks([(border - 1) / 2, (border + len(y) - 1) / 2], classes)
        axis.tick_params(axis="both", length=0)
        axis.set(xlabel="validation samples, by class and then by predicted probability", title="Top features by class")
        figure.colorbar(image, ax=axis, label="level (SD)", pad=0.01, shrink=0.8)
        save(figure, path, split.context["origin"])
