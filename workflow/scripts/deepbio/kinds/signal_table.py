"""Regions of a genome with the signals that are measured there, in their order along chromosomes."""

import numpy as np

from deepbio.core.kind import Array
from deepbio.kinds import table

ROLE = "input"
TITLE = "signals of regions in their order"
ARRAYS = {
    "x": Array("float", ("feature",), "mean signals of the region"),
    "chain": Array("integer", (), "number of the stretch in which the region has its neighbours"),
    "place": Array("integer", (), "where the region begins"),
    "cell": Array("integer", (), "number of the type of cell", required=False),
}
CONTEXT = {"features": "names of the signals"}
OUTPUTS = ("binary",)
matrix = table.matrix


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make stretches of five regions that keep their class for a while, in two types of cells; three of eight signals
    tell it."""
    from deepbio.domains.dna.elements import simulate

    arrays = simulate(n, 5, 2, 8, 0.9, 0.3, rng)
    if output == "regression":
        arrays["y"] = (arrays["y"] + 0.1 * rng.standard_normal(n)).astype(np.float32)
    return arrays, {"features": [f"signal {i}" for i in range(8)]}
