"""One of several classes: the label is the number of a class, the prediction a probability for each of them."""

import numpy as np

from deepbio.core import labels
from deepbio.kinds import binary

ROLE = "output"
TITLE = "one of several classes"
METRICS = ("accuracy", "balanced_accuracy", "log_loss")
LOSS = "cross_entropy"
CURVE = "roc"


def check(y, context: dict) -> str | None:
    """Say what is wrong with numbers of classes (n,), NaN where missing, or None."""
    known = labels.columns(y)
    known = known[~np.isnan(known)]
    if "classes" not in context:
        return "the context does not name the classes"
    if len(known) and ((known != known.astype(int)).any() or known.min() < 0 or known.max() >= len(context["classes"])):
        return f"they are no numbers of one of {len(context['classes'])} classes"
    return None


def control(name: str, train_y, test_y, rng: np.random.Generator) -> np.ndarray:
    """Predict (n, classes) as a control does for two classes, each class against the rest."""
    classes = 1 + int(max(np.nanmax(train_y), np.nanmax(test_y)))
    guess = binary.control(name, labels.one_hot(train_y, classes), labels.one_hot(test_y, classes), rng)
    return guess / guess.sum(axis=1, keepdims=True)
