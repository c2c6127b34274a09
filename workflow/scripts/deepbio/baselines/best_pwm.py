"""The JASPAR matrix whose best match separates the training data best."""

import numpy as np

from deepbio.domains.dna import motifs
from deepbio.learning.rule import RuleMethod
from deepbio.scoring import metrics


class Method(RuleMethod):
    """Scores a sequence by the best log-odds match of one matrix on either strand; a line calibrates the score."""

    def fit(self, train, valid, job):
        kind = train.context["output"]
        known = motifs.jaspar(tuple(self.parameters["groups"]))
        matrices = [motifs.log_odds(matrix) for _, _, matrix in known]
        index = job.rng("sample").permutation(len(train))[: self.parameters["samples"]]
        codes, y = np.asarray(train["codes"])[np.sort(index)], np.asarray(train.y)[np.sort(index)].ravel()
        metric = "spearman" if kind == "regression" else "auroc"
        scores = motifs.best_scores(codes, matrices)
        values = [metrics.evaluate([metric], y, column)[metric] for column in scores.T]
        best = int(np.nanargmax(values))
        slope, offset = self.calibrate(scores[:, best], y, kind)
        self.facts = {
            "id": known[best][0],
            "name": known[best][1],
            "matrix": known[best][2].tolist(),
            "slope": slope,
            "offset": offset,
            "kind": kind,
            "training_" + metric: values[best],
        }

    @staticmethod
    def calibrate(score, y, kind):
        if kind == "regression":
            slope, offset = np.polyfit(score, y, 1)
            return float(slope), float(offset)
        from sklearn.linear_model import LogisticRegression

        line = LogisticRegression().fit(score[:, None], y.astype(int))
        return float(line.coef_[0, 0]), float(line.intercept_[0])

    def predict(self, split):
        matrix = motifs.log_odds(np.array(self.facts["matrix"]))
        line = motifs.best_scores(split["codes"], [matrix]) * self.facts["slope"] + self.facts["offset"]
        return {"y": line if self.facts["kind"] == "regression" else 1 / (1 + np.exp(-line))}
