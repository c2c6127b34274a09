"""A random forest on a dozen numbers that sum up the reads of a site, with the allele and without."""

import numpy as np

from deepbio.baselines import random_forest
from deepbio.domains.variation.variants import ABSENT


class Method(random_forest.Method):
    """Parameters: those of random_forest."""

    def fit(self, train, valid, job):
        super().fit(*(part.take(np.asarray(part["candidate"]) > 0) for part in (train, valid)), job)

    def predict(self, split):
        found = super().predict(split)["y"]
        return {"y": np.where(np.asarray(split["candidate"])[:, None] > 0, found, ABSENT)}
