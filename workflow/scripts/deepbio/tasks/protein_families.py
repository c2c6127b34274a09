"""Families of proteins, told from the sequence: with relatives on both sides of the split, and without."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Ragged, Split
from deepbio.core.files import BadInput, read_json
from deepbio.domains.protein import clusters, sequences, simulated
from deepbio.scoring import intervals, metrics
from deepbio.scoring.metrics import SHARE, Metric

METRICS = {"pair_accuracy": Metric(True, "accuracy, each family against as many others", SHARE)}


def prepare(sources, parameters, seed):
    """Read families, and part them into `folds`, of which the split `seed` tests one and validates on another.

    `format`: `interpro`, a JSON file of names and sequences, `same` of which are names that hold the sequences of
    another and are left out; or `simulated` (`families`, `members`, `lengths`, `distance`). `by`: `random`, where
    relatives stand on both sides, or `cluster`, where whole clusters of similar proteins are held out (`similarity`:
    share of words from which two are in one, see domains.protein.clusters). Families with fewer than `least_clusters`
    clusters are left out in both, as a split by clusters cannot learn them. `corpus`: FASTA files of further proteins,
    without labels, that words may be learned from, as {source: files}; of simulated families these are `unlabelled`
    further members of each.

    Arrays: residues, ragged (residues,) uint8; y (n,) float32, the number of the family; group. The context has
    `classes`, and corpus_values and corpus_offsets where there is a corpus.
    """
    read = {"interpro": _interpro, "simulated": _simulated}[parameters["format"]]
    residues, number, names, further = read(sources, parameters)
    group = clusters.cluster(residues, parameters["similarity"])
    counts = np.array([len(np.unique(group[number == one])) for one in range(len(names))])
    kept = np.flatnonzero(counts[number] >= parameters["least_clusters"])
    old, number = np.unique(number[kept], return_inverse=True)
    names, residues, group = [names[one] for one in old], residues.take(kept), group[kept]
    if parameters["by"] == "random":
        group = np.arange(len(number))
    # The folds are the same for all splits.
    fold = tables.deal(group, number, parameters["folds"], np.random.default_rng([141287]))
    part = tables.fold_parts(fold, parameters["folds"], seed)
    named = np.array([f"{parameters['by']} {one}" for one in group]).astype("S")
    context = {"classes": names}
    if further:
        corpus = Ragged.join(further)
        context |= {"corpus_values": corpus.values, "corpus_offsets": corpus.offsets}
    whole = Split({"residues": residues, "y": number.astype(np.float32), "group": named}, context)
    return {name: whole.take(part == place) for place, name in enumerate(("train", "valid", "test"))}


def _interpro(sources, parameters):
    path = Path(sources["protein_families"]) / "interpro_families_21.json"
    found, number, names, seen = [], [], [], set()
    for name, listed in read_json(path).items():
        if name in parameters["same"]:
            continue
        names.append(name)
        for place, one in enumerate(listed, 1):
            try:
                codes = sequences.encode(one)
            except BadInput as error:
                raise BadInput(f"{path}: family '{name}', sequence {place}{error}") from None
            if codes.tobytes() not in seen:
                seen.add(codes.tobytes())
                found.append(codes)
                number.append(len(names) - 1)
    corpus = [
        one
        for source, files in parameters.get("corpus", {}).items()
        for name in files
        for one in sequences.read_fasta(Path(sources[source]) / name)[1]
    ]
    return Ragged.join(found), np.array(number), names, corpus


def _simulated(sources, parameters):
    rng = np.random.default_rng([parameters["problem"], 141287])
    families, members = parameters["families"], parameters["members"]
    all_of_one = members + parameters.get("unlabelled", 0)
    found, number = simulated.families(rng, families, all_of_one, parameters["lengths"], parameters["distance"])
    labelled = np.arange(len(found)) % all_of_one < members
    known, further = ([found[one] for one in np.flatnonzero(chosen)] for chosen in (labelled, ~labelled))
    return Ragged.join(known), number[labelled], [f"family {one + 1}" for one in range(families)], further


def score(test, predictions, wanted, train=None):
    """Score the families; beside them, as the paper has it, each family against as many other proteins: the mean over
    families of the accuracy at a probability of one half, in which members and others count alike."""
    p = np.asarray(predictions["y"], float)
    found = metrics.evaluate([name for name in wanted if name in metrics.METRICS], test.y, p)
    number, called = np.asarray(test.y).astype(int), p > 0.5
    pairs = [
        (called[number == one, one].mean() + (~called[number != one, one]).mean()) / 2 for one in np.unique(number)
    ]
    return found | {"pair_accuracy": float(np.mean(pairs))}


def resampled(test, predictions, metric, train=None):
    """Resample the test proteins; None for the metric of pairs."""
    if metric in METRICS:
        return None
    return intervals.resampled(metric, test.y, np.asarray(predictions["y"], float))
