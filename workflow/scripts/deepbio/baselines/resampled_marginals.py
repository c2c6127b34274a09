"""Every value drawn independently from the people of the same arm: right marginals, no correlation within an arm."""

import numpy as np

from deepbio.baselines.real_data import Method as RealData


class Method(RealData):
    """The values of the training records in new combinations."""

    def draw(self, arm, count):
        records = np.array(self.facts["records"][str(arm)])
        draws = np.random.default_rng([self.facts["seed"], arm]).random((count, records.shape[1]))
        return np.take_along_axis(records, (draws * len(records)).astype(int), axis=0)
