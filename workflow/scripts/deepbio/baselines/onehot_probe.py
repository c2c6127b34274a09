"""The probe of secondary structure on a window of residues, one-hot or by BLOSUM62, in place of a network's vectors."""

import numpy as np

from deepbio.baselines.residue_shares import Method as Shares
from deepbio.domains.protein.blosum import BLOSUM62
from deepbio.kinds.masked_protein import EFFECTS, STATES, revealed
from deepbio.learning import probes


def windows(residues, half, table):
    """Take rows of `table` (26, features) for the residues around each residue, `half` on each side; zeros beyond the
    ends: (residues of all, (2 half + 1) x features)."""
    values, parts = np.minimum(np.asarray(residues.values), 25), []
    owner = np.repeat(np.arange(len(residues)), residues.lengths)
    for step in range(-half, half + 1):
        at = np.arange(len(values)) + step
        inside = (at >= 0) & (at < len(values))
        inside[inside] &= owner[at[inside]] == owner[inside]
        parts.append(np.where(inside[:, None], table[values[np.where(inside, at, 0)]], 0))
    return np.concatenate(parts, axis=1).astype(np.float32)


class Method(Shares):
    """Hidden residues are predicted by their shares. Parameters: half (residues on each side), probe_residues, and
    those of the shares."""

    def table(self):
        """Give the features of the codes of residues, (26, 20)."""
        return np.eye(26, 20, dtype=np.float32)

    def fit(self, train, valid, job):
        super().fit(train, valid, job)
        states, most = train["y_states"], self.parameters["probe_residues"]
        # One draw for all seeds makes the baseline deterministic.
        rows = np.random.default_rng(0).permutation(np.flatnonzero(states.lengths == train["residues"].lengths))
        rows = rows[: int(np.searchsorted(np.cumsum(states.lengths[rows]), most)) + 1]
        part = train.take(np.sort(rows))
        y = np.asarray(part["y_states"].values)
        x = windows(revealed(part), self.parameters["half"], self.table())
        self.arrays |= probes.fit(x[y < 3], y[y < 3].astype(int), most=most)

    def predict(self, split):
        found, asked = super().predict(split), np.asarray(split["asked"])
        if (asked & STATES).any():
            x = windows(split.take(asked & STATES > 0)["residues"], self.parameters["half"], self.table())
            found["states"] = probes.predict(self.arrays, x, 3)
        if (asked & EFFECTS).any():
            codes = np.asarray(split.take(asked & EFFECTS > 0)["residues"].values)
            wild = np.where(codes < 20, codes, 0)
            found["effects"] = (self.effects(wild)).ravel()
        return found

    def effects(self, wild):
        """Score all substitutions of residues (n,), (n, 20): by how frequent the mutant is."""
        share = np.log(self.arrays["share"])
        return share[None] - share[wild][:, None]

    def count_parameters(self):
        return self.arrays["weight"].size + self.arrays["bias"].size


BLOSUM = np.concatenate([BLOSUM62, np.zeros((6, 20))]).astype(np.float32)
