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
matrix = table.matrix


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
