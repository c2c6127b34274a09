"""A Gaussian copula for each arm: the marginals of the training records, tied by a normal correlation."""

import numpy as np
from scipy import stats

from deepbio.baselines.real_data import Method as RealData


class Method(RealData):
    """Draws normal numbers with the correlation of the values' normal scores, and takes the values' quantiles."""

    def draw(self, arm, count):
        records = np.array(self.facts["records"][str(arm)])
        # Mean ranks: equal values, such as numbers of drugs, get equal scores.
        scores = stats.norm.ppf((stats.rankdata(records, axis=0) - 0.5) / len(records))
        varies = scores.std(axis=0) > 0
        correlation = np.eye(records.shape[1])
        correlation[np.ix_(varies, varies)] = np.corrcoef(scores[:, varies].T)
        rng = np.random.default_rng([self.facts["seed"], arm])
        # The square root by eigenvalues, which a correlation without full rank has too.
        values, vectors = np.linalg.eigh(correlation)
        normal = rng.standard_normal((count, records.shape[1])) @ (vectors * np.sqrt(np.maximum(values, 0))).T
        index = (stats.norm.cdf(normal) * len(records)).astype(int).clip(max=len(records) - 1)
        return np.take_along_axis(np.sort(records, axis=0), index, axis=0)
