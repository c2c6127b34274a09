"""Ridge regression of all outputs at once, with the penalty of each output's own choosing or of all together."""

import numpy as np

from deepbio.core import tables
from deepbio.core.labels import columns
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Parameters: penalty (a list to choose from by the squared error on the validation split; 0 is least squares, of
    the smallest weights where there are more features than samples). The winner is fitted to training and validation
    samples."""

    def fit(self, train, valid, job):
        x, y = (np.concatenate([part(one) for one in (train, valid)]) for part in (_x, _y))
        count = len(train)
        penalties = self.parameters["penalty"]
        best = penalties[0]
        if len(penalties) > 1:
            errors = []
            for penalty in penalties:
                weights = _solve(x[:count], y[:count], penalty)
                errors.append(np.square(_apply(x[count:], *weights) - y[count:]).mean())
            best = penalties[int(np.argmin(errors))]
        self.facts = {"chosen": best}
        names = ("weight", "x_mean", "x_std", "y_mean")
        self.arrays = {k: v.astype(np.float32) for k, v in zip(names, _solve(x, y, best), strict=True)}

    def predict(self, split):
        return {"y": _apply(_x(split), *(self.arrays[key] for key in ("weight", "x_mean", "x_std", "y_mean")))}

    def count_parameters(self):
        return int(self.arrays["weight"].size + self.arrays["y_mean"].size)


def _x(split):
    return np.asarray(split["x"], np.float64)


def _y(split):
    return columns(split.y)


def _solve(x, y, penalty):
    """Return weights (features, outputs) on standardised features, the moments of these, and the outputs' means."""
    mean, std = (np.array(values) for values in tables.column_moments(x))
    left, scale, right = np.linalg.svd((x - mean) / std, full_matrices=False)
    kept = scale > 1e-8 * scale[0]
    shrunk = np.where(kept, scale / np.where(kept, scale**2 + penalty, 1), 0)
    return right.T @ (shrunk[:, None] * (left.T @ (y - y.mean(axis=0)))), mean, std, y.mean(axis=0)


def _apply(x, weight, mean, std, y_mean):
    return ((x - mean) / std) @ weight + y_mean
