"""Transcripts: RNA of any length on the strand that is read."""

import numpy as np

from deepbio.core.data import Ragged, Split
from deepbio.core.kind import Array

ROLE = "input"
TITLE = "transcripts"
ARRAYS = {"codes": Array("uint8", ("position",), "0 to 3 for ACGU, 4 for an unknown base", ragged=True)}
CONTEXT: dict[str, str] = {}
OUTPUTS = ("binary",)
READS = ("binary",)
SPLIT = "cluster"
COLUMNS = ("sequence", "seq", "transcript", "rna")
FASTA = (".fa", ".fasta", ".fna", ".ffn")
CODONS = ("GCC", "CTG", "GAG", "AAG", "GTG", "ATC", "GAC", "GGC", "ACC", "TTC")  # frequent in human genes


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make transcripts of 90 to 240 random bases; two thirds of every other one are a frame of frequent codons."""
    from deepbio.domains.dna import sequences

    y, codons = (np.arange(n) % 2).astype(np.float32), sequences.encode(CODONS)
    found = [rng.integers(0, 4, length).astype(np.uint8) for length in 3 * rng.integers(30, 81, n)]
    for row in np.flatnonzero(y):
        count = len(found[row]) * 2 // 9
        frame = np.concatenate([[0, 3, 2], codons[rng.integers(0, len(codons), count)].ravel(), [3, 0, 0]])
        found[row][6 : 6 + len(frame)] = frame[: len(found[row]) - 6]
    return {"codes": Ragged.join(found), "y": y}, {"classes": ["non-coding", "coding"]}


def matrix(split: Split, parameters: dict) -> np.ndarray:
    """Count words of up to k bases in a thousand on the strand that is read: (n, words)."""
    from deepbio.domains.dna import words

    return words.counts(split["codes"], range(1, parameters.get("k", 4) + 1))


def read(given, known=None):
    """Read records of FASTA files (fields: the words `name=value` of a header, and `word2`, …) and of tables with a
    column of sequences, each on the strand that is read."""
    from deepbio.domains.dna import own_windows, sequences

    def arrays(text):
        return {"codes": Ragged.join([sequences.encode(["".join(text.split())])[0]])}

    return own_windows.fasta_or_tables(given, FASTA, COLUMNS, arrays)


def same(arrays, context):
    """Name each transcript by its bases, (n,) byte strings."""
    import hashlib

    from deepbio.domains.rna import coding

    return np.array([hashlib.sha256(one.tobytes()).hexdigest() for one in coding.samples(arrays["codes"])]).astype("S")


def compared(arrays):
    """List the words of 16 bases by which near-duplicates are found: transcripts, words, and how many a pair must
    share."""
    from deepbio.domains.dna import sequences

    codes = arrays["codes"]
    words = sequences.kmer_words(np.asarray(codes.values)[None], 16)[0]
    owner = np.repeat(np.arange(len(codes)), codes.lengths)
    whole = (words >= 0) & (owner[: len(words)] == owner[15:])  # not over the end of a transcript
    return owner[: len(words)][whole], words[whole], 12


def cluster(arrays):
    """Number the groups of transcripts with stretches in common, such as those of one gene: (n,)."""
    from deepbio.domains.rna import coding

    return coding.related(arrays["codes"])


def short(arrays):
    """Tell which transcripts have too few words to be compared once a base in their middle is changed, (n,) bool."""
    return arrays["codes"].lengths < 43


def traits(arrays):
    """Measure what should not tell the class of a transcript alone: its length and unknown bases."""
    from deepbio.domains.rna import coding

    unknown = np.array([(one > 3).mean() for one in coding.samples(arrays["codes"])])
    return {"length": arrays["codes"].lengths, "share of unknown bases": unknown}


def near(arrays, test, others):
    """Tell which of the samples `test` have a stretch in common with one of `others`."""
    group = cluster(arrays)
    return np.isin(group[test], group[others])
