"""Ridge regression from all tracks to the profile: what a linear read-out of the other experiments tells."""

import numpy as np

from deepbio.core import kind
from deepbio.learning.rule import RuleMethod

FLOOR = 1e-4  # of a predicted share


class Method(RuleMethod):
    """Parameters: bin (bases over which tracks are averaged), penalty (choices; by the validation divergence)."""

    def fit(self, train, valid, job):
        one = kind.load(train.context["input"])
        x, held = (one.matrix(split, self.parameters) for split in (train, valid))
        y, held_y = (_shares(np.asarray(split.y, np.float64)) for split in (train, valid))
        mean, std = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
        x, held, centre = (x - mean) / std, (held - mean) / std, y.mean(axis=0)
        gram, right, best = x.T @ x, x.T @ (y - centre), np.inf
        for penalty in self.parameters["penalty"]:
            weight = np.linalg.solve(gram + penalty * np.eye(len(gram)), right)
            p = _shares(np.maximum(held @ weight + centre, FLOOR))
            loss = float((held_y * (np.log(held_y + 1e-7) - np.log(p))).sum(axis=1).mean())
            if loss < best:
                best, self.arrays = loss, {"weight": weight, "centre": centre, "mean": mean, "std": std}

    def predict(self, split):
        x = (kind.load(split.context["input"]).matrix(split, self.parameters) - self.arrays["mean"]) / self.arrays[
            "std"
        ]
        return {"y": _shares(np.maximum(x @ self.arrays["weight"] + self.arrays["centre"], FLOOR))}


def _shares(y):
    return y / np.maximum(y.sum(axis=1, keepdims=True), 1e-9)
