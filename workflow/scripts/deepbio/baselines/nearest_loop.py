"""The training stretch of the same length whose anchors are most alike, put onto the anchors."""

import numpy as np

from deepbio.domains.protein import loops
from deepbio.domains.protein.structure import distances, superposition
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Compares the distances among the three residues on each side; of no stretch of that length the straight line is
    taken."""

    def fit(self, train, valid, job):
        both = [np.concatenate([train[key], valid[key]]) for key in ("trace", "missing", "present")]
        y = np.concatenate([train.y, valid.y])
        x = np.where(both[1][:, :, None] > 0, np.nan_to_num(y), both[0])
        self.arrays = {"x": x.astype(np.float32), "missing": both[1], "present": both[2]}

    def predict(self, split):
        known, found = self.arrays, np.zeros(split["trace"].shape)
        lengths = known["missing"].sum(axis=1)
        of_length = {}
        for row, (trace, missing, present) in enumerate(
            zip(split["trace"], split["missing"], split["present"], strict=True)
        ):
            size, near = int(missing.sum()), loops.anchors(missing, present)
            if size not in of_length:
                of_length[size] = np.flatnonzero(lengths == size)
            wanted, best = distances(trace[near].astype(float)), (np.inf, None)
            for one in of_length[size]:
                if np.array_equal(loops.anchors(known["missing"][one], known["present"][one]), near):
                    off = float(np.abs(distances(known["x"][one][near].astype(float)) - wanted).mean())
                    best = min(best, (off, int(one)))
            loop = np.flatnonzero(missing)
            if best[1] is None:
                share = np.linspace(0, 1, len(loop) + 2)[1:-1, None]
                found[row, loop] = (1 - share) * trace[loop[0] - 1] + share * trace[loop[-1] + 1]
            else:
                x = known["x"][best[1]].astype(float)
                rotation, shift = superposition(x[near], trace[near].astype(float))
                found[row, loop] = x[loop] @ rotation + shift
        return {"y": found}
