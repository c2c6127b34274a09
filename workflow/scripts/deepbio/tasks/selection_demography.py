"""Selection and population sizes: predict them from summary statistics of simulated regions, and scan a real locus."""

import numpy as np

from deepbio.core import labels, tables
from deepbio.core.data import Split
from deepbio.core.simulation import read_batches
from deepbio.domains.variation import population_statistics
from deepbio.domains.variation.genotypes import read_phased
from deepbio.domains.variation.population_statistics import CLASSES, SIZES, SWEEPS, size_errors, sizes_of, sweep_score
from deepbio.scoring import curves, intervals, metrics
from deepbio.scoring.metrics import AMOUNT, SHARE, Metric

METRICS = {
    "selection_accuracy": Metric(True, "accuracy over kinds of selection", SHARE),
    "sweep_auroc": Metric(True, "AUROC of sweeps", SHARE),
    "known_sweeps": Metric(True, "populations classified correctly at a known site", SHARE),
    "known_sweeps_likeliest": Metric(True, "the same, where a sweep is the likeliest class", SHARE),
    "n1_error": Metric(False, "relative error of N1", AMOUNT),
    "n2_error": Metric(False, "relative error of N2", AMOUNT),
    "n3_error": Metric(False, "relative error of N3", AMOUNT),
    "n1_error_neutral": Metric(False, "relative error of N1, regions called neutral", AMOUNT),
    "n2_error_neutral": Metric(False, "relative error of N2, regions called neutral", AMOUNT),
    "n3_error_neutral": Metric(False, "relative error of N3, regions called neutral", AMOUNT),
}


def prepare(sources, parameters, seed):
    """Prepare simulated regions; all regions of a demography are in one split (`valid_fraction`, `test_fraction`).

    `scan`: real haplotypes whose windows join the test split without labels: `source`, `file`, `name` (as in
    genotypes.read_phased), `haplotypes`, `length` and `least_count` as in the simulation, the `site` that is known to
    be under selection, `step` between windows, and the populations in which it is `swept` and in which it is `spared`.

    Arrays: x (n, statistics) float32; y (n, 7) float32, 0/1 for each class and log10 of N1, N2, N3; y_frequency (n,)
    float32, that of the selected allele, NaN where neutral; group, the demography. With `scan` the test split also has
    population (n,) int16, -1 where simulated, and centre (n,) int64 of a window.
    """
    found = read_batches(sources["simulation"])
    group = np.array([f"{b}.{d}" for b, d in zip(found["batch"], found["demography"], strict=True)])
    rng = np.random.default_rng([seed, 2016])
    part = tables.group_parts(group, parameters["valid_fraction"], parameters["test_fraction"], rng)
    y = np.concatenate([labels.one_hot(found["number"], len(CLASSES)), np.log10(found["sizes"])], axis=1)
    arrays = {
        "x": found["x"],
        "y": y.astype(np.float32),
        "y_frequency": found["frequency"].astype(np.float32),
        "group": group.astype("S32"),
    }
    context = {"classes": list(CLASSES), "sizes": list(SIZES), "features": feature_names(found["x"].shape[1])}
    scan = parameters.get("scan")
    if scan:
        facts, real = windows(sources[scan["source"]] / scan["file"], scan)
        context["scan"] = facts
    whole = Split(arrays, context)
    splits = {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}
    if scan:
        test = splits["test"]
        simulated = {"population": np.full(len(test), -1, np.int16), "centre": np.zeros(len(test), np.int64)}
        simulated |= test.arrays
        splits["test"] = Split({name: np.concatenate([simulated[name], real[name]]) for name in simulated}, context)
    return splits


def feature_names(statistics):
    """Return the names of the statistics; their number determines the number of haplotypes.

    Raises ValueError where no number of haplotypes has that many statistics.
    """
    for haplotypes in range(4, 1000, 2):
        found = population_statistics.names(haplotypes)
        if len(found) == statistics:
            return found
    raise ValueError(f"{statistics} statistics are of no number of haplotypes")


def windows(path, scan):
    """Compute the statistics of windows of each population with enough haplotypes: facts of the scan, and arrays."""
    alleles, places, population = read_phased(path, scan["name"])
    rng = np.random.default_rng(1)
    length, step, site = scan["length"], scan["step"], scan["site"]
    # One window is centred on the known site.
    first = site - (site - places[0] - length // 2) // step * step
    centres = np.arange(first, places[-1] - length // 2 + 1, step)
    names, found = [], []
    for name in np.unique(population):
        rows = np.flatnonzero(population == name)
        if len(rows) < scan["haplotypes"]:
            continue
        chosen = np.sort(rng.choice(rows, scan["haplotypes"], replace=False))
        sites, window, distance = population_statistics.windows_of(places, centres, length)
        x = population_statistics.summarize(
            alleles[chosen].T[sites], distance, window, len(centres), length, scan["least_count"]
        )
        found.append(x)
        names.append(str(name))
    count = len(centres)
    real = {
        "x": np.concatenate(found),
        "y": np.full((len(names) * count, len(CLASSES) + len(SIZES)), np.nan, np.float32),
        "y_frequency": np.full(len(names) * count, np.nan, np.float32),
        "group": np.repeat(np.array([f"{scan['name']}_{name}" for name in names]).astype("S32"), count),
        "population": np.repeat(np.arange(len(names), dtype=np.int16), count),
        "centre": np.tile(centres, len(names)),
    }
    facts = {"populations": names, "site": site, "name": scan["name"], "length": length}
    return facts | {key: [name for name in scan[key] if name in names] for key in ("swept", "spared")}, real


def score(test, predictions, wanted, train=None):
    """Compute the wanted metrics of the simulated regions and, with a scan, of the calls in the real windows."""
    y, p = np.asarray(test.y, float), np.asarray(predictions["y"], float)
    known = ~np.isnan(y[:, 0])
    truth, shares = y[known, : len(CLASSES)].argmax(axis=1), p[known, : len(CLASSES)]
    group = np.asarray(test["group"])[known]
    found = {
        "selection_accuracy": float(np.mean(shares.argmax(axis=1) == truth)),
        "sweep_auroc": metrics.evaluate(["auroc"], np.isin(truth, SWEEPS), sweep_score(p[known]))["auroc"],
    }
    for mark, neutral_only in (("", False), ("_neutral", True)):
        _, *sizes = sizes_of(y[known], p[known], group, neutral_only)
        for name, values in zip(SIZES, size_errors(*sizes).mean(axis=0), strict=True):
            found[f"{name.lower()}_error{mark}"] = float(values)
    found = {name: found[name] for name in wanted}
    scan = test.context.get("scan")
    if scan:
        found["known_sweeps"] = known_sweeps(test, sweep_score(p) > 0.5, scan)
        found["known_sweeps_likeliest"] = known_sweeps(test, np.isin(p[:, : len(CLASSES)].argmax(axis=1), SWEEPS), scan)
    return found


def known_sweeps(split, calls, scan):
    """Compute the share of populations with a right call in the window of the known site; `calls` (n,) says which
    windows are called swept.

    Only populations count in which the site is known to be swept, or not. A sweep, hard or soft, is called where its
    probability is above one half, which is also the share of sweeps among the training regions, or (the other rule)
    where one of the two is the likeliest class.
    """
    here = np.asarray(split["centre"]) == scan["site"]
    right = []
    for key, swept in (("swept", True), ("spared", False)):
        for name in scan[key]:
            row = np.flatnonzero(here & (np.asarray(split["population"]) == scan["populations"].index(name)))
            right.append(calls[row[0]] == swept)
    return float(np.mean(right))


def curve(test, predictions):
    """Compute the ROC curve of the classes, as a mean over them."""
    count = len(CLASSES)
    return curves.roc(np.asarray(test.y)[:, :count], np.asarray(predictions["y"])[:, :count])


def resampled(test, predictions, metric, train=None):
    """Resample the simulated regions; None for a metric other than the accuracy over kinds of selection."""
    if metric != "selection_accuracy":
        return None
    y, p = (np.asarray(values, float)[:, : len(CLASSES)] for values in (test.y, predictions["y"]))
    return intervals.share_of(p.argmax(axis=1) == np.nan_to_num(y).argmax(axis=1), ~np.isnan(y[:, 0]))


def interpret(train, runs, path):
    """Draw the scores of all methods, and their predictions for the real windows."""
    from deepbio.figures import population as figures

    figures.draw_scores(runs, train.context["origin"], path)
    if "scan" in train.context:
        figures.draw_scans(runs, train.context, path)
