"""Shortcuts in a user's own data: numbers such as the length of a sample that tell its class and mean nothing."""

import numpy as np

TELLS = 0.95  # balanced accuracy from which a number alone tells a class
BINS = 20  # of samples, at most, by the quantiles of a number; in each the class is guessed
MOST = 20  # classes that are looked at
FEWEST = 5  # samples on either side of a class below which nothing is said


def warnings(traits: dict[str, np.ndarray], y: np.ndarray | None, context: dict, output: str) -> list[str]:
    """Warn of each of `traits` (title and numbers (n,)) that alone tells a class of the labels from all else."""
    if y is None or output not in ("binary", "multilabel", "multiclass"):
        return []
    lines = []
    for title, values in traits.items():
        for name, column in _classes(y, context, output):
            known = ~np.isnan(column)
            here, is_class = np.asarray(values, float)[known], column[known] == 1
            share = accuracy(here, is_class)
            if share >= TELLS:
                means = [f"{here[side].mean():.3g}" for side in (is_class, ~is_class)]
                lines.append(
                    f"warning: the {title} alone tells {name} (balanced accuracy {share:.2f}; a mean of {means[0]} "
                    f"against {means[1]}): a method may have learned that and nothing else"
                )
    return lines


def accuracy(values: np.ndarray, is_class: np.ndarray) -> float:
    """Compute the balanced accuracy, from 0.5 to 1, of guessing the class (n,) bool in each bin of values (n,)."""
    counts = np.array([(~is_class).sum(), is_class.sum()])
    if counts.min() < FEWEST:
        return 0.5
    bins = min(BINS, counts.min())
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins))
    place = np.searchsorted(edges, values)
    shares = (
        np.stack([np.bincount(place[is_class == side], minlength=bins) for side in (False, True)]) / counts[:, None]
    )
    return float(shares.max(axis=0).sum() / 2)


def _classes(y, context, output):
    """List what is to be told: a name, and 1, 0 or NaN for each sample."""
    if output == "multiclass":
        one_hot = ((y == number).astype(float) for number in range(len(context["classes"])))
        named = zip(context["classes"], one_hot, strict=True)
        return [(f"the class {name}", np.where(np.isnan(y), np.nan, column)) for name, column in named][:MOST]
    columns = zip(context["outputs"], y.reshape(len(y), -1).T, strict=True)
    return [(f"'{name}'", column) for name, column in columns][:MOST]
