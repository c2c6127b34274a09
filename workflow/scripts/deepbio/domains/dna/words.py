"""Words of the strand that is read: counts of all k-mers up to a length, for assays that know the strand."""

from collections.abc import Iterable

import numpy as np

from deepbio.core.data import Ragged
from deepbio.domains.dna import sequences


def counts(codes: np.ndarray | Ragged, lengths: Iterable[int]) -> np.ndarray:
    """Count the words of each of some lengths, on the strand that is given: (n, sum of 4^length) float32.

    Of sequences of unequal length the counts are those in a thousand bases. Words with an unknown base do not count.
    """
    if not isinstance(codes, Ragged):
        return np.concatenate([_count(*_words(np.asarray(codes), k), len(codes), k) for k in lengths], axis=1)
    row = np.repeat(np.arange(len(codes)), codes.lengths)
    values, blocks = np.asarray(codes.values)[None], []
    for k in lengths:
        words = sequences.kmer_words(values, k)[0] if values.shape[1] >= k else np.zeros(0, int)
        words = np.where(row[k - 1 :] == row[: len(words)], words, -1)  # none reaches into the next sequence
        blocks.append(_count(words, row[: len(words)], len(codes), k))
    return np.concatenate(blocks, axis=1) * (1000 / np.maximum(codes.lengths, 1))[:, None].astype(np.float32)


def _words(codes, k):
    words = sequences.kmer_words(codes, k)
    return words.ravel(), np.repeat(np.arange(len(codes)), words.shape[1])


def _count(words, row, samples, k):
    known = words >= 0
    flat = np.bincount(row[known] * 4**k + words[known], minlength=samples * 4**k)
    return flat.reshape(samples, -1).astype(np.float32)


def at_positions(codes: np.ndarray, k: int) -> np.ndarray:
    """Mark which word begins at each position: (n, positions x 4^k) uint8; no mark where a base is unknown."""
    words = sequences.kmer_words(np.asarray(codes), k)
    row, place = np.nonzero(words >= 0)
    found = np.zeros((*words.shape, 4**k), np.uint8)
    found[row, place, words[row, place]] = 1
    return found.reshape(len(found), -1)
