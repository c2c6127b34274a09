"""In how many linked and unlinked pairs of training an enhancer and a promoter are: what memory of the elements alone
can tell."""

import numpy as np

from deepbio.core.data import concatenate
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Logistic regression on the numbers of linked and of unlinked pairs of both elements, without the pair itself.

    Both signs are possible: where unlinked pairs are made of the elements of linked ones, an element that is linked in
    training is seldom linked again.
    """

    def fit(self, train, valid, job):
        from sklearn.linear_model import LogisticRegression

        both = concatenate(train, valid)
        names, y = np.asarray(both["names"]), np.asarray(both.y, int).ravel()
        for column in range(2):
            known, member = np.unique(names[:, column], return_inverse=True)
            linked = np.bincount(member, y)
            self.arrays |= {f"names{column}": known, f"linked{column}": linked}
            self.arrays[f"unlinked{column}"] = np.bincount(member) - linked
        model = LogisticRegression(max_iter=1000).fit(self.features(names, y), y)
        self.arrays |= {"weights": model.coef_[0], "bias": model.intercept_}

    def features(self, names, y=None):
        """Describe pairs (n, 2) by the pairs of their elements: (n, 6). Labels `y` of training pairs are taken out."""
        found = []
        for column in range(2):
            known = self.arrays[f"names{column}"]
            place = np.clip(np.searchsorted(known, names[:, column]), 0, len(known) - 1)
            there = known[place] == names[:, column]
            for side, own in (("linked", 1), ("unlinked", 0)):
                count = there * self.arrays[f"{side}{column}"][place] - (0 if y is None else y == own)
                found += [np.log1p(count)] + ([count > 0] if own else [])
        return np.stack(found, axis=1).astype(float)

    def predict(self, split):
        odds = self.features(np.asarray(split["names"])) @ self.arrays["weights"] + self.arrays["bias"]
        return {"y": 1 / (1 + np.exp(-odds))[:, None]}
