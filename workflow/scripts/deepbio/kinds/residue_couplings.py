"""Proteins with what their families say of each pair of residues: coupling scores, and a profile.

Maps of pairs are flattened, because proteins differ in length: the pair (i, j) of a protein of n residues is the number
n i + j.
"""

import numpy as np

from deepbio.core.data import Ragged, Split
from deepbio.core.kind import Array

ROLE = "input"
TITLE = "proteins with coupling scores of residue pairs"
ARRAYS = {
    "residues": Array("uint8", ("residue",), "the protein's residues", ragged=True),
    "profile": Array("float32", ("residue", "state"), "log frequency over background of 21 states", ragged=True),
    "scores": Array("float32", ("pair", "score"), "coupling scores of all pairs, row by row", ragged=True),
    "local": Array("float32", ("residue", "feature"), "predicted structure", required=False, ragged=True),
}
CONTEXT = {"scores": "names of the coupling scores", "longest": "residues of the longest protein"}
OUTPUTS = ("residue_pairs",)
APART = 6  # least separation of a pair that is scored


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make proteins of 14 to 20 residues with strands that pair antiparallel; four noisy scores know the contacts,
    and noise is independent from pair to pair while contacts lie on diagonals."""
    y, parts = np.full((n, 20, 20), np.nan, np.float32), {"residues": [], "profile": [], "scores": []}
    for row in range(n):
        size = int(rng.integers(14, 21))
        i, j = np.indices((size, size))
        turn = int(rng.integers(size - 4, size + 4))
        contact = (np.abs(i + j - turn) <= 1) & (np.abs(i - j) >= 2)
        noise = rng.standard_normal((size, size, 4))
        noise = (noise + noise.transpose(1, 0, 2)) / np.sqrt(2)
        parts["scores"].append((contact[:, :, None] * [1.0, 1.3, 1.3, 1.6] + noise).reshape(-1, 4).astype(np.float32))
        parts["residues"].append(rng.integers(0, 20, size).astype(np.uint8))
        parts["profile"].append(rng.standard_normal((size, 21)).astype(np.float32))
        y[row, :size, :size] = np.where(np.abs(i - j) >= APART, contact, np.nan)
    arrays = {name: Ragged.join(values) for name, values in parts.items()}
    return arrays | {"y": y}, {
        "scores": [f"{one} at 0" for one in ("mi", "mean_field", "sparse", "plm")],
        "longest": 20,
        "metrics": ["ppv_l"],
    }


def maps(split: Split, values: Ragged, row: int) -> np.ndarray:
    """Give a flattened array of one protein as a map: (residues, residues, …)."""
    size = int(split["residues"].lengths[row])
    here = values.values[values.offsets[row] : values.offsets[row + 1]]
    return np.asarray(here).reshape(size, size, *here.shape[1:])


def read(given, known=None):
    """Yield a record of each alignment (a2m, a3m, Stockholm, aligned FASTA, rows alone), whose first sequence is the
    protein, for predictions. `known`: the names of the scores that the model takes."""
    from deepbio.core import records
    from deepbio.core.files import BadInput
    from deepbio.domains.protein import alignments, couplings

    scores = [name.rsplit(" at ", 1) for name in (known or {}).get("scores", [])]
    methods, depths = list(dict.fromkeys(m for m, _ in scores)), list(dict.fromkeys(float(d) for _, d in scores))
    for name, path in given.files.items():
        record = records.Record(name, path.name, {records.FILE: name})
        try:
            aligned = alignments.read(path)
            table, profile = couplings.of_family(aligned.codes, methods, depths)
            size = len(aligned.codes[0])
            parts = {"residues": aligned.codes[0], "profile": profile, "scores": table.reshape(size * size, -1)}
            record.arrays = {key: Ragged.join([value]) for key, value in parts.items()}
        except BadInput as error:
            record.problem = str(error)
        yield record
