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

from deepbio.core import tables
from deepbio.core.data import Split, concatenate
from deepbio.core.job import Job
from deepbio.learning import device, search, training
from deepbio.learning.network import tensors
from deepbio.learning.table_network import TableMethod
from deepbio.scoring import metrics

ACTIVATIONS = {
    "rectifier": torch.relu,
    "tanh": torch.tanh,
    "maxout": lambda x: torch.maximum(*x.chunk(2, dim=-1)),  # two linear channels a unit
}

PERMUTATIONS = 30
SHOWN = 20
NETWORK = 60  # features of the network of correlations
# The metabolites that the abstract names as the most important ones; the tables list glutamate as the acid.
NAMED = {"beta-alanine", "xanthine", "glutamate", "glutamic acid", "glycolic acid", "uracil", "isoleucine"}


class Stack(nn.Module):
    """x (n, features) -> logits (copies, n, 2), one set for each of `copies` networks of the same form.

    Initial weights are uniform within sqrt(6 / (inputs + outputs)), H2O's default; initial biases are 0.
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
            # H2O's penalties are added to the gradient, which is much cheaper than through the loss.
            self.matrices[-1].register_hook(lambda g, w=self.matrices[-1]: g + l1 * w.sign() + l2 * w)

    def standardise(self, x):
        return (x - self.centre) / self.spread

    def activate(self, x, matrix, bias):
        """Compute a hidden layer: (copies, n, inputs) -> (copies, n, units)."""
        return ACTIVATIONS[self.activation](torch.baddbmm(bias, x, matrix))

    def hidden_layer(self, x, layer):
        return self.activate(x, self.matrices[layer], self.biases[layer])

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
    """Return weights (copies, n): 1 where a network may learn from a sample, 0 for the samples of its own fold."""
    if "fold" not in batch:
        return torch.ones(copies, len(batch["x"]), device=batch["x"].device)
    return (batch["fold"] != torch.arange(copies, device=batch["fold"].device)[:, None]).float()


def mean_loss(each, weight):
    """Average losses (copies, n) over the kept samples of every network, and sum over networks."""
    return ((each * weight).sum(1) / weight.sum(1).clamp(min=1)).sum()


class Method(TableMethod):
    """Parameters: search (trials, folds, space), pretraining (settings of training), training."""

    def build(self, parameters, shape):
        names = ("hidden", "activation", "input_dropout", "hidden_dropout", "l1", "l2")
        chosen = {name: parameters[name] for name in names}
        return Stack(shape["column_mean"], shape["column_std"], **chosen, copies=parameters["copies"])

    def batch(self, split, index):
        found = tensors(split, index, kind=np.float32)  # the network standardises them
        if "fold" in split:
            found["fold"] = torch.from_numpy(split["fold"][index])
        return found | ({"y": found["y"].ravel().long()} if "y" in split else {})

    def loss(self, network, batch):
        output = network(batch)
        each = F.cross_entropy(output.flatten(0, 1), batch["y"].repeat(len(output)), reduction="none")
        return mean_loss(each.view(output.shape[:2]), kept(batch, len(output)))

    def activate(self, output):
        return output[-1].softmax(1)[:, 1:]  # the last network of a stack has learned from all folds

    def held_out(self, network, batch):
        """Compute the logits (n, 2) of every sample with the one network of the stack that has not seen it."""
        return network(batch)[batch["fold"], torch.arange(len(batch["fold"]), device=batch["fold"].device)]

    def validate(self, network, valid, where, monitor="loss"):
        batch = device.to(where, self.batch(valid, np.arange(len(valid))))
        output = self.held_out(network, batch)
        probability = output.softmax(1)[:, 1].cpu().numpy()
        values = metrics.evaluate(["accuracy", "auroc"], valid.y, probability)
        return {"loss": float(F.cross_entropy(output, batch["y"])), **values}

    def count_parameters(self):
        return super().count_parameters() // self.parameters["copies"]

    def fit(self, train, valid, job):
        budget = self.parameters["search"]
        both, count = concatenate(train, valid), budget["folds"]
        self.shape = self.describe(both)
        fold = tables.stratified(np.asarray(both.y).ravel(), [1 / count] * count, job.rng("folds"))
        self.shape["valid_fold"] = fold[len(train) :].tolist()
        folded = Split({**both.arrays, "fold": fold}, both.context)

        def trial(setting, name):
            return self.trial(setting, folded, job, name)

        def final(found):
            # As in H2O, the main network learns from all samples, for as many epochs as its fold networks need.
            self.parameters = {**self.parameters, **found.setting, "copies": count + 1}
            return self.train_setting({}, folded, job, "final")[0]

        _, self.network = search.fit_best(budget, trial, final, job)

    def trial(self, setting, folded, job, name):
        """Compute 1 - AUROC over the held-out samples of all folds, in the round with the fewest misclassifications."""
        setting = {**setting, "copies": self.parameters["search"]["folds"]}
        _, result = self.train_setting(setting, folded, job, name)
        # Of equal rounds the first, which early stopping keeps too.
        best = max(result.history, key=lambda row: row["valid_accuracy"])
        return {"loss": 1 - best["valid_auroc"], "accuracy": best["valid_accuracy"], "steps": best["step"]}

    def train_setting(self, setting, folded, job, name):
        """Train a stack of `copies` networks with the hyper-parameters of `setting`, each without its own fold.

        Returns the stack and the result of its training.
        """
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
        result = training.fit(
            network,
            len(folded),
            batch,
            self.loss,
            {**settings, "evaluate_every": every},
            job,
            name,
            validate=lambda: self.validate(network, folded, job.device),
        )
        return network, result

    def reconstruction(self, autoencoder, batch):
        """Compute the mean squared error of the standardised inputs."""
        output = autoencoder(batch)
        each = (output - autoencoder.stack.standardise(batch["x"])).square().mean(2)
        return mean_loss(each, kept(batch, len(output)))

    def interpret(self, split, folder, train=None):
        from deepbio.figures import table as figures
        from deepbio.learning import importance
        from deepbio.learning.linear import RidgeLogistic

        context, folder = split.context, Path(folder)
        origin, kind = context["origin"], context.get("feature", "feature")
        names = context.get("features", [f"feature {i}" for i in range(split["x"].shape[1])])
        marked = sorted(NAMED & set(names))
        classes = context.get("classes", ["class 0", "class 1"])
        x, y = np.array(split["x"], np.float32), np.asarray(split.y).ravel()
        order = np.lexsort([self.predict(split)["y"][:, 0], y])

        change, gedeon = importance.permutation(self.predict, split, "auroc", PERMUTATIONS), self.gedeon_importance()
        beside = {"gedeon": gedeon}
        measures = {"Network: weights (Gedeon)": gedeon, "Network: permutation": change.mean(1)}
        if train is not None:
            linear = RidgeLogistic(dict(self.parameters["ridge"]))
            linear.fit(train, split, Job(1, folder))
            beside["ridge"] = linear.models[0][-1].coef_[0]  # of standardised features
            measures["Ridge logistic: |coefficient|"] = np.abs(beside["ridge"])
        title = "Features whose permutation hurts most"
        figures.draw_importance(change, names, "auroc", title, origin, folder, beside, SHOWN)
        title = f"Importance of {kind}s by {len(measures)} measures; numbers are ranks among {len(names)}"
        title += "\nbold: named by the paper" if marked else ""
        figures.draw_compared(measures, names, marked, SHOWN, title, origin, folder / "importance_compared")

        top = np.argsort(-gedeon, kind="stable")[:SHOWN]
        title = f"The {len(top)} {kind}s with the largest weights (Gedeon) by class"
        labels = [names[i] for i in top]
        figures.draw_by_class(x[:, top], labels, marked, y, order, classes, title, origin, folder / "groups")

        close, along, cluster = figures.clusters(np.asarray((split if train is None else train)["x"]))
        figures.draw_network(
            close, along, cluster, gedeon, names, marked, NETWORK, kind, origin, folder / "correlations"
        )
        levels, slopes, effect = self.first_nodes(x)
        rows = figures.node_rows(levels, slopes, effect, cluster, names, y)
        figures.draw_nodes(rows, levels, y, order, classes, SHOWN, origin, folder / "nodes")

    def first_nodes(self, x):
        """Describe the nodes of the first hidden layer for x (n, features).

        Returns activations (n, nodes), slopes (features, nodes) and effects (nodes,). A slope is the mean change of a
        node per std of a feature. An effect is the mean change of the log odds per std of a node. Unlike weights,
        slopes and effects mean the same for every activation function, and they have a sign.
        """
        network = self.network.cpu()
        given = network.standardise(torch.from_numpy(x)).requires_grad_()
        last = [matrix[-1:] for matrix in network.matrices], [bias[-1:] for bias in network.biases]
        layers = list(zip(*last, strict=True))
        nodes = value = network.activate(given[None], *layers[0])
        for matrix, bias in layers[1:-1]:
            value = network.activate(value, matrix, bias)
        log_odds = torch.baddbmm(layers[-1][1], value, layers[-1][0])[0] @ value.new_tensor([-1.0, 1.0])
        effect = torch.autograd.grad(log_odds.sum(), nodes, retain_graph=True)[0][0].mean(0)
        slopes = [
            torch.autograd.grad(nodes[0, :, node].sum(), given, retain_graph=True)[0].mean(0)
            for node in range(nodes.shape[2])
        ]
        levels = nodes[0].detach().numpy()
        return levels, torch.stack(slopes, 1).numpy(), effect.numpy() * levels.std(0)

    def gedeon_importance(self):
        """Compute the paper's importance of features (features,), the largest 1, from the first two layers' weights
        alone.

        The importance of an output (or second hidden unit) is divided among the hidden units in proportion to |w|. The
        share of a hidden unit is divided among the inputs in the same way (Gedeon 1997, as in H2O). The two channels of
        a maxout unit are added.
        """
        first, second = (matrix[-1].detach().abs().cpu() for matrix in self.network.matrices[:2])
        if self.network.activation == "maxout":
            first = sum(first.chunk(2, dim=1))
            second = sum(second.chunk(2, dim=1)) if len(self.network.matrices) > 2 else second
        share = ((first / first.sum(0)) @ (second / second.sum(0))).sum(1)
        return (share / share.max()).numpy()
