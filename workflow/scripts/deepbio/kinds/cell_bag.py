"""Bags of cells: a sample is all cells that were measured of it, in no order."""

import numpy as np

from deepbio.core.data import Ragged, Split
from deepbio.core.kind import Array
from deepbio.domains.cells import simulated

ROLE = "input"
TITLE = "bags of cells"
ARRAYS = {"cells": Array("float", ("cell", "marker"), "levels of the markers of a sample's cells", ragged=True)}
CONTEXT = {"features": "names of the markers"}
OUTPUTS = ("binary",)


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make bags of 60 to 80 cells; every other bag has a subset with three markers raised, a sixth of its cells."""
    labels = np.arange(n) % 2
    x, planted = simulated.planted_bags(np.random.default_rng(5), rng, labels, 80, 6, 3, 1 / 6)
    keep = rng.integers(60, 81, n)
    cells = Ragged.join([bag[:count].astype(np.float32) for bag, count in zip(x, keep, strict=True)])
    inside = Ragged.join([bag[:count] for bag, count in zip(planted, keep, strict=True)])
    context = {"features": [f"marker {i}" for i in range(1, 7)], "classes": ["healthy", "ill"]}
    return {"cells": cells, "y_cells": inside, "y": labels.astype(np.float32)}, context


def matrix(split: Split, parameters: dict) -> np.ndarray:
    """Give mean and standard deviation of each marker in each bag: (n, 2 x markers)."""
    values, offsets = np.asarray(split["cells"].values, np.float64), np.asarray(split["cells"].offsets)
    bags = [values[start:end] for start, end in zip(offsets[:-1], offsets[1:], strict=True)]
    return np.stack([np.concatenate([bag.mean(axis=0), bag.std(axis=0)]) for bag in bags])
