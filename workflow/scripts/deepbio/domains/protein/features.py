"""Physico-chemical features of a whole protein: composition, transition and distribution of classes of residues.

After Dubchak et al. 1995 (PNAS 92:8700): for each of seven properties the 20 amino acids fall into three classes, and
21 numbers say how much of a sequence each class is (3), how often neighbours are of two different classes (3), and
where in the sequence the first, 25, 50, 75 and 100 % of each class lie (15).
"""

import numpy as np

from deepbio.core.data import Ragged
from deepbio.domains.protein import sequences

# Classes as Dubchak et al. 1999 (Proteins 35:401, table 1) have them, and of solvent accessibility.
PROPERTIES = {
    "hydrophobicity": ("RKEDQN", "GASTPHY", "CLVIMFW"),
    "van der Waals volume": ("GASTPDC", "NVEQIL", "MHKFRYW"),
    "polarity": ("LIFWCMVY", "PATGS", "HQRKNED"),
    "polarizability": ("GASDT", "CPNVEQIL", "KMHFRYW"),
    "charge": ("KR", "ANCQGHILMFPSTWYV", "DE"),
    "secondary structure": ("EALMQKRH", "VIYCWFT", "GNPSD"),
    "solvent accessibility": ("ALFCGIVW", "RKQEND", "MSPTHY"),
}
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
NAMES = [f"share of {letter}" for letter in sequences.AMINO_ACIDS] + [
    f"{title}: {what}"
    for title in PROPERTIES
    for what in (
        *(f"share of class {c}" for c in (1, 2, 3)),
        *(f"transitions {pair}" for pair in ("1-2", "1-3", "2-3")),
        *(f"class {c} at {int(100 * q)} %" for c in (1, 2, 3) for q in QUARTERS),
    )
]


def _table(classes):
    table = np.full(256, 255, np.uint8)
    for number, letters in enumerate(classes):
        table[[sequences.AMINO_ACIDS.index(letter) for letter in letters]] = number
    return table


def physicochemical(residues: Ragged) -> np.ndarray:
    """Compute 167 numbers of each protein: the shares of 20 amino acids and 21 numbers of each of seven properties.

    Residues that are no standard amino acid (X, B, Z) are left out first. All numbers are shares between 0 and 1.
    Returns (n, 167) float64, in the order of NAMES.
    """
    codes, owner = sequences.STANDARD[np.asarray(residues.values)], sequences.owners(residues)
    codes, owner = codes[codes != 255], owner[codes != 255]
    lengths = np.bincount(owner, minlength=len(residues))
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    place = np.arange(len(codes)) - starts[owner] + 1  # from 1
    parts = [sequences.composition(residues)]
    for classes in PROPERTIES.values():
        number = _table(classes)[codes].astype(np.int64)
        parts += [
            _composition(number, owner, lengths),
            _transition(number, owner, lengths),
            _distribution(number, owner, place, lengths),
        ]
    return np.concatenate(parts, axis=1)


def _composition(number, owner, lengths):
    counts = np.bincount(owner * 3 + number, minlength=3 * len(lengths)).reshape(-1, 3)
    return counts / np.maximum(lengths, 1)[:, None]


def _transition(number, owner, lengths):
    inside = owner[1:] == owner[:-1]
    low, high = np.minimum(number[1:], number[:-1])[inside], np.maximum(number[1:], number[:-1])[inside]
    differ, kind = low != high, low + high - 1  # 0-1, 0-2, 1-2 as 0, 1, 2
    counts = np.bincount(owner[1:][inside][differ] * 3 + kind[differ], minlength=3 * len(lengths)).reshape(-1, 3)
    return counts / np.maximum(lengths - 1, 1)[:, None]


def _distribution(number, owner, place, lengths):
    """Tell where the first residue of a class lies and those at 25, 50, 75 and 100 % of its residues, over the length;
    0 where a protein has none of the class."""
    key = owner * 3 + number
    order = np.argsort(key, kind="stable")
    counts = np.bincount(key, minlength=3 * len(lengths))
    if not len(order):
        return np.zeros((len(lengths), 15))
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rank = np.maximum(np.floor(np.outer(counts, QUARTERS)).astype(int), 1) - 1
    at = np.minimum(starts[:, None] + rank, len(order) - 1)
    found = place[order][at] / np.maximum(np.repeat(lengths, 3), 1)[:, None]
    return np.where(counts[:, None] > 0, found, 0.0).reshape(len(lengths), 15)
