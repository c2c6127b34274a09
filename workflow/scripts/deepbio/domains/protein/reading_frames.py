"""Proteins and DNA as sentences: words of three residues or bases, read without overlap in three frames (Asgari and
Mofrad 2015)."""

import numpy as np

from deepbio.core.data import Ragged, Split
from deepbio.domains.protein import sequences

LENGTH = 3  # residues of a word, and so the number of frames
# Numbers of residues and of bases by their codes, 255 for what is neither.
BASES = np.array([0, 1, 2, 3, 255], np.uint8)


def of_split(split: Split) -> tuple[Ragged, np.ndarray, int]:
    """Give the sequences of proteins or of DNA windows, the table of their letters' numbers, and how many letters there
    are: 20 or 4."""
    if "residues" in split:
        return split["residues"], sequences.STANDARD, 20
    codes = np.asarray(split["codes"])
    return Ragged(codes.ravel(), np.arange(len(codes) + 1) * codes.shape[1]), BASES, 4


def sentences(residues: Ragged, table: np.ndarray = sequences.STANDARD, letters: int = 20) -> Ragged:
    """Read each sequence as three sentences of words that do not overlap, from its first, second and third letter on;
    letters left over at the end are dropped. A word is a number below letters ** 3, which stands for a word with an
    unknown letter.

    Returns the sentences in the order of sequences and frames, empty ones of short sequences among them.
    """
    codes, owner = table[np.asarray(residues.values)], sequences.owners(residues)
    n = len(codes)
    padded = np.concatenate([codes, np.full(LENGTH, 255, np.uint8)])
    word, known = np.zeros(n, np.int64), np.ones(n, bool)
    for offset in range(LENGTH):
        part = padded[offset : offset + n]
        word = word * letters + np.minimum(part, letters - 1)
        known &= part != 255
    word = np.where(known, word, letters**LENGTH)
    whole = residues.offsets[1:][owner] - np.arange(n) >= LENGTH
    frame = (np.arange(n) - residues.offsets[:-1][owner]) % LENGTH
    sentence = (owner * LENGTH + frame)[whole]
    order = np.argsort(sentence, kind="stable")
    counts = np.bincount(sentence, minlength=LENGTH * len(residues))
    return Ragged(word[whole][order].astype(np.int32), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def overlapping(
    residues: Ragged, table: np.ndarray = sequences.STANDARD, letters: int = 20
) -> tuple[np.ndarray, np.ndarray]:
    """List all overlapping words of known letters: their sequences and their numbers, (words,) each. They are those of
    the three sentences together."""
    return sequences.words(residues, LENGTH, table, letters)
