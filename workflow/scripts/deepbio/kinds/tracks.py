"""Windows of a genome seen by several assays: the bases, and a track of numbers along them for each assay."""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.kind import Array
from deepbio.kinds import sequence

ROLE = "input"
TITLE = "tracks along DNA windows"
ARRAYS = {
    "codes": Array("uint8", ("position",), "0 to 3 for ACGT, 4 for an unknown base"),
    "tracks": Array("float", ("track", "position"), "signal of each assay"),
}
CONTEXT = {"tracks": "names of the assays"}
OUTPUTS = ("profile",)
READS = ("profile",)
SPLIT = "chromosome"  # of fewer than three chromosomes: cluster
TASK = "transcription_start"
USUAL = ("kl_divergence", "summit_distance", "summit_share")
same, cluster, near = sequence.same, sequence.cluster, sequence.near
WORD = (3, 0, 3, 0, 0, 0)  # TATAAA


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make windows of 64 bases in which reads start 12 bases behind a word; each of three tracks has a peak near the
    start, the later ones with more noise."""
    codes = rng.integers(0, 4, (n, 64)).astype(np.uint8)
    start = rng.integers(20, 56, n)
    codes[np.arange(n)[:, None], start[:, None] - 12 + np.arange(len(WORD))] = WORD
    position = np.arange(64)
    peak = np.exp(-np.square((position - start[:, None]) / 6))
    tracks = np.stack([peak + noise * rng.standard_normal(peak.shape) for noise in (0.1, 0.2, 0.3)], axis=1)
    share = np.exp(-np.abs(position - start[:, None]) / 1.5)
    y = np.stack([rng.multinomial(50, one) for one in share / share.sum(axis=1, keepdims=True)])
    context = {"tracks": ["nucleosomes", "initiation", "elongation"], "metrics": ["kl_divergence"]}
    return {"codes": codes, "tracks": tracks.astype(np.float32), "y": y.astype(np.float32)}, context


def matrix(split: Split, parameters: dict) -> np.ndarray:
    """Give the bases one-hot and all tracks, side by side: (n, positions x (4 + tracks))."""
    codes, tracks = np.asarray(split["codes"]), np.asarray(split["tracks"], np.float32)
    one_hot = (codes[:, None] == np.arange(4)[:, None]).astype(np.float32)
    return np.concatenate([one_hot, tracks], axis=1).reshape(len(codes), -1)


def read(given, known=None):
    """Yield records of BED files over a genome, with signals of bedGraph or wiggle files along the windows, each under
    the name of its track; in training the track that is the label counts reads."""
    from deepbio.domains.dna import own_tracks

    yield from own_tracks.windows(given, known)


def settle(found, given):
    """Name the tracks: (context, notes)."""
    from deepbio.domains.dna import own_tracks

    tracks = own_tracks.settled(found)
    length = len(found[0].arrays["codes"])
    return {"tracks": tracks}, [f"windows of {length} bases; tracks: {', '.join(tracks) or 'none'}"]
