"""The mean distance of training residues as far apart in the sequence, made into a loop as the network's is."""

import numpy as np

from deepbio.domains.protein import loops
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Predicts a loop's distances by the separation of two residues alone."""

    def fit(self, train, valid, job):
        x = np.where(np.asarray(train["missing"])[:, :, None] > 0, np.nan_to_num(train.y), train["trace"])
        there = np.asarray(train["missing"]) + np.asarray(train["present"])
        table = loops.matrices(x, there)
        size = table.shape[1]
        apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
        known = (there[:, :, None] * there[:, None]).astype(float)
        mean = [(table * known)[:, apart == step].sum() / max(known[:, apart == step].sum(), 1) for step in range(size)]
        self.arrays = {"mean": np.array(mean)}

    def predict(self, split):
        size = len(self.arrays["mean"])
        table = self.arrays["mean"][np.abs(np.subtract.outer(np.arange(size), np.arange(size)))]
        rows = zip(split["trace"], split["missing"], split["present"], strict=True)
        y = np.stack([np.nan_to_num(loops.place(table, *row)) for row in rows])
        return {"y": y, "distance": np.repeat(table[None], len(y), axis=0)}

    def count_parameters(self):
        return self.arrays["mean"].size
