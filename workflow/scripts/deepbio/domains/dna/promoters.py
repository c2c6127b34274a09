"""Windows around the starts of bacterial genes, windows inside of genes and between them, and which are alike."""

import numpy as np

from deepbio.core import text
from deepbio.core.files import BadInput
from deepbio.domains.dna import sequences

WORD = 15  # bases that two similar windows share, as BLAST's word of the authors
LONG = 250  # bases of a gene from which a window is cut
EDGE = 50  # bases of a gene at either end that no such window covers
MINUS_35, MINUS_10 = (3, 3, 2, 0, 1, 0), (3, 0, 3, 0, 0, 3)  # TTGACA, TATAAT


def read_genes(path):
    """Read the coding genes of a GFF3 file: arrays of starts (from 0), ends and strands (1 or -1), by position.

    Rows of one locus (a frame shift, a gene across the origin) are one gene. BadInput names a line that is none.
    """
    loci = {}
    for number, line in text.lines(path):
        if line.startswith("#") or not line.strip():
            continue
        fields = line.split("\t")
        if len(fields) != 9:
            raise BadInput(f"{path}:{number}: {len(fields)} columns where nine are wanted")
        if fields[2] != "CDS":
            continue
        if not (fields[3].isdigit() and fields[4].isdigit() and 0 < int(fields[3]) <= int(fields[4])):
            raise BadInput(f"{path}:{number}: {fields[3]} to {fields[4]} is no interval")
        if fields[6] not in "+-":
            raise BadInput(f"{path}:{number}: strand is {fields[6]!r}, not + or -")
        facts = dict(pair.split("=", 1) for pair in fields[8].split(";") if "=" in pair)
        name = facts.get("locus_tag") or facts.get("ID", str(number))
        start, end = int(fields[3]) - 1, int(fields[4])
        before = loci.get(name, (start, end, 1))
        loci[name] = min(start, before[0]), max(end, before[1]), 1 if fields[6] == "+" else -1
    if not loci:
        raise BadInput(f"{path}: no CDS")
    return np.array(sorted(loci.values())).T


def cut(codes, starts, length, strands):
    """Cut windows (n, length) that begin at `starts` of a circular chromosome; those of strand -1 are turned round."""
    found = codes[(np.asarray(starts)[:, None] + np.arange(length)) % len(codes)]
    turned = np.asarray(strands) < 0
    found[turned] = sequences.reverse_complement(found[turned])
    return found


def around_starts(codes, genes, before, after):
    """Cut windows from `before` bases before each gene's first base to `after` behind it, and give their places."""
    starts, ends, strands = genes
    places = np.where(strands > 0, starts - before, ends - after)
    return cut(codes, places, before + after, strands), places


def inside_genes(codes, genes, length, rng):
    """Cut one random window inside of each long gene, on the strand of the gene, and give their places."""
    starts, ends, strands = (one[genes[1] - genes[0] > LONG] for one in genes)
    places = starts + EDGE + (rng.random(len(starts)) * (ends - starts - 2 * EDGE - length + 1)).astype(int)
    return cut(codes, places, length, strands), places


def between_genes(codes, genes, length, before, rng):
    """Cut one window between genes wherever one fits that no gene's promoter window touches, and give their places."""
    taken = np.zeros(len(codes), bool)
    for start, end, strand in genes.T:
        taken[max(0, start - (before if strand > 0 else 0)) : end + (before if strand < 0 else 0)] = True
    edges = np.flatnonzero(np.diff(np.r_[True, taken, True].astype(int)))
    firsts, lasts = edges[::2], edges[1::2]
    firsts, lasts = (one[lasts - firsts >= length] for one in (firsts, lasts))
    places = firsts + (rng.random(len(firsts)) * (lasts - firsts - length + 1)).astype(int)
    return cut(codes, places, length, rng.choice([-1, 1], len(places))), places


def alike(codes):
    """Number the groups of windows that share a word of 15 bases on either strand: (n,)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    both = [sequences.kmer_words(codes, WORD), sequences.kmer_words(sequences.reverse_complement(codes), WORD)[:, ::-1]]
    words = np.minimum(*both)
    rows = np.broadcast_to(np.arange(len(words))[:, None], words.shape)[words >= 0]
    _, column, counts = np.unique(words[words >= 0], return_inverse=True, return_counts=True)
    shared = counts[column] > 1
    rows, column = rows[shared], column[shared] + len(codes)
    graph = coo_matrix((np.ones(len(rows), bool), (rows, column)), shape=(len(codes) + len(counts),) * 2)
    return connected_components(graph, directed=False)[1][: len(codes)]


def without(codes, windows, margin=0):
    """List the stretches of a chromosome that share no word of 15 bases, on either strand, with any of some windows."""
    known = np.unique(
        np.minimum(
            sequences.kmer_words(windows, WORD),
            sequences.kmer_words(sequences.reverse_complement(windows), WORD)[:, ::-1],
        )
    )
    one = sequences.kmer_words(codes[None], WORD)[0]
    other = sequences.kmer_words(sequences.reverse_complement(codes[None]), WORD)[0, ::-1]
    hit = np.flatnonzero(np.isin(np.minimum(one, other), known[known >= 0]))
    held = np.zeros(len(codes) + 1, int)
    np.add.at(held, hit, 1)
    np.add.at(held, np.minimum(hit + WORD, len(codes)), -1)
    free = np.cumsum(held)[:-1] == 0
    edges = np.flatnonzero(np.diff(np.r_[False, free, False].astype(int)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > margin]


def simulate(count, length, rng):
    """Simulate windows (count, length): every other one has a -35 and a -10 box at 16 to 18 bases from each other, each
    base of which is wrong one time in eight. Returns codes and labels."""
    codes = rng.choice(4, (count, length), p=[0.27, 0.23, 0.23, 0.27]).astype(np.uint8)
    y = (np.arange(count) % 2).astype(np.float32)
    rows = np.flatnonzero(y)
    first = rng.integers(length // 3, length - 32, len(rows))
    for box, start in ((MINUS_35, first), (MINUS_10, first + 6 + rng.integers(16, 19, len(rows)))):
        drawn = np.where(rng.random((len(rows), 6)) < 1 / 8, rng.integers(0, 4, (len(rows), 6)), box)
        codes[rows[:, None], start[:, None] + np.arange(6)] = drawn
    return codes, y
