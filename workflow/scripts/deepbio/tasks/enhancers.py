"""Enhancers: regions told from others by what is measured there, or by their sequence."""

from dataclasses import replace

import numpy as np

from deepbio.core import labels, tables, text
from deepbio.core.data import NAMES, Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import elements, sequences
from deepbio.kinds import sequence
from deepbio.scoring import metrics
from deepbio.scoring.metrics import SHARE, Metric

METRICS = {"gm": Metric(True, "geometric mean of sensitivity and specificity", SHARE)}


def prepare(sources, parameters, seed):
    """Prepare the regions of one dataset.

    signals : signals of one cell type with its regions, parted by chromosome; `positive` classes against all others, or
        with `classes` (name → classes of the file) several. With `test_cell` the test regions are those of another cell
        type, the signals those that both have.
    sequences : two text files of sequences and labels; the second is for testing. Sequences of the first that share a
        word of 24 bases are in one part, and those that share one with a test sequence are left out.
    simulated : see elements.simulate; whole stretches are in one part.

    Arrays: x (n, features) float32, chain and place (n,) int64 (regions that begin within `gap` bases of each other are
    a chain, in their order), y (n,) float32, group; or codes (n, length) uint8, y and group.
    """
    rng = np.random.default_rng([seed, 2018])
    readers = {"signals": _signals, "sequences": _sequences, "simulated": _simulated}
    return readers[parameters["format"]](sources, parameters, rng)


def _label(classes, parameters):
    """Number the classes of regions, and name them where there are several."""
    if "classes" not in parameters:
        return np.isin(classes, parameters["positive"]).astype(np.float32), {"classes": ["other", "enhancer"]}
    y = np.full(len(classes), np.nan, np.float32)
    for number, members in enumerate(parameters["classes"].values()):
        y[np.isin(classes, members)] = number
    return y, {"classes": list(parameters["classes"])}


def _signals(sources, parameters, rng):
    folder, cell = sources[parameters["files"]], parameters["cell_type"]
    x, classes, features = elements.read_signals(folder, cell, parameters["window"])
    chromosome, start = elements.read_regions(folder / f"{cell}_{parameters['window']}_Regions.bed", len(x))
    order, chain = elements.chains(chromosome, start, parameters["gap"])
    y, context = _label(classes, parameters)
    arrays = {"x": x[order], "chain": chain, "place": start[order].astype(np.int64), "y": y[order]}
    arrays["group"] = chromosome[order].astype("S")
    if "test_cell" not in parameters:
        whole = Split(arrays, context | {"features": features})
        parts = sequences.by_chromosome(chromosome[order], parameters)
        return {name: whole.take(part) for name, part in parts.items()}
    other, classes, names = elements.read_signals(folder, parameters["test_cell"], parameters["window"])
    shared = [name for name in features if name in names]
    arrays["x"] = arrays["x"][:, [features.index(name) for name in shared]]
    whole = Split(arrays, context | {"features": shared})
    held = np.isin(chromosome[order], parameters["valid_chromosomes"])
    test = {"x": other[:, [names.index(name) for name in shared]], "y": _label(classes, parameters)[0]}
    test |= {"chain": np.arange(len(other)), "place": np.zeros(len(other), np.int64)}  # where they lie is not known
    test["group"] = np.full(len(other), parameters["test_cell"]).astype("S")
    return {"train": whole.take(~held), "valid": whole.take(held), "test": Split(test, whole.context)}


def _sequences(sources, parameters, rng):
    folder, found = sources[parameters["files"]], []
    for key in ("train", "test"):
        path, lines = folder / parameters[key], []
        for number, line in text.lines(path):
            if line.strip():
                fields = line.rstrip().split("\t")
                if len(fields) != 2:
                    raise BadInput(f"{path}:{number}: a sequence and a label are wanted, with a tab between")
                lines.append((number, fields[0], tables.binary(fields[1], "label", f"{path}:{number}")))
        numbers, texts, y = zip(*lines, strict=True)
        found.append((sequences.encode(texts, path, numbers), np.array(y, np.float32)))
    codes, y = (np.concatenate(one) for one in zip(*found, strict=True))
    group = sequence.cluster({"codes": codes})
    test = np.arange(len(y)) >= len(found[0][1])
    part = np.where(
        test, 2, tables.group_parts(group, parameters["valid_fraction"], parameters["valid_fraction"], rng) > 0
    )
    part[~test & np.isin(group, group[test])] = -1
    whole = Split({"codes": codes, "y": y, "group": np.char.add("family", group.astype(str)).astype("S")})
    return {name: whole.take(part == number) for number, name in enumerate(NAMES)}


def _simulated(sources, parameters, rng):
    names = ("samples", "length", "cells", "features", "stay", "share")
    arrays = elements.simulate(*(parameters[name] for name in names), rng)
    stretches = rng.permutation(arrays["chain"].max() + 1)
    ends = np.cumsum(parameters["fractions"])[:-1] * len(stretches)
    part = np.searchsorted(ends, np.argsort(stretches)[arrays["chain"]], side="right")
    arrays["group"] = np.char.add("stretch", arrays["chain"].astype(str)).astype("S")
    whole = Split(arrays, {"features": [f"signal {i + 1}" for i in range(parameters["features"])]})
    return {name: whole.take(part == number) for number, name in enumerate(NAMES)}


def gm(y, p):
    """Compute the geometric mean of the shares of positives and of negatives that are called right."""
    called = p > 0.5
    return float(np.sqrt(called[y == 1].mean() * (~called[y == 0]).mean()))


def score(test, predictions, wanted, train=None):
    """Score regions; of several classes by the metrics of all tasks."""
    others = metrics.evaluate([name for name in wanted if name not in METRICS], test.y, predictions["y"])
    y, p = labels.columns(test.y)[:, 0], labels.columns(predictions["y"])[:, 0]
    return {name: gm(y, p) if name in METRICS else others[name] for name in wanted}


def resampled(test, predictions, metric, train=None):
    """Say how a metric is computed in resamples of the regions, those of a chain together."""
    from deepbio.scoring import intervals

    chains = np.asarray(test["chain"]) if "chain" in test else None
    if metric not in METRICS:
        return replace(intervals.resampled(metric, test.y, predictions["y"]), units=chains)
    y, right = labels.columns(test.y)[:, 0] == 1, None
    right = (labels.columns(predictions["y"])[:, 0] > 0.5) == y

    def function(drawn):
        shares = [(drawn * (right & side)).sum(axis=1) / np.maximum((drawn * side).sum(axis=1), 1) for side in (y, ~y)]
        return np.sqrt(shares[0] * shares[1])

    return intervals.Resampling(len(y), function, chains)
