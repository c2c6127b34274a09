"""mRNN (Hill et al. 2018): a gated recurrent network that reads a transcript base by base, and its last state."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from deepbio.core.files import read_json
from deepbio.learning import device, training
from deepbio.learning.network import NetworkMethod, load_network
from deepbio.learning.recurrent import GatedUnits

STEEP = 3.75  # of the gates' sigmoid
PADDING = 4  # the code of an unknown base, which stands before shorter transcripts


class Network(nn.Module):
    """{"codes": (n, steps), "padded": (n,)} -> logits (n, 1)."""

    def __init__(self, embedding, units, dropout):
        super().__init__()
        self.embedding = nn.Embedding(5, embedding)
        self.recurrent = GatedUnits(embedding, units, STEEP, first=True, gain=1.1)
        for block in self.recurrent.inputs.weight.split(units):
            nn.init.orthogonal_(block, 1.1)
        self.head = nn.Linear(units, 1)
        self.dropout = nn.Dropout(dropout)
        nn.init.uniform_(self.embedding.weight, -0.05, 0.05)
        nn.init.orthogonal_(self.head.weight, 1.1)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch):
        x = self.dropout(self.embedding(batch["codes"].long()))
        return self.head(self.dropout(self.recurrent(x, batch["padded"])))

    def trajectory(self, codes):
        """Compute the log odds after every base of one transcript (length,), on the CPU."""
        x = self.embedding(codes[None].long().to(self.head.weight.device))
        return self.head(self.recurrent(x, every=True))[0, :, 0].cpu()


class Method(NetworkMethod):
    """Parameters: models (networks whose probabilities are averaged), embedding, units, dropout, longest (bases of a
    training transcript; longer ones are cut to a stretch that each epoch draws anew), chunk (transcripts that are
    sorted by length at a time), training."""

    def build(self, parameters, shape):
        return Network(parameters["embedding"], parameters["units"], parameters["dropout"])

    def batch(self, split, index, longest=None, rng=None):
        """Give the transcripts `index`, padded before their beginning; with `longest` a random stretch of longer
        ones."""
        codes = split["codes"].take(index)
        lengths, first = codes.lengths, np.asarray(codes.offsets[:-1])
        if longest:
            spare = np.maximum(lengths - longest, 0)
            first, lengths = first + (rng.random(len(index)) * (spare + 1)).astype(int), lengths - spare
        steps = int(lengths.max())
        place = np.arange(steps) - (steps - lengths)[:, None]
        found = np.where(place >= 0, np.asarray(codes.values)[first[:, None] + np.maximum(place, 0)], PADDING)
        tensors = {"codes": torch.from_numpy(found), "padded": torch.from_numpy(steps - lengths)}
        return tensors | ({"y": torch.from_numpy(np.asarray(split.y[index], np.float32))} if "y" in split else {})

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        names = [f"model{number + 1}" for number in range(self.parameters["models"])]
        self.network = nn.ModuleList(self.train_model(train, valid, job, name) for name in names).eval()

    def train_model(self, train, valid, job, name):
        """Train one network, and another in its place where it stays at chance."""

        def attempt(name):
            return self.attempt(train, valid, job, name)

        return self.until_alive(attempt, self.parameters["training"], train, valid, job, name)[0]

    def attempt(self, train, valid, job, name):
        """Train a network from one initialization; a batch holds transcripts of like length, as the authors' sorting in
        chunks makes them."""
        job.seed_torch(name, "build")
        network, settings = self.build(self.parameters, self.shape), dict(self.parameters["training"])
        size, longest = min(settings["batch_size"], len(train)), self.parameters["longest"]
        lengths, now = np.minimum(train["codes"].lengths, longest), {}

        def arrange(epoch):
            order = job.rng(name, "chunks", epoch).permutation(len(train))
            chunks = np.split(order, range(self.parameters["chunk"], len(order), self.parameters["chunk"]))
            order = np.concatenate([chunk[np.argsort(lengths[chunk], kind="stable")] for chunk in chunks])
            now.update(epoch=epoch, batches=np.split(order, range(size, len(order), size)))

        def batch(number):
            rng = job.rng(name, "stretches", now["epoch"], int(number[0]))
            return self.batch(train, now["batches"][number[0]], longest, rng)

        found = training.fit(
            network, -(-len(train) // size), batch, self.loss, settings | {"batch_size": 1}, job, name,
            validate=lambda: self.mean_loss_by_length(network, valid, job.device), on_epoch=arrange,
        )  # fmt: skip
        return network, found

    def mean_loss_by_length(self, network, split, where):
        """Compute the mean loss of whole transcripts, those of like length together."""
        total = 0.0
        for index in self.alike(split):
            batch = device.to(where, self.batch(split, index))
            total += float(self.loss(network, batch)) * len(index)
        return {"loss": total / len(split)}

    def alike(self, split):
        """Give the numbers of the transcripts in batches of like length."""
        order, size = np.argsort(split["codes"].lengths, kind="stable"), self.parameters.get("predict_batch", 64)
        return np.split(order, range(size, len(order), size))

    def loss(self, network, batch):
        """Compute the loss of one network, or the mean of several."""
        networks = network if isinstance(network, nn.ModuleList) else [network]
        return sum(self.loss_of(one(batch), batch) for one in networks) / len(networks)

    def predict(self, split):
        found, here = np.empty((len(split), 1)), device.of(self.network)
        with torch.no_grad():
            for index in self.alike(split):
                batch = device.to(here, self.batch(split, index))
                found[index] = torch.stack([torch.sigmoid(one(batch)) for one in self.network]).mean(0).cpu().numpy()
        return {"y": found}

    def load(self, folder):
        facts = read_json(Path(folder) / "model.json")
        self.parameters, self.shape = facts["parameters"], facts["shape"]
        models = [self.build(self.parameters, self.shape) for _ in range(self.parameters["models"])]
        self.network = load_network(nn.ModuleList(models), folder)

    def interpret(self, split, folder):
        from deepbio.figures import coding as figures

        folder, p = Path(folder), self.predict(split)["y"][:, 0]
        figures.draw_by_length(split, p, folder / "by_length")
        with torch.no_grad():
            figures.draw_trajectories(split, p, self.network[0].trajectory, folder / "trajectories")
            figures.draw_mutations(self, split, p, folder / "mutations")
            figures.draw_shuffles(self, split, p, folder / "shuffles")
