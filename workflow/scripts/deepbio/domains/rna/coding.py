"""Coding potential of transcripts: open reading frames, hexamers, and which transcripts are of one gene."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Ragged
from deepbio.domains.dna import sequences

START, STOPS = 14, (48, 50, 56)  # ATG; TAA, TAG and TGA, as numbers of three bases to the base 4
WORD, SHARE = 24, 16  # bases of a word that related transcripts share; one word in SHARE is looked at
LEAST, COMMON = 3, 20  # such words that two of them have in common; a word in more transcripts is a repeat


def samples(codes: Ragged):
    """Yield the codes of each transcript, (length,)."""
    values = np.asarray(codes.values)
    return (values[start:end] for start, end in zip(codes.offsets[:-1], codes.offsets[1:], strict=True))


def longest_frame(codes: np.ndarray) -> tuple[int, int]:
    """Find the longest open reading frame of a transcript on the strand that is read: its first base and its length.

    A frame begins with ATG and ends with the first stop codon behind it, which counts; one without a stop ends with the
    transcript. (0, 0) where there is no ATG.
    """
    if len(codes) < 3:
        return 0, 0
    words, best = sequences.kmer_words(codes[None], 3)[0], (0, 0)
    for frame in range(3):
        here = words[frame::3]
        starts, stops = np.flatnonzero(here == START), np.flatnonzero(np.isin(here, STOPS))
        if len(starts):
            ends = np.append(stops + 1, len(here))[np.searchsorted(stops, starts)]
            longest = int((ends - starts).argmax())
            length = int(3 * (ends[longest] - starts[longest]))
            best = max(best, (int(3 * starts[longest] + frame), length), key=lambda one: one[1])
    return best


def frames(codes: Ragged) -> np.ndarray:
    """Find the longest open reading frame of each transcript: (n, 2) first bases and lengths."""
    return np.array([longest_frame(one) for one in samples(codes)])


def hexamers(codes: Ragged, places: np.ndarray | None = None) -> np.ndarray:
    """Count hexamers, (n, 4096): of all positions, or of the codons of the frames `places` (n, 2) alone."""
    found = np.zeros((len(codes), 4**6), np.float32)
    for row, one in enumerate(samples(codes)):
        if places is not None:
            first, length = places[row]
            one = one[first : first + length]
        if len(one) >= 6:
            words = sequences.kmer_words(one[None], 6)[0]
            words = words[::3] if places is not None else words
            found[row] = np.bincount(words[words >= 0], minlength=4**6)
    return found


def fickett(codes: Ragged) -> np.ndarray:
    """Measure how unevenly each base lies in the three codon positions, and how frequent it is: (n, 8).

    These are the quantities of Fickett's statistic (1982, Nucleic Acids Research 10:5303): the largest count of a base
    in one of the three positions over the smallest one plus 1, and its share. Its published weights are left to whoever
    learns from them.
    """
    found = np.zeros((len(codes), 8), np.float32)
    for row, one in enumerate(samples(codes)):
        if len(one):
            counts = np.array([np.bincount(one[place::3], minlength=5)[:4] for place in range(3)])
            found[row] = np.r_[counts.max(axis=0) / (counts.min(axis=0) + 1), counts.sum(axis=0) / len(one)]
    return found


def related(codes: Ragged) -> np.ndarray:
    """Number the groups of transcripts that have stretches in common, such as those of one gene: (n,).

    Two are linked by three words of 24 bases, of those that are looked at: one in sixteen, the same ones in all
    transcripts, so that some seventy bases suffice. Repeats of the genome, whose copies differ, hardly ever have as
    many, and words in more than twenty transcripts count for none.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    row = np.repeat(np.arange(len(codes)), codes.lengths)
    words = sequences.kmer_words(np.asarray(codes.values)[None], WORD)[0]
    mixed = (words.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(58)
    kept = (words >= 0) & (row[: len(words)] == row[WORD - 1 :]) & (mixed % SHARE == 0)
    pairs = np.unique(np.stack([words[kept], row[: len(words)][kept]]), axis=1)
    _, word, counts = np.unique(pairs[0], return_inverse=True, return_counts=True)
    shared = (counts[word] > 1) & (counts[word] <= COMMON)
    shape = len(codes), len(counts)
    holds = coo_matrix((np.ones(shared.sum(), np.int32), (pairs[1][shared], word[shared])), shape=shape).tocsr()
    return connected_components(holds @ holds.T >= LEAST, directed=False)[1]


def matched(lengths: np.ndarray, y: np.ndarray, rng: np.random.Generator, bins: int = 30) -> np.ndarray:
    """Choose as many transcripts of each class in every bin of the logarithm of the length: a mask (n,)."""
    edges = np.quantile(np.log(lengths), np.linspace(0, 1, bins + 1)[1:-1])
    of_bin, chosen = np.searchsorted(edges, np.log(lengths)), np.zeros(len(y), bool)
    for one in np.unique(of_bin):
        members = [rng.permutation(np.flatnonzero((of_bin == one) & (y == label))) for label in (0, 1)]
        for part in members:
            chosen[part[: min(map(len, members))]] = True
    return chosen


def parts(group: np.ndarray, y: np.ndarray, fractions: list[float], rng: np.random.Generator) -> np.ndarray:
    """Deal whole groups to parts of the given fractions, labels alike: the part of each sample (n,)."""
    folds = 20
    fold = tables.deal(group, y, folds, rng)
    return np.searchsorted(np.cumsum(np.round(np.array(fractions) * folds)).astype(int)[:-1], fold, side="right")
