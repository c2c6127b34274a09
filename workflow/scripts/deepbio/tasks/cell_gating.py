"""Manually gated cells, to be gated again: within a sample, or in samples of which no cell is labelled."""

import numpy as np

from deepbio.core.data import Split
from deepbio.domains.cells import samples, simulated
from deepbio.scoring import curves, intervals, metrics
from deepbio.scoring.metrics import AMOUNT, SHARE, Metric

METRICS = {
    "flowcap_f": Metric(True, "FlowCAP F", SHARE),
    "rejected": Metric(False, "share of cells without a likely type", SHARE),
    "mmd_before": Metric(False, "MMD to the reference before calibration", AMOUNT),
    "mmd_after": Metric(False, "MMD to the reference after calibration", AMOUNT),
}
REJECTED = 0.4  # a cell whose likeliest type has no such probability is of no type, as the paper has it


def prepare(sources, parameters, seed):
    """Read gated samples; `protocol` says what is for testing.

    within : `train_fraction` of the cells of the one sample are labelled, a tenth of them for validation; the others
        are for testing.
    transfer : the reference is labelled; of the other samples `seen_fraction` of the cells are in training, without
        labels, and all others for testing. A tenth of what is seen is for validation. The reference is the sample whose
        covariance is nearest to the others'.

    `format` simulated (`cells`, `markers`, `types`, `strength`, `ungated`, `problem`) or files (`samples`, numbers of
    sample<n>.csv and labels<n>.csv in `folder`, with a `header` or not). Cells that were not gated have no label.

    Arrays: x (n, markers) float32, log(1 + |x|); sample (n,) int16; y (n,) float32, number of the gate, NaN where there
    is none; group, the cell.
    """
    if parameters["format"] == "simulated":
        rng = np.random.default_rng([parameters["problem"], 3423])
        how = (parameters[key] for key in ("cells", "markers", "types", "samples", "strength", "ungated"))
        x, of, gate = simulated.gated_samples(rng, *how)
        names = [f"sample {number}" for number in range(1, parameters["samples"] + 1)]
        features = [f"marker {number}" for number in range(1, x.shape[1] + 1)]
    else:
        folder, names = sources[parameters["files"]] / parameters["folder"], list(map(str, parameters["samples"]))
        read = [samples.read_intensities(folder / f"sample{name}.csv", parameters["header"]) for name in names]
        gates = [samples.read_labels(folder / f"labels{name}.csv", len(x)) for name, x in zip(names, read, strict=True)]
        x, gate = samples.logarithm(np.concatenate(read)), np.concatenate(gates) - 1
        of, features = np.repeat(np.arange(len(names)), list(map(len, read))), parameters["markers"]
    x = x.astype(np.float32)
    rng = np.random.default_rng([seed, 3423])
    reference = samples.central([np.cov(x[of == one], rowvar=False) for one in range(len(names))])
    context = {"features": features, "samples": names, "reference": reference, "classes": parameters["classes"]}
    part, hidden = np.full(len(x), 2), np.zeros(len(x), bool)
    if parameters["protocol"] == "within":
        seen = rng.random(len(x)) < parameters["train_fraction"]
    else:
        seen = (of == reference) | (rng.random(len(x)) < parameters["seen_fraction"])
        hidden = seen & (of != reference)
        context["denoise"] = parameters["denoise"]
    part[seen] = rng.random(seen.sum()) < 0.1
    y = np.where((gate < 0) | hidden, np.nan, gate).astype(np.float32)
    group = np.array([f"{names[sample]}_{row}" for row, sample in enumerate(of)]).astype("S")
    whole = Split({"x": x, "sample": of.astype(np.int16), "y": y, "group": group}, context)
    return {name: whole.take(part == i) for i, name in enumerate(("train", "valid", "test"))}


def score(test, predictions, wanted, train=None):
    """Score calls of gated cells, FlowCAP's F as the mean over samples; beside them the share of cells `rejected`, and
    what a method says of distances before and after calibration."""
    p, y = np.asarray(predictions["y"], float), np.asarray(test.y, float)
    others = [name for name in wanted if name not in METRICS]
    found = {"flowcap_f": float(np.nanmean(samples.flowcap_f(_counts(test, p)))), **metrics.evaluate(others, y, p)}
    found = {name: found[name] for name in wanted}
    found["rejected"] = float(np.mean(p[~np.isnan(y)].max(axis=1) < REJECTED))
    return found | {name: float(predictions[name]) for name in ("mmd_before", "mmd_after") if name in predictions}


def _counts(test, p):
    """Count the gated cells of each sample by gate and call: (samples, gates, calls)."""
    y, of, classes = np.asarray(test.y, float), np.asarray(test["sample"]), p.shape[1]
    known, called = ~np.isnan(y), p.argmax(axis=1)
    rows = [known & (of == one) for one in np.unique(of)]
    return np.stack([samples.confusion(y[row].astype(int), called[row], classes) for row in rows])


def curve(test, predictions):
    """Draw ROC curves of the gates, each against the rest."""
    return curves.curve("multiclass", np.asarray(test.y, float), np.asarray(predictions["y"], float))


def resampled(test, predictions, metric, train=None):
    """Resample the test cells; None for another metric than FlowCAP's F."""
    if metric != "flowcap_f":
        return None
    p, y = np.asarray(predictions["y"], float), np.asarray(test.y, float)
    names, of = np.unique(np.asarray(test["sample"]), return_inverse=True)
    classes, known = p.shape[1], np.flatnonzero(~np.isnan(y))
    cell = (of[known] * classes + y[known].astype(int)) * classes + p[known].argmax(axis=1)
    places, number = np.unique(cell, return_inverse=True)
    order, shape = np.argsort(number, kind="stable"), (len(names), classes, classes)
    starts = np.searchsorted(number[order], np.arange(len(places)))

    def function(counts):
        found = np.zeros((len(counts), np.prod(shape)))
        found[:, places] = np.add.reduceat(counts[:, known[order]], starts, axis=1)
        return np.nanmean(samples.flowcap_f(found.reshape(-1, *shape)), axis=1)

    return intervals.Resampling(len(y), function)


def interpret(train, runs, path):
    """Draw the scores of all methods side by side."""
    from deepbio.figures import style

    wanted = {name: metrics.title(name, "cell_gating") for name in ("flowcap_f", "balanced_accuracy", "accuracy")}
    wanted |= {name: METRICS[name].title for name in ("rejected", "mmd_before", "mmd_after")}
    style.quantities(runs, wanted, "Gated test cells", train.context["origin"], f"{path}_gating", 3)
