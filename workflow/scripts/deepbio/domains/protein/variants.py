"""Amino-acid variants of a protein: their names, and the sequences that they make in the columns of an alignment."""

import re
from collections.abc import Sequence

import numpy as np

from deepbio.core.files import BadInput
from deepbio.domains.protein.sequences import AMINO_ACIDS, decode

_NAME = re.compile(r"(?:p\.)?([A-Za-z])(-?\d+)([A-Za-z])")


def parse(name: str) -> list[tuple[str, int, str]]:
    """Parse a variant such as H24A, or several substitutions such as H24A:E26K (also parted by comma, slash or blank).

    Returns (wild type, number, mutant) each. Raises BadInput for other text.
    """
    found = []
    for part in re.split(r"[:,;/\s]+", name.strip()):
        match = _NAME.fullmatch(part)
        if not match or match[3].upper() not in AMINO_ACIDS:
            raise BadInput(f": {part!r} is no substitution such as H24A")
        found.append((match[1].upper(), int(match[2]), match[3].upper()))
    return found


def apply(name: str, wild_type: np.ndarray, columns: Sequence[int] | np.ndarray) -> np.ndarray:
    """Make the sequence (columns,) of a variant from the wild type's codes (columns,) and the residues' numbers.

    Raises BadInput where a substitution lies in no column or names another wild-type residue.
    """
    place = {int(number): column for column, number in enumerate(columns)}
    mutant = np.array(wild_type, np.uint8)
    for before, number, after in parse(name):
        if number not in place:
            raise BadInput(f": residue {number} is in no column of the alignment")
        here = decode(wild_type[place[number]][None])
        if before != here:
            raise BadInput(f": residue {number} is {here} in the alignment, not {before}")
        mutant[place[number]] = AMINO_ACIDS.index(after)
    return mutant


def all_substitutions(wild_type: np.ndarray) -> np.ndarray:
    """Make all 20 residues at each column of a wild type (columns,): (columns x 20, columns) uint8, the wild type's own
    among them; row 20 i + a has the amino acid a in column i."""
    columns = len(wild_type)
    found = np.tile(np.asarray(wild_type, np.uint8), (columns * 20, 1))
    rows = np.arange(columns * 20)
    found[rows, rows // 20] = rows % 20
    return found
