"""Accessibility in a sample that is not in training: predict it from a site's sequence and the sample's expression."""

from dataclasses import replace
from itertools import product

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import genome, planted, sequences
from deepbio.scoring import curves, intervals, metrics
from deepbio.scoring.metrics import SHARE, Metric

METRICS = {
    "auroc_known_site": Metric(True, "AUROC at known sites", SHARE),
    "auprc_known_site": Metric(True, "AUPRC at known sites", SHARE),
}


def prepare(sources, parameters, seed):
    """Prepare pairs of a site and a sample.

    The test sample is in no other split, nor is the sample in which training is validated. Test sites are of two
    kinds: new ones, on chromosomes of no other split, and known ones, whose labels in the training samples were
    learned from. At most `known_sites` of the latter are drawn, and for training at most `most_pairs` of all pairs.

    sites : sites with coordinates, peaks of each population, and a table of RNA counts; every seed validates in another
    sample, as long as there are some.
    simulated : a site is open in a sample when it contains a motif whose factor the sample expresses.

    Arrays: codes (n, length) uint8; sample (n,) int64, a row of the context's `expression` (samples, genes), which is
    log2(counts per million + 1), standardised over the training samples; open_in (n, samples) float32, whether the site
    is open in each training sample, NaN for the pair's own sample, for samples held out, and everywhere for a new site;
    y (n,) float32; group, the chromosome, and for known sites of the test split that within the sample; known (n,)
    uint8, of the test split.
    """
    readers = {"sites": _sites, "simulated": _simulated}
    return readers[parameters["format"]](sources, parameters, np.random.default_rng([seed, 2017]), seed)


def _sites(sources, parameters, rng, seed):
    folder = next(iter(sources.values()))
    codes, table = genome.site_table(folder / parameters["sites"])
    names = list(parameters["peaks"])
    opened = np.stack(
        [genome.overlaps(table, genome.read_bed(folder / path)) for path in parameters["peaks"].values()], axis=1
    )
    counts = _counts(folder / parameters["expression"], names)
    chromosome = table["chrom"].to_numpy().astype(str)
    parts = sequences.by_chromosome(chromosome, parameters)
    rows = {name: np.flatnonzero(part) for name, part in parts.items()}
    return _pairs(codes, opened, counts, names, parameters, rows, chromosome, rng, seed)


def _counts(path, names):
    """Read RNA counts (samples, genes) of some columns of a tab-separated table."""
    table = tables.read_csv(path, "\t")
    return np.stack([table.numbers(name) for name in names])


def expressed(counts, training, genes):
    """Compute log2(CPM + 1) of the genes that vary most among the training samples, standardised over them."""
    values = np.log2(counts / counts.sum(axis=1, keepdims=True) * 1e6 + 1)
    std = values[training].std(axis=0)
    kept = np.argsort(-std, kind="stable")[:genes]
    centre, scale = values[training][:, kept].mean(axis=0), np.maximum(std[kept], 1e-6)
    return ((values[:, kept] - centre) / scale).astype(np.float32)


def _pairs(codes, opened, counts, names, parameters, rows, group, rng, turn=1):
    """Make splits of site-sample pairs: one sample is for testing, that `turn` places before it for validation.

    As many turns as there are samples beside the test sample hold out each of them once (leave-one-sample-out).
    """
    if parameters["held_out"] not in names:
        raise BadInput(f"held_out: '{parameters['held_out']}' is none of {', '.join(names)}")
    out = names.index(parameters["held_out"])
    inner = (out - 1 - (turn - 1) % (len(names) - 1)) % len(names)
    training = np.array([i for i in range(len(names)) if i not in (out, inner)])
    context = {
        "expression": expressed(counts, training, parameters["genes"]),
        "samples": names,
        "jaspar_groups": parameters.get("groups", ["vertebrates"]),
    }
    known = np.sort(rng.permutation(rows["train"])[: parameters["known_sites"]])
    chosen = {
        "train": (rows["train"], training, True),
        "valid": (rows["valid"], np.array([inner]), False),
        "test": (np.concatenate([rows["test"], known]), np.array([out]), np.isin(np.r_[rows["test"], known], known)),
    }
    found = {}
    for name, (sites, samples, labels_known) in chosen.items():
        site, sample = np.repeat(sites, len(samples)), np.tile(samples, len(sites))
        if name == "train" and len(site) > parameters.get("most_pairs", len(site)):
            kept = np.sort(rng.permutation(len(site))[: parameters["most_pairs"]])
            site, sample = site[kept], sample[kept]
        elsewhere = opened[site].astype(np.float32)
        elsewhere[:, [out, inner]] = np.nan
        elsewhere[np.arange(len(site)), sample] = np.nan
        elsewhere[~np.broadcast_to(labels_known, len(site))] = np.nan
        arrays = {"codes": codes[site], "sample": sample, "open_in": elsewhere}
        arrays |= {"y": opened[site, sample].astype(np.float32), "group": group[site].astype("S")}
        if name == "test":
            within = np.array([f"{names[out]} {one}" for one in group[site]])
            arrays |= {"group": np.where(labels_known, within, group[site]).astype("S")}
            arrays |= {"known": labels_known.astype(np.uint8)}
        found[name] = Split(arrays, context)
    return found


def _simulated(sources, parameters, rng, _):
    count, length = parameters["sites"], parameters["length"]
    codes = planted.background(count, length, rng)
    factors = parameters["motifs"]
    holds = rng.random((count, len(factors))) < parameters["prevalence"]
    for column, matrix in enumerate(planted.matrices(factors, parameters["groups"])):
        rows = np.flatnonzero(holds[:, column])
        planted.plant(codes, rows, rng.integers(0, length - matrix.shape[1] + 1, len(rows)), matrix, rng)
    # Samples have every combination of active factors, in random order: training misses those of the last sample, which
    # is for testing, and of the one before it, for validation. About half of the factors are active in these two.
    active = np.array(list(product([False, True], repeat=len(factors))))
    active = active[rng.permutation(len(active))]
    half = np.abs(active.sum(axis=1) - len(factors) / 2) < 1
    active = np.concatenate([active[~half], active[half]])
    samples = len(active)
    opened = holds @ active.T
    genes = rng.lognormal(4, 1, parameters["genes"])
    counts = rng.poisson(genes * rng.lognormal(0, 0.3, (samples, parameters["genes"]))).astype(float)
    counts[:, : len(factors)] = rng.poisson(np.where(active, 400, 4))
    rows = planted.parts(count, parameters["fractions"])
    names = [f"sample{i}" for i in range(samples)]
    group = np.array([f"site{i}" for i in range(count)])
    return _pairs(codes, opened, counts, names, {**parameters, "held_out": names[-1]}, rows, group, rng)


def is_known(test):
    """Tell which pairs (n,) of a test split are at known sites; none where it does not say."""
    return np.asarray(test["known"]) == 1 if "known" in test else np.zeros(len(test), bool)


def score(test, predictions, wanted, train=None):
    """Compute the wanted metrics at new sites of the new sample, and auroc_known_site and auprc_known_site at sites
    whose labels in the training samples were known."""
    known, y, p = is_known(test), np.asarray(test.y), np.asarray(predictions["y"])
    values = metrics.evaluate(wanted, y[~known], p[~known])
    if known.any():
        elsewhere = metrics.evaluate(["auroc", "auprc"], y[known], p[known])
        values |= {f"{name}_known_site": value for name, value in elsewhere.items()}
    return values


def curve(test, predictions):
    """Compute the ROC curves at new and at known sites of the new sample."""
    known, y, p = is_known(test), np.asarray(test.y).ravel(), np.asarray(predictions["y"]).ravel()
    return [
        replace(curves.roc(y[part], p[part]), series=name)
        for name, part in (("new sites", ~known), ("known sites", known))
        if part.any()
    ]


def resampled(test, predictions, metric, train=None):
    """Resample the new sites."""
    new = ~is_known(test)
    return intervals.resampled(metric, np.asarray(test.y)[new], np.asarray(predictions["y"])[new])
