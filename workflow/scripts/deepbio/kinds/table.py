"""Tables: one row of numbers a sample, with named columns."""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.kind import Array

ROLE = "input"
TITLE = "a table of numbers"
ARRAYS = {"x": Array("float", ("feature",), "numbers")}
CONTEXT = {"features": "names of the columns"}
OUTPUTS = ("binary", "regression")


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make twenty columns of noise, three of which carry the label."""
    x = rng.standard_normal((n, 20)).astype(np.float32)
    score = x[:, 0] + x[:, 1] - x[:, 2]
    y = (score > 0).astype(np.float32) if output == "binary" else score.astype(np.float32)
    return {"x": x, "y": y}, {"features": [f"column {i}" for i in range(20)]}


def matrix(split: Split, parameters: dict) -> np.ndarray:
    """Give the numbers as they are, (n, features)."""
    return np.asarray(split["x"], dtype=np.float64)
