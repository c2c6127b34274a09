"""Starts of transcription: where in a window it begins, from the DNA and from other experiments."""

import numpy as np

from deepbio.core.data import NAMES, Split
from deepbio.domains.dna import genome, planted, sequences, tracks
from deepbio.scoring.metrics import AMOUNT, Metric

METRICS = {
    "kl_divergence": Metric(False, "Kullback-Leibler divergence", AMOUNT, "nats"),
    "summit_distance": Metric(False, "distance of the summits", AMOUNT, "bases"),
}
LEAST = 1e-7  # what is added to each position before a profile is normalised


def prepare(sources, parameters, seed):
    """Prepare windows around annotated starts of genes.

    genome : of each transcript windows that begin `before` bases before its annotated start, on its strand; counts of
        starts are those of some samples together, and windows with fewer than `least` are left out. Inputs are the DNA,
        dyads of nucleosomes, and peaks of groups of proteins, the latter two as bells. With `by: chromosome` whole
        chromosomes are held out, with `by: window` random windows, as in the paper, so that windows of one gene are in
        several parts.
    simulated : see tracks.simulate.

    Arrays: codes (n, length) uint8, tracks (n, tracks, length) float32, y (n, length) float32 (counts), group.
    """
    rng = np.random.default_rng([seed, 2016])
    if parameters["format"] == "simulated":
        arrays = tracks.simulate(parameters["samples"], parameters["length"], rng)
        arrays["group"] = planted.names("window", parameters["samples"])
        context = {"inputs": {"nucleosomes": [0], "factors": [1]}, "features": _names(parameters["length"])}
        return planted.splits(arrays, parameters["fractions"], context)
    return _genome(sources, parameters, rng)


def _names(length):
    return [f"base {place}" for place in range(length)]


def _genome(sources, parameters, rng):
    starts_of, chromatin = sources[parameters["starts"]], sources[parameters["files"]]
    length, names = parameters["length"], parameters["chromosomes"]
    codes = genome.read_chromosomes(chromatin / parameters["genome"], {name: name for name in names.values()})
    counts = tracks.read_starts(starts_of / parameters["counts"], parameters["samples"])
    dyads = tracks.read_dyads(starts_of / parameters["dyads"])
    transcripts = genome.read_bed(chromatin / parameters["transcripts"], ("name", "score", "strand"))
    peaks = {
        group: [genome.read_bed(chromatin / parameters["peaks"].format(one)) for one in members]
        for group, members in parameters["groups"].items()
    }
    found = {"codes": [], "tracks": [], "y": [], "group": []}
    for arabic, name in names.items():
        size = len(codes[name])
        bells = [tracks.smoothed(size, dyads[name][0], np.log1p(dyads[name][1]), parameters["dyad_width"])]
        for beds in peaks.values():
            centres = [bed.loc[bed["chrom"].astype(str) == arabic, "start"].to_numpy() for bed in beds]
            centres = np.concatenate(centres)
            bells.append(tracks.smoothed(size, centres, np.ones(len(centres)), parameters["peak_width"]))
        here = transcripts[transcripts["chrom"].astype(str) == f"chr{name}"]
        minus = (here["strand"] == "-").to_numpy()
        begin = np.where(minus, here["end"] - 1, here["start"])
        for before in parameters["before"]:
            first = np.where(minus, begin + before - length + 1, begin - before)
            inside = (first >= 0) & (first + length <= size)
            first, turned = first[inside], minus[inside]
            y = np.zeros((len(first), length), np.float32)
            for strand, side in (("+", ~turned), ("-", turned)):
                dense = tracks.dense(size, *counts[name, strand])
                y[side] = tracks.cut(dense, first[side], turned[side], length)
            kept = y.sum(axis=1) >= parameters["least"]
            first, turned, y = first[kept], turned[kept], y[kept]
            bases = tracks.cut(codes[name], first, np.zeros(len(first), bool), length)
            bases[turned] = sequences.reverse_complement(bases[turned])
            found["codes"].append(bases)
            found["tracks"].append(np.stack([tracks.cut(bell, first, turned, length) for bell in bells], axis=1))
            found["y"].append(y)
            found["group"].append(np.full(len(y), name))
    arrays = {key: np.concatenate(parts) for key, parts in found.items()}
    context = {
        "inputs": {"nucleosomes": [0], "factors": [1 + i for i in range(len(peaks))]},
        "features": _names(length),
    }
    chromosome = arrays["group"]
    if parameters["by"] == "chromosome":
        arrays["group"] = chromosome.astype("S")
        whole = Split(arrays, context)
        return {name: whole.take(part) for name, part in sequences.by_chromosome(chromosome, parameters).items()}
    arrays["group"] = planted.names("window", len(chromosome))
    part = np.searchsorted(np.cumsum(parameters["fractions"])[:-1], rng.random(len(chromosome)), side="right")
    whole = Split(arrays, context)
    return {name: whole.take(part == number) for number, name in enumerate(NAMES)}


def normalised(profile):
    """Turn counts or levels (n, length) into shares of each window; what is negative counts as nothing."""
    profile = np.maximum(np.asarray(profile, np.float64), 0) + LEAST
    return profile / profile.sum(axis=1, keepdims=True)


def divergences(y, p):
    """Compute for each window the divergence of the predicted profile from the measured one, (n,) nats."""
    y, p = normalised(y), normalised(p)
    return (y * np.log(y / p)).sum(axis=1)


def distances(y, p):
    """Compute for each window how far its highest predicted and measured positions are apart, (n,) bases."""
    return np.abs(np.argmax(p, axis=1) - np.argmax(y, axis=1)).astype(float)


def _each(test, predictions, metric):
    y, p = np.asarray(test.y), np.asarray(predictions["y"]).reshape(test.y.shape)
    return divergences(y, p) if metric == "kl_divergence" else distances(y, p)


def score(test, predictions, wanted, train=None):
    """Average the divergence and the distance of the summits over windows."""
    return {name: float(_each(test, predictions, name).mean()) for name in wanted}


def resampled(test, predictions, metric, train=None):
    """Say how a metric is computed in resamples of the windows."""
    from deepbio.scoring import intervals

    each = _each(test, predictions, metric)
    return intervals.Resampling(len(each), lambda drawn: drawn @ each / drawn.sum(axis=1))


def curve(test, predictions):
    """Draw no curve by default: a profile is no score."""
    return None


def interpret(train, runs, path):
    """Draw the divergence of each method and of each subset of the inputs."""
    from deepbio.figures import style

    wanted = {name: one.title for name, one in METRICS.items()}
    style.quantities(runs, wanted, "Profiles of starts by input", train.context["origin"], f"{path}_inputs", columns=2)
