"""Handwritten digits on devices of few levels: the cost of low precision and noise, and the energy saved."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.domains.dna.planted import names
from deepbio.scoring import metrics
from deepbio.scoring.metrics import AMOUNT, SHARE, Metric

METRICS = {
    "noisy_accuracy": Metric(True, "accuracy with 20 % device variation", SHARE),
    "noisy_accuracy_sd": Metric(False, "SD over chips of that accuracy", AMOUNT),
    "energy": Metric(False, "modelled energy of one inference (pJ)", AMOUNT, "pJ"),
    "energy_ratio": Metric(True, "energy saved over 8-bit logic (times, model)", AMOUNT),
    "energy_delay_ratio": Metric(True, "energy times delay saved over 8-bit logic (times, model)", AMOUNT),
}
NOISY = 0.2  # noise of conductances at which `noisy_accuracy` is measured


def prepare(sources, parameters, seed):
    """Prepare the 1,797 digits that come with scikit-learn, 8 x 8 pixels of 0 to 16.

    `folds` are consecutive parts of the file, in which digits of one writer seem to be together. Split `seed` tests on
    part `seed`, validates on the part before it and trains on the others.

    Arrays: x (n, 64) float32, the pixels row by row; y (n,) float32, the digit; group, the sample. The context holds
    `classes` and the pixels' names as `features`.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    fold = tables.folds(len(digits.target), parameters["folds"])
    part = tables.fold_parts(fold, parameters["folds"], seed)
    arrays = {
        "x": digits.data.astype(np.float32),
        "y": digits.target.astype(np.float32),
        "group": names("digit", len(fold)),
    }
    context = {"classes": [str(one) for one in range(10)], "features": [str(name) for name in digits.feature_names]}
    whole = Split(arrays, context)
    return {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}


def score(test, predictions, wanted, train=None):
    """Compute the wanted metrics of `y`, and those of chips and energy where a method gives them.

    From `y_chips` (classes by noise level and chip) come the mean accuracy at NOISY and its standard deviation. From a
    cost model come `energy` and `ratios`.
    """
    y = np.asarray(test.y).ravel()
    found = metrics.evaluate(wanted, y, predictions["y"])
    if "y_chips" in predictions and NOISY in predictions["noise"]:
        level = predictions["noise"].tolist().index(NOISY)
        right = (predictions["y_chips"][level] == y).mean(axis=1)
        found |= {"noisy_accuracy": float(right.mean()), "noisy_accuracy_sd": float(right.std())}
    if "energy" in predictions:
        found["energy"] = float(np.sum(predictions["energy"]))
        found["energy_ratio"], found["energy_delay_ratio"] = map(float, predictions["ratios"][:2])
    return found


def interpret(train, runs, path):
    """Draw the modelled energy of all methods with a cost model; `runs`: title of a method → its predictions."""
    from deepbio.figures import crossbar as figures

    shown = {title: one for title, one in runs.items() if "energy" in one}
    figures.draw_energy(shown, train.context["origin"], Path(f"{path}_energy"))
