"""Simulated DNA with known answers: a Markov background, and instances of JASPAR motifs planted in it."""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import motifs, sequences

# Share of the next base after A, C, G and T in the budding yeast genome, rounded: AT-rich, poor in CpG.
TRANSITIONS = np.array(
    [[0.35, 0.17, 0.19, 0.29], [0.33, 0.20, 0.15, 0.32], [0.33, 0.20, 0.20, 0.27], [0.25, 0.19, 0.20, 0.36]]
)


def background(count, length, rng):
    """Simulate codes (count, length) of a first-order Markov chain over the bases."""
    steps = TRANSITIONS.cumsum(axis=1)
    codes = np.empty((count, length), np.uint8)
    codes[:, 0] = rng.integers(0, 4, count)
    for position in range(1, length):
        draw = rng.random(count)[:, None]
        codes[:, position] = np.minimum((draw > steps[codes[:, position - 1]]).sum(1), 3)
    return codes


def matrices(names, groups):
    """Return JASPAR motifs by name as probabilities (4, width); BadInput names those that do not exist."""
    known = {name: matrix for _, name, matrix in motifs.jaspar(tuple(groups))}
    missing = [name for name in names if name not in known]
    if missing:
        raise BadInput(f"{motifs.RELEASE} has no motif {', '.join(missing)} among {', '.join(groups)}")
    return [known[name] for name in names]


def plant(codes, rows, starts, matrix, rng):
    """Write an instance of a motif (4, width), on either strand, into rows of codes."""
    size = matrix.shape[1]
    draw = rng.random((len(rows), 1, size))
    drawn = np.minimum((draw > matrix.cumsum(axis=0)[None]).sum(1), 3).astype(np.uint8)
    reverse = rng.random(len(rows)) < 0.5
    drawn[reverse] = sequences.reverse_complement(drawn[reverse])
    codes[rows[:, None], starts[:, None] + np.arange(size)] = drawn


def parts(count, fractions):
    """Return row numbers of train, valid and test for samples that are independent of each other."""
    edges = np.cumsum([round(fraction * count) for fraction in fractions])[:-1]
    return dict(zip(("train", "valid", "test"), np.split(np.arange(count), edges), strict=True))


def names(noun, count):
    """Return a separate group for each of `count` samples: noun0, noun1, …"""
    return np.array([f"{noun}{i}" for i in range(count)]).astype("S")


def splits(arrays, fractions, context):
    """Split arrays into train, valid and test; their samples must be independent of each other."""
    return {
        part: Split({key: array[rows] for key, array in arrays.items()}, context)
        for part, rows in parts(len(arrays["y"]), fractions).items()
    }
