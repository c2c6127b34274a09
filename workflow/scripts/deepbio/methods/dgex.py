"""D-GEX (Chen et al. 2016): target genes from landmark genes, by a wide tanh network for each half of the targets."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.learning.table_network import TableMethod


class Half(nn.Module):
    """(n, landmarks) -> (n, targets): tanh layers; each but the first is given what dropout leaves of the one
    before."""

    def __init__(self, landmarks, hidden, outputs, dropout, output_bound):
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in pairwise([landmarks, *hidden]))
        self.output, self.dropout = nn.Linear(hidden[-1], outputs), dropout
        for layer in self.hidden:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.uniform_(self.output.weight, -output_bound, output_bound)
        nn.init.zeros_(self.output.bias)

    def forward(self, x):
        for layer in self.hidden:
            x = F.dropout(torch.tanh(layer(x)), self.dropout, self.training)
        return self.output(x)


class Network(nn.Module):
    """{"x": (n, landmarks)} -> (n, targets), by a network of its own for each of `parts` blocks of the targets."""

    def __init__(self, landmarks, outputs, parts, hidden, dropout, output_bound):
        super().__init__()
        sizes = [len(block) for block in np.array_split(np.arange(outputs), parts)]
        self.parts = nn.ModuleList(Half(landmarks, hidden, size, dropout, output_bound) for size in sizes)

    def forward(self, batch):
        return torch.cat([part(batch["x"]) for part in self.parts], dim=1)


class Method(TableMethod):
    """Parameters: hidden (units of the layers), dropout, halves (networks, which share no weight), output_bound (of
    the initial output weights), faster (how many times the rate of the first layer and of the biases is that of the
    later weights), training.
    """

    def build(self, parameters, shape):
        return Network(
            len(shape["column_mean"]),
            shape["outputs"],
            min(parameters["halves"], shape["outputs"]),
            parameters["hidden"],
            parameters["dropout"],
            parameters["output_bound"],
        )

    def loss_of(self, output, batch):
        """Compute the squared error of standardised targets, summed over them and averaged over samples."""
        output = output.float()  # before the means of the labels are made of its type
        mean, spread = (output.new_tensor(self.shape[key]) for key in ("mean", "spread"))
        error = (output - (batch["y"] - mean) / spread).square()
        return error.nansum(dim=1).mean()

    def groups(self, network):
        rate = self.parameters["training"]["learning_rate"]
        slow, fast = [], []
        for part in network.parts:
            layers = [*part.hidden, part.output]
            slow += [layers[0].weight, *(layer.bias for layer in layers)]
            fast += [layer.weight for layer in layers[1:]]
        return [{"params": slow, "lr": rate}, {"params": fast, "lr": self.parameters["faster"] * rate}]

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        self.network, _ = self.train_network(self.parameters, train, valid, job, groups=self.groups)

    def interpret(self, split, folder):
        from deepbio.figures import genes as figures

        folder, p = Path(folder), self.predict(split)["y"]
        figures.draw_predicted(split, p, folder / "predicted")
        part = self.network.parts[0]
        first = part.hidden[0].weight.detach().cpu().numpy()
        outgoing = part.output.weight.detach().cpu().numpy()
        figures.draw_hidden(split, first, outgoing, folder / "hidden")
