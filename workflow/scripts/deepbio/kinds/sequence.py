"""DNA windows of one length: codes 0 to 3 for ACGT, 4 for an unknown base."""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.kind import Array

ROLE = "input"
TITLE = "DNA windows"
ARRAYS = {"codes": Array("uint8", ("position",), "0 to 3 for ACGT, 4 for an unknown base")}
CONTEXT: dict[str, str] = {}
OUTPUTS = ("binary", "regression")
READS = ("binary", "multilabel", "regression")
SPLIT = "chromosome"  # of windows without coordinates: cluster
COLUMNS = ("sequence", "seq", "dna", "window")
PEAKS = (".bed", ".narrowpeak", ".broadpeak")
FASTA = (".fa", ".fasta", ".fna", ".ffn")
SHARED = 24  # bases in a row that near-duplicates share
COMMON = 50  # windows with such a word beyond which it is a repeat of the genome and links none
WORD = (3, 2, 0, 1, 3, 1, 0)  # TGACTCA


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make windows of 60 random bases; a planted TGACTCA makes the label."""
    codes = rng.integers(0, 4, (n, 60)).astype(np.uint8)
    y = (np.arange(n) % 2).astype(np.float32)
    for row in np.flatnonzero(y):
        start = rng.integers(0, 53)
        codes[row, start : start + 7] = WORD
    y = y if output == "binary" else (2 * y + 0.1 * rng.standard_normal(n)).astype("f4")
    return {"codes": codes, "y": y}, {}


def matrix(split: Split, parameters: dict):
    """Count the k-mers of windows, those of both strands together: sparse (n, k-mers)."""
    from deepbio.domains.dna.sequences import kmer_counts

    return kmer_counts(np.asarray(split["codes"]), parameters.get("k", 5))


def read(given, known=None):
    """Yield records of FASTA files (fields: the words `name=value` of a header, and `word2`, …), of tables with a
    column of sequences, and of BED or narrowPeak files over a genome.

    `known`: the `length` that windows are brought to.
    """
    from deepbio.core import records
    from deepbio.domains.dna import own_windows, sequences

    def arrays(text):
        return {"codes": sequences.encode(["".join(text.split())])[0]}

    def all_records():
        peaks = {name: path for name, path in given.files.items() if records.suffix(path) in PEAKS}
        others = {name: path for name, path in given.files.items() if name not in peaks}
        listed = records.Given(others, given.columns, given.options, given.output)
        yield from own_windows.fasta_or_tables(listed, FASTA, COLUMNS, arrays)
        if peaks and known is None and given.output == "multilabel":
            yield from own_windows.bins(peaks, given.options)
        elif peaks:
            length = known["length"] if known else given.options.get("length") or own_windows.usual_width(peaks)
            negatives = known is None and given.output == "binary" and "label" not in given.columns
            yield from own_windows.intervals(peaks, given.options, length, negatives and len(peaks) == 1)

    for record in all_records():
        if not record.problem:
            place = own_windows.place(record)
            if place:
                record.fields.setdefault("chromosome", place)
            if known is not None:
                own_windows.conform(record, known["length"])
        yield record


def settle(found, given):
    """Bring windows to one length, the said or the most frequent one: longer ones are cut to their middle, shorter ones
    get unknown bases at both ends. Make shuffled windows where they are asked for."""
    from collections import Counter

    from deepbio.domains.dna import own_windows

    counts = Counter(len(record.arrays["codes"]) for record in found)
    length = given.options.get("length") or counts.most_common(1)[0][0]
    for record in found:
        own_windows.conform(record, length)
    notes = [f"windows of {length} bases"]
    other = sum(count for one, count in counts.items() if one != length)
    if other:
        notes[0] += (
            f"; {other} of another length ({min(counts)} to {max(counts)}) are cut or padded around their middle"
        )
    if own_windows.wants_shuffled(given) and given.output == "binary":
        made = own_windows.shuffled(found, given.options["negatives"].get("per_positive", 1))
        found += made
        notes.append(f"{len(made)} negatives are dinucleotide shuffles")
    return {"length": length}, notes


def _words(arrays):
    """List the words of SHARED bases, or of the whole window where it is shorter, on whichever strand comes first: (n,
    places), -1 where a base is unknown."""
    from deepbio.domains.dna import sequences

    codes = np.asarray(arrays["codes"])
    k = min(SHARED, codes.shape[1])
    one, other = sequences.kmer_words(codes, k), sequences.kmer_words(sequences.reverse_complement(codes), k)[:, ::-1]
    return np.minimum(one, other)


def same(arrays, context):
    """Name each window by its bases on whichever strand comes first, (n,) byte strings."""
    import hashlib

    from deepbio.domains.dna import sequences

    codes = np.asarray(arrays["codes"])
    pairs = zip(codes, sequences.reverse_complement(codes), strict=True)
    return np.array([hashlib.sha256(min(a.tobytes(), b.tobytes())).hexdigest() for a, b in pairs]).astype("S")


def compared(arrays):
    """List the words by which near-duplicates are found: windows, words, and how many a pair must share."""
    words = _words(arrays)
    known = words >= 0
    return np.broadcast_to(np.arange(len(words))[:, None], words.shape)[known], words[known], 1


def cluster(arrays):
    """Number the groups of windows that share words of 24 bases, other than repeats of the genome: (n,)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    words = _words(arrays)
    rows = np.broadcast_to(np.arange(len(words))[:, None], words.shape)[words >= 0]
    _, column, counts = np.unique(words[words >= 0], return_inverse=True, return_counts=True)
    kept = (counts[column] > 1) & (counts[column] <= COMMON)
    rows, column = rows[kept], column[kept] + len(words)
    nodes = len(words) + len(counts)
    graph = coo_matrix((np.ones(len(rows), bool), (rows, column)), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1][: len(words)]


def short(arrays):
    """Tell which windows have no word left once a base in their middle is changed, (n,) bool."""
    return (np.asarray(arrays["codes"]) < 4).sum(axis=1) < 2 * SHARED


def traits(arrays):
    """Measure what should not tell the class of a window: unknown bases, which shorter ones have at their ends."""
    return {"share of unknown bases, padding included,": (np.asarray(arrays["codes"]) > 3).mean(axis=1)}


def near(arrays, test, others):
    """Tell which of the samples `test` share a word of 24 bases with one of `others`."""
    words = _words(arrays)
    one = words[test]
    return (np.isin(one, words[others]) & (one >= 0)).any(axis=1)
