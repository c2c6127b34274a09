"""Profiles of genes: a sample is a gene, with its expression in each of several named conditions."""

import numpy as np

from deepbio.core.kind import Array
from deepbio.kinds import table

ROLE = "input"
TITLE = "profiles of genes"
ARRAYS = {
    "x": Array("float", ("condition",), "expression, between 0 and 1"),
    "prior": Array("uint8", ("regulator",), "whose gene it is known to be", required=False),
}
CONTEXT = {"conditions": "names of the conditions of x"}
OUTPUTS = ("regression", "representation")
READS = ()  # nothing is told of own genes; those of a file are read for a trained model
matrix = table.matrix
MODULES, CONDITIONS = 6, 24


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make genes of six modules, each a wave over the conditions with a phase of its own.

    Labels of a representation are the modules, a column each. Other labels are the profiles without noise and without
    the tenth of the values that was replaced by 0 or 1.
    """
    number = np.arange(n) % MODULES
    phase = 2 * np.pi * (np.arange(CONDITIONS) / 8 - number[:, None] / MODULES)
    clean = 0.5 + 0.25 * np.sin(phase + 0.2 * rng.standard_normal((n, 1)))
    x = (clean + 0.03 * rng.standard_normal(clean.shape)).clip(0, 1)
    context = {"conditions": [f"condition {i}" for i in range(CONDITIONS)]}
    if output == "representation":
        context |= {"regulators": [f"module {i}" for i in range(MODULES)], "clusters": MODULES}
        context |= {"metrics": ["regulon_lift"]}
        y = number[:, None] == np.arange(MODULES)
    else:
        wrong = rng.random(x.shape) < 0.1
        x, y = np.where(wrong, rng.integers(0, 2, x.shape), x), clean
    return {"x": x.astype(np.float32), "y": y.astype(np.float32)}, context


def read(given, known):
    """Yield records of genes, one in each row of tables with a trained model's conditions among the columns; each is
    standardised over them, and ± 3 standard deviations become 0 and 1, as in training."""
    from deepbio.domains.expression import matrices

    for record in table.read(given, {**known, "features": list(known["conditions"])}):
        if not record.problem:
            record.arrays = {"x": matrices.unit_profiles(record.arrays["x"][None].astype(float))[0].astype(np.float32)}
        yield record
