"""Motifs of RNA: which windows hold what a protein binds, in sequence and in structure."""

import logging

import numpy as np

from deepbio.core.data import Split
from deepbio.domains.dna import genome, planted, sequences
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
    windows : two FASTA files, positives and background, whose headers say where they are; a repeated sequence counts
        once, as a positive if it is one anywhere, and background that overlaps a positive on its strand is left out.
        With `fold` windows are folded where ViennaRNA is installed.
    published : such `files` of training and of test windows; training windows that are also test windows are left out,
        and `valid_fraction` of the others, at random, are for validation.

    Arrays: codes (n, length) uint8, structure where it is known, y (n,) float32, group. The context holds the letters
    of the structure, and `structure_note`, which says where it comes from.
    """
    readers = {"artificial": _artificial, "hairpins": _hairpins, "windows": _windows, "published": _published}
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
    places, codes, y = _read(folder, parameters["background"], parameters["positives"])
    apart = ~_is_bound(places, y)
    chromosome = places["chrom"].to_numpy(str)[apart]
    whole = _folded(codes[apart], y[apart], chromosome, parameters["fold"])
    return {name: whole.take(part) for name, part in sequences.by_chromosome(chromosome, parameters).items()}


def _published(sources, parameters, rng):
    folder, files = next(iter(sources.values())), parameters["files"]
    parts = {name: _read(folder, pair["background"], pair["positives"]) for name, pair in files.items()}
    (_, known, known_y), (_, tested, tested_y) = parts["train"], parts["test"]
    seen = set(map(bytes, tested))
    apart = np.array([bytes(row) not in seen for row in known])
    codes, y = np.concatenate([known[apart], tested]), np.concatenate([known_y[apart], tested_y])
    part = np.where(rng.random(len(codes)) < parameters["valid_fraction"], 1, 0)
    part[apart.sum() :] = 2
    whole = _folded(codes, y, planted.names("window", len(codes)), parameters["fold"])
    return {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}


def _read(folder, background, positives):
    """Read the FASTA files of both classes: places (a bedframe with `strand`), codes (n, length) and labels (n,) of
    windows whose headers say where they are. A sequence that comes again counts once, and as bound if it is ever
    bound."""
    import pandas as pd

    places, texts, y = [], [], []
    for label, path in enumerate((folder / background, folder / positives)):
        names, sequence = sequences.read_fasta(path)
        places += [(*sequences.place(name, path), "-" if "(-)" in name else "+") for name in names]
        texts, y = texts + sequence, y + [label] * len(names)
    codes = sequences.encode(texts, folder)
    y = np.array(y, np.float32)
    bound_first = np.argsort(-y, kind="stable")
    kept = np.sort(bound_first[np.unique(codes[bound_first], axis=0, return_index=True)[1]])
    frame = pd.DataFrame(places, columns=["chrom", "start", "end", "strand"]).iloc[kept].reset_index(drop=True)
    return frame, codes[kept], y[kept]


def _is_bound(places, y):
    """Tell which background windows overlap a positive on the same strand: (n,) bool."""
    stranded = places.assign(chrom=places["chrom"] + places["strand"])
    return (y == 0) & genome.overlaps(stranded, stranded[y == 1])


def _folded(codes, y, group, fold):
    """Make a split of windows, with their structure where it is asked for and ViennaRNA is installed."""
    arrays = {"codes": codes, "y": y, "group": np.asarray(group).astype("S")}
    context = {"classes": ["background", "bound"], "structure_letters": "", "structure_note": "not asked for"}
    if fold:
        folded = structure.fold(codes)
        if folded is None:
            log.warning("%s", structure.ABSENT)
            context["structure_note"] = structure.ABSENT
        else:
            arrays["structure"] = folded
            context |= {"structure_letters": structure.LETTERS, "structure_note": "folded by ViennaRNA"}
    return Split(arrays, context)
