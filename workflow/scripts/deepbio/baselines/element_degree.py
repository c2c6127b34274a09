"""How often an enhancer and a promoter are linked in training: what memory of the elements alone can tell."""

import numpy as np

from deepbio.core.data import concatenate
from deepbio.learning.rule import RuleMethod

PRIOR = 2.0  # pairs of the mean rate that each element begins with


class Method(RuleMethod):
    """Predicts the mean log odds of the two elements' rates of links; an element that training has not seen has the
    mean rate."""

    def fit(self, train, valid, job):
        both = concatenate(train, valid)
        names, y = np.asarray(both["names"]), np.asarray(both.y, float).ravel()
        rate = float(y.mean())
        self.facts = {"rate": rate}
        for column in range(2):
            known, member = np.unique(names[:, column], return_inverse=True)
            linked = np.bincount(member, y) + PRIOR * rate
            self.arrays |= {f"names{column}": known, f"rates{column}": linked / (np.bincount(member) + PRIOR)}

    def predict(self, split):
        names, odds = np.asarray(split["names"]), []
        for column in range(2):
            known, rates = self.arrays[f"names{column}"], self.arrays[f"rates{column}"]
            place = np.clip(np.searchsorted(known, names[:, column]), 0, len(known) - 1)
            rate = np.where(known[place] == names[:, column], rates[place], self.facts["rate"])
            odds.append(np.log(rate / (1 - rate)))
        return {
            "y": 1
            / (1 + np.exp(-np.sum(odds, axis=0) + np.log(self.facts["rate"] / (1 - self.facts["rate"]))))[:, None]
        }
