"""Episodes of few-shot learning: supports of known molecules and queries, and what baselines of a support share."""

import numpy as np

from deepbio.files import digest
from deepbio.rule import RuleMethod


def sizes(split):
    """Numbers of actives and of inactives in the support of every episode, (n, 2)."""
    return np.stack([(np.asarray(split[name]) >= 0).sum(axis=1) for name in ("actives", "inactives")], axis=1)


def by_size(split):
    """Rows of the episodes of each size of support, as arrays of numbers."""
    found = sizes(split)
    return [np.flatnonzero((found == size).all(axis=1)) for size in np.unique(found, axis=0)]


def support(split, index):
    """Molecules (n, s) and labels (s,) of the supports of episodes `index`, actives first; all of one size."""
    size = np.unique(sizes(split.take(index)), axis=0)
    if len(size) != 1:
        raise ValueError("supports of one batch must have one size")
    parts = [np.asarray(split[name])[index] for name in ("actives", "inactives")]
    found = np.concatenate([part[:, :count] for part, count in zip(parts, size[0], strict=True)], axis=1)
    return found, np.repeat(np.float32([1, 0]), size[0])


class SupportMethod(RuleMethod):
    """A baseline that learns from each episode's support alone; a subclass says `prepare` and `rank`."""

    def prepare(self, smiles):
        """What `rank` needs of all molecules of the context."""
        raise TypeError(f"{type(self).__module__} does not say what it knows of molecules")

    def rank(self, known, support, labels, query, seed):
        """Probabilities (q,) of the molecules `query` (q,) after learning from `support` (s,) with `labels` (s,)."""
        raise TypeError(f"{type(self).__module__} does not say how it learns")

    def fit(self, train, valid, job):
        self.facts = {"seed": job.number("support")}

    def predict(self, split):
        known = self.prepare(split.context["smiles"])
        y = np.zeros(split["query"].shape, np.float32)
        for row in range(len(split)):
            given, labels = support(split, np.array([row]))
            asked = np.asarray(split["query"][row])
            # The episode, not its place among others, decides what is drawn at random.
            seed = int(digest(self.facts["seed"], given), 16) % 2**32
            y[row, asked >= 0] = self.rank(known, given[0], labels, asked[asked >= 0], seed)
        return {"y": y}
