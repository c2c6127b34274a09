"""Logistic regression on what CPAT looks at: the longest open reading frame, its share, its hexamers, and codon
positions."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepbio.core.data import concatenate
from deepbio.core.files import atomic
from deepbio.domains.rna import coding
from deepbio.learning.estimator import EstimatorMethod


class Method(EstimatorMethod):
    """The hexamers' log ratio is that of the frames of coding transcripts to all positions of non-coding ones."""

    def __init__(self, parameters):
        super().__init__(parameters)
        self.ratio = np.zeros(4**6, np.float32)

    def fit(self, train, valid, job):
        both = concatenate(train, valid)
        coded = both.take(np.asarray(both.y) == 1)["codes"]
        shares = [
            coding.hexamers(coded, coding.frames(coded)),
            coding.hexamers(both.take(np.asarray(both.y) == 0)["codes"]),
        ]
        shares = [(counts.sum(axis=0) + 1) / (counts.sum() + 4**6) for counts in shares]
        self.ratio = np.log(shares[0] / shares[1]).astype(np.float32)
        super().fit(train, valid, job)

    def features(self, split):
        codes, places = split["codes"], coding.frames(split["codes"])
        counts = coding.hexamers(codes, places)
        bias = counts @ self.ratio / np.maximum(counts.sum(axis=1), 1)
        length = places[:, 1]
        share = length / np.maximum(codes.lengths, 1)
        return np.column_stack([np.log1p(length), share, bias, coding.fickett(codes)])

    def estimator(self, kind, seed):
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))

    def save(self, folder):
        super().save(folder)
        with atomic(Path(folder) / "hexamers.safetensors") as temporary:
            save_file({"ratio": self.ratio}, temporary)

    def load(self, folder):
        super().load(folder)
        self.ratio = load_file(Path(folder) / "hexamers.safetensors")["ratio"]
