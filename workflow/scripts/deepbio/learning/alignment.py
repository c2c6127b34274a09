"""What methods share that align cells of other samples to a reference: the space in which they do so.

Cells are denoised first where the data ask for it, then standardised by the moments of the other samples, as Shaham et
al. (2017) have it, or of the reference, as Li et al. (2017) do. All methods of one seed have the same denoiser, so that
they are compared in one space.
"""

from dataclasses import replace

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.job import Job
from deepbio.kinds.cells import is_source


def learn_space(train: Split, valid: Split, denoising: dict, job: Job, by_reference: bool = False) -> dict:
    """Learn the space of a dataset: `layers` of the denoiser (none where the context does not say `denoise`), and the
    `mean` and `std` of each marker in the source, or in the reference; JSON-able.

    `denoising`: settings of denoising.learn.
    """
    layers = []
    if train.context.get("denoise"):
        from deepbio.learning import denoising as denoiser  # imports torch

        layers = denoiser.learn(np.asarray(train["x"]), np.asarray(valid["x"]), denoising, replace(job, device="cpu"))
    space = {"layers": layers, "mean": [0.0], "std": [1.0]}
    mean, std = tables.column_moments(into_space(train, space)[is_source(train) != by_reference])
    return space | {"mean": mean, "std": std}


def into_space(split: Split, space: dict) -> np.ndarray:
    """Bring all cells of a split into a space: (n, markers) float32."""
    x = np.asarray(split["x"])
    if space["layers"]:
        from deepbio.learning import denoising

        x = denoising.apply(space["layers"], x)
    return tables.standardise(x, space["mean"], space["std"], np.inf)
