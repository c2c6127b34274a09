"""Fingerprints of molecules: bits, and the SMILES they belong to."""

import numpy as np

from deepbio.core.kind import Array
from deepbio.kinds import table
from deepbio.kinds.molecule import PARTS, TAILS

ROLE = "input"
TITLE = "fingerprints"
ARRAYS = {
    "x": Array("uint8", ("bit",), "bits"),
    "smiles": Array("text", (), "SMILES of the molecule", required=False),
}
CONTEXT = {"features": "names of the bits", "active": "the label from which a molecule counts as active"}
OUTPUTS = ("binary", "regression")
matrix = table.matrix


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make 24 bits, in blocks of four that mostly go together; two blocks and a third carry the label."""
    block = rng.random((n, 6)) < 0.5
    x = np.repeat(block, 4, axis=1) ^ (rng.random((n, 24)) < 0.05)
    y = 1.0 * block[:, 0] + block[:, 1] - block[:, 2] + 0.1 * rng.standard_normal(n)
    texts = [TAILS[a % 10] + PARTS[b % 10] + TAILS[c % 10] for a, b, c in rng.integers(0, 10, (n, 3))]
    y = y > 0.5 if output == "binary" else y
    arrays = {"x": x.astype(np.uint8), "y": y.astype(np.float32), "smiles": np.array(texts).astype("S")}
    return arrays, {"features": [f"bit {i}" for i in range(24)], "active": 1.5}


def read(given, known):
    """Yield fingerprints to predict: the MACCS keys of molecules, read as the kind `molecule` reads them, or of tables
    that have a column for each bit."""
    from deepbio.core import records
    from deepbio.core.files import BadInput
    from deepbio.domains.chemistry import fingerprints, molecules
    from deepbio.kinds import molecule

    for name, path in given.files.items():
        one = records.Given({name: path}, given.columns, given.options, given.output)
        header = []
        if records.is_table(path):
            header, found = records.rows(path)
            found.close()
        if set(known["features"]) <= set(header):
            yield from table.read(one, known)
        elif len(known["features"]) == fingerprints.BITS:
            for record in molecule.read(one, known):
                if not record.problem:
                    record.arrays["x"] = fingerprints.maccs([molecules.parse(record.arrays["smiles"])])[0]
                yield record
        else:
            raise BadInput(f"{path}:1: a column for each bit is wanted: {', '.join(known['features'][:5])}, …")
