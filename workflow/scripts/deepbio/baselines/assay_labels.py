"""A molecule's own labels in training assays, without its structure and without the episode's support."""

import numpy as np

from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Ranks molecules by the mean of their labels in training, each less its assay's share of actives.

    A molecule without a label in training lies in the middle, at one half; an index of -1 is padding and lies there
    too.
    """

    def fit(self, train, valid, job):
        molecules, labels = _labels(train)
        total, count = np.bincount(molecules, labels), np.bincount(molecules)
        smiles = train.context["smiles"]
        # By name, because another data set numbers its molecules otherwise.
        self.facts = {"mean": {smiles[one].decode(): total[one] / count[one] for one in np.flatnonzero(count)}}

    def predict(self, split):
        mean = np.array([self.facts["mean"].get(one.decode(), 0.0) for one in split.context["smiles"]])
        query = np.asarray(split["query"])
        return {"y": np.where(query < 0, 0.5, 0.5 + mean[query] / 2).astype(np.float32)}

    def count_parameters(self):
        return len(self.facts["mean"])


def _labels(split):
    """List each molecule (k,) and its label (k,) in an assay, less the assay's share of actives; a molecule that occurs
    in several episodes of an assay counts once."""
    keys = ("actives", "inactives", "query")
    molecules = np.concatenate([np.asarray(split[key]) for key in keys], axis=1)
    known = [np.full(split[key].shape, value) for key, value in zip(keys[:2], (1.0, 0.0), strict=True)]
    labels = np.concatenate([*known, np.asarray(split.y)], axis=1)
    labels = labels - 1 / (1 + np.asarray(split["y_balance"])[:, None])
    assays = np.unique(np.asarray(split["group"]), return_inverse=True)[1]
    assays = np.broadcast_to(assays[:, None], molecules.shape)
    there = (molecules >= 0) & ~np.isnan(labels)
    molecules, labels = molecules[there], labels[there]
    first = np.unique(assays[there] * (molecules.max() + 1) + molecules, return_index=True)[1]
    return molecules[first], labels[first]
