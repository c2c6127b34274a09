"""Samples of cells with one label each, and the subset of cells that goes with it."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Ragged, Split
from deepbio.core.files import BadInput
from deepbio.domains.cells import simulated
from deepbio.domains.cells.fcs import read_fcs
from deepbio.scoring import metrics
from deepbio.scoring.metrics import SHARE, Metric

METRICS = {
    "subset_auprc": Metric(True, "AUPRC of the planted cells", SHARE),
    "subset_precision": Metric(True, "precision of the selected cells", SHARE),
    "subset_recall": Metric(True, "recall of the planted cells", SHARE),
}


def prepare(sources, parameters, seed):
    """Read bags of cells; `format` says where they come from.

    simulated : `samples` of two labels with `cells` each, `share` of which are of a planted subset (see
        simulated.planted_bags); the samples are those of `problem`, random ones are held out.
    aml : FCS files with labels and a split in fcs_info.csv; the logarithm of their values. With `test_fraction` random
        samples are held out in place of the authors' test samples.
    nk : bags of text, markers in rows; the authors' held-out bags are for testing.
    A share `valid_fraction` of the training samples, drawn within the labels, is for validation.

    Arrays: cells, ragged (cells, markers) float32; y (n,) float32; group, the sample. Simulated data have y_cells,
    ragged (cells,) bool, of the planted subset.
    """
    read = {"simulated": _simulated, "aml": _aml, "nk": _nk}[parameters["format"]]
    rng = np.random.default_rng([seed, 14825])
    found, names, y, test, features, more = read(sources, parameters, rng)
    part = np.where(test, 2, 0)
    seen = np.flatnonzero(~test)
    part[seen] = tables.stratified(y[seen], [1 - parameters["valid_fraction"], parameters["valid_fraction"]], rng)
    arrays = {"cells": Ragged.join([bag.astype(np.float32) for bag in found]), "y": y.astype(np.float32)}
    arrays |= {"group": np.array(names).astype("S"), **more}
    whole = Split(arrays, {"features": features, "classes": parameters["classes"]})
    return {name: whole.take(part == i) for i, name in enumerate(("train", "valid", "test"))}


def _simulated(sources, parameters, rng):
    count = parameters["samples"]
    y = np.arange(count) % 2
    how = (parameters[key] for key in ("cells", "markers", "types", "share"))
    problem = np.random.default_rng([parameters["problem"], 14825])
    x, planted = simulated.planted_bags(problem, problem, y, *how)
    test = tables.stratified(y, [1 - parameters["test_fraction"], parameters["test_fraction"]], rng) == 1
    features = [f"marker {number}" for number in range(1, x.shape[2] + 1)]
    return x, [f"sample{i}" for i in range(count)], y, test, features, {"y_cells": Ragged.join(list(planted))}


def _aml(sources, parameters, rng):
    folder = sources[parameters["files"]] / "flowcap2_aml"
    table = tables.read_csv(folder / "fcs_info.csv")
    names, label, split = (table.column(name) for name in ("fcsName", "Label", "dataset"))
    for row, (one, which) in enumerate(zip(label, split, strict=True)):
        if one not in ("aml", "normal") or which not in ("train", "test"):
            raise BadInput(f"{table.where(row)}: '{one}', '{which}' is no label and part")
    read = [read_fcs(folder / name) for name in names]
    features = read[0][1]
    for name, (_, channels) in zip(names, read, strict=True):
        if channels != features:
            raise BadInput(f"{folder / name}: channels {', '.join(channels)}, not {', '.join(features)}")
    found = [np.log10(np.maximum(events, 1)) for events, _ in read]
    y, test = np.array(label) == "aml", np.array(split) == "test"
    if "test_fraction" in parameters:
        test = tables.stratified(y, [1 - parameters["test_fraction"], parameters["test_fraction"]], rng) == 1
    return found, names, y, test, features, {}


def _nk(sources, parameters, rng):
    folder = sources[parameters["files"]] / "nk_cmv"
    found, names, y = [], [], []
    for part in ("train", "valid"):
        listed = tables.read_csv(folder / f"y_{part}.txt", header=False).numbers(0, "label")
        for number in parameters[part]:
            table = tables.read_csv(folder / f"X_{part}_{number}.txt", separator=" ", header=False)
            rows = [
                [tables.number(value, f"cell {i}", table.where(row)) for i, value in enumerate(values, 1)]
                for row, values in enumerate(table.rows)
            ]
            found.append(np.array(rows).T)
            names.append(f"{part}{number}")
            y.append(listed[number])
    features = [f"marker {number}" for number in range(1, found[0].shape[1] + 1)]
    return found, names, np.array(y), np.char.startswith(names, "valid"), features, {}


def score(test, predictions, wanted, train=None):
    """Score the samples' labels; beside them, of simulated samples of label 1, the cells that a method points to."""
    found = metrics.evaluate(wanted, test.y, np.asarray(predictions["y"], float).reshape(test.y.shape))
    if "y_cells" not in test or "response" not in predictions:
        return found
    ill = np.repeat(np.asarray(test.y) == 1, np.diff(test["cells"].offsets))
    truth = np.asarray(test["y_cells"].values)[ill].astype(float)
    found["subset_auprc"] = metrics.evaluate(["auprc"], truth, np.asarray(predictions["response"], float)[ill])["auprc"]
    if "selected" in predictions:
        chosen = np.asarray(predictions["selected"])[ill]
        hits = float((chosen & (truth == 1)).sum())
        found |= {"subset_precision": hits / max(chosen.sum(), 1), "subset_recall": hits / max(truth.sum(), 1)}
    return found
