"""DNA windows, each in one of several samples whose expressed genes are known: is the site open there?"""

import numpy as np

from deepbio.core.kind import Array
from deepbio.kinds import sequence

ROLE = "input"
TITLE = "sites in samples"
ARRAYS = sequence.ARRAYS | {
    "sample": Array("integer", (), "row of the sample in `expression`"),
    "open_in": Array("float", ("sample",), "labels of the site in the training samples, NaN where not given"),
}
CONTEXT = {"expression": "expression of genes in each sample, (samples, genes)"}
OUTPUTS = ("binary",)
matrix = sequence.matrix  # of the site alone


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make windows with or without the planted word in four samples; a site with it is open where the first gene is
    expressed."""
    arrays, _ = sequence.sample(rng, n, output)
    holds = arrays["y"] > 0.5
    arrays["sample"] = np.arange(n) // 2 % 4
    arrays["open_in"] = np.where(np.arange(4) == arrays["sample"][:, None], np.nan, 0.2 + 0.6 * holds[:, None])
    arrays["y"] = (holds & (arrays["sample"] > 0)).astype(np.float32)
    return arrays, {"expression": np.array([[-1.5, 0, 1], [1, 1, 0], [1, -1, 0], [1, 0, -1]], np.float32)}
