"""Loops that are missing in a structure, predicted from the residues around them."""

from pathlib import Path

import numpy as np

from deepbio.core import tables, text
from deepbio.core.data import Ragged, Split
from deepbio.core.files import BadInput, read_json
from deepbio.domains.protein import clusters, loops, structure
from deepbio.scoring import curves, intervals
from deepbio.scoring.metrics import AMOUNT, Metric

FAR = 15.0  # ångström, where the curves of errors end
METRICS = {
    "rmsd": Metric(False, "RMSD of the loop, anchors superposed", AMOUNT, "Å"),
    "median_rmsd": Metric(False, "median RMSD of a loop", AMOUNT, "Å"),
    "distance_mae": Metric(False, "mean error of the loop's distances", AMOUNT, "Å"),
}


def prepare(sources, parameters, seed):
    """Cut windows of `window` residues around loops of `shortest` to `longest` residues.

    Training and validation: `per_chain` stretches of each chain of MDAnalysis's tests, at random, be they loops or not
    (a window is a window). Testing, by `format`:

    chains : runs without helix or strand in held-out chains (`test_fraction`, by clusters of similar proteins).
    benchmark : the loops of the benchmark's files; training chains that are similar to one of its proteins are left
        out.

    Arrays: trace, missing, present (kinds/loop_window.py); y (n, window, 3) float32; group, the chain.
    """
    rng = np.random.default_rng([seed, 1109])
    chains = _chains(sources["mdanalysis_chains"])
    size, how = parameters["window"], (parameters["shortest"], parameters["longest"])
    held = []
    if parameters["format"] == "benchmark":
        held = _benchmark(Path(sources["loop_benchmark"]), size)
        every = Ragged.join([chain.codes for _, chain, _ in chains] + [chain.codes for _, chain, _, _ in held])
        count = len(chains)
        near = clusters.near(every, np.arange(count), np.arange(count, len(every)))
        chains = [one for one, like in zip(chains, near, strict=True) if not like]
    group = clusters.cluster(Ragged.join([chain.codes for _, chain, _ in chains]))
    part = tables.group_parts(group, parameters["valid_fraction"], parameters["test_fraction"], rng)
    found = {"train": [], "valid": [], "test": []}
    for (name, chain, states), where in zip(chains, part, strict=True):
        if where == 2 and not held:
            found["test"] += [(name, chain, *one) for one in loops.runs(states, 2, *how) if loops.whole(chain, *one)]
        else:
            stretches = _stretches(chain, parameters["per_chain"], *how, rng)
            found["valid" if where == 1 else "train"] += [(name, chain, *one) for one in stretches]
    found["test"] += held
    return {name: _split(listed, size) for name, listed in found.items()}


def _split(listed, size):
    made = [loops.window(chain, start, length, size) for _, chain, start, length in listed]
    arrays = {key: np.stack([one[key] for one in made]) for key in ("trace", "missing", "present", "y")}
    arrays["group"] = np.array([name for name, *_ in listed]).astype("S")
    return Split(arrays, {})


def _chains(folder):
    """Name, chain and states of the chains of MDAnalysis's tests, as far as the two agree."""
    found = []
    for path in sorted(Path(folder).glob("*.pdb.dssp")):
        chain = structure.read(path.with_suffix(".gz"))
        said = next((line for _, line in text.lines(path)), "")
        states = np.array([{"H": 0, "E": 1}.get(letter, 2) for letter in (said.split() or [""])[0]], np.uint8)
        if len(states) == len(chain.codes) >= 40:
            found.append((path.name.split(".")[0], chain, states))
    return found


def _stretches(chain, count, shortest, longest, rng):
    """Draw `count` stretches of a chain at random, as far as they and their anchors have no gap."""
    found = []
    for _ in range(count):
        length = int(rng.integers(shortest, longest + 1))
        start = int(rng.integers(loops.ANCHORS, max(loops.ANCHORS + 1, len(chain.codes) - length - loops.ANCHORS)))
        if loops.whole(chain, start, length):
            found.append((start, length))
    return found


def _benchmark(folder, size):
    """Name, chain, start and length of the benchmark's loops whose structure is there."""
    path, found = folder / "loop_definitions.json", []
    for name, facts in sorted(read_json(path).items()):
        file = folder / f"{name}.pdb"
        if not file.exists():
            continue
        chain = structure.read(file, facts["chainID"])
        first, last = (facts[f"{end}ResidueID"].strip() for end in ("Start", "End"))
        if first not in chain.numbers or last not in chain.numbers:
            raise BadInput(
                f"{path}: {name}: residue {first} or {last} is not in chain {facts['chainID']} of {file.name}"
            )
        start, end = chain.numbers.index(first), chain.numbers.index(last)
        if not loops.whole(chain, start, end - start + 1) or end - start + 1 > size - 2 * loops.ANCHORS:
            raise BadInput(f"{path}: {name}: the loop {first} to {last} or its anchors have a gap in {file.name}")
        found.append((name, chain, start, end - start + 1))
    return found


# ---- scores


def errors(test, predictions):
    """Compute the RMSD of each loop, (n,) ångström, as it lies among the known residues."""
    y = np.asarray(test.y, float)
    p = np.asarray(predictions["y"], float).reshape(y.shape)
    known = ~np.isnan(y).any(axis=2)
    squares = np.where(known, np.nan_to_num((p - y) ** 2).sum(axis=2), 0)
    return np.sqrt(squares.sum(axis=1) / known.sum(axis=1))


def distance_errors(test, predictions):
    """Compute the mean absolute error of the distances of each loop's residues to the loop and to the known residues,
    (n,) ångström: those that a method predicts, or else those of its coordinates."""
    y, missing = np.asarray(test.y, float), np.asarray(test["missing"]) > 0
    there = missing | (np.asarray(test["present"]) > 0)
    real = np.where(missing[:, :, None], np.nan_to_num(y), np.asarray(test["trace"], float))
    made = np.where(missing[:, :, None], np.asarray(predictions["y"], float).reshape(y.shape), test["trace"])
    found = []
    for row in range(len(y)):
        band = np.triu((missing[row][:, None] | missing[row]) & there[row][:, None] & there[row], 1)
        truth = structure.distances(real[row])
        guess = (
            np.asarray(predictions["distance"][row]) if "distance" in predictions else structure.distances(made[row])
        )
        found.append(np.abs(truth - guess)[band].mean())
    return np.array(found)


def score(test, predictions, wanted, train=None):
    each = errors(test, predictions)
    found = {"rmsd": float(each.mean()), "median_rmsd": float(np.median(each))}
    return found | {"distance_mae": float(distance_errors(test, predictions).mean())}


def curve(test, predictions):
    """Draw the share of loops that lie within a distance of the true ones."""
    title = "Loops near the true ones (mean over runs)"
    return curves.within(errors(test, predictions), title, "RMSD at most (Å)", "loops", end=FAR)


def resampled(test, predictions, metric, train=None):
    """Resample the loops."""
    if metric == "median_rmsd":
        return None
    return intervals.share_of({"rmsd": errors, "distance_mae": distance_errors}[metric](test, predictions))
