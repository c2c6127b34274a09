"""PconsC2 (Skwark et al. 2014): layers of random forests, each of which sees the contact map of the layer below around
a pair of residues, and so learns what contacts of proteins look like."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from sklearn.ensemble import RandomForestClassifier

from deepbio.core.data import concatenate
from deepbio.core.files import atomic, read_json, write_json
from deepbio.core.method import Method as Contract
from deepbio.kinds.residue_couplings import maps
from deepbio.learning import forests

WINDOW = 11  # pairs around a pair, on a side, that a layer sees of the map below
SLOTS = 9  # residues around a residue whose predicted structure is seen
NOTHING = -3.0  # stands in the window where there is no pair


def around(map_: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Cut the windows of 11 x 11 around pairs (p, 2) out of a map (residues, residues): (p, 121).

    What lies outside the map, on its diagonal or below it is -3.
    """
    half = WINDOW // 2
    upper = np.where(np.triu(np.ones(map_.shape, bool), 1), map_, NOTHING)
    padded = np.pad(upper, half, constant_values=NOTHING)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (WINDOW, WINDOW))
    return windows[pairs[:, 0], pairs[:, 1]].reshape(len(pairs), -1).astype(np.float32)


class Method(Contract):
    """Parameters: layers (forests above the first), trees, min_samples_leaf, negatives (non-contacts for each contact
    in training), folds (parts of the proteins, by which the maps that a layer is trained on are predicted by forests
    that have not seen the protein), slots (`centre`: all nine places of a window of predicted structure read the
    residue itself, as the authors' code does; `true`: each its own), inputs (`all`, or `scores` alone)."""

    def __init__(self, parameters):
        super().__init__(parameters)
        self.forests = []
        self.unseen = {}  # maps of validation proteins, layer by layer, by forests that have not seen them

    # ---- features

    def base(self, split, row):
        """Give what does not change from layer to layer for all pairs i < j of a protein: pairs (p, 2), and numbers
        (p, features): separation, scores, predicted structure around i and j, profiles of i and j."""
        scores = maps(split, split["scores"], row)
        pairs = np.argwhere(np.triu(np.ones(scores.shape[:2], bool), 1))
        i, j = pairs.T
        if self.parameters["inputs"] == "scores":
            return pairs, scores[i, j].astype(np.float32)
        parts = [(j - i)[:, None], scores[i, j]]
        if "local" in split:
            local = np.asarray(split["local"].values[slice(*split["local"].offsets[row : row + 2])])
            half = SLOTS // 2 if self.parameters["slots"] == "true" else 0
            padded = np.pad(local, ((half, half), (0, 0)))
            steps = range(SLOTS) if half else [0] * SLOTS
            parts += [padded[one + step] for one in (i, j) for step in steps]
        profile = np.asarray(split["profile"].values[slice(*split["profile"].offsets[row : row + 2])])
        parts += [profile[i], profile[j]]
        return pairs, np.concatenate(parts, axis=1).astype(np.float32)

    def features(self, base, map_):
        """Add the windows of the map below, where there is one."""
        pairs, numbers = base
        return numbers if map_ is None else np.concatenate([numbers, around(map_, pairs)], axis=1)

    # ---- fitting

    def fit(self, train, valid, job):
        # Nothing is chosen on validation proteins, so that all teach; what is drawn of them are maps of forests that
        # have not seen them.
        first, train = len(train), concatenate(train, valid)
        proteins = range(len(train))
        bases = [self.base(train, row) for row in proteins]
        labels = [np.asarray(train.y[row])[pairs[:, 0], pairs[:, 1]] for row, (pairs, _) in enumerate(bases)]
        _, member = np.unique(np.asarray(train["group"]), return_inverse=True)
        fold = job.rng("folds").permutation(member.max() + 1)[member] % self.parameters["folds"]
        below = [None] * len(train)
        for layer in range(self.parameters["layers"] + 1):
            x = [self.features(base, map_) for base, map_ in zip(bases, below, strict=True)]
            self.forests.append(self.grow(x, labels, proteins, job, layer, "all"))
            made = list(below)
            for number in np.unique(fold):
                others = [row for row in proteins if fold[row] != number]
                unseen = self.grow(x, labels, others or proteins, job, layer, int(number))
                for row in np.flatnonzero(fold == number):
                    made[row] = self.map_of(unseen, x[row], bases[row][0], int(train["residues"].lengths[row]))
            below = made
            self.unseen[f"layer{layer}"] = self.padded(below[first:], train.context["longest"])

    def padded(self, found, longest):
        """Put maps of proteins into one array (n, longest, longest), zeros beyond their ends."""
        maps_ = np.zeros((len(found), longest, longest), np.float32)
        for row, one in enumerate(found):
            maps_[row, : len(one), : len(one)] = one
        return maps_

    def grow(self, x, labels, proteins, job, layer, name):
        """Fit a forest on the pairs of some proteins: all contacts, and `negatives` times as many others at random."""
        rng, rows, y = job.rng("pairs", layer, name), [], []
        for one in proteins:
            contact, other = np.flatnonzero(labels[one] == 1), np.flatnonzero(labels[one] == 0)
            count = min(len(other), round(self.parameters["negatives"] * max(1, len(contact))))
            kept = np.concatenate([contact, rng.choice(other, count, replace=False)])
            rows.append(x[one][kept])
            y.append(labels[one][kept])
        y = np.concatenate(y)
        leaf = min(self.parameters["min_samples_leaf"], max(1, len(y) // 20))
        seed = job.number("forest", layer, name) % 2**32
        forest = RandomForestClassifier(self.parameters["trees"], min_samples_leaf=leaf, n_jobs=1, random_state=seed)
        return forest.fit(np.concatenate(rows), y.astype(int))

    def map_of(self, forest, x, pairs, size):
        """Predict a symmetric map (size, size): the mean over trees of the share of contacts in a pair's leaf."""
        found, classes = np.zeros((size, size)), list(forest.classes_)
        found[pairs[:, 0], pairs[:, 1]] = forest.predict_proba(x)[:, classes.index(1)] if 1 in classes else 0.0
        return found + found.T

    # ---- the contract

    def predict(self, split):
        """Predict the maps of the last layer, `y`, and of all layers, `layer0`, …: (n, longest, longest) each."""
        longest = max(split.context["longest"], int(split["residues"].lengths.max()))
        found = {f"layer{layer}": np.zeros((len(split), longest, longest)) for layer in range(len(self.forests))}
        for row in range(len(split)):
            base, map_, size = self.base(split, row), None, int(split["residues"].lengths[row])
            for layer, forest in enumerate(self.forests):
                map_ = self.map_of(forest, self.features(base, map_), base[0], size)
                found[f"layer{layer}"][row, :size, :size] = map_
        return {"y": found[f"layer{len(self.forests) - 1}"], **found}

    def save(self, folder):
        forests.save(self.forests, Path(folder) / "model.skops")
        with atomic(Path(folder) / "unseen.safetensors") as temporary:
            save_file(self.unseen, temporary)
        write_json(Path(folder) / "model.json", {"parameters": self.parameters})

    def load(self, folder):
        self.parameters = read_json(Path(folder) / "model.json")["parameters"]
        self.forests = forests.load(Path(folder) / "model.skops")
        self.unseen = load_file(Path(folder) / "unseen.safetensors")

    def interpret(self, split, folder):
        from deepbio.figures import contacts as figures

        layers = [self.unseen[f"layer{layer}"] for layer in range(len(self.forests))]
        figures.draw_maps(split, layers[-1], folder / "map")
        figures.draw_layers(split, layers, folder / "layers")
        if len(self.forests) > 1:
            weights = self.forests[-1].feature_importances_[-WINDOW * WINDOW :].reshape(WINDOW, WINDOW)
            figures.draw_window(weights, split.context, folder / "window")
