"""What a model makes of each feature of a table."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.scoring import metrics


def permutation(predict, split, metric, repeats):
    """How much worse `metric` becomes when the values of one feature are permuted: (features, repeats), positive
    where the feature helps (Breiman 2001, Machine Learning 45:5, section 10).

    `predict(split) -> {"y": …}` is asked once a feature, for all its permutations together.
    """
    x, y = np.asarray(split["x"]), np.asarray(split.y)
    rng = np.random.default_rng(0)
    sign = 1 if metrics.higher_is_better(metric) else -1
    whole = metrics.evaluate([metric], y, predict(split)["y"])[metric]
    change = np.empty((x.shape[1], repeats))
    for feature in range(x.shape[1]):
        many = np.tile(x, (repeats, 1, 1))
        many[:, :, feature] = rng.permuted(many[:, :, feature], axis=1)
        scores = predict(Split({"x": many.reshape(-1, x.shape[1])}, split.context))["y"]
        values = [metrics.evaluate([metric], y, part)[metric] for part in np.split(scores, repeats)]
        change[feature] = sign * (whole - np.array(values))
    return change


def draw(change, names, metric, title, origin, folder, beside=None, shown=None):
    """importance.{svg,png} and importance.csv: the mean over the permutations, for each feature.

    The table has further columns `beside` (name → values); drawn are the `shown` most important features, or all.
    """
    from deepbio.figures import style  # who only wants the numbers does without

    beside, folder = beside or {}, Path(folder)
    mean, spread = change.mean(axis=1), change.std(axis=1)
    order = np.argsort(-mean, kind="stable")
    rows = (
        [names[i], f"{mean[i]:.5f}", f"{spread[i]:.5f}", *(f"{values[i]:.5g}" for values in beside.values())]
        for i in order
    )
    tables.write_csv(folder / "importance.csv", ["feature", f"{metric}_loss", f"{metric}_loss_sd", *beside], rows)
    label = f"loss of validation {metrics.title(metric)} (mean ± SD of {change.shape[1]} permutations)"
    top = np.sort(order[:shown])
    style.bars([names[i] for i in top], mean[top], spread[top], label, title, origin, folder / "importance")
