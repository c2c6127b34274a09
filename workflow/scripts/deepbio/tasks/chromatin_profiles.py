"""Chromatin profiles: predict which of many features are present in the middle of a window of DNA."""

import numpy as np

from deepbio.core.data import NAMES, Split
from deepbio.domains.dna import bundles, genome, planted, sequences


def prepare(sources, parameters, seed):
    """Prepare the windows and labels of one dataset.

    genome : bins of a genome, labelled by peaks in BED files, with the bases around them; split by chromosome.
    deepsea : the training bundle of DeepSEA, in the splits of its three files.
    planted : Markov background with instances of JASPAR motifs; a motif counts where it lies in the central bin.

    Arrays: codes (n, context) uint8, y (n, features) float32 (uint8 for a bundle), group. The context holds the names
    of the `features` and the width of the `bin`. For figures it holds the JASPAR groups whose motifs the data may
    contain as `jaspar_groups` and, where there are several kinds of features, the kind of each as `output_groups`.
    """
    readers = {"genome": _genome, "deepsea": _deepsea, "planted": _planted}
    return readers[parameters["format"]](sources, parameters, np.random.default_rng([seed, 2015]))


def _genome(sources, parameters, rng):
    """Read all bins with a peak, and `empty` times as many bins without one, drawn from the chromosomes of the same
    split."""
    folder = next(iter(sources.values()))
    names = parameters["chromosomes"]  # name in the peak files → name in the genome
    peaks = genome.read_peaks(folder, parameters["peaks"], names)
    codes = genome.read_chromosomes(folder / parameters["genome"], names)
    table = genome.bins({name: len(code) for name, code in codes.items()}, parameters["bin"])
    labels = genome.label_bins(table, peaks, parameters["least"])
    chromosome = table["chrom"].to_numpy().astype(str)
    middle = ((table["start"] + table["end"]) // 2).to_numpy()
    context = {"features": list(peaks), "bin": parameters["bin"], "jaspar_groups": parameters["groups"]}
    bound = labels.any(axis=1)
    found = {}
    for name, part in sequences.by_chromosome(chromosome, parameters).items():
        empty = np.flatnonzero(part & ~bound)
        wanted = min(len(empty), round(parameters["empty"] * (part & bound).sum()))
        rows = np.sort(np.concatenate([np.flatnonzero(part & bound), rng.choice(empty, wanted, replace=False)]))
        cut = genome.windows_of(codes, chromosome[rows], middle[rows], parameters["context"])
        group = chromosome[rows].astype("S")
        found[name] = Split({"codes": cut, "y": labels[rows].astype(np.float32), "group": group}, context)
    return found


def _deepsea(sources, parameters, rng):
    """Read train.mat, valid.mat and test.mat, each with <split>xdata (n, 4, context) and <split>data (n, features).

    `features` gives the number of features of each class, in the order of the columns.
    """
    folder = next(iter(sources.values()))
    kinds = [kind for kind, count in parameters["features"].items() for _ in range(count)]
    features = [f"{kind} {i + 1}" for kind, count in parameters["features"].items() for i in range(count)]
    context = {"features": features, "bin": parameters["bin"], "jaspar_groups": ["vertebrates"], "output_groups": kinds}
    parts = {name: (folder / f"{name}.mat", f"{name}xdata", f"{name}data") for name in NAMES}
    return bundles.splits(parts, parameters["bases"], context)


def _planted(sources, parameters, rng):
    """Simulate windows over a Markov background, with motifs in the central bin and outside it.

    A motif in the central bin is a label; the same motif outside the bin is not.
    """
    count, length, width = parameters["samples"], parameters["context"], parameters["bin"]
    codes = planted.background(count, length, rng)
    known = planted.matrices(parameters["motifs"], parameters["groups"])
    y = (rng.random((count, len(known))) < parameters["prevalence"]).astype(np.float32)
    first = (length - width) // 2
    for column, matrix in enumerate(known):
        size = matrix.shape[1]
        inside = np.flatnonzero(y[:, column])
        planted.plant(codes, inside, rng.integers(first, first + width - size + 1, len(inside)), matrix, rng)
        # The same motif outside the bin is not a label: its position matters.
        beside = np.flatnonzero(rng.random(count) < parameters["prevalence"])
        left = rng.integers(0, first - size + 1, len(beside))
        right = left + first + width
        planted.plant(codes, beside, np.where(rng.random(len(beside)) < 0.5, left, right), matrix, rng)
    context = {"features": parameters["motifs"], "bin": width, "jaspar_groups": parameters["groups"]}
    arrays = {"codes": codes, "y": y, "group": planted.names("window", count)}
    return planted.splits(arrays, parameters["fractions"], context)


def interpret(train, runs, path):
    """Draw the scores of the outputs by group, and compare methods output by output; see figures/outputs.py."""
    from deepbio.figures import outputs

    outputs.draw(runs, train.context, path)
