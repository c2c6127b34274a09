"""Motifs of RNA: which windows hold what a protein binds, in sequence and in structure."""

import logging

import numpy as np

from deepbio.core.data import Split
from deepbio.domains.dna import planted, sequences
from deepbio.domains.rna import structure

log = logging.getLogger(__name__)
RUN = 10  # letters of a planted run of one base
# First position of the run of each base, in the two kinds of positives (the recipe of pysster's artificial data).
RUNS = (((1, 20), (2, 50)), ((0, 80), (3, 110)))
WORD = (3, 2, 3, 0, 0, 0, 3, 0)  # UGUAAAUA


def prepare(sources, parameters, seed):
    """Prepare the windows of one dataset.

    artificial : random windows of 140; half of the positives have a run of ten C beginning between 20 and 30 and one of
        ten G between 50 and 60, the others ten A between 80 and 90 and ten U between 110 and 120; the negatives have
        none.
    hairpins : every window has a hairpin, a UGUAAAUA and its reverse complement; the word is in the loop in positives,
        in the stem in negatives.
    windows : two FASTA files, positives and background, whose headers say where they are; repeated windows count once.
        With `fold` they are folded where ViennaRNA is installed.

    Arrays: codes (n, length) uint8, structure where it is known, y (n,) float32, group. The context holds the letters
    of the structure, and `structure_note`, which says where it comes from.
    """
    readers = {"artificial": _artificial, "hairpins": _hairpins, "windows": _windows}
    return readers[parameters["format"]](sources, parameters, np.random.default_rng([seed, 2018]))


def _artificial(sources, parameters, rng):
    count = parameters["samples"]
    codes = rng.integers(0, 4, (count, 140)).astype(np.uint8)
    y = (np.arange(count) % 2).astype(np.float32)
    for kind, runs in enumerate(RUNS):
        rows = np.flatnonzero(np.arange(count) % 4 == 2 * kind + 1)
        for base, first in runs:
            starts = first + rng.integers(0, 11, len(rows))
            codes[rows[:, None], starts[:, None] + np.arange(RUN)] = base
    context = {"classes": ["background", "planted"], "structure_letters": "", "structure_note": "none is planted"}
    return planted.splits(
        {"codes": codes, "y": y, "group": planted.names("window", count)}, parameters["fractions"], context
    )


def _hairpins(sources, parameters, rng):
    count, length, stem, loop = (parameters[key] for key in ("samples", "length", "stem", "loop"))
    codes = rng.integers(0, 4, (count, length)).astype(np.uint8)
    shapes = np.full((count, length), structure.EXTERIOR, np.uint8)
    y = (np.arange(count) % 2).astype(np.float32)
    first = rng.integers(0, length - 2 * stem - loop + 1, count)[:, None]
    left, inside = first + np.arange(stem), first + stem + np.arange(loop)
    right = first + 2 * stem + loop - 1 - np.arange(stem)  # the partners of `left`, in its order
    rows = np.arange(count)[:, None]
    shapes[rows, left], shapes[rows, right], shapes[rows, inside] = structure.STEM, structure.STEM, structure.HAIRPIN
    start = np.where(
        y == 1, stem + rng.integers(0, loop - len(WORD) + 1, count), rng.integers(0, stem - len(WORD) + 1, count)
    )
    codes[rows, first + start[:, None] + np.arange(len(WORD))] = WORD
    codes[rows, right] = 3 - codes[rows, left]
    # The partner of the word is everywhere, too: in positives it lies outside of the hairpin.
    first, size = first[:, 0], 2 * stem + loop
    before = first >= length - size - first
    room = np.where(before, first, length - size - first) - len(WORD) + 1
    start = (rng.random(count) * room).astype(int) + np.where(before, 0, first + size)
    partner = sequences.reverse_complement(np.array(WORD, np.uint8))
    above = np.flatnonzero(y)
    codes[above[:, None], start[above][:, None] + np.arange(len(WORD))] = partner
    context = {"classes": ["word in the stem", "word in the loop"], "structure_letters": structure.LETTERS}
    context["structure_note"] = "as planted"
    arrays = {"codes": codes, "structure": shapes, "y": y, "group": planted.names("window", count)}
    return planted.splits(arrays, parameters["fractions"], context)


def _windows(sources, parameters, rng):
    folder = next(iter(sources.values()))
    names, texts, y = [], [], []
    for label, key in enumerate(("background", "positives")):
        path = folder / parameters[key]
        here, sequence = sequences.read_fasta(path)
        chromosomes = [sequences.place(name.partition("(")[0], path)[0] for name in here]
        names, texts, y = names + chromosomes, texts + sequence, y + [label] * len(here)
    codes = sequences.encode(texts, folder)
    _, kept = np.unique(codes, axis=0, return_index=True)
    kept = np.sort(kept)
    codes, chromosome, y = codes[kept], np.array(names)[kept], np.array(y, np.float32)[kept]
    arrays = {"codes": codes, "y": y, "group": chromosome.astype("S")}
    context = {"classes": ["background", "bound"], "structure_letters": "", "structure_note": "not asked for"}
    if parameters["fold"]:
        folded = structure.fold(codes)
        if folded is None:
            log.warning("%s", structure.ABSENT)
            context["structure_note"] = structure.ABSENT
        else:
            arrays["structure"] = folded
            context |= {"structure_letters": structure.LETTERS, "structure_note": "folded by ViennaRNA"}
    whole = Split(arrays, context)
    return {name: whole.take(part) for name, part in sequences.by_chromosome(chromosome, parameters).items()}
