"""Ridge (or logistic) regression on circular fingerprints."""

from sklearn.linear_model import LogisticRegression, Ridge

from deepbio.learning.estimator import EstimatorMethod


class Method(EstimatorMethod):
    def estimator(self, kind, seed):
        return Ridge() if kind == "regression" else LogisticRegression(max_iter=2000)

    def features(self, split):
        # Bytes would become 64-bit floats in the solver: twice the memory for the same bits.
        return super().features(split).astype("float32")

    def grid(self, x):
        # Ridge regression takes the penalty's strength, logistic regression its inverse.
        strengths = self.parameters["penalty"]
        ridge = self.kind == "regression"
        return {"alpha" if ridge else "C": [s if ridge else 1 / s for s in strengths]}
