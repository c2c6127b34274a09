"""What methods share that learn from bags of cells: standardised bags, and fixed numbers of cells drawn from them."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split


def moments(split: Split) -> dict:
    """Measure `column_mean` and `column_std` of the markers over all cells of all bags, as lists."""
    mean, std = tables.column_moments(split["cells"].values)
    return {"column_mean": mean, "column_std": std}


def standardised(split: Split, shape: dict) -> tuple[np.ndarray, np.ndarray]:
    """Give all cells (cells, markers) float32, standardised by the moments in `shape`, and the offsets (n + 1,)."""
    values = tables.standardise(split["cells"].values, shape["column_mean"], shape["column_std"], np.inf)
    return values, np.asarray(split["cells"].offsets, np.int64)


def draw(y: np.ndarray, offsets: np.ndarray, each: int, cells: int, rng: np.random.Generator) -> tuple:
    """Draw about `each` bags of `cells` cells of each class, evenly from its samples and with replacement: numbers of
    cells (bags, cells) and labels (bags,)."""
    rows, labels = [], []
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        for sample in members:
            count = max(1, each // len(members))
            rows.append(rng.integers(offsets[sample], offsets[sample + 1], (count, cells)))
            labels.append(np.full(count, label, np.float32))
    return np.concatenate(rows), np.concatenate(labels)
