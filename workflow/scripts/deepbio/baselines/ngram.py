"""A Markov chain of symbols: each is drawn as often as it followed the last few symbols in the training molecules."""

import numpy as np

from deepbio.domains.chemistry.smiles import END
from deepbio.learning.rule import RuleMethod

BATCH = 512  # strings sampled at a time, so that the first ones do not depend on how many follow
SMALL = 0.01  # added to every count when the orders are compared


class Method(RuleMethod):
    """Parameters: orders, the numbers of earlier symbols to choose from by the likelihood of validation molecules."""

    def fit(self, train, valid, job):
        self.symbols, self.seed = len(train.context["symbols"]) + 1, job.number("samples")
        losses = []
        for order in self.parameters["orders"]:
            self.count(np.asarray(train.y), order)
            losses.append(self.loss(np.asarray(valid.y)))
            job.history.append({"phase": "order", "step": order, "valid_loss": losses[-1]})
        self.count(np.asarray(train.y), self.parameters["orders"][int(np.argmin(losses))])
        self.facts = {"order": self.order, "symbols": self.symbols, "seed": self.seed}
        self.arrays = {"seen": self.seen, "times": self.times}

    def words(self, codes, order):
        """Return numbers of every symbol's context and of the context with the symbol, and which symbols were written.

        All three are (n, length). A context is read as a number to the base symbols + 1; before the first symbol stands
        `symbols`.
        """
        first = np.full((len(codes), order), self.symbols)
        padded = np.concatenate([first, codes], axis=1).astype(np.int64)
        context = np.zeros(codes.shape, np.int64)
        for back in range(order):
            context = context * (self.symbols + 1) + padded[:, back : back + codes.shape[1]]
        written = np.concatenate([np.ones((len(codes), 1), bool), codes[:, :-1] != END], axis=1)
        return context, context * (self.symbols + 1) + codes, written

    def count(self, codes, order):
        """Count the words of codes, with contexts of `order` symbols."""
        self.order = order
        _, words, written = self.words(codes, order)
        self.know(*np.unique(words[written], return_counts=True))

    def know(self, seen, times):
        """Store the sorted words, the count of each, and the sum of the counts before it."""
        self.seen, self.times = seen, times
        self.sums = np.concatenate([[0], np.cumsum(times)])

    def slices(self, context):
        """Find where the words of contexts begin and end among the sorted ones."""
        low = context * (self.symbols + 1)
        return np.searchsorted(self.seen, low), np.searchsorted(self.seen, low + self.symbols, side="right")

    def loss(self, codes):
        """Compute the mean negative log likelihood of a molecule, with SMALL added to every count."""
        context, words, written = self.words(codes, self.order)
        low, high = self.slices(context[written])
        index = np.minimum(np.searchsorted(self.seen, words[written]), len(self.seen) - 1)
        times = np.where(self.seen[index] == words[written], self.times[index], 0)
        total = self.sums[high] - self.sums[low]
        return float(-np.log((times + SMALL) / (total + SMALL * self.symbols)).sum() / len(codes))

    def predict(self, split):
        rng, length = np.random.default_rng(self.seed), split.context["length"]
        parts = [self.write(BATCH, length, rng) for _ in range(0, len(split), BATCH)]
        return {"y": np.concatenate(parts)[: len(split)]}

    def write(self, count, length, rng):
        """Sample codes (count, length) of new strings."""
        codes = np.zeros((count, length), np.uint8)
        context = np.full(count, sum(self.symbols * (self.symbols + 1) ** i for i in range(self.order)), np.int64)
        writing = np.ones(count, bool)
        for position in range(length):
            low, high = self.slices(context)
            # Every context that the chain reaches was seen, because it was drawn from the words that were.
            drawn = self.sums[low] + rng.random(count) * (self.sums[high] - self.sums[low])
            word = self.seen[np.minimum(np.searchsorted(self.sums, drawn, side="right") - 1, high - 1)]
            symbol = word % (self.symbols + 1)
            writing &= symbol != END
            if not writing.any():
                break
            codes[writing, position] = symbol[writing]
            context = np.where(writing, word % (self.symbols + 1) ** self.order, context)
        return codes

    def count_parameters(self):
        return len(self.seen)

    def load(self, folder):
        super().load(folder)
        self.order, self.symbols, self.seed = (self.facts[key] for key in ("order", "symbols", "seed"))
        self.know(self.arrays["seen"], self.arrays["times"])
