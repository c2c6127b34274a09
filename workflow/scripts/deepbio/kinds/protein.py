"""Proteins: one sequence of residues a sample, each of a length of its own."""

import numpy as np

from deepbio.core.data import Ragged, Split
from deepbio.core.kind import Array

ROLE = "input"
TITLE = "protein sequences"
ARRAYS = {"residues": Array("uint8", ("residue",), "0 to 19 for amino acids, 20 to 24 for X, B, Z, U, O", ragged=True)}
CONTEXT: dict[str, str] = {}
OUTPUTS = ("binary", "regression")
READS = ("binary", "multilabel", "multiclass", "regression")
SPLIT = "cluster"
COLUMNS = ("sequence", "protein", "seq", "aa", "peptide")
FASTA = (".fa", ".fasta", ".faa", ".fas", ".pep")


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Draw proteins of 40 to 80 residues; the share of K and R carries the label."""
    shares = rng.uniform(0, 0.5, n)
    if output == "binary":
        shares = np.where(np.arange(n) % 2, rng.uniform(0.2, 0.35, n), rng.uniform(0, 0.12, n))
    found = []
    for share in shares:
        codes = rng.integers(0, 20, int(rng.integers(40, 81))).astype(np.uint8)
        charged = rng.random(len(codes)) < share
        found.append(np.where(charged, rng.choice([8, 14], len(codes)), codes).astype(np.uint8))
    y = np.arange(n) % 2 if output == "binary" else 10 * shares
    return {"residues": Ragged.join(found), "y": y.astype(np.float32)}, {}


def matrix(split: Split, parameters: dict) -> np.ndarray:
    """Compute numbers by `parameters["features"]`: `physicochemical` (the default; 167, see domains.protein.features),
    `composition` (20), `length` (its logarithm and the square of that), `first` (1 where a protein begins with Met) or
    `words` (counts of 3-mers, 8000)."""
    from deepbio.domains.protein import features, sequences

    residues, wanted = split["residues"], parameters.get("features", "physicochemical")
    if wanted == "composition":
        return sequences.composition(residues)
    if wanted == "length":
        log = np.log(residues.lengths)
        return np.stack([log, log**2], axis=1)
    if wanted == "first":
        return (np.asarray(residues.values)[residues.offsets[:-1]] == 10).astype(float)[:, None]
    if wanted == "words":
        return sequences.word_counts(residues, 3).toarray()
    return features.physicochemical(residues)


def read(given, known=None):
    """Read records of FASTA files (fields: the words `name=value` of a header, and `word2`, …) and of tables with a
    column of sequences."""
    from deepbio.domains.dna.own_windows import fasta_or_tables
    from deepbio.domains.protein import sequences

    def arrays(text):
        return {"residues": Ragged.join([sequences.encode(text)])}

    return fasta_or_tables(given, FASTA, COLUMNS, arrays)


def same(arrays, context):
    """Name each protein by its residues, (n,) byte strings."""
    import hashlib

    residues = arrays["residues"]
    pairs = zip(residues.offsets[:-1], residues.offsets[1:], strict=True)
    return np.array([hashlib.sha256(residues.values[a:b].tobytes()).hexdigest() for a, b in pairs]).astype("S")


def compared(arrays):
    """List the words of five residues by which near-duplicates are found: proteins, words, and how many a pair must
    share."""
    from deepbio.domains.protein import sequences

    return *sequences.words(arrays["residues"], 5), 6


def cluster(arrays):
    """Number the clusters of similar proteins, (n,)."""
    from deepbio.domains.protein import clusters

    return clusters.cluster(arrays["residues"])


def short(arrays):
    """Tell which proteins have too few words to be compared once a residue in their middle is changed, (n,) bool."""
    return arrays["residues"].lengths < 15


def traits(arrays):
    """Measure what should not tell the class of a protein: its length and unknown residues."""
    from deepbio.domains.protein import sequences

    residues = arrays["residues"]
    unknown = sequences.STANDARD[np.asarray(residues.values)] == 255
    count = np.bincount(sequences.owners(residues)[unknown], minlength=len(residues))
    return {"length": residues.lengths, "share of unknown residues": count / residues.lengths}


def near(arrays, test, others):
    """Tell which of the samples `test` are similar to one of `others`."""
    from deepbio.domains.protein import clusters

    return clusters.near(arrays["residues"], np.asarray(test), np.asarray(others))
