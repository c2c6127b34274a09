"""Batches of cells to be aligned: the same person's blood on two days, and simulated ones with a known answer."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.domains.cells import mmd, samples, simulated
from deepbio.kinds.cells import is_source
from deepbio.scoring import curves, intervals
from deepbio.scoring.metrics import AMOUNT, SHARE, Metric

METRICS = {
    "mmd": Metric(False, "MMD to the target batch", AMOUNT),
    "mmd_before": Metric(False, "MMD before alignment", AMOUNT),
    "mmd_floor": Metric(False, "MMD of two samples of the target", AMOUNT),
    "mmd_within_types": Metric(False, "MMD within types of cells", AMOUNT),
    "label_transfer": Metric(True, "label transfer (balanced accuracy)", SHARE),
    "marker_ks": Metric(False, "Kolmogorov-Smirnov distance of a marker", SHARE),
    "correlation_distance": Metric(False, "distance of correlation matrices", AMOUNT),
    "cell_error": Metric(False, "RMSE of a cell's true levels", AMOUNT),
}


def prepare(sources, parameters, seed):
    """Read the cells of two batches and split them within batch and type; `format` says where they come from.

    simulated : `cells` of each batch with `markers`; `shares` of the types, `strength` of the batch effect. The problem
        is that of `problem`, its split that of the seed.
    cytometry : tables `source` and `target` of intensities, with labels beside them (<name>_label.csv), on log(1 + x).
    `denoise`: whether methods denoise the cells first, as in the paper.

    Arrays: x (n, markers) float32; sample (n,) int16, 0 the source and 1 the target; y (n, markers) float32, the cell
    itself in the target and NaN in the source; y_type (n,) float32, a type's number; group, the cell. Simulated
    data have y_truth (n, markers) float32, the cell as the target batch measures it.
    """
    context = {"reference": 1, "denoise": bool(parameters["denoise"]), "types": parameters["types"]}
    truth = {}
    if parameters["format"] == "simulated":
        rng = np.random.default_rng([parameters["problem"], 1610])
        how = (parameters[key] for key in ("cells", "markers", "shares", "strength"))
        x, batch, number, exact = simulated.two_batches(rng, *how)
        truth["y_truth"] = exact.astype(np.float32)
        context |= {"samples": ["source", "target"]}
        context["features"] = [f"marker {i}" for i in range(1, x.shape[1] + 1)]
    else:
        folder = sources[parameters["files"]]
        names = parameters["source"], parameters["target"]
        read = [samples.read_intensities(folder / f"{name}.csv") for name in names]
        labels = [folder / f"{name}_label.csv" for name in names]
        number = [samples.read_labels(path, len(x)) for path, x in zip(labels, read, strict=True)]
        batch, number = np.repeat([0, 1], list(map(len, read))), np.concatenate(number)
        x = samples.logarithm(np.concatenate(read))
        context |= {"samples": list(names), "features": parameters["markers"]}
        context["shown_markers"] = parameters["shown_markers"]
    x = x.astype(np.float32)
    group = np.array([f"{sample}_{row}" for row, sample in enumerate(batch)]).astype("S")
    arrays = {"x": x, "sample": batch.astype(np.int16), "y": np.where(batch[:, None] == 1, x, np.nan)}
    arrays |= {"y_type": number.astype(np.float32), "group": group, **truth}
    stratum = batch * (number.max() + 1) + number
    part = tables.stratified(stratum, parameters["fractions"], np.random.default_rng([seed, 1610]))
    whole = Split(arrays, context)
    return {name: whole.take(part == i) for i, name in enumerate(("train", "valid", "test"))}


def score(test, predictions, wanted, train=None):
    """Compare the aligned cells of the source with the target's, all in the space that the method gives.

    Beside what is wanted, which the controls prove, are scored: `label_transfer`, by which a cell of the source is
    labelled by its nearest neighbours among the target's, and `mmd_within_types`, both by types that no method is told;
    `mmd_floor`; and `mmd_before` and the `cell_error` of simulated cells, where the method gives its cells `before`
    alignment.
    """
    p, source = np.asarray(predictions["y"], float), is_source(test)
    if p.shape != test.y.shape or not np.isfinite(p).all():
        raise ValueError(f"a prediction must be {test.y.shape} finite numbers")
    moved, target, kind = p[source], p[~source], np.asarray(test["y_type"])
    distance = _distance(target)
    found = {"mmd": mmd.mmd(moved, target, distance)}
    found["marker_ks"] = float(samples.ks_distances(moved, target).mean())
    found["correlation_distance"] = float(np.linalg.norm(samples.correlations(moved) - samples.correlations(target)))
    found = {name: found[name] for name in wanted}
    types = [(moved[kind[source] == one], target[kind[~source] == one]) for one in np.unique(kind)]
    types = [pair for pair in types if min(map(len, pair)) > 1]
    found["mmd_within_types"] = float(np.mean([mmd.mmd(*pair, distance) for pair in types]))
    called = samples.transfer_labels(target, kind[~source], moved)
    found["label_transfer"] = samples.balanced_accuracy(kind[source], called)
    found["mmd_floor"] = mmd.floor(mmd.inner_mean(target, distance))
    if "before" in predictions:
        found["mmd_before"] = mmd.mmd(np.asarray(predictions["before"], float)[source], target, distance)
        if "y_truth" in test:
            found["cell_error"] = _cell_error(test, p, np.asarray(predictions["before"], float), source)
    return found


def _distance(target):
    return mmd.neighbour_distance(target, np.random.default_rng(1610))


def _cell_error(test, p, before, source):
    """Compare the source's cells with their true levels, in units of the method's space.

    A space is a change of scale of the measured markers where nothing is denoised; its factors come from the target's
    cells, which no method moves.
    """
    x, truth = np.asarray(test["x"], float), np.asarray(test["y_truth"], float)
    mean, std = x[~source].mean(axis=0), x[~source].std(axis=0)
    here = (truth[source] - mean) / std * before[~source].std(axis=0) + before[~source].mean(axis=0)
    return float(np.sqrt(np.mean((p[source] - here) ** 2)))


def curve(test, predictions):
    """Draw the share of markers whose distributions in the two batches lie within a distance."""
    p, source = np.asarray(predictions["y"], float), is_source(test)
    distances = samples.ks_distances(p[source], p[~source])
    title = "Markers that are alike in both batches (mean over runs)"
    return curves.within(distances, title, "Kolmogorov-Smirnov distance at most", "markers")


def resampled(test, predictions, metric, train=None):
    """Resample the test cells of both batches; None for another metric than the distance of the batches."""
    if metric != "mmd":
        return None
    p, source = np.asarray(predictions["y"], float), is_source(test)
    function = mmd.weighted(p[source], p[~source], _distance(p[~source]))
    order = np.concatenate([np.flatnonzero(source), np.flatnonzero(~source)])
    return intervals.Resampling(len(p), lambda counts: function(counts[:, order]))


def interpret(train, runs, path):
    """Draw the scores of all methods side by side."""
    from deepbio.figures import cells as figures

    figures.draw_alignment(runs, METRICS, train.context["origin"], path)
