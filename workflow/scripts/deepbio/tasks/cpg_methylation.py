"""Methylation of CpG sites in bulk: with the methylation of flanking sites known, and without."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import NAMES, Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import methylation
from deepbio.scoring import subsets
from deepbio.scoring.metrics import SHARE, Metric

METRICS = {"accuracy_band": Metric(True, "accuracy, share of 0.2 to 0.8", SHARE)}
BAND = (0.2, 0.8)
# Columns of the tables of sites that are no feature: names, labels, and those of neighbours, which are all zero.
LEFT_OUT = ("", "Raw_num", "chr", "start", "pos", "beta", "status", "cg_name")
LONGEST = 5000  # bases beyond which a distance counts alike


def prepare(sources, parameters, seed):
    """Prepare the cases of one dataset.

    array : probes of a stretch of a chromosome in many samples (an R data frame): a case is a probe in a sample, its
        features the shares of `flank` probes on each side in the same sample and their distances. Testing is on the
        last probes of the stretch, in samples of patients that no training case is of; `gap` probes between parts are
        left out. The first 12 letters of a sample's TCGA barcode name its patient.
    simulated : the same of methylation.probes.
    context : tables of sites with facts about their place and chromatin, in the parts of their authors.

    Arrays: x (n, features) float32, y (n,) float32 (1: a share of at least a half), group, and y_band (1 where the
    share is between 0.2 and 0.8).
    """
    rng = np.random.default_rng([seed, 2016])
    if parameters["format"] == "context":
        return _context(sources[parameters["files"]], parameters)
    if parameters["format"] == "array":
        beta, positions, patient = _array(sources[parameters["files"]] / parameters["array"])
    else:
        beta, positions = methylation.probes(parameters["sites"], parameters["samples"], rng)
        patient = np.arange(parameters["samples"])
    return _flanked(beta, positions, patient, parameters, rng)


def _array(path):
    """Read shares (probes, samples), NaN where missing, and positions of an R data frame, and the patient of each
    sample."""
    import rdata

    try:
        frame = rdata.read_rda(path)["methy"]
    except (KeyError, ValueError, EOFError, OSError) as error:
        raise BadInput(f"{path}: no R file with a data frame 'methy': {type(error).__name__}: {error}") from None
    if "Genomic_Coordinate" not in frame:
        raise BadInput(f"{path}: the data frame has no column 'Genomic_Coordinate'")
    named = ("ProbeID", "Chromosome", "Genomic_Coordinate")
    positions = frame["Genomic_Coordinate"].to_numpy().astype(np.int64)
    samples = [name for name in frame.columns if name not in named]
    order = np.argsort(positions, kind="stable")
    return frame[samples].to_numpy(dtype=float)[order], positions[order], np.array([name[:12] for name in samples])


def _flanked(beta, positions, patient, parameters, rng):
    probes, names, member = len(beta), *np.unique(patient, return_inverse=True)
    flank, gap = parameters["flank"], parameters["gap"]
    ends = np.round(np.cumsum(parameters["fractions"]) * probes).astype(int)
    limits = np.round(np.cumsum(parameters["people"]) * len(names))
    people = np.searchsorted(limits, rng.permutation(len(names)), side="right")[member]
    filled = np.where(np.isnan(beta), 0.5, beta)
    sides = [shift for shift in range(-flank, flank + 1) if shift]
    found, first = {}, 0
    for number, name in enumerate(NAMES):
        sites = np.arange(max(first + (gap if number else 0), flank), min(ends[number], probes - flank))
        first = ends[number]
        site, person = (one.ravel() for one in np.meshgrid(sites, np.flatnonzero(people == number), indexing="ij"))
        known = ~np.isnan(beta[site, person])
        site, person = site[known], person[known]
        most = parameters["most"]
        if most and len(site) > most:
            drawn = np.sort(rng.choice(len(site), most, replace=False))
            site, person = site[drawn], person[drawn]
        near = [filled[site + shift, person] for shift in sides]
        far = [np.minimum(np.abs(positions[site + shift] - positions[site]), LONGEST) / LONGEST for shift in sides]
        share = beta[site, person]
        found[name] = Split(
            {
                "x": np.stack([*near, *far], axis=1).astype(np.float32),
                "y": (share >= 0.5).astype(np.float32),
                "y_band": ((share > BAND[0]) & (share < BAND[1])).astype(np.uint8),
                "group": np.char.add("probe", site.astype(str)).astype("S12"),
            },
            {"features": [f"share at {shift:+d}" for shift in sides] + [f"distance of {shift:+d}" for shift in sides]},
        )
    return found


def _context(folder, parameters):
    found = {}
    for name in NAMES:
        table = tables.read_csv(folder / parameters["tables"][name])
        kept = [one for one in table.header if one not in LEFT_OUT and not one.startswith(("Up_CpG", "Down_CpG"))]
        x = np.stack([table.numbers(one) for one in kept], axis=1)
        if np.isnan(x).any():
            raise BadInput(f"{table.where(int(np.isnan(x).any(axis=1).argmax()))}: a feature is missing")
        path = folder / parameters["labels"][name]
        try:
            y = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise BadInput(f"{path}: no array of numbers: {error}") from None
        if y.shape != (len(x), 2):
            raise BadInput(f"{path}: labels of shape {y.shape} for {len(x)} sites in two classes")
        beta = table.numbers("beta") if "beta" in table.header else np.full(len(x), np.nan)
        places = [f"{a}:{b}" for a, b in zip(table.column("chr"), table.column("pos"), strict=True)]
        found[name] = Split(
            {
                "x": x.astype(np.float32),
                "y": y[:, 1].astype(np.float32),
                "y_band": ((beta > BAND[0]) & (beta < BAND[1])).astype(np.uint8),
                "group": np.array(places).astype("S"),
            },
            {"features": kept},
        )
    for split in found.values():
        split.context = found["train"].context
        if split["x"].shape[1] != len(split.context["features"]):
            raise BadInput(f"{folder}: the tables of sites have different columns")
    return found


def score(test, predictions, wanted, train=None):
    """Score all cases, and by `accuracy_band` those that are neither clearly methylated nor clearly not."""
    return subsets.score(test, predictions, wanted, METRICS)


def resampled(test, predictions, metric, train=None):
    """Say how a metric is computed in resamples; that of a subset leaves the other labels unknown."""
    return subsets.resampled(test, predictions, metric, METRICS)
