"""DNA windows of one length: codes 0 to 3 for ACGT, 4 for an unknown base."""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.kind import Array

ROLE = "input"
TITLE = "DNA windows"
ARRAYS = {"codes": Array("uint8", ("position",), "0 to 3 for ACGT, 4 for an unknown base")}
CONTEXT: dict[str, str] = {}
OUTPUTS = ("binary", "regression")
WORD = (3, 2, 0, 1, 3, 1, 0)  # TGACTCA


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make windows of 60 random bases; a planted TGACTCA makes the label."""
    codes = rng.integers(0, 4, (n, 60)).astype(np.uint8)
    y = (np.arange(n) % 2).astype(np.float32)
    for row in np.flatnonzero(y):
        start = rng.integers(0, 53)
        codes[row, start : start + 7] = WORD
    y = y if output == "binary" else (2 * y + 0.1 * rng.standard_normal(n)).astype("f4")
    return {"codes": codes, "y": y}, {}


def matrix(split: Split, parameters: dict):
    """Count the k-mers of windows, those of both strands together: sparse (n, k-mers)."""
    from deepbio.domains.dna.sequences import kmer_counts

    return kmer_counts(np.asarray(split["codes"]), parameters.get("k", 5))
