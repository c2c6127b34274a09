"""Training samples drawn at random, as units of a representation: nothing is learned."""

import numpy as np

from deepbio.baselines.pca_units import Method as Principal


class Method(Principal):
    """Parameters: units. A unit's `weights` are a training sample's levels, less the genes' means; the units of a
    sample are those that rebuild it with the least squares."""

    def components(self, x):
        return x[np.sort(np.random.default_rng(0).choice(len(x), self.units, replace=False))]
