"""The ensemble of Putin et al. (2016): 21 networks of differing form, and an elastic net over their predictions.

The elastic net learns from predictions for samples that a network has not seen. Therefore each member is trained as
several copies of one form, side by side: copy k without fold k of the training samples, and the last copy with all of
them. The copies are independent; they share only the length of training. The copies of the folds serve the elastic net
alone. The last copy is the member.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.learning import device, training
from deepbio.learning.table_network import TableMethod

ACTIVATIONS = {"relu": F.relu, "elu": F.elu, "tanh": torch.tanh}  # prelu has weights of its own
TITLES = {"relu": "ReLU", "prelu": "PReLU", "elu": "ELU", "tanh": "tanh"}
TITLES |= {"adagrad": "AdaGrad", "adam": "Adam", "rmsprop": "RMSProp", "adadelta": "AdaDelta", "sgd": "SGD"}


class Layer(nn.Module):
    """x (copies, n, inputs) or (n, inputs) -> (copies, n, units): linear, batch normalisation, activation, dropout.

    Initial weights are Glorot and Bengio's (2010): uniform within sqrt(6 / (inputs + units)). There is no bias, because
    batch normalisation would remove it.
    """

    def __init__(self, copies, inputs, units, activation, dropout):
        super().__init__()
        limit = (6 / (inputs + units)) ** 0.5
        self.matrix = nn.Parameter(torch.empty(copies, inputs, units).uniform_(-limit, limit))
        self.scale, self.shift = nn.Parameter(torch.ones(copies, units)), nn.Parameter(torch.zeros(copies, units))
        self.register_buffer("mean", torch.zeros(copies, units))
        self.register_buffer("variance", torch.ones(copies, units))
        self.activation, self.dropout = activation, dropout
        if activation == "prelu":
            self.slope = nn.Parameter(torch.full((copies, units), 0.25))

    def forward(self, x):
        copies, _, units = self.matrix.shape
        # For normalisation all units of all copies are columns, so that copies share no statistic.
        x = (x @ self.matrix).transpose(0, 1).reshape(-1, copies * units)
        columns = (tensor.view(-1) for tensor in (self.mean, self.variance, self.scale, self.shift))
        x = F.batch_norm(x, *columns, training=self.training)
        x = F.prelu(x, self.slope.view(-1)) if self.activation == "prelu" else ACTIVATIONS[self.activation](x)
        return F.dropout(x, self.dropout, self.training).view(-1, copies, units).transpose(0, 1)


class Member(nn.Module):
    """{"x": (n, features), or (copies, n, features)} -> standardised labels (copies, n), one row for each copy."""

    def __init__(self, features, hidden, activation, dropout, copies=1):
        super().__init__()
        self.form = (features, hidden, activation, dropout)
        self.layers = nn.Sequential(
            *[Layer(copies, inputs, units, activation, dropout) for inputs, units in pairwise([features, *hidden])]
        )
        limit = (6 / (hidden[-1] + 1)) ** 0.5
        self.matrix = nn.Parameter(torch.empty(copies, hidden[-1], 1).uniform_(-limit, limit))
        self.bias = nn.Parameter(torch.zeros(copies, 1, 1))

    def forward(self, batch):
        return (self.layers(batch["x"]) @ self.matrix + self.bias)[..., 0]

    def copy(self, number):
        """Extract one copy as a network of its own, in eval mode."""
        one = Member(*self.form)
        one.load_state_dict({key: value[[number]] for key, value in self.state_dict().items()})
        return one.to(self.bias.device).eval()


class Ensemble(nn.Module):
    """{"x": (n, features)} -> standardised labels (members, n)."""

    def __init__(self, members):
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, batch):
        return torch.cat([member(batch) for member in self.members])


class Method(TableMethod):
    """Parameters: members (hidden, activation, optimizer, dropout of each), width (factor of all hidden sizes), limit
    (largest standardised input), folds, optimizers (settings of training by name), training, stack (parameters of
    ElasticNetCV), permutations.
    """

    def build(self, parameters, shape):
        return Ensemble([self.build_member(parameters, shape, form) for form in parameters["members"]])

    def build_member(self, parameters, shape, form, copies=1):
        hidden = [max(2, round(units * parameters["width"])) for units in form["hidden"]]
        return Member(len(shape["column_mean"]), hidden, form["activation"], form["dropout"], copies)

    def batch(self, split, index):
        tensors = super().batch(split, index)
        if "y" in split:
            y = (np.asarray(split.y[index], dtype=np.float64).ravel() - self.shape["mean"]) / self.shape["spread"]
            tensors["y"] = torch.from_numpy(y.astype(np.float32))
        return tensors

    def loss(self, network, batch):
        """Compute the squared error of standardised labels, summed over copies or members.

        The sum gives each copy or member the gradient of its own error alone.
        """
        return (network(batch).float() - batch["y"]).square().mean(-1).sum()

    def years(self, output):
        """Convert standardised labels (members, n) to the labels' unit: (n, members)."""
        return output.T * self.shape["spread"][0] + self.shape["mean"][0]

    def activate(self, output):
        stack = self.shape["stack"]
        return self.years(output.float()) @ output.new_tensor(stack["weights"])[:, None] + stack["intercept"]

    def fit(self, train, valid, job):
        train, valid = (split.take(~np.isnan(np.asarray(split.y).ravel())) for split in (train, valid))
        self.shape = self.describe(train)
        fold = job.rng("folds").permutation(len(train)) % self.parameters["folds"]
        members, held = [], np.empty((len(train), len(self.parameters["members"])))
        for number, form in enumerate(self.parameters["members"]):
            copies = self.train_member(form, train, valid, fold, job, f"member{number + 1:02d}")
            members.append(copies.copy(-1))
            held[:, number] = self.held_out(copies, train, fold)
        self.network = Ensemble(members)
        y = np.asarray(train.y, dtype=np.float64).ravel()
        self.shape["held_out_error"] = np.abs(held - y[:, None]).mean(axis=0).tolist()
        self.shape["stack"] = fit_stack(held, y, fold, self.parameters["stack"])

    def train_member(self, form, train, valid, fold, job, name):
        """Train the copies of one form: one for each fold, which never sees that fold, and a last one that sees all
        samples.

        Returns a Member of folds + 1 copies.
        """
        count = self.parameters["folds"]
        job.seed_torch(name, "build")
        copies = self.build_member(self.parameters, self.shape, form, count + 1)
        own = [np.flatnonzero(fold != number) for number in range(count + 1)]
        rows = np.empty((count + 1, len(train)), int)
        seen, judged = (self.batch(split, np.arange(len(split))) for split in (train, valid))

        def draw(epoch):
            # An epoch has the same length for every copy. A fold's copy sees some samples twice, others in each epoch.
            rng = job.rng(name, "rows", epoch)
            for copy, samples in enumerate(own):
                rows[copy] = np.resize(rng.permutation(samples), len(train))

        def batch(index):
            chosen = torch.from_numpy(rows[:, index])
            return {key: values[chosen] for key, values in seen.items()}

        training.fit(
            copies,
            len(train),
            batch,
            self.loss,
            {**self.parameters["training"], **self.parameters["optimizers"][form["optimizer"]]},
            job,
            name,
            validate=lambda: self.judge(copies, judged, job.device),
            on_epoch=draw,
        )
        return copies

    def judge(self, copies, batch, where):
        """Compute the loss on the validation samples, summed over all copies."""
        batch = device.to(where, batch)
        return {"loss": float((copies(batch).float() - batch["y"]).square().mean(-1).sum())}

    def held_out(self, copies, train, fold):
        """Predict each training sample with the copy that has not seen it: (n,), in the labels' unit."""
        found = np.empty(len(train))
        for number in range(self.parameters["folds"]):
            samples = np.flatnonzero(fold == number)
            found[samples] = self.ask(copies.copy(number), train.take(samples))[:, 0]
        return found

    def ask(self, network, split):
        """Predict with each member or copy of a network, in the labels' unit: (n, members)."""
        return self.run_batched(split, lambda x: self.years(network(x).float()), network, even=True).numpy()

    def interpret(self, split, folder):
        from deepbio.figures import clocks, table
        from deepbio.learning import importance

        folder = Path(folder)
        names = split.context.get("features", [f"feature {i}" for i in range(split["x"].shape[1])])
        age, predicted = (np.asarray(y, dtype=np.float64).ravel() for y in (split.y, self.predict(split)["y"]))
        sex = np.asarray(split["x"])[:, names.index("Sex")] if "Sex" in names else np.full(len(age), np.nan)
        origin = split.context["origin"]
        clocks.draw_predicted(age, predicted, origin, folder / "predicted")
        clocks.draw_errors(age, predicted, sex, origin, folder / "errors")
        stack, held = self.shape["stack"], self.shape["held_out_error"]
        clocks.draw_members(self.labels(), self.ask(self.network, split), held, stack, age, predicted, origin, folder)
        fall = importance.permutation(self.predict, split, "r2", self.parameters["permutations"])
        table.draw_importance(fall, names, "r2", "Markers whose permutation hurts most", origin, folder)
        if "died" in split:
            outcome = (np.asarray(split[name], dtype=np.float64) for name in ("died", "months"))
            clocks.draw_survival(age, predicted, sex, *outcome, origin, folder)

    def labels(self):
        """Name each member for figures: its number, activation, optimiser and the sizes of its layers."""
        forms = zip(self.parameters["members"], self.network.members, strict=True)
        return [
            f"{i} {TITLES[form['activation']]} {TITLES[form['optimizer']]} "
            + "-".join(str(layer.matrix.shape[2]) for layer in member.layers)
            for i, (form, member) in enumerate(forms, 1)
        ]


def fit_stack(held, y, fold, parameters):
    """Fit the elastic net from held-out predictions (n, members) to labels (n,).

    The penalty is the one with the smallest error when the folds are left out one after another. Returns a dict of
    weights (members,), intercept, and the chosen alpha and l1_ratio.
    """
    from sklearn.linear_model import ElasticNetCV
    from sklearn.model_selection import PredefinedSplit

    model = ElasticNetCV(**parameters, cv=PredefinedSplit(fold)).fit(held, y)
    chosen = {"alpha": float(model.alpha_), "l1_ratio": float(model.l1_ratio_)}
    return {"weights": model.coef_.tolist(), "intercept": float(model.intercept_), **chosen}
