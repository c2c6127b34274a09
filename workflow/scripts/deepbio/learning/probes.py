"""Probes of frozen features: the same softmax regression on whatever describes a residue or a pair of residues."""

import numpy as np


def fit(x: np.ndarray, y: np.ndarray, penalty: float = 1.0, l1: bool = False, most: int = 60000, seed: int = 0) -> dict:
    """Fit a softmax regression (logistic for two classes) of y (n,) on standardised x (n, features), on at most `most`
    rows drawn at random: arrays mean, std, weight (features, classes) and bias, and the classes.

    penalty : strength of the ridge, or of the lasso where `l1`
    """
    from sklearn.linear_model import LogisticRegression

    if len(y) > most:
        drawn = np.sort(np.random.default_rng(seed).choice(len(y), most, replace=False))
        x, y = x[drawn], y[drawn]
    mean, std = x.mean(axis=0), x.std(axis=0)
    std = np.where(std > 0, std, 1)
    how = {"l1_ratio": 1, "solver": "saga", "max_iter": 100} if l1 else {"max_iter": 200}
    model = LogisticRegression(C=1 / penalty, **how).fit((x - mean) / std, y)
    return {
        "mean": mean.astype(np.float32), "std": std.astype(np.float32), "weight": model.coef_.T.astype(np.float32),
        "bias": model.intercept_.astype(np.float32), "classes": model.classes_.astype(np.int64),
    }  # fmt: skip


def predict(probe: dict, x: np.ndarray, classes: int) -> np.ndarray:
    """Predict the probabilities of the classes 0 to `classes` - 1: (n, classes)."""
    score = ((x - probe["mean"]) / probe["std"]) @ probe["weight"] + probe["bias"]
    if score.shape[1] == 1:  # two classes have one score
        score = np.concatenate([np.zeros_like(score), score], axis=1)
    score = np.exp(score - score.max(axis=1, keepdims=True))
    found = np.zeros((len(x), classes))
    found[:, probe["classes"]] = score / score.sum(axis=1, keepdims=True)
    return found
