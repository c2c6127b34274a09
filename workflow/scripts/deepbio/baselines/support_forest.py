"""Random forest on the circular fingerprints of an episode's support alone."""

from sklearn.ensemble import RandomForestClassifier

from deepbio.domains.chemistry.molecules import circular_fingerprints
from deepbio.learning.support import SupportMethod


class Method(SupportMethod):
    """Parameters: trees; fingerprint (radius, bits). Both classes have the same total weight."""

    def prepare(self, smiles):
        return circular_fingerprints(smiles, **self.parameters["fingerprint"]).astype("float32")

    def rank(self, known, support, labels, query, seed):
        trees = self.parameters["trees"]
        forest = RandomForestClassifier(trees, class_weight="balanced", n_jobs=1, random_state=seed)
        return forest.fit(known[support], labels).predict_proba(known[query])[:, 1]
