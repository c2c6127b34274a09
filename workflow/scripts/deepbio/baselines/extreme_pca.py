"""Values at the ends of the scale filled in by principal components of the others."""

import numpy as np

from deepbio.baselines.extreme_values import filled, unknown
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Takes values of 0 and 1 for unknown, as `extreme_values` does, and fills them in by turns: components of the
    filled profiles rebuild the unknown values, until they stay about the same. Known values are kept.

    Parameters: components, a list to choose from by the error of known validation values, of which each tenth was
    hidden; rounds, the number of turns.
    """

    def fit(self, train, valid, job):
        x, wrong = filled(train["x"]), unknown(train["x"])
        held, missing = filled(valid["x"]), unknown(valid["x"])
        hidden = ~missing & (np.random.default_rng(0).random(held.shape) < 0.1)
        shown = filled(np.where(hidden, 0, valid["x"]))
        errors, found = {}, {}
        for count in (count for count in self.parameters["components"] if count < min(x.shape)):
            found[count] = _components(x, wrong, count, self.parameters["rounds"])
            rebuilt = _fill(shown, missing | hidden, *found[count], self.parameters["rounds"])
            errors[count] = np.square(rebuilt - held)[hidden].mean()
        best = min(errors, key=errors.get)
        self.facts = {"chosen": best}
        self.arrays = dict(zip(("mean", "axes"), found[best], strict=True))

    def predict(self, split):
        x = filled(split["x"])
        y = _fill(x, unknown(split["x"]), self.arrays["mean"], self.arrays["axes"], self.parameters["rounds"])
        return {"y": y.clip(0, 1)}


def _components(x, wrong, count, rounds):
    """Give the mean (conditions,) and the leading components (count, conditions) of x, whose unknown values are filled
    in on the way."""
    for _ in range(rounds):
        mean = x.mean(axis=0)
        axes = np.ascontiguousarray(np.linalg.svd(x - mean, full_matrices=False)[2][:count])
        x = _fill(x, wrong, mean, axes, 1)
    return mean, axes


def _fill(x, wrong, mean, axes, rounds):
    """Rebuild the unknown values of x from given components, again and again from what was rebuilt."""
    for _ in range(rounds):
        x = np.where(wrong, (x - mean) @ axes.T @ axes + mean, x)
    return x
