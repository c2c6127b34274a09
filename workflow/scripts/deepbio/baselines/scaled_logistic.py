"""Softmax regression on markers that are standardised in each sample by itself: the plainest calibration."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.core.data import concatenate
from deepbio.core.files import read_json, write_json
from deepbio.learning.linear import RidgeLogistic


class Method(RidgeLogistic):
    """The moments of a sample are those of its training and validation cells, which need no labels. Parameters as
    RidgeLogistic's."""

    def __init__(self, parameters):
        super().__init__(parameters)
        self.moments = {}

    def fit(self, train, valid, job):
        both = concatenate(train, valid)
        of, x = np.asarray(both["sample"]), np.asarray(both["x"])
        self.moments = {str(one): tables.column_moments(x[of == one]) for one in np.unique(of)}
        super().fit(train, valid, job)

    def features(self, split):
        of, found = np.asarray(split["sample"]), np.array(split["x"], np.float64)
        for name, (mean, std) in self.moments.items():
            found[of == int(name)] = (found[of == int(name)] - mean) / std
        return found

    def save(self, folder):
        super().save(folder)
        write_json(Path(folder) / "moments.json", self.moments)

    def load(self, folder):
        super().load(folder)
        self.moments = read_json(Path(folder) / "moments.json")
