"""Variants of a protein whose homologues are aligned: a sample is the variant's sequence in the alignment's columns.

The alignment is a part of the context, because all samples share it and it is no sample that is scored: methods learn
from it without labels.
"""

from functools import cache

import numpy as np

from deepbio.core.kind import Array

ROLE = "input"
TITLE = "variants of a protein with aligned homologues"
ARRAYS = {"residues": Array("uint8", ("column",), "the variant's residues in the columns of the alignment")}
CONTEXT = {
    "alignment": "aligned homologues (rows, columns), the wild type first; 25 is a gap",
    "wild_type": "the wild type's residues in the columns, as text",
    "columns": "the number of the residue in each column",
}
OUTPUTS = ("regression",)
READS = ("regression",)
SPLIT = "random"
TASK = "mutation_effects"
USUAL = ("spearman",)
COLUMNS = ("mutant", "variant", "mutation", "hgvs_pro")
ALIGNMENTS = (".a2m", ".a3m", ".sto", ".stk", ".aln", ".fa", ".fasta")


@cache
def _family():
    from deepbio.domains.protein import simulated

    rng = np.random.default_rng(5)
    contacts = simulated.random_contacts(rng, 16, 10)
    found, fields, couplings = simulated.coupled_family(rng, 16, 600, contacts, 0.6, 10)
    order = np.argsort(-simulated.energies(found, contacts, fields, couplings), kind="stable")
    return found[order], contacts, fields, couplings


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Draw single substitutions of the fittest of 600 sequences of a family with known fields and couplings; the label
    is how much less likely the variant is, with some noise."""
    from deepbio.domains.protein import simulated
    from deepbio.domains.protein.sequences import decode

    family, *model = _family()
    residues = np.tile(family[0], (n, 1))
    places = rng.integers(0, family.shape[1], n)
    residues[np.arange(n), places] = (residues[np.arange(n), places] + rng.integers(1, 20, n)) % 20
    y = simulated.energies(residues, *model) - simulated.energies(family[:1], *model)
    context = {"alignment": family, "wild_type": decode(family[0]), "columns": list(range(1, family.shape[1] + 1))}
    return {"residues": residues, "y": (y + 0.1 * rng.standard_normal(n)).astype(np.float32)}, context


def read(given, known=None):
    """Yield records of tables of variants (H24A, several joined by colons); beside them stands one alignment (a2m, a3m,
    Stockholm, aligned FASTA or rows alone), whose first sequence is the wild type. `known`: wild type and columns."""
    from deepbio.core import records
    from deepbio.core.files import BadInput
    from deepbio.domains.protein import alignments, sequences, variants

    files = {name: path for name, path in given.files.items() if records.suffix(path) in ALIGNMENTS}
    if known is None:
        if len(files) != 1:
            raise BadInput(f"{', '.join(given.files)}: one alignment of the protein is wanted, not {len(files)}")
        found = alignments.read(next(iter(files.values())))
        wild_type, columns = found.codes[0], found.columns
    else:
        wild_type, columns = sequences.encode(known["wild_type"]), np.array(known["columns"])

    def arrays(cell):
        return {"residues": variants.apply(cell, wild_type, columns)}

    rest = {name: path for name, path in given.files.items() if name not in files}
    yield from records.table(records.Given(rest, given.columns, given.options, given.output), "mutant", COLUMNS, arrays)


def settle(found, given):
    """Put the alignment into the context."""
    from deepbio.core import records
    from deepbio.domains.protein import alignments

    path = next(path for path in given.files.values() if records.suffix(path) in ALIGNMENTS)
    aligned = alignments.read(path)
    context = {"alignment": aligned.codes, "wild_type": aligned.wild_type, "columns": aligned.columns.tolist()}
    return context, [f"{len(aligned.codes)} aligned sequences, {aligned.codes.shape[1]} columns"]


def same(arrays, context):
    """Name each variant by its residues, (n,) byte strings."""
    return np.array([row.tobytes().hex() for row in np.asarray(arrays["residues"])]).astype("S")
