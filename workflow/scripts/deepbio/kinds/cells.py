"""Single cells of several samples, one of which is the reference: marker levels and the sample that a cell is from."""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.kind import Array
from deepbio.domains.cells import simulated
from deepbio.kinds import table

ROLE = "input"
TITLE = "single cells of several samples"
ARRAYS = {
    "x": Array("float", ("marker",), "levels of the markers, logarithmic"),
    "sample": Array("integer", (), "number of the sample that a cell is from"),
}
CONTEXT = {
    "features": "names of the markers",
    "samples": "names of the samples",
    "reference": "number of the sample that has labels, or to which the others are aligned",
}
OUTPUTS = ("multiclass", "aligned", "binary", "regression")
READS = ("multiclass", "binary", "regression")
SPLIT = "random"
matrix, same = table.matrix, table.same


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make two samples of three types of cells; the other sample is measured on other scales than the reference.

    The types are the classes; a label is missing of every fourth cell. A binary label is that of the first type, a
    number the difference of two markers. Where the output is `aligned`, the label is the cell itself in the reference
    and missing in the other sample, and cells are to be denoised. The problem is the same for every `rng`, its cells
    are not.
    """
    means, factors = simulated.types_of_cells(np.random.default_rng(3), 3, 8)
    number, of = np.arange(n) % 3, np.arange(n) // 3 % 2
    x = simulated.cells_of(rng, means, factors, number)
    strength = 1.2 if output == "aligned" else 0.1
    x[of == 0] += strength * np.random.default_rng(4).standard_normal(8)
    context = {"features": [f"marker {i}" for i in range(1, 9)], "samples": ["other", "reference"], "reference": 1}
    y = {"binary": number == 0, "regression": x[:, 0] - x[:, 1]}.get(output, number).astype(np.float32)
    if output == "aligned":
        y = np.where(of[:, None] == 1, x, np.nan).astype(np.float32)
        context |= {"metrics": ["mmd"], "denoise": True}
    elif output == "multiclass":
        y[np.arange(n) % 4 == 3] = np.nan
        context["classes"] = ["B cells", "T cells", "monocytes"]
    arrays = {"x": x.astype(np.float32), "sample": of.astype(np.int16), "y": y, "y_type": number.astype(np.float32)}
    return arrays, context


def is_source(split: Split) -> np.ndarray:
    """Tell which cells are not of the reference sample, (n,)."""
    return np.asarray(split["sample"]) != split.context["reference"]


def read(given, known=None):
    """Yield a record for each cell of FCS files and tables, or of folders of them; a file is a sample, the first one
    the reference. `known`: features and samples; a sample that training did not see counts as the reference."""
    from deepbio.core import records
    from deepbio.domains.cells import own_samples

    features = list(known["features"]) if known is not None else given.columns.get("features")
    features = [features] if isinstance(features, str) else features
    names = list(known["samples"]) if known is not None else []
    ident, taken = given.columns.get("id"), given.taken
    for file, place in given.files.items():
        for path in own_samples.files_of(place):
            name, note = own_samples.name_of(path), ""
            if known is None:
                names.append(name)
            elif name not in names:
                name, note = names[known["reference"]], f"sample '{name}' was not in training"
            for where, levels, markers, fields, problem in own_samples.cells_of(path, taken, features):
                record = records.Record(where, where, fields | {records.FILE: file, SAMPLE: name}, {}, problem, note)
                record.id = fields.get(ident, where)
                if not problem:
                    record.arrays = {"x": levels, "sample": np.int16(names.index(name))}
                    if known is None:
                        record.arrays["names"] = markers
                yield record


SAMPLE = "sample"  # the field of a record that names its sample


def settle(found, given):
    """Name the markers, which all samples share, and the samples: (context, notes)."""
    from deepbio.core.files import BadInput

    features = found[0].arrays["names"]
    for record in found:
        if record.arrays.pop("names") != features:
            raise BadInput(f"{record.where}: other markers than {found[0].where}")
    numbers = {int(record.arrays["sample"]): record.fields[SAMPLE] for record in found}
    # Numbers count the files; one of which no cell is left keeps its place.
    samples = [numbers.get(number, "") for number in range(max(numbers) + 1)]
    counts = np.bincount([record.arrays["sample"] for record in found])
    told = ", ".join(f"{name} {count}" for name, count in zip(samples, counts, strict=True) if name)
    return {"features": features, "samples": samples, "reference": min(numbers)}, [f"cells of each sample: {told}"]
