"""CellCnn (Arvaniti and Claassen 2017): filters that all cells of a sample share, pooled over those that answer most.

Several small networks are trained with different settings; the best predict together, and filters that several of them
found are the subsets of cells that go with the label.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from deepbio.core.files import read_json
from deepbio.learning import bags, device, training
from deepbio.learning.layers import glorot, head
from deepbio.learning.network import load_network
from deepbio.learning.search import draw

CLUSTER = 0.4  # cosine distance at which the tree of filters is cut
GOOD = 0.95  # validation accuracy of a run whose filters are pooled


def pooled(responses: torch.Tensor, percent: float) -> torch.Tensor:
    """Average the highest `percent` % of the responses (…, cells, filters), one cell at least: (…, filters)."""
    cells = responses.shape[-2]
    count = max(1, int(percent / 100 * cells))
    if count == cells:
        return responses.mean(dim=-2)
    return responses.topk(count, dim=-2).values.mean(dim=-2)


class Network(nn.Module):
    """{"cells": (n, cells, markers)} -> logits (n, outputs) by way of filters (a 1-wide convolution), ReLU, the mean of
    the cells that answer most, and dropout."""

    def __init__(self, markers, filters, percent, dropout, shape):
        super().__init__()
        self.filters, self.output = nn.Linear(markers, filters), head(filters, shape)
        self.dropout, self.percent = nn.Dropout(dropout), percent
        glorot(self)

    def respond(self, cells):
        """Compute how each cell answers to each filter, (…, cells, filters)."""
        return torch.relu(self.filters(cells))

    def forward(self, batch):
        return self.output(self.dropout(pooled(self.respond(batch["cells"]), self.percent)))

    def effects(self):
        """Give what each filter adds to the label's logit, (filters,)."""
        weight = self.output.weight
        return (weight[1] - weight[0] if len(weight) == 2 else weight[0]).detach()


class Method(bags.BagMethod):
    """Parameters: space (filters, learning_rate; see search.draw), percent (pooled shares of the cells, in turn), runs,
    best (runs that predict), bags (of each class), cells (of a bag), dropout, penalty (of the squared weights), select
    (share of the highest response above which a cell is of the subset), training."""

    def build(self, parameters, shape):
        percent = parameters["percent"]
        percent = percent[0] if isinstance(percent, list) else percent
        filters = parameters.get("filters", 8)
        return Network(len(shape["column_mean"]), filters, percent, parameters["dropout"], shape)

    def loss(self, network, batch):
        penalty = network.filters.weight.square().sum() + network.output.weight.square().sum()
        return super().loss(network, batch) + self.parameters["penalty"] * penalty

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        drawn = [self.draw(split, job.rng("bags", name)) for name, split in (("train", train), ("valid", valid))]
        networks, tried, percents = [], [], self.parameters["percent"]
        for number in range(self.parameters["runs"]):
            setting = draw(self.parameters["space"], job.rng("setting", number))
            setting["percent"] = percents[number % len(percents)]
            network, result = self.train_run(setting, drawn, job, f"run{number + 1}-")
            networks.append(network)
            tried.append(setting | result)
        order = sorted(range(len(tried)), key=lambda i: (-tried[i]["accuracy"], tried[i]["loss"]))
        self.shape |= {"runs": tried, "best": order[: self.parameters["best"]]}
        self.network = nn.ModuleList(networks).eval()
        self.shape["consensus"] = self.consensus()
        self.shape["chosen"] = self.choose(train, valid)

    def train_run(self, setting, drawn, job, name):
        """Train one network; its accuracy and loss on validation bags."""
        job.seed_torch(name, "build")
        network = self.build({**self.parameters, **setting}, self.shape)
        (values, rows, y), (held, held_rows, held_y) = drawn

        def batch(index):
            return {"cells": values[rows[index]], "y": y[index]}

        def validate():
            losses, right = 0.0, 0
            for part in torch.arange(len(held_y)).split(500):
                one = {"cells": held[held_rows[part]].to(job.device), "y": held_y[part].to(job.device)}
                logits = network(one)
                losses += float(self.loss_of(logits, one)) * len(part)
                right += int(((logits[:, 0] > 0) == (one["y"] > 0.5)).sum())
            return {"loss": losses / len(held_y), "accuracy": right / len(held_y)}

        settings = {**self.parameters["training"], "learning_rate": setting["learning_rate"]}
        training.fit(network, len(y), batch, self.loss, settings, job, name, validate=validate)
        network.eval()
        with torch.no_grad():
            result = validate()
        return network, result

    # ---- the subsets

    def consensus(self):
        """List the filters that several good runs found: [run, filter] each, the most central one of its cluster."""
        from scipy.cluster.hierarchy import fcluster, linkage
        from scipy.spatial.distance import cdist, pdist

        tried = self.shape["runs"]
        runs = [i for i, one in enumerate(tried) if one["accuracy"] >= GOOD]
        if len(runs) < 3:
            runs = self.shape["best"]
        members = [(i, j) for i in runs for j in range(self.network[i].filters.out_features)]
        vectors = np.stack([self.vector(i, j) for i, j in members])
        cluster = fcluster(linkage(pdist(vectors, "cosine"), "average"), CLUSTER, "distance")
        found = []
        for one in np.unique(cluster):
            inside = np.flatnonzero(cluster == one)
            if len(inside) > 1:
                apart = cdist(vectors[inside], vectors[inside], "cosine").sum(axis=1)
                found.append(list(members[inside[apart.argmin()]]))
        return found or [list(members[0])]

    def vector(self, run, number):
        """Give weights and bias of a filter, (markers + 1,), of a length that cosine distances can be taken of."""
        layer = self.network[run].filters
        return torch.cat([layer.weight[number], layer.bias[number : number + 1]]).detach().cpu().numpy() + 1e-12

    def respond(self, split, run, number):
        """Compute how all cells of a split answer to a filter, (cells,)."""
        values, _ = bags.standardised(split, self.shape)
        cells = torch.from_numpy(values).to(device.of(self.network))
        with torch.no_grad():
            return self.network[run].respond(cells)[:, number].cpu().numpy()

    def differences(self, split):
        """Measure for each consensus filter how much higher its pooled response is in samples of label 1 than of 0."""
        offsets, y = np.asarray(split["cells"].offsets), np.asarray(split.y)
        found = []
        for run, number in self.shape["consensus"]:
            response, percent = self.respond(split, run, number), self.network[run].percent
            each = [
                float(pooled(torch.from_numpy(response[start:end, None]), percent))
                for start, end in zip(offsets[:-1], offsets[1:], strict=True)
            ]
            each = np.array(each) / max(np.std(each), 1e-9)
            found.append(float(each[y == 1].mean() - each[y == 0].mean()))
        return found

    def choose(self, train, valid):
        """Choose the consensus filter that answers most to label 1 in training and validation samples, and the response
        above which a cell is of its subset."""
        differences = np.add(*(self.differences(split) for split in (train, valid)))
        best = int(np.argmax(differences))
        run, number = self.shape["consensus"][best]
        highest = float(np.quantile(self.respond(train, run, number), 0.9999))
        return {"filter": best, "threshold": max(self.parameters["select"] * highest, 1e-6)}

    # ---- the contract

    def predict(self, split):
        """Predict each sample from all of its cells, by the mean of the best runs. `response` and `selected` say of
        every cell how it answers to the chosen filter and whether it is of its subset."""
        values, offsets = bags.standardised(split, self.shape)
        values = torch.from_numpy(values)
        found = []
        with torch.no_grad():
            for start, end in zip(offsets[:-1], offsets[1:], strict=True):
                one = {"cells": values[start:end][None].to(device.of(self.network))}
                found.append([float(self.activate(self.network[run](one))[0, 0]) for run in self.shape["best"]])
        response = self.respond(split, *self.shape["consensus"][self.shape["chosen"]["filter"]])
        selected = response > self.shape["chosen"]["threshold"]
        return {"y": np.mean(found, axis=1)[:, None], "response": response, "selected": selected}

    def load(self, folder):
        facts = read_json(Path(folder) / "model.json")
        self.parameters, self.shape = facts["parameters"], facts["shape"]
        runs = [self.build({**self.parameters, **setting}, self.shape) for setting in self.shape["runs"]]
        self.network = load_network(nn.ModuleList(runs), folder)

    def interpret(self, split, folder):
        from deepbio.figures import bags as figures

        folder, found = Path(folder), self.predict(split)
        pairs = [tuple(pair) for pair in self.shape["consensus"]]
        weights = np.stack([self.network[run].filters.weight[number].detach().cpu().numpy() for run, number in pairs])
        effects = np.array([float(self.network[run].effects()[number]) for run, number in pairs])
        chosen = self.shape["chosen"]["filter"]
        figures.draw_filters(weights, effects, self.differences(split), chosen, split.context, folder / "filters")
        figures.draw_subset(split, found["response"], found["selected"], folder / "subset")
        figures.draw_frequency(split, found["selected"], folder / "frequency")
        if "y_cells" in split:
            figures.draw_recovery(split, found["response"], folder / "recovery")
