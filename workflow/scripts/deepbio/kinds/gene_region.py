"""DNA around the start of a gene, in bins with the marks that are measured there."""

import numpy as np

from deepbio.core.kind import Array
from deepbio.kinds.sequence import WORD

ROLE = "input"
TITLE = "regions around genes"
ARRAYS = {
    "codes": Array("uint8", ("position",), "0 to 3 for ACGT, 4 for an unknown base"),
    "marks": Array("number", ("bin", "mark"), "whether a mark is measured in a bin"),
}
CONTEXT = {
    "features": "names of the conditions",
    "marks": "names of the marks",
    "bin": "bases of a bin",
    "tss": "position of the transcription start in the window",
}
OUTPUTS = ("regression",)


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make regions of four bins of 30 bases around a start; the planted words upstream of it are counted in the
    label."""
    codes = rng.integers(0, 4, (n, 160)).astype(np.uint8)
    marks = rng.random((n, 4, 1)) < 0.4
    for row, place in zip(*np.nonzero(marks[:, :, 0]), strict=True):
        start = 20 + 30 * place + rng.integers(0, 24)
        codes[row, start : start + 7] = WORD
    y = 2 * marks[:, :2, 0].sum(axis=1) + 0.1 * rng.standard_normal(n)
    context = {"features": ["growth"], "marks": ["word"], "bin": 30, "tss": 80}
    return {"codes": codes, "marks": marks, "y": y.astype(np.float32)}, context


def read(given, known):
    """Yield windows to predict, as the kind `sequence` reads them: FASTA, tables with a column of sequences, and BED
    files of transcription starts over a genome, whose strands count."""
    from deepbio.kinds import sequence

    return sequence.read(given, known)
