"""Chromatin profiles: which of many features hold in the middle of a window of DNA."""

import numpy as np

from deepbio import genome, motifs, sequences
from deepbio.data import Split
from deepbio.files import BadInput


def prepare(sources, parameters, seed):
    """Windows and labels of one dataset.

    genome : bins of a genome, labelled by peaks in BED files, with the bases around them; split by chromosome.
    planted : Markov background with instances of JASPAR motifs; a motif counts where it lies in the central bin.

    Arrays: codes (n, context) uint8, y (n, features) float32, group. The context holds the names of the `features`
    and the width of the `bin`.
    """
    readers = {"genome": _genome, "planted": _planted}
    return readers[parameters["format"]](sources, parameters, np.random.default_rng([seed, 2015]))


def _genome(sources, parameters, rng):
    """All bins with a peak, and as many without one, drawn from the same chromosomes, `empty` times as many."""
    folder = next(iter(sources.values()))
    files = sorted(folder.glob(parameters["peaks"]))
    if not files:
        raise BadInput(f"{folder}: no peak file matches {parameters['peaks']}")
    names = parameters["chromosomes"]  # name in the peak files → name in the genome
    with genome.open_genome(folder / parameters["genome"]) as opened:
        codes = {name: genome.chromosome_codes(opened, there) for name, there in names.items()}
    table = genome.bins({name: len(code) for name, code in codes.items()}, parameters["bin"])
    labels = np.stack(
        [genome.label_bins(table, _known(genome.read_bed(file), names, file), parameters["least"]) for file in files],
        axis=1,
    )
    chromosome = table["chrom"].to_numpy().astype(str)
    test = np.isin(chromosome, parameters["test_chromosomes"])
    valid = np.isin(chromosome, parameters["valid_chromosomes"])
    middle = ((table["start"] + table["end"]) // 2).to_numpy()
    features = [file.name.split("_")[0] for file in files]
    context = {"features": features, "bin": parameters["bin"]}
    bound = labels.any(axis=1)
    found = {}
    for name, part in (("train", ~test & ~valid), ("valid", valid), ("test", test)):
        empty = np.flatnonzero(part & ~bound)
        wanted = min(len(empty), round(parameters["empty"] * (part & bound).sum()))
        rows = np.sort(np.concatenate([np.flatnonzero(part & bound), rng.choice(empty, wanted, replace=False)]))
        cut = np.empty((len(rows), parameters["context"]), np.uint8)
        for one in np.unique(chromosome[rows]):
            here = chromosome[rows] == one
            cut[here] = genome.windows(codes[one], middle[rows[here]], parameters["context"])
        group = chromosome[rows].astype("S")
        found[name] = Split({"codes": cut, "y": labels[rows].astype(np.float32), "group": group}, context)
    return found


def _known(peaks, names, path):
    """The peaks on the chromosomes that are asked for; BadInput where none is."""
    kept = peaks[peaks["chrom"].isin(list(names))]
    if kept.empty:
        raise BadInput(f"{path}: none of its {len(peaks)} peaks lies on {', '.join(list(names)[:5])}, …")
    return kept


def _planted(sources, parameters, rng):
    """Windows over a Markov background, each motif planted in the middle of some and beside it in others."""
    known = {name: matrix for _, name, matrix in motifs.jaspar(tuple(parameters["groups"]))}
    missing = [name for name in parameters["motifs"] if name not in known]
    if missing:
        raise BadInput(f"JASPAR has no motif {', '.join(missing)}")
    matrices = [known[name] for name in parameters["motifs"]]
    count, length, width = parameters["samples"], parameters["context"], parameters["bin"]
    codes = background(count, length, rng)
    y = (rng.random((count, len(matrices))) < parameters["prevalence"]).astype(np.float32)
    first = (length - width) // 2
    for column, matrix in enumerate(matrices):
        size = matrix.shape[1]
        inside = np.flatnonzero(y[:, column])
        plant(codes, inside, rng.integers(first, first + width - size + 1, len(inside)), matrix, rng)
        # The same motif outside the bin is no label: the place counts.
        beside = np.flatnonzero(rng.random(count) < parameters["prevalence"])
        left = rng.integers(0, first - size + 1, len(beside))
        plant(codes, beside, np.where(rng.random(len(beside)) < 0.5, left, left + first + width), matrix, rng)
    edges = np.cumsum([round(fraction * count) for fraction in parameters["fractions"]])
    context = {"features": parameters["motifs"], "bin": width}
    group = np.array([f"window{i}" for i in range(count)]).astype("S")
    arrays = {"codes": codes, "y": y, "group": group}
    parts = np.split(np.arange(count), edges[:-1])
    return {
        name: Split({key: array[part] for key, array in arrays.items()}, context)
        for name, part in zip(("train", "valid", "test"), parts, strict=True)
    }


# Share of the next base after A, C, G and T in the budding yeast genome, rounded: AT-rich, poor in CpG.
TRANSITIONS = np.array(
    [[0.35, 0.17, 0.19, 0.29], [0.33, 0.20, 0.15, 0.32], [0.33, 0.20, 0.20, 0.27], [0.25, 0.19, 0.20, 0.36]]
)


def background(count, length, rng):
    """Codes (count, length) of a first-order Markov chain over the bases."""
    steps = TRANSITIONS.cumsum(axis=1)
    codes = np.empty((count, length), np.uint8)
    codes[:, 0] = rng.integers(0, 4, count)
    for position in range(1, length):
        draw = rng.random(count)[:, None]
        codes[:, position] = np.minimum((draw > steps[codes[:, position - 1]]).sum(1), 3)
    return codes


def plant(codes, rows, starts, matrix, rng):
    """Write an instance of a motif (4, width), on either strand, into rows of codes."""
    size = matrix.shape[1]
    draw = rng.random((len(rows), 1, size))
    drawn = np.minimum((draw > matrix.cumsum(axis=0)[None]).sum(1), 3).astype(np.uint8)
    reverse = rng.random(len(rows)) < 0.5
    drawn[reverse] = sequences.reverse_complement(drawn[reverse])
    codes[rows[:, None], starts[:, None] + np.arange(size)] = drawn
