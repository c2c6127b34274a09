"""Grey frames of a film with the points of an animal's body as labels (n, points, 2)."""

import numpy as np

from deepbio.core.kind import Array

ROLE = "input"
TITLE = "frames of an animal"
ARRAYS = {"image": Array("uint8", ("row", "column"), "grey values")}
CONTEXT = {
    "features": "names of the points",
    "skeleton": "pairs of points that are joined",
    "mirrored": "for each point the one of the other side, or null",
}
OUTPUTS = ("regression",)


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make noisy frames of 22 by 26 pixels with a bright and a fainter spot, the second to the lower right of the first
    in the mean; some labels are missing."""
    y = np.stack([rng.uniform(3, 13, (n, 2)), rng.uniform(8, 18, (n, 2)) + [4, 0]], axis=1)
    x, down = np.arange(26)[None, None], np.arange(22)[None, :, None]
    image = rng.normal(30, 8, (n, 22, 26))
    for place, height in zip(y.transpose(1, 2, 0)[..., None, None], (200, 90), strict=True):
        image += height * np.exp(-((x - place[0]) ** 2 + (down - place[1]) ** 2) / 6)
    y[rng.random((n, 2)) < 0.1] = np.nan
    context = {"features": ["bright", "faint"], "skeleton": [[0, 1]], "mirrored": [0, 1]}
    return {"image": image.clip(0, 255).astype(np.uint8), "y": y.astype(np.float32)}, context
