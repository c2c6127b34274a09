"""Starts of transcription: where in a window do reads begin, given its bases and what other assays show there?"""

from dataclasses import replace

import numpy as np

from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import genome, planted, sequences, start_sites
from deepbio.scoring import intervals
from deepbio.scoring.curves import Curve
from deepbio.scoring.metrics import AMOUNT, Metric

METRICS = {
    "kl_divergence": Metric(False, "KL divergence of the profile", AMOUNT, "nats"),
    "summit_distance": Metric(False, "distance of the summits, median", AMOUNT, "bases"),
    "summit_share": Metric(True, "share of summits within 10 bases"),
}
LEAST = 1e-7  # added to reads before they are shares, and the smallest share that is predicted, as in the authors' code
NEAR = 10
DRAWN = 500  # windows whose summits are drawn


def prepare(sources, parameters, seed):
    """Prepare windows of genes, read along the gene's strand.

    genome : windows of `length` bases that begin at `offsets` from annotated starts, each shifted at random by up to
        `jitter` bases: at a few fixed places the start would be known from where windows begin. Starts of transcription
        are counted in some `samples`; nucleosomes and groups of factors (`factors`) are tracks. Windows with fewer than
        `least` reads on the gene's strand are left out. Split by chromosome, or, as the authors did it, at random over
        windows (`fractions`), where windows of one gene overlap.
    planted : a start behind a TATA box and at an initiator, among decoys; tracks that each know it roughly.

    Arrays: codes (n, length) uint8; tracks (n, tracks, length) float32; y (n, length) float32, reads; y_gene (n,), the
    number of the gene; group. The context holds the names of the `tracks`.
    """
    readers = {"genome": _genome, "planted": _planted}
    return readers[parameters["format"]](sources, parameters, np.random.default_rng([seed, 2016]))


def _genome(sources, parameters, rng):
    base, own = (sources[name] for name in ("yeast_chromatin", "fiddle_yeast"))
    names = parameters["chromosomes"]  # name in the peak files → name in the genome
    codes = genome.read_chromosomes(base / parameters["genome"], names)
    sizes = {name: len(one) for name, one in codes.items()}
    known = {there: here for here, there in names.items()}
    reads = start_sites.read_starts(own / parameters["starts"], parameters["samples"])
    reads = {
        strand: start_sites.counts_along({known[name]: found for name, found in of.items() if name in known}, sizes)
        for strand, of in reads.items()
    }
    dyads = start_sites.read_dyads(own / parameters["dyads"], {f"chr{there}": here for here, there in names.items()})
    signals = {"nucleosomes": {name: (place, np.log1p(score)) for name, (place, score) in dyads.items()}}
    for track, factors in parameters["factors"].items():
        signals[track] = _summits([base / parameters["peaks"].format(factor) for factor in factors], sizes)
    signals = {name: start_sites.smoothed(points, sizes, parameters["smooth"]) for name, points in signals.items()}

    table = genome.read_genes(base / parameters["transcripts"])
    table["chrom"] = table["chrom"].map({f"chr{there}": here for here, there in names.items()})
    table = table.dropna(subset="chrom").reset_index(drop=True)
    if table.empty:
        raise BadInput(f"{base / parameters['transcripts']}: no transcript lies on {', '.join(list(names)[:5])}, …")
    offsets, length = np.asarray(parameters["offsets"]), parameters["length"]
    gene = np.repeat(np.arange(len(table)), len(offsets))
    chromosome, minus = table["chrom"].to_numpy().astype(str)[gene], (table["strand"] == "-").to_numpy()[gene]
    offsets = np.tile(offsets, len(table)) + rng.integers(-parameters["jitter"], parameters["jitter"] + 1, len(gene))
    first = table["tss"].to_numpy()[gene] + np.where(minus, 1, -1) * -offsets
    first = np.where(minus, first - length + 1, first)  # the last base in the gene's direction lies lowest

    def along(of, kept):
        cut = start_sites.windows_along(of, chromosome[kept], first[kept], length)
        cut[minus[kept]] = cut[minus[kept], ::-1]
        return cut

    whole = np.arange(len(gene))
    y = np.where(minus[:, None], along(reads["-"], whole), along(reads["+"], whole))
    ends = np.array([sizes[name] for name in chromosome])
    kept = np.flatnonzero((y.sum(axis=1) >= parameters["least"]) & (first >= 0) & (first + length <= ends))
    # A window of even length has half of its bases before its centre.
    cut = genome.windows_of(codes, chromosome[kept], first[kept] + length // 2, length)
    cut[minus[kept]] = sequences.reverse_complement(cut[minus[kept]])
    tracks = np.stack([along(of, kept) for of in signals.values()], axis=1)
    arrays = {"codes": cut, "tracks": tracks, "y": y[kept], "y_gene": gene[kept].astype(np.float32)}
    context = {"tracks": list(signals)}
    if "fractions" in parameters:
        parts = np.searchsorted(np.cumsum(parameters["fractions"]), rng.random(len(kept)), side="right")
        parts = {name: parts == number for number, name in enumerate(("train", "valid", "test"))}
        arrays["group"] = planted.names("window", len(kept))
    else:
        parts = sequences.by_chromosome(chromosome[kept], parameters)
        arrays["group"] = chromosome[kept].astype("S")
    return {name: Split({key: array[part] for key, array in arrays.items()}, context) for name, part in parts.items()}


def _summits(files, sizes):
    """Join the summits of several peak files: chromosome → positions and weights of one."""
    import pandas as pd

    peaks = pd.concat([genome.read_bed(file) for file in files])
    middle = (peaks["start"].to_numpy() + peaks["end"].to_numpy()) // 2
    chromosome = peaks["chrom"].to_numpy().astype(str)
    return {name: (middle[chromosome == name], np.ones((chromosome == name).sum())) for name in sizes}


def _planted(sources, parameters, rng):
    """Simulate windows in which transcription begins some 40 bases behind a TATA box, at the nearest CA.

    Two more TATA boxes are decoys. Nucleosomes lie 45 bases downstream and 100 upstream of the start, initiation
    factors at the box, elongation factors downstream, each some bases off, and another of each somewhere else.
    """
    count, length = parameters["windows"], parameters["length"]
    codes = planted.background(count, length, rng)
    rows, position = np.arange(count), np.arange(length)
    start = rng.integers(length // 4, length - 50, count)
    for place in (start - 40, *rng.integers(0, length - 8, (2, count))):
        codes[rows[:, None], place[:, None] + np.arange(8)] = (3, 0, 3, 0, 0, 0, 0, 2)  # TATAAAAG
    codes[rows, start], codes[rows, start - 1] = 0, 1  # CA

    def bumps(centre, width):
        off = centre + rng.normal(0, parameters["jitter"], count)
        other = rng.uniform(0, length, count)
        return sum(np.exp(-np.square((position - one[:, None]) / width)) for one in (off, other))

    tracks = np.stack(
        [
            bumps(start + 45, 40) + bumps(start - 100, 40),
            bumps(start - 40, 20),
            np.maximum(0, bumps(start + 80, 60)),
        ],
        axis=1,
    )
    tracks += parameters["noise"] * rng.standard_normal(tracks.shape)
    share = np.exp(-np.abs(position - start[:, None]) / 2)
    reads = rng.multinomial(parameters["reads"], share / share.sum(axis=1, keepdims=True))
    arrays = {"codes": codes, "tracks": tracks.astype(np.float32), "y": reads.astype(np.float32)}
    arrays["group"] = planted.names("gene", count)
    return planted.splits(arrays, parameters["fractions"], {"tracks": ["nucleosomes", "initiation", "elongation"]})


# ---- scores


def divergences(y, p):
    """Compute the KL divergence (n,) of predicted profiles p (n, positions) from reads y (n, positions), in nats; both
    are clipped to [1e-7, 1] as in the authors' code."""
    truth = np.asarray(y, float) + LEAST
    truth = np.clip(truth / truth.sum(axis=1, keepdims=True), LEAST, 1)
    return (truth * np.log(truth / np.clip(np.asarray(p, float), LEAST, 1))).sum(axis=1)


def distances(y, p):
    """Compute the distance (n,) in bases of the highest predicted position from the one with most reads."""
    return np.abs(np.asarray(y).argmax(axis=1) - np.asarray(p).argmax(axis=1))


def score(test, predictions, wanted, train=None):
    """Compute the mean KL divergence, the median distance of the summits, and the share of summits that are near."""
    y, p = test.y, predictions["y"]
    apart = distances(y, p)
    return {
        "kl_divergence": float(divergences(y, p).mean()),
        "summit_distance": float(np.median(apart)),
        "summit_share": float((apart <= NEAR).mean()),
    }


def curve(test, predictions):
    """Set the summits that are predicted against those that are measured, of the first windows."""
    measured, predicted = (np.asarray(values)[:DRAWN].argmax(axis=1) for values in (test.y, predictions["y"]))
    names = ("measured summit (bases from the window's begin)", "predicted summit")
    return Curve("points", "Summits of transcription", *names, measured, predicted, reference="identity")


def resampled(test, predictions, metric, train=None):
    """Resample the genes, each with its windows, which overlap; None for a metric other than kl_divergence."""
    if metric != "kl_divergence":
        return None
    genes = np.asarray(test["y_gene"]) if "y_gene" in test else None
    return replace(intervals.share_of(divergences(test.y, predictions["y"])), units=genes)


def interpret(train, runs, path):
    """Draw the scores of each subset of inputs, and what each input alone or its absence costs; and the profiles that
    the methods predict for some windows."""
    from deepbio.figures import profiles as figures
    from deepbio.figures import style

    origin = train.context["origin"]
    wanted = {name: f"{metric.title}" for name, metric in METRICS.items()}
    style.quantities(runs, wanted, "Profiles by method and by inputs", origin, f"{path}_inputs", columns=3)
    figures.draw_costs(runs, ["dna", *train.context["tracks"]], origin, f"{path}_costs")
    figures.draw_windows(runs, train.context["tracks"], origin, f"{path}_windows")
