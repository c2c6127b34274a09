"""DNA and RNA: reading, codes, one-hot, reverse complement, dinucleotide shuffles, k-mers.

A sequence is stored as uint8 codes 0-3 for A, C, G, T (U), and 4 for anything else; one-hot is made per batch.
"""

import re

import numpy as np

from deepbio.core import text
from deepbio.core.files import BadInput

BASES = "ACGT"
UNKNOWN = 4
_CODES = np.full(256, UNKNOWN, np.uint8)
for _code, _letters in enumerate(("Aa", "Cc", "Gg", "TtUu")):
    _CODES[list(_letters.encode())] = _code
_PLACE = re.compile(r"(?:.*::)?([A-Za-z0-9_.]+):(\d+)-(\d+)(?:\D.*)?")
_KNOWN = np.zeros(256, bool)
_KNOWN[list(b"ACGTUNRYSWKMBDHVacgtunryswkmbdhv")] = True
_IUPAC = re.compile(r"[ACGTUNRYSWKMBDHV]+", re.IGNORECASE)


def read_fasta(path):
    """Read names and sequences of a FASTA file of windows (a genome is read with pyfaidx).

    Raises BadInput with file and line for text before the first header, an empty record, or a letter that is not a
    base.
    """
    names, parts, starts = [], [], []
    for number, line in text.lines(path):
        line = line.strip()
        if line.startswith(">"):
            names.append(line[1:].strip())
            parts.append([])
            starts.append(number)
        elif line and not names:
            raise BadInput(f"{path}:{number}: a FASTA file begins with a '>' line, not with {line[:30]!r}")
        elif line:
            if not _IUPAC.fullmatch(line):
                wrong = next(letter for letter in line if not _IUPAC.fullmatch(letter))
                raise BadInput(f"{path}:{number}: {wrong!r} is no base (record '{names[-1]}')")
            parts[-1].append(line)
    if not names:
        raise BadInput(f"{path}: no FASTA record")
    sequences = ["".join(part) for part in parts]
    for name, sequence, start in zip(names, sequences, starts, strict=True):
        if not sequence:
            raise BadInput(f"{path}:{start}: record '{name}' has no sequence")
    return names, sequences


def encode(sequences, where="", lines=None):
    """Encode sequences of equal length as codes (n, length).

    Raises BadInput for the first sequence whose length differs from that of the first one, and for the first letter
    that is not a base (IUPAC letters other than ACGTU are unknown bases). `where` is the file, `lines` the line of each
    sequence in it.
    """

    def place(row):
        return f"{where}:{lines[row]}" if lines is not None else f"{where}{': ' if where else ''}record {row + 1}"

    lengths = np.fromiter(map(len, sequences), int, len(sequences))
    wrong = np.flatnonzero(lengths != lengths[0])
    if len(wrong):
        raise BadInput(f"{place(wrong[0])} has {lengths[wrong[0]]} bases, the first one has {lengths[0]}")
    # Letters that are not ASCII become '?', one for each, and are named below.
    letters = np.frombuffer("".join(sequences).encode("ascii", "replace"), np.uint8)
    known = _KNOWN[letters]
    if not known.all():
        row, column = divmod(int(known.argmin()), int(lengths[0]))
        raise BadInput(f"{place(row)}: {sequences[row][column]!r} is no base")
    return _CODES[letters].reshape(len(sequences), -1)


# The bases that each IUPAC letter stands for.
AMBIGUOUS = {
    **{base: base for base in BASES},
    **{"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"},
    **{"B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT"},
}


def decode(codes):
    """Decode one row of codes as a string."""
    return "".join((BASES + "N")[code] for code in codes)


def reverse_complement(codes):
    """Return the reverse complement of codes (…, length): the other strand, read 5' to 3'."""
    flipped = codes[..., ::-1]
    return np.where(flipped == UNKNOWN, UNKNOWN, 3 - np.minimum(flipped, 3)).astype(codes.dtype)


def one_hot(codes, unknown=0.25):
    """Convert a tensor of codes (n, length) to a tensor (n, 4, length) float32.

    An unknown base has the value `unknown` in all four channels.
    """
    import torch

    table = torch.eye(5, 4, device=codes.device)
    table[UNKNOWN] = unknown
    # Convolutions are three times faster on contiguous channels than on a transposed view.
    return table[codes.long()].transpose(1, 2).contiguous()


def dinucleotide_shuffle(codes, seed):
    """Shuffle each row once, with its counts of dinucleotides kept (Altschul and Erickson 1985, by tangermeme)."""
    import torch
    from tangermeme.ersatz import dinucleotide_shuffle as shuffle

    x = one_hot(torch.from_numpy(np.array(codes)), unknown=0.0)
    shuffled = shuffle(x, n=1, random_state=int(seed) % 2**31, allow_N=True)[:, 0]
    found = shuffled.argmax(1).to(torch.uint8)
    found[shuffled.sum(1) == 0] = UNKNOWN
    return found.numpy()


def kmer_words(codes, k):
    """Compute the number of the k-mer that begins at each position, (n, length - k + 1) int64; -1 with an unknown
    base."""
    codes = np.asarray(codes)
    positions = codes.shape[1] - k + 1
    words = np.zeros((len(codes), positions), np.int64)
    valid = np.ones_like(words, dtype=bool)
    for offset in range(k):
        column = codes[:, offset : offset + positions]
        words = words * 4 + np.minimum(column, 3)
        valid &= column != UNKNOWN
    return np.where(valid, words, -1)


def reverse_word(k):
    """Return for each k-mer number the number of its reverse complement."""
    words = np.arange(4**k)
    reverse = np.zeros_like(words)
    for _ in range(k):
        reverse = reverse * 4 + (3 - words % 4)
        words //= 4
    return reverse


def kmer_counts(codes, k):
    """Count k-mers on both strands, (n, distinct k-mers) float32; a k-mer and its reverse complement count as one."""
    reverse = reverse_word(k)
    canonical, column = np.unique(np.minimum(np.arange(4**k), reverse), return_inverse=True)
    words = kmer_words(codes, k)
    rows = np.broadcast_to(np.arange(len(words))[:, None], words.shape)[words >= 0]
    flat = rows * len(canonical) + column[words[words >= 0]]
    return np.bincount(flat, minlength=len(codes) * len(canonical)).reshape(len(codes), -1).astype(np.float32)


def place(name, where=""):
    """Parse (chromosome, start, end) from a record name.

    Examples are chr1:100-200, name::chr1:100-200(+) and chr1:100-200_shuf. Raises BadInput for a name without
    coordinates.
    """
    match = _PLACE.fullmatch(name)
    if not match:
        raise BadInput(f"{where and f'{where}: '}record '{name}' has no coordinates of the form chr1:100-200")
    chromosome, start, end = match.groups()
    return chromosome, int(start), int(end)


def by_chromosome(chromosomes, parameters):
    """Return masks of train, valid and test for samples on `chromosomes` (n,).

    Test and validation are on `test_chromosomes` and `valid_chromosomes` of the parameters; training is on all others.
    """
    test = np.isin(chromosomes, parameters["test_chromosomes"])
    valid = np.isin(chromosomes, parameters["valid_chromosomes"])
    return {"train": ~test & ~valid, "valid": valid, "test": test}
