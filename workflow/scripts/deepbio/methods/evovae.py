"""EVOVAE (Sinai et al. 2017): a variational autoencoder of a protein family, whose likelihood says what a substitution
does."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core.data import Split
from deepbio.domains.protein import sequences
from deepbio.domains.protein.alignments import GAP
from deepbio.domains.protein.variants import all_substitutions
from deepbio.learning import device
from deepbio.learning.layers import glorot
from deepbio.learning.network import NetworkMethod

# The paper's alphabet in its order; U and O, which it lacks, are X.
SYMBOLS = "-ZBPTSRKCHNQDEWYFMGAVLIX"
_SYMBOL = np.array([SYMBOLS.find(letter) % len(SYMBOLS) for letter in sequences.LETTERS + "-"], np.int64)
SMALL = 1e-7
AVERAGED = 100  # variants whose decoded matrices are averaged


class Network(nn.Module):
    """One-hot x (n, columns, 24) -> the parameters of z, and z -> logits of the symbols of all columns.

    Encoder and decoder have three layers of exponential linear units, and dropout in the middle.
    """

    def __init__(self, columns, width, latent, dropout):
        super().__init__()
        size = columns * len(SYMBOLS)
        self.columns = columns
        self.encoder = nn.Sequential(
            nn.Linear(size, width), nn.ELU(), nn.Dropout(dropout),
            nn.Linear(width, width), nn.ELU(), nn.BatchNorm1d(width, eps=1e-3, momentum=0.01),
            nn.Linear(width, width), nn.ELU(),
        )  # fmt: skip
        self.mean, self.log_variance = nn.Linear(width, latent), nn.Linear(width, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, width), nn.ELU(), nn.Linear(width, width), nn.ELU(), nn.Dropout(dropout),
            nn.Linear(width, width), nn.ELU(), nn.Linear(width, size),
        )  # fmt: skip
        glorot(self)

    def encode(self, x):
        """Compute mean and log variance of z, (n, latent) each."""
        hidden = self.encoder(x.flatten(1))
        return self.mean(hidden), self.log_variance(hidden)

    def decode(self, z):
        """Compute the logits of all symbols, (n, columns, 24)."""
        return self.decoder(z).view(len(z), self.columns, len(SYMBOLS))

    def forward(self, batch):
        mean, log_variance = self.encode(batch["x"])
        z = mean + torch.randn_like(mean) * torch.exp(log_variance / 2)
        return self.decode(z), mean, log_variance


class Method(NetworkMethod):
    """Parameters: width, latent, dropout, loss (`flat`, the paper's, or `columns`), score (`mutant`, `wild_type` or
    `average`: what is decoded), sampled (one z drawn at random for each sequence, as in the paper; else its mean),
    members (networks whose scores are averaged), valid_fraction (of the alignment's rows, the last ones)."""

    def build(self, parameters, shape):
        form = (parameters[key] for key in ("width", "latent", "dropout"))
        width, latent, dropout = form
        members = range(parameters["members"])
        return nn.ModuleList([Network(shape["columns"], width, latent, dropout) for _ in members])

    def describe(self, split):
        return {"columns": int(split["residues"].shape[1]), "wild_type": split.context["wild_type"]}

    def batch(self, split, index):
        symbols = torch.from_numpy(_SYMBOL[np.asarray(split["residues"][index])])
        return {"x": F.one_hot(symbols, len(SYMBOLS)).float()}

    def loss(self, network, batch):
        """Compute the mean over sequences of reconstruction and divergence, summed over the networks.

        flat: the cross-entropy of all columns' sigmoids as one distribution (their sum is one), times the number of
        symbols, with the divergence once; so the divergence hardly counts. columns: the cross-entropy of a softmax in
        each column, summed, and the divergence: the evidence lower bound.
        """
        total = 0.0
        for member in network:
            logits, mean, log_variance = member(batch)
            divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(dim=1)
            if self.parameters["loss"] == "flat":
                shares = torch.sigmoid(logits).flatten(1)
                log = torch.log((shares / shares.sum(dim=1, keepdim=True)).clamp(min=SMALL))
                rebuilt = -(log * batch["x"].flatten(1)).sum(dim=1) * log.shape[1]
            else:
                rebuilt = -(logits.log_softmax(dim=2) * batch["x"]).sum(dim=(1, 2))
            total = total + (rebuilt + divergence).mean()
        return total

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        rows = Split({"residues": np.asarray(train.context["alignment"])}, train.context)
        cut = len(rows) - max(1, round(self.parameters["valid_fraction"] * len(rows)))
        learned, held = rows.take(np.arange(cut)), rows.take(np.arange(cut, len(rows)))
        members, alone = [], {**self.parameters, "members": 1}
        for number in range(self.parameters["members"]):
            network, _ = self.train_network(alone, learned, held, job, f"member{number + 1}-")
            members.append(network[0])
        self.network = nn.ModuleList(members).eval()

    def validate(self, network, valid, where, monitor="loss"):
        # What z is drawn at random is drawn alike at each evaluation, and leaves the training's draws alone.
        with device.drawn(0, where):
            return self.mean_loss(network, valid, where)

    # ---- scores

    def symbols(self, split, index):
        """Give the one-hot symbols of some samples on the device of the network."""
        return self.batch(split, index)["x"].to(next(self.network.parameters()).device)

    def log_shares(self, member, x, noise=None):
        """Decode sequences x (n, columns, 24) by the mean of z, or by one z with `noise` (n, latent) standard normal:
        log-probabilities (n, columns, 24)."""
        z, log_variance = member.encode(x)
        if noise is not None:
            z = z + torch.from_numpy(noise).to(z) * torch.exp(log_variance / 2)
        logits = member.decode(z)
        if self.parameters["loss"] != "flat":
            return logits.log_softmax(dim=2)
        return F.logsigmoid(logits).log_softmax(dim=2)

    @torch.no_grad()
    def scores(self, split):
        """Score variants three ways: how much more likely their residues are than the wild type's, (n,) each, where the
        variant itself is decoded, the wild type, or the mean of up to 100 decoded variants."""
        network, n = self.network.eval(), len(split)
        first = self.symbols(Split({"residues": sequences.encode(self.shape["wild_type"])[None]}, {}), np.arange(1))
        found = {name: np.zeros(n) for name in ("mutant", "wild_type", "average")}
        chosen = np.sort(np.random.default_rng(0).permutation(n)[:AVERAGED])
        for number, member in enumerate(network):
            noise = np.random.default_rng([number, 0]).standard_normal((n + 1, self.parameters["latent"]))

            def decoded(x, rows, member=member, noise=noise):
                return self.log_shares(member, x, noise[rows] if self.parameters["sampled"] else None)

            of_wild = decoded(first, np.array([0]))[0]
            mean = decoded(self.symbols(split, chosen), chosen + 1).exp().mean(dim=0)
            fixed = {"wild_type": of_wild, "average": torch.log(mean)}
            base = {name: float((table * first[0]).sum()) for name, table in fixed.items()}
            for start in range(0, n, 512):
                index = np.arange(start, min(start + 512, n))
                x = self.symbols(split, index)
                own = (decoded(x, index + 1) * x).sum(dim=(1, 2))
                found["mutant"][index] += own.cpu().numpy() - base["wild_type"]
                for name, table in fixed.items():
                    found[name][index] += (table * x).sum(dim=(1, 2)).cpu().numpy() - base[name]
        return {name: values / len(network) for name, values in found.items()}

    def predict(self, split):
        found = self.scores(split)
        names = {"mutant": "y_of_mutant", "wild_type": "y_of_wild_type", "average": "y_of_average"}
        return {"y": found[self.parameters["score"]][:, None]} | {names[key]: values for key, values in found.items()}

    def interpret(self, split, folder, train):
        from deepbio.figures import proteins as figures

        wild = sequences.encode(self.shape["wild_type"])
        every = Split({"residues": all_substitutions(wild)}, split.context)
        p = self.scores(every)[self.parameters["score"]].reshape(len(wild), 20)
        figures.draw_substitutions(p, [train, split], wild, folder / "substitutions")
        rows = np.asarray(split.context["alignment"])
        rows = rows[np.sort(np.random.default_rng(0).permutation(len(rows))[:3000])]
        places = []
        for residues in (rows, np.asarray(split["residues"]), wild[None]):
            x = self.symbols(Split({"residues": residues}, {}), np.arange(len(residues)))
            with torch.no_grad():
                places.append(self.network.eval()[0].encode(x)[0].cpu().numpy())
        agree = ((rows == wild) & (rows != GAP)).sum(axis=1) / np.maximum((rows != GAP).sum(axis=1), 1)
        figures.draw_latent(*places, agree, split.context, folder / "latent")
