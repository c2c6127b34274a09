"""Bags of cells: a sample is all cells that were measured of it, in no order."""

import numpy as np

from deepbio.core.data import Ragged, Split
from deepbio.core.kind import Array
from deepbio.domains.cells import simulated

ROLE = "input"
TITLE = "bags of cells"
ARRAYS = {"cells": Array("float", ("cell", "marker"), "levels of the markers of a sample's cells", ragged=True)}
CONTEXT = {"features": "names of the markers"}
OUTPUTS = ("binary",)
READS = ("binary",)
SPLIT = "random"


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make bags of 60 to 80 cells; every other bag has a subset with three markers raised, a sixth of its cells."""
    labels = np.arange(n) % 2
    x, planted = simulated.planted_bags(np.random.default_rng(5), rng, labels, 80, 6, 3, 1 / 6)
    keep = rng.integers(60, 81, n)
    cells = Ragged.join([bag[:count].astype(np.float32) for bag, count in zip(x, keep, strict=True)])
    inside = Ragged.join([bag[:count] for bag, count in zip(planted, keep, strict=True)])
    context = {"features": [f"marker {i}" for i in range(1, 7)], "classes": ["healthy", "ill"]}
    return {"cells": cells, "y_cells": inside, "y": labels.astype(np.float32)}, context


def matrix(split: Split, parameters: dict) -> np.ndarray:
    """Give mean and standard deviation of each marker in each bag: (n, 2 x markers)."""
    values, offsets = np.asarray(split["cells"].values, np.float64), np.asarray(split["cells"].offsets)
    bags = [values[start:end] for start, end in zip(offsets[:-1], offsets[1:], strict=True)]
    return np.stack([np.concatenate([bag.mean(axis=0), bag.std(axis=0)]) for bag in bags])


def read(given, known=None):
    """Yield a record for each FCS file or table of cells, one by one or of folders; its id is the file's name without
    ending. Labels are the names that files or folders go by, or stand in a table. `known`: features."""
    from deepbio.core import records
    from deepbio.core.files import BadInput
    from deepbio.domains.cells import own_samples

    features = list(known["features"]) if known is not None else given.columns.get("features")
    features = [features] if isinstance(features, str) else features
    for name, place in given.files.items():
        for path in own_samples.files_of(place):
            record = records.Record(own_samples.name_of(path), path.name, {records.FILE: name})
            try:
                found = list(own_samples.cells_of(path, given.taken, features))
                wrong = next((f"{where}: {problem}" for where, *_, problem in found if problem), "")
                record.problem = wrong or ("" if found else "no cell")
            except BadInput as error:
                record.problem = str(error)
            if not record.problem:
                features = features or found[0][2]  # of the first bag, and so of all
                record.arrays = {"cells": Ragged.join([np.stack([levels for _, levels, *_ in found])])}
                record.fields[MARKERS] = "\t".join(features)
            yield record


MARKERS = "markers"  # the field of a record that holds the names of its markers


def settle(found, given):
    """Name the markers, which all bags share: (context, notes)."""
    features = found[0].fields[MARKERS].split("\t")
    count = sum(len(record.arrays["cells"].values) for record in found)
    return {"features": features}, [f"{len(features)} markers, {count} cells"]


def same(arrays, context):
    """Name each bag by its cells, (n,) byte strings."""
    import hashlib

    bags = arrays["cells"]
    return np.array([hashlib.sha256(bags.take([i]).values.tobytes()).hexdigest() for i in range(len(bags))]).astype("S")
