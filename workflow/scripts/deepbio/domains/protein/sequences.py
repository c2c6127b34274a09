"""Protein sequences: codes of residues, FASTA, k-mers, and lists of sequences of unequal length.

A residue is stored as a uint8 code: 0 to 19 for the amino acids in the order of AMINO_ACIDS, 20 to 24 for X (any),
B (Asp or Asn), Z (Glu or Gln), U (selenocysteine) and O (pyrrolysine).
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from deepbio.core.data import Ragged
from deepbio.core.files import BadInput
from deepbio.domains.dna.own_windows import fasta

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
LETTERS = AMINO_ACIDS + "XBZUO"
UNKNOWN = 20
# What counts amino acids only takes U as C and O as K, and B, Z and X as none (255).
STANDARD = np.array([*range(20), 255, 255, 255, 1, 8], np.uint8)
_NONE = 255
_CODES = np.full(256, _NONE, np.uint8)
for _code, _letter in enumerate(LETTERS):
    _CODES[[ord(_letter), ord(_letter.lower())]] = _code
_CODES[[ord("J"), ord("j")]] = UNKNOWN  # Leu or Ile


def encode(sequence: str) -> np.ndarray:
    """Encode a sequence as codes (residues,) uint8; blanks and the stop `*` at its end are left out.

    Raises BadInput for an empty sequence and for the first letter that is no residue.
    """
    text = "".join(sequence.split()).removesuffix("*")
    codes = _CODES[np.frombuffer(text.encode("ascii", "replace"), np.uint8)]
    wrong = np.flatnonzero(codes == _NONE)
    if len(wrong):
        raise BadInput(f": {text[wrong[0]]!r} at residue {wrong[0] + 1} is no amino acid")
    if not len(codes):
        raise BadInput(": no residue")
    return codes


def decode(codes: Iterable[int]) -> str:
    """Decode codes (residues,) as a string."""
    return "".join(LETTERS[code] for code in codes)


def read_fasta(path: Path) -> tuple[list[str], list[np.ndarray]]:
    """Read the headers' first words and the codes of a FASTA file of proteins.

    Raises BadInput with file, line and record for a sequence that is empty or holds a letter that is no residue.
    """
    names, found = [], []
    for record, text in fasta(Path(path)):
        try:
            found.append(encode(text))
        except BadInput as error:
            line = record.where.rpartition(":")[2]
            raise BadInput(f"{path}:{line}: record '{record.id}'{error}") from None
        names.append(record.id)
    return names, found


def owners(residues: Ragged) -> np.ndarray:
    """Number the sequence that each residue is of: (residues of all,)."""
    return np.repeat(np.arange(len(residues)), residues.lengths)


def words(residues: Ragged, k: int, table: np.ndarray = STANDARD, letters: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Number all overlapping k-mers of standard residues: their owners and their words, (k-mers of all,) each.

    `table` maps codes to numbers below `letters` (255: none). A k-mer with a residue that maps to none is left out. The
    word is the k-mer as a number to the base `letters`, its first residue the highest digit.
    """
    codes, owner = table[np.asarray(residues.values)], owners(residues)
    count = max(0, len(codes) - k + 1)
    word, valid = np.zeros(count, np.int64), owner[:count] == owner[k - 1 :][:count]
    for offset in range(k):
        part = codes[offset : offset + count]
        word = word * letters + np.minimum(part, letters - 1)
        valid &= part != 255
    return owner[:count][valid], word[valid]


def word_counts(residues: Ragged, k: int):
    """Count the overlapping k-mers of each sequence: a sparse matrix (n, 20**k) float32."""
    from scipy.sparse import coo_matrix

    owner, word = words(residues, k)
    ones = np.ones(len(word), np.float32)
    return coo_matrix((ones, (owner, word)), shape=(len(residues), 20**k)).tocsr()


def composition(residues: Ragged) -> np.ndarray:
    """Compute the share of each of the 20 amino acids among the standard residues: (n, 20) float64."""
    owner, word = words(residues, 1)
    counts = np.bincount(owner * 20 + word, minlength=20 * len(residues)).reshape(-1, 20).astype(float)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def without_first(residues: Ragged) -> Ragged:
    """Leave out the first residue of each sequence, which tells a whole protein (Met) from a piece of one; a sequence
    of one residue is kept."""
    ends = zip(residues.offsets[:-1], residues.offsets[1:], strict=True)
    return Ragged.join([residues.values[a + (b - a > 1) : b] for a, b in ends])


def without_tag(codes: np.ndarray, run: int = 5, within: int = 30) -> np.ndarray:
    """Cut a histidine tag off the ends of a sequence (residues,), with all that lies outside of it.

    Parameters
    ----------
    run : fewest His in a row that are a tag
    within : residues from an end; a run that lies within them is a tag, one further inside a part of the protein. Of
        1,713 runs in pieces of PDB chains all but one lie within 26 residues of an end, of 22 in whole proteins one
        does (training set of rna_binding_proteins).

    A sequence of which nothing would be left is kept whole.
    """
    his = np.concatenate([[0], np.asarray(codes) == AMINO_ACIDS.index("H"), [0]])
    begins, ends = (np.flatnonzero(np.diff(his) == step) for step in (1, -1))
    long = ends - begins >= run
    begins, ends = begins[long], ends[long]
    first = max(ends[ends <= within], default=0)
    last = min(begins[(begins >= len(codes) - within) & (begins >= first)], default=len(codes))
    return codes[first:last] if first < last else codes
