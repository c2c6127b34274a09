"""Structures of proteins: the atoms on the surface with their properties, and the sequence."""

import numpy as np

from deepbio.core.data import Ragged, Split
from deepbio.core.kind import Array
from deepbio.kinds import protein

ROLE = "input"
TITLE = "protein structures"
ARRAYS = {
    "atoms": Array("float32", ("atom", "axis"), "surface atoms about the middle, ångström", ragged=True),
    "properties": Array("float32", ("atom", "property"), "charge, hydropathy, polarity, mass of each", ragged=True),
    "residues": protein.ARRAYS["residues"],
}
CONTEXT: dict[str, str] = {}
OUTPUTS = ("binary",)
READS = ("binary", "multiclass", "regression")
SPLIT = "cluster"
matrix = protein.matrix
same = protein.same
cluster = protein.cluster
near = protein.near


def compared(arrays):
    """List the words by which near-duplicates are found: samples, words, and how many a pair must share."""
    return protein.compared(arrays)


def short(arrays):
    """Tell which samples are too short for near-duplicates to be found, (n,) bool."""
    return protein.short(arrays)


def traits(arrays):
    """Measure what should not tell the class of a protein: its length and unknown residues."""
    return protein.traits(arrays)


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Draw ellipsoids of residues; every other one has a patch of positive charge on its surface, and the others half
    as many positive residues."""
    from deepbio.domains.protein import simulated, surfaces

    atoms, properties, residues, y = [], [], [], np.arange(n) % 2
    for label in y:
        codes, x = simulated.ellipsoid(rng, 90, bool(label))
        if not label:
            positive = np.flatnonzero(np.isin(codes, (8, 14)))
            codes[positive[::2]] = 15  # Ser
        atoms.append(x)
        properties.append(surfaces.describe(codes, np.full(len(codes), "C")))
        residues.append(codes)
    arrays = {"atoms": Ragged.join(atoms), "properties": Ragged.join(properties), "residues": Ragged.join(residues)}
    return arrays | {"y": y.astype(np.float32)}, {}


def record_of(chain) -> dict:
    """Make the arrays of one chain."""
    from deepbio.domains.protein import surfaces

    atoms, properties = surfaces.surface_atoms(chain)
    parts = {"atoms": atoms, "properties": properties, "residues": chain.codes}
    return {key: Ragged.join([value]) for key, value in parts.items()}


def read(given, known=None):
    """Yield a record of each PDB or mmCIF file (its longest chain), and of each row of tables with the columns
    `structure` (a file beside the table) and `chain` (where there is none: the longest)."""
    from deepbio.core import records
    from deepbio.core.files import BadInput
    from deepbio.domains.protein import structure

    for name, path in given.files.items():
        if records.suffix(path) in (".pdb", ".ent", *structure.MMCIF):
            record = records.Record(path.name.split(".")[0], path.name, {records.FILE: name})
            try:
                record.arrays = record_of(structure.read(path))
            except BadInput as error:
                record.problem = str(error)
            yield record
            continue
        header, rows = records.rows(path)
        records.need(path, header, "structure", "structure")
        for where, cells, problem in rows:
            fields = dict(zip(header, cells, strict=False)) | {records.FILE: name}
            record = records.Record(fields.get("id", fields.get("structure", where)), where, fields, problem=problem)
            if not problem:
                try:
                    chain = fields.get("chain", "").strip() or None
                    record.arrays = record_of(structure.read(path.parent / fields["structure"].strip(), chain))
                except BadInput as error:
                    record.problem = str(error)
            yield record


def one(split: Split, key: str, row: int) -> np.ndarray:
    """Give a ragged array of one sample."""
    start, end = split[key].offsets[row : row + 2]
    return np.asarray(split[key].values[start:end])
