"""Genotypes that `bcftools mpileup | bcftools call -m` calls from the same reads.

Preparation runs it (deepbio.domains.variation.variants).
"""

import numpy as np

from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """No parameters: nothing is learned."""

    def fit(self, train, valid, job):
        pass

    def predict(self, split):
        return {"y": np.asarray(split["called"], float)}
