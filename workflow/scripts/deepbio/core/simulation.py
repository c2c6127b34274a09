"""Data that are simulated in batches before they are prepared.

A simulator is a module of this package with `simulate(parameters, batch) -> dict of arrays`, in which the number of
the batch, from 1, is the seed. Each batch is a job and a file of its own; a task finds them in the folder
sources["simulation"].
"""

import importlib
from pathlib import Path

import numpy as np

from deepbio.core.files import BadInput, atomic


def batch_file(folder, batch):
    return Path(folder) / f"batch{batch}.npz"


def write_batch(facts, batch, path):
    """Simulate one batch by the `facts` of a dataset (`by`, `batches`, `parameters`) and write it."""
    if not 1 <= batch <= facts["batches"]:
        raise BadInput(f"there is no batch {batch}: the dataset has {facts['batches']}")
    arrays = importlib.import_module(f"deepbio.domains.{facts['by']}").simulate(facts["parameters"], batch)
    with atomic(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def read_batches(folder):
    """Read all batches of a folder, one after the other, with an array `batch` that says where each sample is from."""
    paths = sorted(Path(folder).glob("batch*.npz"), key=lambda path: int(path.stem.removeprefix("batch")))
    if not paths:
        raise BadInput(f"{folder}: no batch of simulated data")
    found = {}
    for path in paths:
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = dict(stored)
        except (OSError, ValueError, EOFError) as error:
            raise BadInput(f"{path}: damaged batch: {error}") from None
        if found and arrays.keys() != found.keys() - {"batch"}:
            raise BadInput(f"{path}: other arrays than in {paths[0]}")
        arrays["batch"] = np.full(len(next(iter(arrays.values()))), int(path.stem.removeprefix("batch")))
        for name, array in arrays.items():
            found.setdefault(name, []).append(array)
    return {name: np.concatenate(parts) for name, parts in found.items()}
