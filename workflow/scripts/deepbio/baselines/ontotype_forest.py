"""Random forest on the ontotype (Yu et al. 2016): how many genes of each term are deleted."""

import numpy as np

from deepbio.baselines import random_forest
from deepbio.domains.genes.ontology import Ontology


class Method(random_forest.Method):
    """Parameters: those of the random forest."""

    def features(self, split):
        return np.asarray(split["x"], np.float64) @ Ontology.of(split.context).members().T
