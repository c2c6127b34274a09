"""Grey images of cells under a microscope."""

import numpy as np

from deepbio.core.kind import Array
from deepbio.domains.cells import segmentation

ROLE = "input"
TITLE = "micrographs"
ARRAYS = {"image": Array("number", ("row", "column"), "grey values")}
CONTEXT = {}
OUTPUTS = ("mask",)


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make noisy images of 32 by 32 pixels with one or two bright discs, and their masks."""
    image, mask = segmentation.draw_discs(rng, n, 32)
    return {"image": image, "y": mask}, {"metrics": ["dice"], "boundary": 1}
