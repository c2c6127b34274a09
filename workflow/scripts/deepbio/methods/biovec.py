"""BioVec (Asgari and Mofrad 2015): vectors of words of three residues, or of three bases, by skip-gram; their sum is a
sequence's vector."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core.data import Ragged
from deepbio.domains.protein import reading_frames
from deepbio.learning import training
from deepbio.learning.margins import MarginMethod
from deepbio.learning.network import trained

SMOOTHED = 0.75  # power of a word's frequency by which negatives are drawn (Mikolov et al. 2013, section 2.2)


class SkipGram(nn.Module):
    """Vectors of words as centres and as contexts, (words + 1, size) each; the last word is the unknown one."""

    def __init__(self, words, size):
        super().__init__()
        self.centre, self.context = nn.Embedding(words + 1, size), nn.Embedding(words + 1, size)
        nn.init.uniform_(self.centre.weight, -0.5 / size, 0.5 / size)
        nn.init.zeros_(self.context.weight)

    def forward(self, batch):
        """Score pairs of centres (n,) and contexts (n, k): inner products (n, k)."""
        return torch.einsum("nd,nkd->nk", self.centre(batch["centre"]), self.context(batch["context"]))


def loss(network: SkipGram, batch: dict) -> torch.Tensor:
    """Compute the negative-sampling loss (Mikolov et al. 2013, equation 4): the first context of each centre is one
    that was seen beside it, the others are drawn at random."""
    scores = network(batch).float()
    return -(F.logsigmoid(scores[:, 0]) + F.logsigmoid(-scores[:, 1:]).sum(dim=1)).mean()


class Pairs:
    """Draws pairs of a word and one within its window, as word2vec does: the window of each word is cut at random, and
    frequent words are left out now and then. Words of one sentence only are paired."""

    def __init__(self, sentences: Ragged, window: int, negatives: int, subsample: float, words: int = 8000):
        self.words, self.window, self.negatives = np.asarray(sentences.values), window, negatives
        owner = np.repeat(np.arange(len(sentences)), sentences.lengths)
        self.first, self.last = sentences.offsets[:-1][owner], sentences.offsets[1:][owner]
        counts = np.bincount(self.words, minlength=words + 1).astype(float)
        share = np.maximum(counts / counts.sum(), 1e-12)
        keep = np.minimum(1, np.sqrt(subsample / share) + subsample / share)
        known = (self.last - self.first > 1) & (self.words != words)
        self.usable = np.flatnonzero(known)
        weight = keep[self.words[self.usable]]
        self.cumulative = np.cumsum(weight / weight.sum())
        smooth = counts**SMOOTHED
        smooth[words] = 0  # the unknown word
        self.noise = np.cumsum(smooth / smooth.sum())

    def draw(self, count: int, rng: np.random.Generator) -> dict:
        """Draw `count` pairs: centre (count,), and context (count, 1 + negatives)."""
        at = self.usable[np.minimum(np.searchsorted(self.cumulative, rng.random(count)), len(self.usable) - 1)]
        reach = rng.integers(1, self.window + 1, count)
        low, high = np.maximum(self.first[at], at - reach), np.minimum(self.last[at] - 1, at + reach)
        other = low + rng.integers(0, high - low)  # one place less: the word's own
        other += other >= at
        drawn = np.minimum(np.searchsorted(self.noise, rng.random((count, self.negatives))), len(self.noise) - 2)
        context = np.concatenate([self.words[other][:, None], drawn], axis=1)
        return {"centre": torch.from_numpy(self.words[at].astype(np.int64)), "context": torch.from_numpy(context)}


class Method(MarginMethod):
    """Parameters: size (of a vector), window, negatives, subsample (threshold of frequent words), pooling (`sum`, or
    `mean`), training, and C, gamma, folds of the support vector machine that sees the proteins' vectors.

    The corpus is what the context holds as corpus_values and corpus_offsets, if anything, and the training proteins.
    """

    needs_torch = True

    def __init__(self, parameters):
        super().__init__(parameters)
        self.vectors = np.zeros((0, 0), np.float32)  # of the words, once they are learned
        self.weights = 0

    def features(self, split):
        owner, word = reading_frames.overlapping(*reading_frames.of_split(split))
        found = np.zeros((len(split), self.vectors.shape[1]))
        np.add.at(found, owner, self.vectors[word])
        if self.parameters["pooling"] == "mean":
            found /= np.maximum(np.bincount(owner, minlength=len(split)), 1)[:, None]
        return found

    def fit(self, train, valid, job):
        known, table, letters = reading_frames.of_split(train)
        words, corpus = letters**reading_frames.LENGTH, [reading_frames.sentences(known, table, letters)]
        if "corpus_values" in train.context:
            extra = Ragged(*(np.asarray(train.context[f"corpus_{key}"]) for key in ("values", "offsets")))
            corpus.append(reading_frames.sentences(extra))
        offsets = np.concatenate([[0], np.cumsum(np.concatenate([one.lengths for one in corpus]))])
        joined = Ragged(np.concatenate([one.values for one in corpus]), offsets)
        pairs = Pairs(joined, *(self.parameters[key] for key in ("window", "negatives", "subsample")), words)
        settings = self.parameters["training"]
        job.seed_torch("skipgram", "build")
        network = SkipGram(words, self.parameters["size"])

        def batch(index):
            # The pairs themselves are drawn anew; the numbers of the samples only say which draw it is.
            return pairs.draw(len(index), job.rng("pairs", int(index[0]), int(index[-1])))

        samples = max(len(joined.values), settings["batch_size"])
        training.fit(network, samples, batch, loss, settings, job, "skipgram")
        self.weights = trained(network)
        self.vectors = network.centre.weight.detach().cpu().numpy()[:words].copy()
        super().fit(train, valid, job)

    def count_parameters(self):
        return self.weights

    def save(self, folder):
        from safetensors.numpy import save_file

        from deepbio.core.files import atomic

        super().save(folder)
        with atomic(Path(folder) / "model.safetensors") as temporary:
            save_file({"vectors": self.vectors, "weights": np.array([self.weights])}, temporary)

    def load(self, folder):
        from safetensors.numpy import load_file

        super().load(folder)
        stored = load_file(Path(folder) / "model.safetensors")
        self.vectors, self.weights = stored["vectors"], int(stored["weights"][0])

    def interpret(self, split, folder):
        from deepbio.figures import families as figures

        if "residues" in split:
            _, word = reading_frames.overlapping(split["residues"])
            seen = np.bincount(word, minlength=len(self.vectors))
            figures.draw_words(self.vectors, seen, split.context, folder / "words")
        figures.draw_map(self.features(split), split, folder / "map")
