"""Long DNA windows in bins, with coverage in the inner bins as labels (n, bins, tracks)."""

import numpy as np

from deepbio.core.kind import Array

ROLE = "input"
TITLE = "long DNA windows"
ARRAYS = {"codes": Array("uint8", ("position",), "0 to 3 for ACGT, 4 for an unknown base")}
CONTEXT = {"bin": "bases of a bin", "strand_pair": "for each track the track of the other strand"}
OUTPUTS = ("regression",)


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make AT-rich windows of 12 bins of 32 bases, the middle 8 with coverage; a planted word, mostly in the first of
    them, makes a peak."""
    codes = rng.choice(4, (n, 384), p=[0.35, 0.15, 0.15, 0.35]).astype(np.uint8)
    place = np.where(rng.random(n) < 0.8, 0, rng.integers(0, 8, n))
    starts = (2 + place) * 32 + rng.integers(0, 20, n)
    codes[np.arange(n)[:, None], starts[:, None] + np.arange(12)] = [2, 1, 2, 1, 0, 3, 2, 1, 2, 1, 1, 2]
    rate = np.full((n, 8, 1), 0.1)
    rate[np.arange(n), place] = 20
    return {"codes": codes, "y": rng.poisson(rate).astype(np.float32)}, {"bin": 32, "strand_pair": [0]}


def read(given, known):
    """Yield windows to predict, as the kind `sequence` reads them: FASTA, tables with a column of sequences, and BED
    files over a genome."""
    from deepbio.kinds import sequence

    return sequence.read(given, known)
