"""Loops by a generative adversarial network (Li et al. 2017): the distances of a missing loop are painted into the
distance matrix of the residues around it, and coordinates are made of them."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core.data import Split
from deepbio.domains.protein import loops
from deepbio.learning import training
from deepbio.learning.network import NetworkMethod, chunks

SCALE = 20.0  # ångström that are one unit of a matrix


class Generator(nn.Module):
    """Matrices with the loop blanked and masks, x (n, 2, window, window) -> whole matrices (n, window, window).

    A context encoder (Pathak et al. 2016): strided convolutions down to a bottleneck, transposed ones up again.
    """

    def __init__(self, widths, bottleneck):
        super().__init__()
        down, up, before = [], [], 2
        for number, width in enumerate(widths):
            down += [nn.Conv2d(before, width, 4, stride=2, padding=1)]
            down += [nn.BatchNorm2d(width)] if number else []
            down += [nn.LeakyReLU(0.2)]
            before = width
        middle = [nn.Conv2d(before, bottleneck, 2), nn.BatchNorm2d(bottleneck), nn.LeakyReLU(0.2)]
        middle += [nn.ConvTranspose2d(bottleneck, before, 2), nn.BatchNorm2d(before), nn.ReLU()]
        for width in [*reversed(widths[:-1]), 1]:
            up += [nn.ConvTranspose2d(before, width, 4, stride=2, padding=1)]
            up += [nn.BatchNorm2d(width), nn.ReLU()] if width > 1 else []
            before = width
        self.layers = nn.Sequential(*down, *middle, *up)

    def forward(self, x):
        table = F.softplus(self.layers(x)[:, 0])
        return (table + table.transpose(1, 2)) / 2


class Discriminator(nn.Module):
    """Whole matrices and masks (n, 2, window, window) -> logits (n,) that a matrix is real."""

    def __init__(self, widths, window):
        super().__init__()
        layers, before = [], 2
        for number, width in enumerate(widths):
            layers += [nn.Conv2d(before, width, 4, stride=2, padding=1)]
            layers += [nn.BatchNorm2d(width)] if number else []
            layers += [nn.LeakyReLU(0.2)]
            before = width
        side = window // 2 ** len(widths)
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * side * side, 1))

    def forward(self, x):
        return self.layers(x)[:, 0]


class Pair(nn.Module):
    """A generator and its discriminator."""

    def __init__(self, widths, bottleneck, window):
        super().__init__()
        self.generator, self.discriminator = Generator(widths, bottleneck), Discriminator(widths, window)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(layer.weight, std=0.02)


class Method(NetworkMethod):
    """Parameters: widths (of the convolutions), bottleneck, adversarial (weight of the discriminator's word; the
    distances' is one less that), training (learning_rate, batch_size, steps, every: steps between two evaluations; the
    rate falls linearly to zero)."""

    def build(self, parameters, shape):
        return Pair(parameters["widths"], parameters["bottleneck"], shape["window"])

    def describe(self, split):
        return {"window": int(split["missing"].shape[1])}

    def batch(self, split, index):
        trace, missing, present = (np.asarray(split[key][index]) for key in ("trace", "missing", "present"))
        blank = torch.from_numpy((missing[:, :, None] | missing[:, None]).astype(np.float32))
        there = missing | present
        x = torch.from_numpy(loops.matrices(trace, present).astype(np.float32) / SCALE)
        found = {"x": torch.stack([x, blank], dim=1)}
        # Only the distances between residues that there are count.
        found["band"] = blank * torch.from_numpy((there[:, :, None] & there[:, None]).astype(np.float32))
        if "y" in split:
            y = np.nan_to_num(np.asarray(split.y[index]))
            whole = loops.matrices(np.where(missing[:, :, None] > 0, y, trace), there)
            found["real"] = torch.from_numpy(whole.astype(np.float32) / SCALE)
        return found

    def painted(self, network, batch):
        """Fill the blanks of matrices: (n, window, window), and what was predicted."""
        made = network.generator(batch["x"])
        return torch.where(batch["band"] > 0, made, batch["x"][:, 0]), made

    def losses(self, network, batch):
        """Compute the squared error of the loop's distances, the generator's adversarial loss and the discriminator's.

        The discriminator's loss reaches no weight of the generator.
        """
        whole, made = self.painted(network, batch)
        error = ((made - batch["real"]).square() * batch["band"]).sum() / batch["band"].sum().clamp(min=1)
        mask = batch["x"][:, 1]
        judge = network.discriminator
        fooled = F.softplus(-judge(torch.stack([whole, mask], dim=1))).mean()
        real = judge(torch.stack([batch["real"], mask], dim=1))
        fake = judge(torch.stack([whole.detach(), mask], dim=1))
        return error, fooled, (F.softplus(-real) + F.softplus(fake)).mean() / 2

    def loss(self, network, batch):
        """Compute the sum of all three losses; training takes the generator's and the discriminator's apart."""
        error, fooled, judged = self.losses(network, batch)
        weight = self.parameters["adversarial"]
        return (1 - weight) * error + weight * fooled + judged

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        settings, weight = self.parameters["training"], self.parameters["adversarial"]
        job.seed_torch("fit", "build")
        network = self.build(self.parameters, self.shape).to(job.device)
        parts = (network.generator, network.discriminator)
        rate = settings["learning_rate"]
        optimizers = [torch.optim.Adam(part.parameters(), lr=rate, betas=(0.5, 0.999)) for part in parts]
        size = min(settings["batch_size"], len(train))

        def step(number):
            network.train()
            drawn = job.rng("batch", number).choice(len(train), size, replace=False)
            batch = {key: value.to(job.device) for key, value in self.batch(train, drawn).items()}
            error, fooled, judged = self.losses(network, batch)
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate * (1 - number / settings["steps"])
                optimizer.zero_grad(set_to_none=True)
            ((1 - weight) * error + weight * fooled).backward()
            # What the generator's loss left in the discriminator is not its gradient.
            optimizers[1].zero_grad(set_to_none=True)
            judged.backward()
            for optimizer in optimizers:
                optimizer.step()
            return {"train_loss": error.detach(), "adversarial": fooled.detach(), "discriminator": judged.detach()}

        def evaluate(row):
            return {"valid_loss": self.error(network, valid, job.device)}

        state = {"network": network, "generator": optimizers[0], "discriminator": optimizers[1]}
        steps, every = settings["steps"], settings["every"]
        training.play(state, step, steps, job, every=every, evaluate=evaluate, samples=size)
        self.network = network.eval()

    @torch.no_grad()
    def error(self, network, split, where):
        """Compute the mean squared error of the loops' distances, in squared units of 20 Å."""
        network.eval()
        total, count = 0.0, 0.0
        for index in chunks(len(split), 256):
            batch = {key: value.to(where) for key, value in self.batch(split, index).items()}
            off = (network.generator(batch["x"]) - batch["real"]).square() * batch["band"]
            total, count = total + float(off.sum()), count + float(batch["band"].sum())
        return total / count

    def distances(self, split):
        """Predict whole distance matrices (n, window, window), ångström."""
        return SCALE * self.run_batched(split, lambda batch: self.painted(self.network, batch)[0], size=256).numpy()

    def predict(self, split):
        """Predict the loops' coordinates `y` (n, window, 3), and the matrices that they are made of, `distance`."""
        tables = self.distances(split)
        rows = zip(tables, *(np.asarray(split[key]) for key in ("trace", "missing", "present")), strict=True)
        y = np.stack([np.nan_to_num(loops.place(*row)) for row in rows])
        return {"y": y, "distance": tables.astype(np.float32)}

    def interpret(self, split, folder):
        from deepbio.figures import loops as figures

        part: Split = split.take(np.arange(min(60, len(split))))
        found = self.predict(part)
        figures.draw_matrices(part, found["distance"], folder / "matrices")
        figures.draw_traces(part, found["y"], folder / "traces")
        figures.draw_errors(part, found["y"], folder / "errors")
