"""Profiles rebuilt from their first principal components."""

import numpy as np

from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Parameters: components, a list to choose from by the error of rebuilt validation profiles of which each tenth
    value was hidden (set to its mean) and is to be rebuilt. The `code` is the components' values."""

    def fit(self, train, valid, job):
        x = np.asarray(train["x"], np.float64)
        mean = x.mean(axis=0)
        axes = np.linalg.svd(x - mean, full_matrices=False)[2]
        held = np.asarray(valid["x"], np.float64) - mean
        hidden = np.random.default_rng(0).random(held.shape) < 0.1
        shown = np.where(hidden, 0, held)
        choices = [count for count in self.parameters["components"] if count <= len(axes)]
        errors = [np.square(shown @ axes[:k].T @ axes[:k] - held)[hidden].mean() for k in choices]
        count = choices[int(np.argmin(errors))]
        self.facts = {"chosen": count}
        self.arrays = {"mean": mean, "axes": np.ascontiguousarray(axes[:count])}

    def predict(self, split):
        code = (np.asarray(split["x"], np.float64) - self.arrays["mean"]) @ self.arrays["axes"].T
        return {"y": code @ self.arrays["axes"] + self.arrays["mean"], "code": code}
