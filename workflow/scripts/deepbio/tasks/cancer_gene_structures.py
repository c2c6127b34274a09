"""Tumour suppressors and oncogenes, told from the structure of the protein."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Ragged, Split
from deepbio.core.files import BadInput
from deepbio.domains.protein import simulated, structure, surfaces


def prepare(sources, parameters, seed):
    """Read structures and part them into `folds`, of which the split `seed` tests one and validates on another.

    files : `structures`, each with `file`, `chain` (of the cancer gene), `family`, `label` (0 suppressor, 1
        oncogene) and `fold`, from 0. `by`: `random`, or `family`, where a family stands on one side: by `fold`.
    simulated : ellipsoids of residues, half of which have a patch of positive charge: `families` shapes with `members`
        each, whose sequences and axes are alike; `residues` each. `by` as above.

    Arrays: atoms, properties, residues (kinds/protein_structure.py); y (n,) float32; group. The context has `classes`.
    """
    read = {"files": _files, "simulated": _simulated}[parameters["format"]]
    found, y, family, fold = read(sources, parameters)
    arrays = {key: Ragged.join([one[key] for one in found]) for key in ("atoms", "properties", "residues")}
    group = np.array(family) if parameters["by"] == "family" else np.array([f"structure {i}" for i in range(len(y))])
    if fold is None or parameters["by"] == "random":
        fold = tables.deal(group, y, parameters["folds"], np.random.default_rng([177378]))
    part = tables.fold_parts(fold, parameters["folds"], seed)
    arrays |= {"y": y.astype(np.float32), "group": group.astype("S")}
    whole = Split(arrays, {"classes": ["tumour suppressor", "oncogene"]})
    return {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}


def _files(sources, parameters):
    folder, found, y, family = Path(sources["tsg_og"]), [], [], []
    for one in parameters["structures"]:
        if one["label"] not in (0, 1):
            raise BadInput(f"structures: {one['file']}: label {one['label']} is neither 0 nor 1")
        chain = structure.read(folder / one["file"], one["chain"])
        atoms, properties = surfaces.surface_atoms(chain)
        found.append({"atoms": atoms, "properties": properties, "residues": chain.codes})
        y.append(one["label"])
        family.append(one["family"])
    return found, np.array(y), family, np.array([one["fold"] for one in parameters["structures"]])


def _simulated(sources, parameters):
    rng, found, y, family = np.random.default_rng([parameters["problem"], 177378]), [], [], []
    for number in range(parameters["families"]):
        axes = rng.uniform(9, 18, 3)
        for _ in range(parameters["members"]):
            codes, x = simulated.ellipsoid(rng, parameters["residues"], number % 2 == 1, axes + rng.normal(0, 0.5, 3))
            properties = surfaces.describe(codes, np.full(len(codes), "C"))
            found.append({"atoms": x, "properties": properties, "residues": codes})
            y.append(number % 2)
            family.append(f"family {number}")
    return found, np.array(y), family, None


def resampled(test, predictions, metric, train=None):
    """Resample nothing: a fold holds two or three structures, of which every resample with both classes is the same."""
    return None
