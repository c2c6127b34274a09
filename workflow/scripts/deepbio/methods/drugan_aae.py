"""Adversarial autoencoder of fingerprints with a hidden unit that predicts activity (Kadurin et al. 2017, Oncotarget).

A compound at a concentration is encoded to a few latent units and an activity unit. A discriminator compares the latent
units with draws of a normal distribution. The activity unit is trained to equal the activity. With that unit set to a
wanted activity and the others drawn from the normal distribution, the decoder makes fingerprints; the compounds nearest
to them are the leads.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.domains.chemistry import fingerprints
from deepbio.learning import training
from deepbio.learning.network import NetworkMethod
from deepbio.learning.settings import optimizer_of
from deepbio.scoring import metrics

LEVELS = 640  # fingerprints that are made for a figure of the bits


class Encoder(nn.Module):
    """Bits (n, bits) and log10 concentration (n, 1) -> latent codes (n, latent) and standardised activity (n, 1).

    Hidden layers are batch-normalised; the shift of the normalisation replaces their bias (published code).
    """

    def __init__(self, bits, units, latent):
        super().__init__()
        layers, before = [], bits + 1
        for width in units:
            layers += [nn.Linear(before, width, bias=False), nn.BatchNorm1d(width, eps=1e-3, momentum=None), nn.ReLU()]
            before = width
        self.trunk = nn.Sequential(*layers)
        self.place, self.activity = nn.Linear(before, latent), nn.Linear(before, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.normal_(layer.bias)

    def forward(self, bits, dose):
        x = self.trunk(torch.cat([bits, dose], dim=1))
        return self.place(x), self.activity(x)


class Decoder(nn.Module):
    """Latent codes (n, latent) and standardised activity (n, 1) -> logits of bits (n, bits) and log10 concentration (n,
    1).
    """

    def __init__(self, bits, units, latent):
        super().__init__()
        layers, before = [], latent + 1
        for width in reversed(units):
            layers += [nn.Linear(before, width), nn.Tanh()]
            before = width
        self.trunk = nn.Sequential(*layers)
        self.bits, self.dose = nn.Linear(before, bits), nn.Linear(before, 1)
        self.apply(small_weights)

    def forward(self, latent, activity):
        x = self.trunk(torch.cat([latent, activity], dim=1))
        return self.bits(x), self.dose(x)


class Autoencoder(nn.Module):
    """Encoder, decoder, and the discriminator of latent codes (n, latent) -> logits (n, 1) of being from the prior."""

    def __init__(self, parameters, shape):
        super().__init__()
        units, latent, critic = (parameters[key] for key in ("units", "latent", "critic"))
        self.encoder = Encoder(shape["bits"], units, latent)
        self.decoder = Decoder(shape["bits"], units, latent)
        self.discriminator = nn.Sequential(nn.Linear(latent, critic), nn.ReLU(), nn.Linear(critic, 1))
        self.discriminator.apply(small_weights)


def small_weights(layer):
    """Set the initial weights of the published code: weights of nearly zero, with biases of unit std."""
    if isinstance(layer, nn.Linear):
        nn.init.normal_(layer.weight, std=2 / layer.weight.numel())
        nn.init.normal_(layer.bias)


class Method(NetworkMethod):
    """Parameters

    units, latent, critic : widths of the encoder's layers (the decoder's in reverse), of the latent code, and of the
        discriminator's layer.
    concentration : mean and std (`spread`) of the log10 concentrations (mol/L) that are drawn for every compound. null:
        none are drawn; the concentration is 0 throughout, is not reconstructed, and there is no manifold loss.
    pretraining : batch_size, epochs and steps (of an epoch). In a step the encoder takes at most `moves` steps, until
        its loss is not above `hard`. The manifold loss compares `pairs` compounds at two concentrations. Pretraining
        ends once an epoch after the first `least` ends with an encoder's loss below `converged`. Otherwise it starts
        again from other initial weights; there are at most `starts` starts.
    training : optimizer, learning_rate, optimizer_options, batch_size, epochs and steps.
    wanted : activities to make fingerprints for, in standard deviations from the training mean; samples, of each.
    """

    def describe(self, split):
        x = np.asarray(split["x"])
        return super().describe(split) | {
            "bits": x.shape[1],
            "frequency": x.mean(axis=0).tolist(),
        }

    def build(self, parameters, shape):
        return Autoencoder(parameters, shape)

    def fit(self, train, valid, job):
        self.shape = self.describe(train) | {"seed": job.number("made")}
        x = torch.from_numpy(np.asarray(train["x"], np.float32)).to(job.device)
        y = torch.from_numpy(self.standardised(train.y)).to(job.device)
        course = []
        for start in range(1, self.parameters["pretraining"]["starts"] + 1):
            job.seed_torch("build", start)
            self.network = self.build(self.parameters, self.shape).to(job.device).train()
            parts = {"network": self.network} | self.optimizers()
            name = f"pretrain{start}"
            result = self.pretrain(parts, x, job, name)
            course += [{"phase": name, **row} for row in result.history]
            if self.converged(result.history[-1]):
                break
            job.restarts += 1
        else:
            raise training.TrainingFailed(f"none of {start} starts brought the encoder's loss to the wanted one")
        self.shape["restarts"] = start - 1
        result = self.play(parts, x, y, valid, job)
        self.settle(x)
        self.network.eval()
        self.shape["course"] = course + [{"phase": "fit", **row} for row in result.history]

    def standardised(self, y):
        """Standardise labels: float32 (n, 1) with mean 0 and std 1 over the training samples."""
        y = np.asarray(y, np.float64).reshape(len(y), 1)
        return ((y - self.shape["mean"]) / self.shape["spread"]).astype(np.float32)

    def optimizers(self):
        """Make one optimiser for each loss, with moments of its own, over the weights that the loss changes."""
        network, settings = self.network, self.parameters["training"]
        encoder = [*network.encoder.trunk.parameters(), *network.encoder.place.parameters()]
        activity = list(network.encoder.activity.parameters())
        moved = {
            "discriminator": list(network.discriminator.parameters()),
            "encoder": encoder,
            "manifold": encoder,
            "regression": encoder + activity,
            "autoencoder": encoder + activity + list(network.decoder.parameters()),
        }
        return {name: optimizer_of(weights, settings) for name, weights in moved.items()}

    # ---- losses

    @property
    def concentration(self):
        return self.parameters["concentration"] or {"mean": 0.0, "spread": 0.0}

    def doses(self, like):
        """Draw log10 concentrations (n, 1) for the rows of a tensor."""
        facts = self.concentration
        return facts["mean"] + facts["spread"] * torch.randn(len(like), 1, device=like.device)

    def same_doses(self, like):
        """Draw concentrations as `doses` does, but the same ones at every call."""
        facts, rng = self.concentration, np.random.default_rng(self.shape["seed"])
        drawn = facts["mean"] + facts["spread"] * rng.standard_normal((len(like), 1), np.float32)
        return torch.from_numpy(drawn.astype(np.float32)).to(like.device)

    def discriminator_loss(self, bits):
        """Compute the mean cross-entropy of separating draws of the prior from the encoder's latent codes."""
        with torch.no_grad():
            latent, _ = self.network.encoder(bits, self.doses(bits))
        real, made = self.network.discriminator(torch.randn_like(latent)), self.network.discriminator(latent)
        return (F.softplus(-real).mean() + F.softplus(made).mean()) / 2

    def encoder_loss(self, bits):
        """Compute the cross-entropy of the discriminator taking the encoder's latent codes for draws of the prior."""
        latent, _ = self.network.encoder(bits, self.doses(bits))
        return F.softplus(-self.network.discriminator(latent)).mean()

    def manifold_loss(self, bits):
        """Compute 1 - cosine between the latent codes of the same compounds at two concentrations."""
        latent, _ = self.network.encoder(bits.repeat(2, 1), torch.cat([self.doses(bits), self.doses(bits)]))
        one, other = latent.chunk(2)
        return 1 - F.cosine_similarity(one, other).mean()

    def regression_loss(self, bits, y):
        """Compute the squared error of the activity unit over the known activities."""
        _, predicted = self.network.encoder(bits, self.doses(bits))
        known = ~torch.isnan(y)
        return F.mse_loss(predicted[known], y[known])

    def autoencoder_losses(self, bits):
        """Compute the mean cross-entropy of the bits and, where there are concentrations, their squared error."""
        dose = self.doses(bits)
        logits, decoded = self.network.decoder(*self.network.encoder(bits, dose))
        losses = {"bit_loss": F.binary_cross_entropy_with_logits(logits, bits)}
        return losses | ({"concentration_loss": F.mse_loss(decoded, dose)} if self.parameters["concentration"] else {})

    # ---- training

    def pretrain(self, parts, x, job, name):
        """Train with the discriminator's, encoder's and manifold's losses, until `converged` or the last epoch."""
        facts = self.parameters["pretraining"]
        size, pairs = min(facts["batch_size"], len(x)), min(facts["pairs"], len(x))

        def step(number):
            found = {"discriminator_loss": descend(parts["discriminator"], self.discriminator_loss(draw(x, size)))}
            for _ in range(facts["moves"]):
                found["encoder_loss"] = descend(parts["encoder"], self.encoder_loss(draw(x, size)))
                if found["encoder_loss"] <= facts["hard"]:
                    break
            if self.parameters["concentration"]:
                found["manifold_loss"] = descend(parts["manifold"], self.manifold_loss(draw(x, pairs)))
            return found

        steps = facts["epochs"] * facts["steps"]
        return training.play(parts, step, steps, job, name, facts["steps"], stop=self.converged, samples=2 * size)

    def converged(self, row):
        """Return whether pretraining ends after the epoch that a row of its history describes."""
        facts = self.parameters["pretraining"]
        return row["step"] > facts["least"] * facts["steps"] and row["encoder_loss"] < facts["converged"]

    def play(self, parts, x, y, valid, job):
        """Train in rounds: in each round each part takes one step, on a batch of its own."""
        facts = self.parameters["training"]
        size = min(facts["batch_size"], len(x))

        def step(number):
            found = {"discriminator_loss": descend(parts["discriminator"], self.discriminator_loss(draw(x, size)))}
            found["encoder_loss"] = descend(parts["encoder"], self.encoder_loss(draw(x, size)))
            found["regression_loss"] = descend(parts["regression"], self.regression_loss(*draw((x, y), size)))
            losses = self.autoencoder_losses(draw(x, size))
            descend(parts["autoencoder"], sum(losses.values()))
            return found | {name: loss.detach() for name, loss in losses.items()}

        def evaluate(row):
            self.settle(x)
            self.network.eval()
            found = self.judge(valid)
            self.network.train()
            return found

        steps = facts["epochs"] * facts["steps"]
        return training.play(parts, step, steps, job, every=facts["steps"], evaluate=evaluate, samples=4 * size)

    @torch.no_grad()
    def settle(self, x):
        """Compute the statistics of batch normalisation from all training compounds at drawn concentrations."""
        for layer in self.network.encoder.trunk:
            if isinstance(layer, nn.BatchNorm1d):
                layer.reset_running_stats()
        self.network.train()
        self.network.encoder(x, self.same_doses(x))

    def judge(self, valid):
        """Evaluate the activity and the bits on labelled data: a value for each `valid_` metric."""
        found = self.ask(valid)
        wanted = [name for name in valid.context["metrics"] if name in metrics.METRICS]
        values = metrics.evaluate(wanted, valid.y, found["y"])
        values["bit_error"] = float(np.mean((found["y_rebuilt"] > 0.5) != np.asarray(valid["x"])))
        values["prior_mmd"] = fingerprints.prior_match(found["y_latent"])["prior_mmd"]
        return {f"valid_{name}": value for name, value in values.items()}

    # ---- the contract

    @torch.no_grad()
    def ask(self, split):
        """Predict the activity `y`, the bits `y_rebuilt` and the latent codes `y_latent` of a split's compounds.

        Activity and bits are predicted at the mean concentration, latent codes at concentrations drawn as in training.
        """
        where = next(self.network.parameters()).device
        bits = torch.from_numpy(np.asarray(split["x"], np.float32)).to(where)
        latent, predicted = self.network.encoder(bits, torch.full_like(bits[:, :1], self.concentration["mean"]))
        logits, _ = self.network.decoder(latent, predicted)
        latent, _ = self.network.encoder(bits, self.same_doses(bits))
        y = predicted.cpu().numpy() * self.shape["spread"] + self.shape["mean"]
        return {"y": y, "y_rebuilt": torch.sigmoid(logits).cpu().numpy(), "y_latent": latent.cpu().numpy()}

    @torch.no_grad()
    def make(self, wanted, seed):
        """Generate fingerprints (n, bits) uint8 for wanted activities (n,) in the labels' unit."""
        where = next(self.network.parameters()).device
        latent = np.random.default_rng(seed).standard_normal((len(wanted), self.parameters["latent"]), np.float32)
        asked = torch.from_numpy(self.standardised(wanted)).to(where)
        logits, _ = self.network.decoder(torch.from_numpy(latent).to(where), asked)
        return (logits > 0).cpu().numpy().astype(np.uint8)

    def predict(self, split):
        """Return `y`; `y_rebuilt`, probabilities of the bits; `y_latent`; `y_made`, fingerprints for the activities
        `wanted` (in the labels' unit); `restarts` of pretraining.
        """
        levels = np.array(self.parameters["wanted"]) * self.shape["spread"] + self.shape["mean"]
        wanted = np.repeat(levels, self.parameters["samples"])
        made = {"y_made": self.make(wanted, self.shape["seed"]), "wanted": wanted}
        return self.ask(split) | made | {"restarts": np.float64(self.shape["restarts"])}

    # ---- figures

    def interpret(self, split, folder):
        from deepbio.domains.chemistry import molecules
        from deepbio.figures import autoencoder, molecule

        folder, origin, found = Path(folder), split.context["origin"], self.predict(split)
        y, active = np.asarray(split.y, float).ravel(), split.context["active"]
        shown = np.column_stack([y, found["y"]])
        names = ("measured activity", "predicted activity")
        latent = {"": found["y_latent"]}
        molecule.draw_latent(latent, shown, names, "validation molecules", origin, folder / "latent")
        autoencoder.draw_course(self.shape["course"], self.shape["restarts"], origin, folder / "losses")
        index, similar = fingerprints.nearest(found["y_made"], split["x"])
        autoencoder.draw_neighbours(found["wanted"], index, y, active, origin, folder / "neighbours")
        drawn = np.random.default_rng(self.shape["seed"]).standard_normal(LEVELS)
        made = self.make(drawn * self.shape["spread"] + self.shape["mean"], self.shape["seed"])
        frequency = np.array(self.shape["frequency"])
        autoencoder.draw_bits(frequency, made.mean(axis=0), split.context["features"], origin, folder / "bits")
        if "smiles" in split:
            texts = molecules.texts(split["smiles"])
            autoencoder.draw_leads(found["wanted"], index, similar, texts, y, origin, folder / "leads")


def draw(tensors, size):
    """Draw the same random rows of one tensor or of several, with torch's generator."""
    several = isinstance(tensors, tuple)
    first = tensors[0] if several else tensors
    index = torch.randint(len(first), (size,), device=first.device)
    return tuple(tensor[index] for tensor in tensors) if several else tensors[index]


def descend(optimizer, loss):
    """Take one step of an optimiser down a loss; return the loss."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.detach()
