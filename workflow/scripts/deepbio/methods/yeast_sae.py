"""Hierarchical sparse autoencoder of the yeast transcriptome (Chen et al. 2016): four sigmoid layers, learned one by
one and then together."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.learning import pretraining
from deepbio.learning.layers import glorot
from deepbio.learning.network import NetworkMethod, tensors


class Network(nn.Module):
    """{"x": (n, genes), less their means} -> rebuilt genes (n, genes), and the activities of all hidden layers."""

    def __init__(self, genes, hidden):
        super().__init__()
        sizes = [genes, *hidden]
        self.up = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))
        self.down = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes[::-1]))
        glorot(self)

    def encode(self, x, layers):
        """Compute the activities (n, units) of the hidden layer number `layers`; of none, the input."""
        for layer in self.up[:layers]:
            x = torch.sigmoid(layer(x))
        return x

    def forward(self, batch):
        found = [batch["x"]]
        for layer in self.up:
            found.append(torch.sigmoid(layer(found[-1])))
        x = found[-1]
        for layer in self.down[:-1]:
            x = torch.sigmoid(layer(x))
        return self.down[-1](x), found[1:]

    @torch.no_grad()
    def mirror(self):
        """Start the decoder from the transposed weights of the encoder."""
        for up, down in zip(self.up, list(self.down)[::-1], strict=True):
            down.weight.copy_(up.weight.T)

    @torch.no_grad()
    def gene_weights(self):
        """Multiply the decoder's weights down to the genes: (units, genes) for each hidden layer, the lowest first."""
        found = []
        for layer in list(self.down)[::-1]:
            weight = layer.weight.detach().T
            found.append(weight @ found[-1] if found else weight)
        return found


class Method(NetworkMethod):
    """Parameters: hidden (units of the layers), sparsity (wanted mean activity), penalty (on the divergence from it),
    pretraining (settings of each layer's training, `sparsity` and `penalty`), training."""

    by_row = True

    def describe(self, split):
        x = np.asarray(split["x"], float)
        return {"kind": split.context["output"], "genes": int(x.shape[1]), "centre": x.mean(axis=0).tolist()}

    def build(self, parameters, shape):
        return Network(shape["genes"], parameters["hidden"])

    def batch(self, split, index):
        # Less their means, genes do not saturate the units from the start.
        x = tensors(split, index, kind=np.float32)["x"]
        return {"x": x - x.new_tensor(self.shape["centre"])}

    def loss(self, network, batch):
        """Compute the squared error, and each layer's divergence from the wanted activity."""
        rebuilt, active = network(batch)
        value, rho = F.mse_loss(rebuilt, batch["x"]), self.parameters["sparsity"]
        for layer in active:
            mean = layer.float().mean(dim=0).clamp(1e-4, 1 - 1e-4)  # in half precision the upper limit is 1
            divergence = rho * torch.log(rho / mean) + (1 - rho) * torch.log((1 - rho) / (1 - mean))
            value = value + self.parameters["penalty"] * divergence.mean()
        return value

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        job.seed_torch("fit", "build")
        network = self.build(self.parameters, self.shape)
        x = self.batch(train, np.arange(len(train)))["x"]
        pretraining.train_autoencoders(
            network.up, lambda number: network.to("cpu").encode(x, number), self.parameters["pretraining"], job
        )
        network.mirror()
        self.train_built(network, self.parameters["training"], train, valid, job)
        self.network = network

    def predict(self, split):
        """Give the first layer's activities `y`, its `weights` (units, genes), and those of the layers above."""
        units = self.run_batched(split, lambda batch: self.network.encode(batch["x"], 1))
        first, *above = (weight.cpu().numpy() for weight in self.network.gene_weights())
        found = {"y": units.numpy(), "weights": np.ascontiguousarray(first)}
        return found | {f"weights_layer{i}": np.ascontiguousarray(weight) for i, weight in enumerate(above, 2)}

    def interpret(self, split, folder):
        from deepbio.figures import regulons as figures

        folder, found = Path(folder), self.predict(split)
        figures.draw_regulons(split, found["weights"], folder / "regulators", "Units of the first layer by regulators")
        layers = range(1, len(self.network.up) + 1)
        weights = {f"layer {i}": found["weights" if i == 1 else f"weights_layer{i}"] for i in layers}
        if "member" in split.context:
            figures.draw_layers(split, weights, folder / "layers")
        active = {f"layer {i}": self.run_batched(split, lambda b, i=i: self.network.encode(b["x"], i)) for i in layers}
        figures.draw_sparsity(split, {name: values.numpy() for name, values in active.items()}, folder / "sparsity")
