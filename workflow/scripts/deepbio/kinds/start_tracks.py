"""Windows around the starts of transcription: the DNA of the strand that is read, and tracks of other experiments."""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.kind import Array

ROLE = "input"
TITLE = "windows with tracks"
ARRAYS = {
    "codes": Array("uint8", ("position",), "0 to 3 for ACGT, 4 for an unknown base"),
    "tracks": Array("float32", ("track", "position"), "levels along the window"),
}
CONTEXT = {"inputs": "name of each input but the DNA → numbers of its tracks"}
OUTPUTS = ("regression",)


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make windows of 40 bases in which transcription begins where one of two tracks is high."""
    from deepbio.domains.dna.tracks import simulate

    arrays = simulate(n, 40, rng)
    return arrays, {"inputs": {"nucleosomes": [0], "factors": [1]}, "metrics": ["kl_divergence", "summit_distance"]}


def matrix(split: Split, parameters: dict) -> np.ndarray:
    """Give all tracks side by side, averaged over `bin` bases: (n, tracks x bins)."""
    x, size = np.asarray(split["tracks"], np.float64), parameters.get("bin", 5)
    bins = x.shape[2] // size
    return x[:, :, : bins * size].reshape(len(x), x.shape[1], bins, size).mean(axis=3).reshape(len(x), -1)
