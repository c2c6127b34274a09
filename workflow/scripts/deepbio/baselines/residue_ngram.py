"""An n-gram model on both sides: how often a residue follows the two before it and precedes the two after it."""

import numpy as np

from deepbio.core.data import Ragged
from deepbio.kinds.masked_protein import revealed
from deepbio.learning.rule import RuleMethod

NONE = 20  # an unknown neighbour, a hidden one, and one beyond the ends


def neighbours(residues, owner_of, place):
    """Give the codes of the four neighbours (two before, two after) of residues, (n, 4): NONE where there is none."""
    values, offsets = np.asarray(residues.values), residues.offsets
    found = np.full((len(place), 4), NONE)
    for column, step in enumerate((-2, -1, 1, 2)):
        at = place + step
        inside = (at >= 0) & (at < residues.lengths[owner_of])
        code = values[offsets[owner_of[inside]] + at[inside]]
        found[inside, column] = np.minimum(code, NONE)
    return found


class Method(RuleMethod):
    """The product of the two sides' shares over the residue's own, each side interpolated from two neighbours over one
    to none (Jelinek and Mercer 1980). Parameters: pseudo (counts of the shorter context that are added to each), to
    choose from by validation proteins."""

    def fit(self, train, valid, job):
        residues = revealed(train)
        values = np.asarray(residues.values)
        owner = np.repeat(np.arange(len(residues)), residues.lengths)
        place = np.arange(len(values)) - residues.offsets[:-1][owner]
        known = values < 20
        near = neighbours(residues, owner[known], place[known])
        code = values[known].astype(int)
        self.arrays = {"own": np.bincount(code, minlength=20) + 1.0}
        for name, (far, close) in {"before": (0, 1), "after": (3, 2)}.items():
            both = (near[:, far] * 21 + near[:, close]) * 20 + code
            self.arrays[name] = np.bincount(both, minlength=21 * 21 * 20).reshape(21, 21, 20).astype(float)
        y, losses = np.asarray(valid.y), []
        for pseudo in self.parameters["pseudo"]:
            self.facts = {"pseudo": pseudo}
            p = (self.predict(valid)["y"] * np.nan_to_num(y)).sum(axis=2)[~np.isnan(y).any(axis=2)]
            losses.append(-np.log(np.maximum(p, 1e-9)).mean())
        self.facts = {"pseudo": self.parameters["pseudo"][int(np.argmin(losses))]}

    def side(self, name, far, close):
        """Estimate the shares (n, 20) of a side, given its farther and its closer neighbour (n,)."""
        pseudo, own = self.facts["pseudo"], self.arrays["own"] / self.arrays["own"].sum()
        table = self.arrays[name]
        one = table.sum(axis=0)[close] + pseudo * own
        one = np.where(close[:, None] == NONE, own, one / one.sum(axis=1, keepdims=True))
        two = table[far, close] + pseudo * one
        blind = (far == NONE) | (close == NONE)
        return np.where(blind[:, None], one, two / two.sum(axis=1, keepdims=True))

    def predict(self, split):
        hidden, residues = np.asarray(split["hidden"]), split["residues"]
        own = self.arrays["own"] / self.arrays["own"].sum()
        found = np.tile(own, (*hidden.shape, 1))
        row, place = np.nonzero(hidden >= 0)
        if len(row):
            near = neighbours(Ragged(residues.values, residues.offsets), row, hidden[row, place])
            p = self.side("before", near[:, 0], near[:, 1]) * self.side("after", near[:, 3], near[:, 2]) / own
            found[row, place] = p / p.sum(axis=1, keepdims=True)
        return {"y": found}

    def count_parameters(self):
        return 2 * 21 * 21 * 20 + 20
