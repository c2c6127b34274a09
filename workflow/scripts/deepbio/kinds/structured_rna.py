"""Windows of RNA of one length on the strand that is read, with the structure of each position where it is known."""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.kind import Array
from deepbio.kinds import sequence

ROLE = "input"
TITLE = "RNA windows with their structure"
ARRAYS = {
    "codes": Array("uint8", ("position",), "0 to 3 for ACGU, 4 for an unknown base"),
    "structure": Array("uint8", ("position",), "number of the letter of its structure", required=False),
}
CONTEXT = {"structure_letters": "letters of the structure; empty where there is none"}
OUTPUTS = ("binary", "regression")
READS = ("binary", "multiclass", "regression")
SPLIT = "cluster"
WORD = (3, 2, 3, 0, 0, 0, 3, 0)  # UGUAAAUA
same, cluster, near = sequence.same, sequence.cluster, sequence.near


def compared(arrays):
    """List the words by which near-duplicates are found: samples, words, and how many a pair must share."""
    return sequence.compared(arrays)


def short(arrays):
    """Tell which samples are too short for near-duplicates to be found, (n,) bool."""
    return sequence.short(arrays)


def traits(arrays):
    """Measure what should not tell the class of a window: unknown bases."""
    return sequence.traits(arrays)


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make windows of 60 random bases in a hairpin; a UGUAAAUA in its loop makes the label."""
    from deepbio.domains.rna.structure import LETTERS, annotate

    codes = rng.integers(0, 4, (n, 60)).astype(np.uint8)
    y = (np.arange(n) % 2).astype(np.float32)
    codes[y == 1, 26:34] = WORD
    structure = np.tile(annotate("." * 10 + "(" * 12 + "." * 16 + ")" * 12 + "." * 10), (n, 1))
    y = y if output == "binary" else (2 * y + 0.1 * rng.standard_normal(n)).astype("f4")
    return {"codes": codes, "structure": structure, "y": y}, {"structure_letters": LETTERS}


def matrix(split: Split, parameters: dict) -> np.ndarray:
    """Count the words of up to k bases on the strand that is read: (n, words)."""
    from deepbio.domains.dna import words

    return words.counts(split["codes"], range(1, parameters.get("k", 5) + 1))


def read(given, known=None):
    """Yield records of FASTA files and of tables with a column of sequences, read as windows of DNA are; a column or a
    word `structure=` of a header may hold brackets and dots. Where a model knows structures, others are folded."""
    for record in sequence.read(given, known):
        if known is not None and known.get("structure_letters") and not record.problem:
            _add_structure(record)
        yield record


def settle(found, given):
    """Bring windows to one length, and give each its structure, said or folded: (context, notes)."""
    from deepbio.domains.rna import structure

    context, notes = sequence.settle(found, given)
    said = all(record.fields.get("structure", "").strip() for record in found)
    if not said and not structure.is_available():
        return context | {"structure_letters": ""}, [*notes, structure.ABSENT]
    for record in found:
        _add_structure(record)
    return context | {"structure_letters": structure.LETTERS}, notes


def _add_structure(record):
    """Put the structure of a record beside its codes, or say why there is none."""
    from deepbio.core.records import attempt
    from deepbio.domains.rna import structure

    codes, brackets = record.arrays["codes"], record.fields.get("structure", "").strip()
    if brackets and len(brackets) != len(codes):
        record.problem = f"{len(brackets)} letters of structure for {len(codes)} bases"
    elif brackets:
        attempt(record, lambda text: {"codes": codes, "structure": structure.annotate(text)}, brackets, "structure")
    elif structure.is_available():
        record.arrays["structure"] = structure.fold(codes[None])[0]
    else:
        record.problem = f"no structure; {structure.ABSENT.partition(':')[0]}"
