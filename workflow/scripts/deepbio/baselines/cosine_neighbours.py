"""The most similar labelled cells, by the cosine of the angle between two profiles."""

import numpy as np

from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Parameters: neighbours, whose types vote, a nearer cell more: by 1 / (1 + rank).

    The `code` in which cells are compared is the profile at length 1: Euclidean distances order as angles do.
    """

    def fit(self, train, valid, job):
        self.learn(np.asarray(train["x"], np.float64))
        y = np.asarray(train.y).ravel()
        known = ~np.isnan(y)
        self.facts |= {"classes": len(train.context["classes"])}
        self.arrays |= {"database": self.code(np.asarray(train["x"])[known]), "type": y[known].astype(np.int64)}

    def learn(self, x):
        """Learn from profiles (n, genes) what `code` needs: here nothing."""

    def code(self, x):
        """Give profiles (n, genes) in the form in which they are compared, (n, units)."""
        x = np.asarray(x, np.float64)
        return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)

    def predict(self, split):
        from scipy.spatial.distance import cdist

        code = self.code(split["x"])
        near = np.argsort(cdist(code, self.arrays["database"]), axis=1, kind="stable")[
            :, : self.parameters["neighbours"]
        ]
        vote = 1 / np.arange(2, near.shape[1] + 2)
        member = self.arrays["type"][near][:, :, None] == np.arange(self.facts["classes"])
        return {"y": (member * vote[:, None]).sum(axis=1) / vote.sum(), "code": code}
