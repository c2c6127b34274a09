"""Deep belief network of Plis et al. (2014): stacked restricted Boltzmann machines, then fine-tuned on the classes.

Each machine learns without labels, by one step of contrastive divergence, to reconstruct the output of the one below.
The first has Gaussian visible units, the others binary ones. Their layers are then trained together, with settings
chosen by the validation samples, and three simple learners are fitted to the activities of the last one.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from deepbio.core.data import concatenate
from deepbio.core.files import atomic
from deepbio.learning import device, pretraining, search
from deepbio.learning.layers import glorot, head
from deepbio.learning.network import CHANCE, tensors
from deepbio.learning.restarts import until_alive
from deepbio.learning.table_network import TableMethod

EDGE = 5.0  # standard deviations at which a feature is clipped: machines with Gaussian units diverge on outliers
NEIGHBOURS = 15
LEARNERS = "learners.skops"


class Belief(nn.Module):
    """{"x": (n, features)} -> logits (n, outputs): sigmoid layers over standardised features, and a last linear one.

    Without hidden layers it is a softmax regression. Initial weights are Glorot and Bengio's, initial biases 0.
    """

    def __init__(self, hidden, shape):
        super().__init__()
        self.register_buffer("centre", torch.tensor(shape["column_mean"]))
        self.register_buffer("scale", torch.tensor(shape["column_std"]))
        sizes = [len(shape["column_mean"]), *hidden]
        self.layers = nn.ModuleList(nn.Linear(*size) for size in zip(sizes[:-1], sizes[1:], strict=True))
        self.last = head(sizes[-1], shape)
        glorot(self)

    def standardise(self, x):
        return ((x - self.centre) / self.scale).clamp(-EDGE, EDGE)

    def levels(self, batch):
        """Compute the standardised features (n, features) and the activities of each layer (n, units), as a list."""
        found = [self.standardise(batch["x"])]
        for layer in self.layers:
            found.append(torch.sigmoid(layer(found[-1])))
        return found

    def forward(self, batch):
        return self.last(self.levels(batch)[-1])


class Method(TableMethod):
    """Parameters: hidden (units of the layers), pretrained (false: the layers start from their initial weights, without
    machines), pretraining (epochs, batch_size, gaussian_rate and binary_rate of the two kinds of machine, momentum,
    l1), training (of all layers together), search (trials, space of its `learning_rate` and `weight_decay`), restarts
    (how often a final training that stays at chance is begun anew), learners (whether simple ones read the last layer).

    Where they do and there are two classes, a prediction holds beside the network's own `y` their probabilities
    `y_svm` and `y_linear` and the share of neighbours `y_knn`.
    """

    def __init__(self, parameters):
        super().__init__(parameters)
        self.learners = {}

    def build(self, parameters, shape):
        return Belief(parameters["hidden"], shape)

    def batch(self, split, index):
        return tensors(split, index, kind=np.float32)  # the network standardises them

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        start = self.pretrain(train, valid, job) if self.parameters["pretrained"] else {}

        def tune(setting, name):
            return self.tune(start, setting, train, valid, job, name)

        def final(found):
            bound = CHANCE * self.chance_loss(train, valid)
            return until_alive(lambda name: tune(found.setting, name), bound, self.parameters["restarts"], job, "final")

        found, (self.network, _) = search.fit_best(
            self.parameters["search"], lambda *setting: {"loss": tune(*setting)[1].best_loss}, final, job
        )
        self.shape["chosen"] = found.setting
        if self.parameters["learners"] and self.shape["kind"] == "binary":
            both = concatenate(train, valid)
            x, y = self.levels(both)[-1], np.asarray(both.y).ravel()
            known = ~np.isnan(y)
            self.learners = {name: one.fit(x[known], y[known].astype(int)) for name, one in learners("binary").items()}

    def pretrain(self, train, valid, job):
        """Train the machines one after the other; the weights of the layers, by their names in the network."""
        job.seed_torch("build")
        network = self.build(self.parameters, self.shape).to(job.device)
        splits = [device.to(job.device, self.batch(part, np.arange(len(part)))) for part in (train, valid)]
        pretraining.train_machines(
            network.layers,
            lambda number: tuple(network.levels(split)[number] for split in splits),
            self.parameters["pretraining"],
            job,
        )
        return {name: weight.cpu() for name, weight in network.state_dict().items() if name.startswith("layers.")}

    def tune(self, start, setting, train, valid, job, name):
        """Train all layers on the labels, from the weights `start` where there are some: the network, and the result
        of its training."""
        job.seed_torch(name, "build")
        network = self.build(self.parameters, self.shape)
        network.load_state_dict(start, strict=False)
        settings = {
            **self.parameters["training"],
            "learning_rate": setting["learning_rate"],
            "optimizer_options": {"weight_decay": setting["weight_decay"]},
        }
        return network, self.train_built(network, settings, train, valid, job, name)

    def predict(self, split, first=0):
        made = super().predict(split, first)
        if self.learners:
            x = self.levels(split, first)[-1]
            made |= {f"y_{name}": chance_of(one, x) for name, one in self.learners.items()}
        return made

    def save(self, folder):
        super().save(folder)
        if self.learners:
            from deepbio.learning.estimator import skops_io

            with atomic(Path(folder) / LEARNERS) as temporary:
                skops_io().dump(self.learners, temporary)

    def load(self, folder):
        super().load(folder)
        self.learners = {}
        if (Path(folder) / LEARNERS).exists():
            from deepbio.learning.estimator import skops_io

            self.learners = skops_io().load(Path(folder) / LEARNERS)

    # ---- figures

    def levels(self, split, first=0):
        """Compute the standardised features and the layers' activities of the samples from the number `first` on:
        arrays (n, units)."""
        found = self.run_batched(split.inputs(), lambda batch: tuple(self.network.levels(batch)), first=first)
        return [level.numpy() for level in found]

    def interpret(self, split, folder, train):
        from deepbio.figures import brain as figures

        folder, context = Path(folder), split.context
        names = context.get("features", [f"feature {i}" for i in range(split["x"].shape[1])])
        own, other = self.levels(split), self.levels(train)
        y = np.asarray(split.y, float).ravel()
        weights = self.network.layers[0].weight.detach().numpy()
        marked = context.get("planted", [])
        figures.draw_filters(weights, other[1], names, marked, context["origin"], folder / "filters")
        kind = context["output"]
        found = figures.depths(other, np.asarray(train.y, float).ravel(), own, y, kind, lambda: learners(kind))
        figures.draw_depths(found, context["origin"], folder / "depths")
        figures.draw_embeddings(own, y, context, folder / "embeddings")


def learners(kind):
    """Build the learners of the paper's tables (of numbers: their like), on standardised columns, by name."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, SVR

    if kind == "regression":
        found = {"svm": SVR(), "linear": Ridge(100), "knn": KNeighborsRegressor(NEIGHBOURS)}
    else:
        found = {
            "svm": SVC(class_weight="balanced"),
            "linear": LogisticRegression(C=0.01, max_iter=2000, class_weight="balanced"),
            "knn": KNeighborsClassifier(NEIGHBOURS, algorithm="brute"),
        }
    return {name: make_pipeline(StandardScaler(), one) for name, one in found.items()}


def chance_of(learner, x):
    """Compute a number (n,) from 0 to 1 for each row of x (n, units), above one half where the learner calls it 1."""
    if hasattr(learner, "predict_proba"):
        return learner.predict_proba(x)[:, 1]
    return 1 / (1 + np.exp(-learner.decision_function(x)))
