"""Genomic-ULMFiT (Kheyer 2019): a language model of k-mers over a genome, whose layers then learn to classify windows.

Language model, its fine-tuning on the windows, and the classifier by gradual unfreezing (Howard and Ruder 2018).
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.domains.dna import sequences
from deepbio.learning import layers, one_cycle
from deepbio.learning.awd_lstm import Encoder, LanguageModel, activity
from deepbio.learning.sequence_network import SequenceMethod

PAD = 0  # also of a k-mer with an unknown base
HIDDEN, HEAD_DROPOUT = 50, 0.1  # of the classifier's head


def tokens(codes, k, stride):
    """Turn codes (n, length) into numbers of k-mers (n, steps), each `stride` bases behind the one before."""
    return (sequences.kmer_words(codes, k)[:, ::stride] + 1).astype(np.int64)


class Network(nn.Module):
    """{"tokens": (n, steps)} -> (n, outputs): the encoder, the last, highest and mean output, and two dense layers."""

    def __init__(self, encoder, dropout, shape):
        super().__init__()
        self.encoder = encoder
        features = 3 * encoder.embedding.embedding_dim
        self.before, self.dense, self.after = (
            nn.BatchNorm1d(features),
            nn.Linear(features, HIDDEN),
            nn.BatchNorm1d(HIDDEN),
        )
        self.dropout, self.head = dropout, layers.head(HIDDEN, shape)

    def read(self, batch):
        """Compute the outputs (n, outputs), and what the encoder gives at each step."""
        dropped, raw, _ = self.encoder(batch["tokens"])
        known = (batch["tokens"] != PAD)[..., None]
        highest = dropped.masked_fill(~known, -torch.inf).amax(dim=1).clamp(min=-1e4)
        mean = (dropped * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)
        x = self.before(torch.cat([dropped[:, -1], highest, mean], dim=1))
        x = F.relu(self.dense(F.dropout(x, self.dropout, self.training)))
        return self.head(F.dropout(self.after(x), HEAD_DROPOUT, self.training)), dropped, raw

    def forward(self, batch):
        return self.read(batch)[0]

    def groups(self):
        """List the parameters from the embedding up to the head."""
        of_head = [
            *self.before.parameters(),
            *self.dense.parameters(),
            *self.after.parameters(),
            *self.head.parameters(),
        ]
        return [*self.encoder.groups(), of_head]


class Method(SequenceMethod):
    """Parameters: k, stride, features, units, layers; pretrained (whether the language model is learned first);
    language_model and tuning (dropout, scale of it, steps of tokens, phases; what share of the corpus), classifier
    (dropout, scale, phases), naive (the same without a language model), alpha, beta, labels (training windows of each
    class at most; null: all), predict_batch."""

    def describe(self, split):
        return super().describe(split) | {"tokens": 4 ** self.parameters["k"] + 1}

    def encoder(self, parameters, shape, dropout, scale):
        """Build an encoder whose dropouts are those of `dropout`, times `scale`."""
        shares = {name: share * scale for name, share in dropout.items()}
        return Encoder(shape["tokens"], parameters["features"], parameters["units"], parameters["layers"], shares)

    def build(self, parameters, shape):
        chosen = parameters["classifier" if parameters["pretrained"] else "naive"]
        dropout, scale = parameters["classifier"]["dropout"], chosen["scale"]
        encoder = self.encoder(parameters, shape, {**dropout, "output": 0.0}, scale)
        return Network(encoder, dropout["output"] * scale, shape)

    def batch(self, split, index):
        found = super().batch(split, index)
        words = tokens(found.pop("codes").numpy(), self.parameters["k"], self.parameters["stride"])
        return found | {"tokens": torch.from_numpy(words)}

    def loss(self, network, batch):
        output, dropped, raw = network.read(batch)
        found = self.loss_of(output, batch)
        if network.training:
            found = found + activity(dropped, raw, self.parameters["alpha"], self.parameters["beta"])
        return found

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        chosen = self.parameters["classifier" if self.parameters["pretrained"] else "naive"]
        model = self.language_model(train, job) if self.parameters["pretrained"] else None
        job.seed_torch("classifier", "build")
        network = self.build(self.parameters, self.shape)
        if model is not None:
            network.encoder.load_state_dict(model.encoder.state_dict())
        learned = few(train, self.parameters["labels"], job.rng("labels"))

        def validate():
            return self.validate(network, valid, job.device)

        for number, phase in enumerate(chosen["phases"]):
            one_cycle.fit(
                network, network.groups(), len(learned), lambda index, _: self.batch(learned, index), self.loss, phase,
                job, f"classifier{number + 1}", validate,
            )  # fmt: skip
        self.network = network.requires_grad_(True).eval()

    # ---- the language model

    def language_model(self, train, job):
        """Learn the corpus, then the training windows."""
        job.seed_torch("language model", "build")
        chosen = self.parameters["language_model"]
        model = LanguageModel(self.encoder(self.parameters, self.shape, chosen["dropout"], chosen["scale"]))
        corpus = np.asarray(train.context["corpus"]) if "corpus" in train.context else np.zeros(0, np.uint8)
        windows = np.pad(np.asarray(train["codes"]), ((0, 0), (0, 1)), constant_values=sequences.UNKNOWN).ravel()
        span = chosen["steps"] * self.parameters["stride"] + self.parameters["k"]
        for name, text, phases in (
            ("corpus", corpus, chosen["phases"]),
            ("windows", windows, self.parameters["tuning"]),
        ):
            if len(text) > 4 * span:
                self.learn_text(model, text, span, phases, job, name)
        return model

    def learn_text(self, model, text, span, phases, job, name):
        """Learn the next k-mer in pieces of a text, on both strands; the last tenth of it is for validation.

        A piece begins at a position that each epoch draws anew, so that all frames of the k-mers are read.
        """
        held = text[-max(2 * span, len(text) // 10) :]
        learned = text[: -len(held)] if len(text) > 2 * len(held) else text
        pieces, stride = max(1, (len(learned) - span) // span), self.parameters["stride"]
        checked = np.stack([held[start : start + span] for start in range(0, len(held) - span + 1, span)][:500])

        def cut(codes):
            return {"tokens": torch.from_numpy(tokens(codes, self.parameters["k"], stride))}

        def batch(index, epoch):
            rng = job.rng(name, "places", epoch)
            starts = np.minimum(index * span + rng.integers(0, span), len(learned) - span)
            codes = learned[starts[:, None] + np.arange(span)]
            other = rng.random(pieces)[index] < 0.5
            codes[other] = sequences.reverse_complement(codes[other])
            return cut(codes)

        def loss(network, found):
            scores, dropped, raw, _ = network(found["tokens"][:, :-1])
            value = F.cross_entropy(scores.transpose(1, 2), found["tokens"][:, 1:], ignore_index=PAD)
            if network.training:
                value = value + activity(dropped, raw, self.parameters["alpha"], self.parameters["beta"])
            return value

        def validate():
            found = {key: value.to(job.device) for key, value in cut(checked).items()}
            return {"loss": loss(model, found)}

        groups = [list(model.parameters())]
        for number, phase in enumerate(phases):
            one_cycle.fit(model, groups, pieces, batch, loss, phase, job, f"{name}{number + 1}", validate)
        model.to("cpu")

    def interpret(self, split, folder):
        from deepbio.figures import interpretation
        from deepbio.figures import language_model as figures

        positive = interpretation.positives(split)
        best = int(self.predict(positive)["y"][:, 0].argmax())
        interpretation.mutation_map(self, positive, best, folder)
        weight = self.network.encoder.embedding.weight.detach().numpy()
        origin = split.context["origin"]
        figures.draw_embedding(weight, self.parameters["k"], Path(folder) / "embedding", origin)
        figures.draw_perturbed(self, positive, Path(folder) / "perturbed")


def few(split, most, rng):
    """Draw at most so many samples of each class, or of all where they are numbers; all for None."""
    if not most:
        return split
    y = np.asarray(split.y).reshape(len(split), -1)[:, 0]
    classes = np.unique(y) if len(np.unique(y)) == 2 else [None]
    chosen = [rng.permutation(np.flatnonzero(y == one if one is not None else y == y))[:most] for one in classes]
    return split.take(np.sort(np.concatenate(chosen)))
