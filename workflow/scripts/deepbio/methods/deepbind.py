"""DeepBind (Alipanahi et al. 2015): motif detectors, global maximum, a small head; settings by random search.

Both strands are scored and the larger score counts. The reverse strand is scanned with reverse-complemented detectors
over the same sequence, which gives the same scores as scanning the reversed sequence. Only the best window of a
detector gets a gradient through a maximum. Therefore the best windows are found without recording gradients, and only
these few windows are scored again: the same gradient for a fraction of the work.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core.data import concatenate
from deepbio.domains.dna import sequences
from deepbio.learning import search
from deepbio.learning.sequence_network import SequenceMethod


class DeepBind(nn.Module):
    """codes (n, length) -> scores (n, outputs): convolution, bias, ReLU, maximum, dropout, then M1 or M2's head.

    hidden = 0 is M1 (linear head), hidden = 32 is M2 (supplementary software, model definitions). `head_scale` is the
    standard deviation of the head's initial weights; None: torch's initialization. `decay` are the L1 penalties of the
    detectors and of the head.
    """

    def __init__(
        self,
        motifs=16,
        motif_length=24,
        hidden=32,
        dropout=0.0,
        motif_scale=1e-3,
        head_scale=None,
        decay=(0.0, 0.0),
        outputs=1,
    ):
        super().__init__()
        self.detectors = nn.Parameter(motif_scale * torch.randn(motifs, 4, motif_length))
        self.bias = nn.Parameter(torch.zeros(motifs))
        self.dropout = nn.Dropout(dropout)
        self.head = (
            nn.Sequential(nn.Linear(motifs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
            if hidden
            else nn.Linear(motifs, outputs)
        )
        for layer in self.head.modules() if head_scale is not None else ():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=head_scale)
                nn.init.zeros_(layer.bias)
        self.decay = decay

    def penalty(self):
        """Compute the L1 penalty of the weights; biases have none."""
        motifs, dense = self.decay
        head = sum(weight.abs().sum() for name, weight in self.head.named_parameters() if name.endswith("weight"))
        return motifs * self.detectors.abs().sum() + dense * head

    def scan(self, codes):
        """Find the best score of every detector on both strands (n, 2, motifs), and where its window begins.

        A window's beginning is an index into the padded sequence, (n, 2 · motifs).
        """
        motifs, _, width = self.detectors.shape
        # The padding is unknown bases, 0.25 in each channel, so that a motif may extend beyond an end.
        x = sequences.one_hot(F.pad(codes, (width - 1, width - 1), value=sequences.UNKNOWN))
        both = torch.cat([self.detectors, self.detectors.flip(1, 2)])
        with torch.no_grad():
            scores = F.conv1d(x, both.to(x.dtype))
            # numpy finds the index of a maximum three times faster than torch on a CPU.
            index = scores.argmax(2) if scores.is_cuda else torch.from_numpy(scores.numpy().argmax(2))
        rows = torch.arange(len(x), device=x.device)[:, None]
        winners = x.unfold(2, width, 1).transpose(1, 2)[rows, index]
        return (winners * both).sum((2, 3)).reshape(len(x), 2, motifs), index

    def forward(self, batch):
        best, _ = self.scan(batch["codes"])
        return self.head(self.dropout(F.relu(best + self.bias))).amax(1)


class Method(SequenceMethod):
    """Parameters: motifs, motif_length, fresh_negatives, checkpoints, nesterov, penalty (l1 or l2), training, and
    search: trials, folds (1: judged on the validation split), finals, space, and `steps` where trials are shorter than
    the final trainings; else (null) the search also chooses the length of training, among the checkpoints."""

    def build(self, parameters, shape):
        names = ("motifs", "motif_length", "hidden", "dropout", "motif_scale")
        form = {name: parameters[name] for name in names} | {"head_scale": parameters.get("head_scale")}
        if parameters.get("penalty") == "l1":
            form["decay"] = parameters.get("motif_decay", 0.0), parameters.get("dense_decay", 0.0)
        return DeepBind(**form, outputs=shape["outputs"])

    def loss(self, network, batch):
        value = super().loss(network, batch)
        return value + network.penalty() if network.training and any(network.decay) else value

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        budget = self.parameters["search"]

        def trial(setting, name):
            return self.trial(setting, train, valid, job, name)

        def final(found):
            # The paper trains the best setting several times and keeps the best network.
            steps = self.parameters["training"]["steps"] if budget.get("steps") else found.result["steps"]
            chosen = {**found.setting, "steps": steps}
            finals = [self.train_setting(chosen, train, valid, job, f"final{i}") for i in range(budget["finals"])]
            return min(finals, key=lambda one: one[1].best_loss)[0], chosen

        _, (self.network, chosen) = search.fit_best(budget, trial, final, job)
        self.parameters = {**self.parameters, **chosen}

    def trial(self, setting, train, valid, job, name):
        """Compute the validation loss and the steps of a setting's best checkpoint.

        With several folds the loss is that of cross-validation, otherwise that of `valid`.
        """
        count = self.parameters["search"]["folds"]
        setting = {**setting, "steps": self.parameters["search"].get("steps") or self.parameters["training"]["steps"]}
        parts = [(train, valid)]
        if count > 1:
            fold = _folds(train, count, job.rng("folds"))
            parts = [(train.take(fold != number), train.take(fold == number)) for number in range(count)]
        results = [
            self.train_setting(setting, learn, judge, job, f"{name}-fold{number}")[1]
            for number, (learn, judge) in enumerate(parts)
        ]
        mean = np.mean([result.losses for result in results], axis=0)
        best = int(np.argmin(mean))
        return {"loss": float(mean[best]), "steps": setting["steps"] * (best + 1) // len(mean)}

    def train_setting(self, setting, train, valid, job, name):
        """Train a network with one setting; return the network and the result of its training."""
        parameters = {**self.parameters, **setting}
        settings = {
            "steps": setting["steps"],
            "learning_rate": setting["learning_rate"],
            "optimizer_options": {"momentum": setting["momentum"], "nesterov": parameters.get("nesterov", False)},
            "evaluate_every": max(1, setting["steps"] // self.parameters["checkpoints"]),
        }
        decay = parameters.get("penalty") != "l1"  # otherwise it is part of the loss

        def groups(network):
            detectors = [network.detectors]
            dense = [weight for key, weight in network.named_parameters() if key.startswith("head")]
            return [
                {"params": detectors, "weight_decay": setting["motif_decay"] if decay else 0},
                {"params": dense, "weight_decay": setting["dense_decay"] if decay else 0},
                {"params": [network.bias]},
            ]

        train, refresh = self.fresh_negatives(train, job, name)
        return self.train_network(parameters, train, valid, job, name, settings, groups, refresh)

    def fresh_negatives(self, train, job, name):
        """Return a copy of `train`, and a function that draws its negatives anew for an epoch.

        Where negatives are given, return `train` itself and None.
        """
        if not (self.parameters["fresh_negatives"] and train.context.get("shuffled_negatives")):
            return train, None
        positive = np.asarray(train.y) == 1
        train = concatenate(train.take(positive), train.take(positive))
        half = len(train) // 2
        train.y[half:] = 0

        def refresh(epoch):
            shuffled = sequences.dinucleotide_shuffle(train["codes"][:half], job.number(name, "negatives", epoch))
            train["codes"][half:] = shuffled

        return train, refresh

    def interpret(self, split, folder):
        from deepbio.figures import interpretation

        positive = interpretation.positives(split)
        codes = np.asarray(positive["codes"])
        width = self.network.detectors.shape[2]

        def scan(batch):
            best, position = self.network.scan(batch["codes"])
            return F.relu(best + self.network.bias), position

        active, position = self.run_batched(positive, scan)
        # A detector is drawn from the strand of its higher score; positions are those in the sequence without padding.
        strand = active.argmax(1).numpy()
        active = active.amax(1).numpy()
        position = np.where(strand == 0, *np.split(position.numpy(), 2, axis=1)) - (width - 1)
        interpretation.detector_logos(codes, active, position, strand, width, split.context, folder)
        score = self.predict(positive)["y"].ravel()
        interpretation.mutation_map(self, positive, int(score.argmax()), folder)


def _folds(split, count, rng):
    """Assign a fold number to every sample; the samples of one group (a peak and its shuffle) share it."""
    groups, member = np.unique(split["group"], return_inverse=True)
    return rng.permutation(np.arange(len(groups)) % count)[member]
