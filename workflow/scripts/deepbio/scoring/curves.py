"""Curves that show predictions beside the labels: what is drawn, and of which points."""

from dataclasses import dataclass

import numpy as np

from deepbio.core.labels import one_hot, outputs

SHOWN = 400  # points of a parity plot


@dataclass(frozen=True)
class Curve:
    """One thing to draw of a run's predictions.

    kind       line: all methods share a panel; points: each method has its own; categories: a value `y` of each
               category `x` (text), drawn as a series beside others
    title      of the figure
    x_label, y_label    of the axes
    x, y       (points,) each
    reference  line to compare with: diagonal (what chance gives), identity (what a perfect prediction gives) or none
    series     what tells curves of one run apart, the main one first; "" where there is one
    """

    kind: str
    title: str
    x_label: str
    y_label: str
    x: np.ndarray
    y: np.ndarray
    reference: str = "none"
    series: str = ""

    def __post_init__(self):
        if self.kind not in ("line", "points", "categories") or self.reference not in ("none", "diagonal", "identity"):
            raise ValueError(f"no curve is of kind '{self.kind}' with reference '{self.reference}'")
        if len(self.x) != len(self.y):
            raise ValueError(f"a curve of {len(self.x)} x has {len(self.y)} y")


def roc(y: np.ndarray, p: np.ndarray, points: int = 101) -> Curve | None:
    """Draw true-positive rates on an even grid of false-positive rates, averaged over the outputs (n, outputs) that
    have both classes; None where none has."""
    grid, found = np.linspace(0, 1, points), []
    for label, score in outputs(y, p):
        if len(np.unique(label)) == 2:
            found.append(np.interp(grid, *_rates(label == 1, score)))
    if not found:
        return None
    names = ("false-positive rate", "true-positive rate")
    return Curve("line", "ROC curves (mean over runs)", *names, grid, np.mean(found, axis=0), "diagonal")


def _rates(positive, score):
    """Give false- and true-positive rates at each distinct score, from the highest down, with (0, 0) before them."""
    order = np.argsort(-score, kind="stable")
    score, positive = score[order], positive[order]
    last = np.r_[score[1:] != score[:-1], True]
    true, false = np.cumsum(positive)[last], np.cumsum(~positive)[last]
    return np.r_[0, false / false[-1]], np.r_[0, true / true[-1]]


def within(values: np.ndarray, title: str, x_label: str, of: str, end: float = 1, points: int = 101) -> Curve:
    """Draw the share of `values` that are at most so much, on an even grid from 0 to `end`; `of` says of what."""
    grid = np.linspace(0, end, points)
    y = np.searchsorted(np.sort(values), grid, side="right") / len(values)
    return Curve("line", title, x_label, f"share of {of}", grid, y)


def parity(y: np.ndarray, p: np.ndarray) -> Curve:
    """Draw predicted against measured values of the first output; of many samples some, evenly chosen."""
    y, p = next(outputs(y, p))
    keep = np.linspace(0, len(y) - 1, min(len(y), SHOWN)).astype(int)
    return Curve("points", "Predicted against measured", "measured", "predicted", y[keep], p[keep], "identity")


def curve(output: str, y: np.ndarray, p: np.ndarray) -> Curve | None:
    """Draw what a reader wants to see of a kind of output: ROC curves of classes (of several classes: each against the
    rest), parity of numbers."""
    if output == "multiclass":
        return roc(one_hot(y, np.shape(p)[1]), p)
    return roc(y, p) if output in ("binary", "multilabel") else parity(y, p)
