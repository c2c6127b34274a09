"""Shares of the cells in k-means clusters, and logistic regression on them (as Citrus and FlowSOM are used)."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.core.files import read_json, write_json
from deepbio.learning.linear import RidgeLogistic

FITTED = 50000  # cells that clusters are found from, at most


class Method(RidgeLogistic):
    """Parameters: clusters, and those of RidgeLogistic. The clusters are of the training samples' cells."""

    def __init__(self, parameters):
        super().__init__(parameters)
        self.clusters = {}

    def fit(self, train, valid, job):
        from sklearn.cluster import KMeans

        mean, std = tables.column_moments(train["cells"].values)
        cells = tables.standardise(train["cells"].values, mean, std, np.inf)
        rng = job.rng("cells")
        cells = cells[rng.permutation(len(cells))[:FITTED]]
        count = min(self.parameters["clusters"], len(cells))
        model = KMeans(count, n_init=3, random_state=job.number("clusters") % 2**32).fit(cells)
        self.clusters = {"mean": mean, "std": std, "centres": model.cluster_centers_.astype(float).tolist()}
        super().fit(train, valid, job)

    def features(self, split):
        from scipy.spatial.distance import cdist

        cells = tables.standardise(split["cells"].values, self.clusters["mean"], self.clusters["std"], np.inf)
        centres, offsets = np.array(self.clusters["centres"]), np.asarray(split["cells"].offsets)
        near = np.concatenate(
            [cdist(part, centres).argmin(axis=1) for part in np.array_split(cells, -(-len(cells) // 20000))]
        )
        ends = zip(offsets[:-1], offsets[1:], strict=True)
        return np.stack([np.bincount(near[a:b], minlength=len(centres)) / (b - a) for a, b in ends])

    def save(self, folder):
        super().save(folder)
        write_json(Path(folder) / "clusters.json", self.clusters)

    def load(self, folder):
        super().load(folder)
        self.clusters = read_json(Path(folder) / "clusters.json")
