"""Two classes: the label is 0 or 1, the prediction the probability of 1."""

import numpy as np

from deepbio.core import labels

ROLE = "output"
TITLE = "two classes"
METRICS = (
    "auroc", "accuracy", "auprc", "balanced_accuracy", "mcc", "f1", "log_loss", "auprc_negative",
)  # fmt: skip
LOSS = "binary_cross_entropy"
CURVE = "roc"


def check(y, context: dict) -> str | None:
    """Say what is wrong with labels (n,) or (n, outputs), NaN where missing, or None."""
    return labels.not_binary(y)


def control(name: str, train_y, test_y, rng: np.random.Generator) -> np.ndarray:
    """Predict as a control: `perfect` knows the labels, `random` draws uniform scores, `constant` repeats the share."""
    test_y = labels.flat(test_y)
    if name == "random":
        return rng.random(test_y.shape)
    return labels.known_or_mean(name, train_y, test_y)
