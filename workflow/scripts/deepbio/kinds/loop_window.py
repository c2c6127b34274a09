"""Windows of a chain with a loop missing in the middle: the trace of the known residues."""

import numpy as np

from deepbio.core.kind import Array

ROLE = "input"
TITLE = "chains with a missing loop"
ARRAYS = {
    "trace": Array("float32", ("residue", "axis"), "CA coordinates about the anchors, ångström; 0 where missing"),
    "missing": Array("uint8", ("residue",), "1 in the loop"),
    "present": Array("uint8", ("residue",), "1 where a residue is known"),
}
CONTEXT: dict[str, str] = {}
OUTPUTS = ("loop",)
SIZE, LOOP = 32, 8  # of the small problem


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Draw helices of any radius and pitch, turned at random, whose middle eight residues are missing."""
    from deepbio.domains.protein import loops
    from deepbio.domains.protein.structure import Chain

    found = []
    for _ in range(n):
        angle = rng.uniform(0.4, 1.2)
        rise = rng.uniform(1.5, 3.0)
        radius = np.sqrt(3.8**2 - rise**2) / (2 * np.sin(angle / 2))
        step = np.arange(SIZE)
        x = np.stack([radius * np.cos(angle * step), radius * np.sin(angle * step), rise * step], axis=1)
        turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
        x = x @ (turn * np.sign(np.linalg.det(turn)))
        empty = np.zeros(0)
        chain = Chain("A", np.zeros(SIZE, np.uint8), [""] * SIZE, x, x, x, empty, empty)
        found.append(loops.window(chain, (SIZE - LOOP) // 2, LOOP, SIZE))
    return {key: np.stack([one[key] for one in found]) for key in found[0]}, {"metrics": ["rmsd"]}


def read(given, known=None):
    """Yield a record of each loop of a table with the columns `structure` (a PDB or mmCIF file beside it), `chain`,
    `first` and `last` (numbers of the loop's residues, which may be missing in the file only if the anchors are there).
    `known`: the `shapes` of the model's arrays, which say how large a window is."""
    from deepbio.core import records
    from deepbio.core.files import BadInput
    from deepbio.domains.protein import loops, structure

    size = known["shapes"]["missing"][0] if known else SIZE
    for name, path in given.files.items():
        header, rows = records.rows(path)
        for role in ("structure", "chain", "first", "last"):
            records.need(path, header, role, role)
        for number, (where, cells, problem) in enumerate(rows, 1):
            record = records.Record(str(number), where, problem=problem)
            if not problem:
                record.fields = dict(zip(header, cells, strict=True)) | {records.FILE: name}
                try:
                    said = {key: record.fields[key].strip() for key in ("structure", "chain", "first", "last")}
                    chain = structure.read(path.parent / said["structure"], said["chain"])
                    places = [chain.numbers.index(said[key]) for key in ("first", "last")]
                    length = places[1] - places[0] + 1
                    if length < 1 or length > size - 2 * loops.ANCHORS or not loops.whole(chain, places[0], length):
                        raise BadInput(f"no loop of 1 to {size - 2 * loops.ANCHORS} residues with its anchors")
                    made = loops.window(chain, places[0], length, size)
                    record.arrays = {key: made[key] for key in ("trace", "missing", "present")}
                except BadInput as error:
                    record.problem = str(error)
                except ValueError:
                    record.problem = f"residue {said['first']} or {said['last']} is not in chain {said['chain']}"
            yield record
