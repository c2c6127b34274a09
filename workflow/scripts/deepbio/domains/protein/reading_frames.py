"""Proteins as sentences: words of three residues, read without overlap in three frames (Asgari and Mofrad 2015)."""

import numpy as np

from deepbio.core.data import Ragged
from deepbio.domains.protein import sequences

LENGTH = 3  # residues of a word, and so the number of frames
VOCABULARY = 20**LENGTH
UNKNOWN = VOCABULARY  # a word with a residue that is no standard amino acid


def sentences(residues: Ragged) -> Ragged:
    """Read each protein as three sentences of words that do not overlap, from its first, second and third residue on;
    residues left over at the end are dropped. A word is a number below VOCABULARY, or UNKNOWN.

    Returns the sentences in the order of proteins and frames, empty ones of short proteins among them.
    """
    codes, owner = sequences.STANDARD[np.asarray(residues.values)], sequences.owners(residues)
    n = len(codes)
    padded = np.concatenate([codes, np.full(LENGTH, 255, np.uint8)])
    word, known = np.zeros(n, np.int64), np.ones(n, bool)
    for offset in range(LENGTH):
        part = padded[offset : offset + n]
        word = word * 20 + np.minimum(part, 19)
        known &= part != 255
    word = np.where(known, word, UNKNOWN)
    whole = residues.offsets[1:][owner] - np.arange(n) >= LENGTH
    frame = (np.arange(n) - residues.offsets[:-1][owner]) % LENGTH
    sentence = (owner * LENGTH + frame)[whole]
    order = np.argsort(sentence, kind="stable")
    counts = np.bincount(sentence, minlength=LENGTH * len(residues))
    return Ragged(word[whole][order].astype(np.int32), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def overlapping(residues: Ragged) -> tuple[np.ndarray, np.ndarray]:
    """List all overlapping words of standard residues: their proteins and their numbers, (words,) each. They are those
    of the three sentences together."""
    return sequences.words(residues, LENGTH)
