"""Genotypes: copies of the counted allele (0, 1, 2) at sites of each person, -1 where unknown."""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.kind import Array

ROLE = "input"
TITLE = "genotypes"
ARRAYS = {"x": Array("int8", ("site",), "copies of the counted allele, -1 where unknown")}
CONTEXT = {"classes": "names of the populations"}
OUTPUTS = ("binary", "multiclass")


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Draw 200 sites of people of four populations, two on each of two continents (as a class: the continent); one
    genotype in fifty is unknown."""
    y = rng.integers(0, 4, n)
    fixed = np.random.default_rng(11)
    frequency = fixed.uniform(0.1, 0.9, (1, 200)) + fixed.normal(0, 0.2, (2, 200)).repeat(2, 0)
    frequency = np.clip(frequency + fixed.normal(0, 0.1, (4, 200)), 0.02, 0.98)
    x = rng.binomial(2, frequency[y]).astype(np.int8)
    x[rng.random(x.shape) < 0.02] = -1
    context = {"classes": ["north", "east", "south", "west"], "continents": ["one", "two"]}
    context["continent_of"] = [0, 0, 1, 1]
    return {"x": x, "y": (y >= 2 if output == "binary" else y).astype(np.float32)}, context


def matrix(split: Split, parameters: dict) -> np.ndarray:
    """Give counts of alleles (n, sites) float32, NaN where one is unknown."""
    x = np.asarray(split["x"], dtype=np.float32)
    x[x < 0] = np.nan
    return x
