"""Summary statistics of regions of the genome, by which selection and population sizes are inferred."""

import numpy as np

from deepbio.core.kind import Array
from deepbio.kinds import table

ROLE = "input"
TITLE = "statistics of regions"
ARRAYS = {"x": Array("float", ("statistic",), "summary statistics")}
CONTEXT = {
    "features": "names of the statistics",
    "classes": "kinds of selection",
    "sizes": "names of the population sizes",
}
OUTPUTS = ("binary", "multiclass", "regression")
matrix = table.matrix


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make thirty statistics; each of four classes raises two of them, and each of three sizes one."""
    number, sizes = np.arange(n) % 4, rng.uniform(4, 5, (n, 3))
    x = rng.standard_normal((n, 30)).astype(np.float32)
    x[np.arange(n), 2 * number] += 3
    x[np.arange(n), 2 * number + 1] += 3
    x[:, 10:13] += 8 * (sizes - 4.5)
    y = np.concatenate([number[:, None] == np.arange(4), sizes], axis=1)
    frequency = np.where(number == 0, np.nan, rng.uniform(0.3, 1, n)).astype(np.float32)
    labels = {"regression": y, "multiclass": number, "binary": number == 1}
    context = {"classes": ["neutral", "hard", "soft", "balancing"], "sizes": ["N1", "N2", "N3"]}
    context |= {"features": [f"statistic {i}" for i in range(30)]}
    return {"x": x, "y": labels[output].astype(np.float32), "y_frequency": frequency}, context


def read(given, known):
    """Yield regions to predict from tables that have a column for each statistic that the model knows."""
    return table.read(given, known)
