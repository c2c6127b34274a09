"""Bacterial promoters: windows that begin the transcription of a gene, against others."""

import numpy as np

from deepbio.core.data import NAMES, Split
from deepbio.domains.dna import genome, planted, promoters, sequences

SHORTEST = 900  # bases of a stretch of the corpus


def prepare(sources, parameters, seed):
    """Prepare the windows of one dataset, and the corpus for language models.

    genome : windows of -`before` to +`after` around the starts of genes against windows inside of genes (`negatives:
        genes`) or between them (`negatives: between`), on the strand of the gene.
    files : two FASTA files of promoters and others.
    simulated : windows with a -35 and a -10 box against windows without.
    Windows that share a word of 15 bases on either strand are in one part.

    Arrays: codes (n, length) uint8, y (n,) float32, group. The context's `corpus` (uint8) is the genome, or simulated
    windows without labels, with the unknown base 4 between its stretches; whatever shares a word of 15 bases with a
    validation or test window is left out, so that no language model has seen them or their relatives.
    """
    rng = np.random.default_rng([seed, 2019])
    readers = {"genome": _genome, "files": _files, "simulated": _simulated}
    codes, y, chromosome = readers[parameters["format"]](sources, parameters, rng)
    group = promoters.alike(codes)
    part = _parts(group, parameters["fractions"], rng)
    context = {"corpus": _corpus(chromosome, codes[part > 0])}
    arrays = {"codes": codes, "y": y, "group": np.char.add("family", group.astype(str)).astype("S")}
    if parameters["format"] == "simulated":
        arrays["group"] = planted.names("window", len(y))
    whole = Split(arrays, context)
    return {name: whole.take(part == number) for number, name in enumerate(NAMES)}


def _parts(group, fractions, rng):
    """Deal whole groups at random to parts of the given fractions; the largest groups are for training."""
    _, member, sizes = np.unique(group, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(sizes[order] > 0.02 * len(group), kind="stable")][::-1]
    ends = np.cumsum(fractions)[:-1] * len(group)
    part = np.searchsorted(ends, np.cumsum(sizes[order]), side="left")
    of_group = np.empty(len(sizes), int)
    of_group[order] = part
    return of_group[member]


def _corpus(chromosome, held):
    """Join the stretches of a chromosome (length,) that share nothing with the windows `held`; a 4 lies between two."""
    pieces = []
    for start, end in promoters.without(chromosome, held, min(SHORTEST, len(chromosome) // 50)):
        pieces += [chromosome[start:end], np.full(1, sequences.UNKNOWN, np.uint8)]
    return np.concatenate(pieces) if pieces else np.full(1, sequences.UNKNOWN, np.uint8)


def _chromosome(folder, parameters):
    with genome.open_genome(folder / parameters["sequence"]) as opened:
        return genome.chromosome_codes(opened, next(iter(opened.keys())))


def _genome(sources, parameters, rng):
    folder = sources[parameters["files"]]
    codes, genes = _chromosome(folder, parameters), promoters.read_genes(folder / parameters["genes"])
    before, after = parameters["before"], parameters["after"]
    positive, _ = promoters.around_starts(codes, genes, before, after)
    if parameters["negatives"] == "genes":
        negative, _ = promoters.inside_genes(codes, genes, before + after, rng)
    else:
        negative, _ = promoters.between_genes(codes, genes, before + after, before, rng)
    windows = np.concatenate([positive, negative])
    y = np.repeat([1, 0], [len(positive), len(negative)]).astype(np.float32)
    return windows, y, codes


def _files(sources, parameters, rng):
    folder = sources[parameters["files"]]
    found = [sequences.read_fasta(folder / parameters[key])[1] for key in ("promoters", "others")]
    y = np.repeat([1, 0], [len(one) for one in found]).astype(np.float32)
    return sequences.encode(found[0] + found[1], folder), y, _chromosome(folder, parameters)


def _simulated(sources, parameters, rng):
    count, length = parameters["samples"], parameters["length"]
    codes, y = promoters.simulate(count, length, rng)
    more, _ = promoters.simulate(parameters["corpus"], length, rng)
    stretches = np.pad(more, ((0, 0), (0, 1)), constant_values=sequences.UNKNOWN)
    return codes, y, stretches.ravel()


def interpret(train, runs, path):
    """Draw the accuracy with and without a language model by the number of labelled windows."""
    from deepbio.figures import language_model
    from deepbio.scoring import metrics

    metric = train.context["metrics"][0]
    language_model.draw_learning_curve(
        runs, len(train), metric, metrics.title(metric), f"{path}_learning_curve", train.context["origin"]
    )
