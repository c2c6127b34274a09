"""Numbers: one a sample, several, or several at each of many positions; NaN where unknown."""

import numpy as np

from deepbio.core import labels

ROLE = "output"
TITLE = "numbers"
METRICS = (
    "spearman", "mse", "rmse", "mae", "r2", "pearson", "log_pearson", "strong_pearson", "within_10_years",
    "pixel_error", "median_pixel_error", "pck_2px", "pck_10px",
)  # fmt: skip
LOSS = "squared_error"
CURVE = "parity"


def check(y, context: dict) -> str | None:
    """Say what is wrong with labels (n, …), or None: they are finite or NaN."""
    for block in labels.row_blocks(y):
        if block.dtype.kind not in "fiub":
            return f"they are of type {block.dtype}, not numbers"
        if block.dtype.kind == "f" and np.isinf(block).any():
            return f"{int(np.isinf(block).sum())} are infinite"
    return None


def control(name: str, train_y, test_y, rng: np.random.Generator) -> np.ndarray:
    """Predict as a control: `perfect` knows the labels, `random` draws training labels, `constant` their mean."""
    test_y = labels.flat(test_y)
    if name == "random":
        known = [column[~np.isnan(column)] for column in labels.columns(train_y).T]
        return np.stack([rng.choice(column, len(test_y)) for column in known], axis=1)
    return labels.known_or_mean(name, train_y, test_y)
