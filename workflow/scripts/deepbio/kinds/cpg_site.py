"""CpG sites in several cells: the DNA around a site, and its nearest observed neighbours in each cell."""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.kind import Array
from deepbio.kinds import sequence

ROLE = "input"
TITLE = "CpG sites with their neighbours"
ARRAYS = {
    "codes": Array("uint8", ("position",), "0 to 3 for ACGT around the site, 4 for an unknown base"),
    "states": Array(
        "float32", ("cell", "neighbour"), "states of the nearest sites, left ones first; 0.5 where missing"
    ),
    "distances": Array("float32", ("cell", "neighbour"), "their distances, 0 to 1"),
}
CONTEXT = {"features": "names of the cells"}
OUTPUTS = ("multilabel",)
READS = ("multilabel",)
SPLIT = "chromosome"  # of fewer than three chromosomes: cluster
same = sequence.same


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make sites of two cells that are methylated as most of their eight neighbours are, unless the window holds a
    CGCG."""
    states = (rng.random((n, 2, 8)) < rng.choice([0.15, 0.85], (n, 2, 1))).astype(np.float32)
    distances = np.sort(rng.random((n, 2, 2, 4)), axis=-1).reshape(n, 2, 8).astype(np.float32)
    codes = rng.integers(0, 4, (n, 41)).astype(np.uint8)
    island = rng.random(n) < 0.3
    codes[island, 8:12], codes[:, 20:22] = (1, 2, 1, 2), (1, 2)
    y = ((states.mean(axis=2) > 0.5) & ~island[:, None]).astype(np.float32)
    y[rng.random(y.shape) < 0.1] = np.nan
    if output != "multilabel":  # of one number, how methylated the neighbours in the first cell are
        y = states[:, 0].mean(axis=1) + 0.01 * rng.standard_normal(n)
        y = (y > 0.5 if output == "binary" else y).astype(np.float32)
    return {"codes": codes, "states": states, "distances": distances, "y": y}, {"features": ["cell 1", "cell 2"]}


def matrix(split: Split, parameters: dict) -> np.ndarray:
    """Give the states and distances of all neighbours side by side: (n, cells x neighbours x 2)."""
    both = [np.asarray(split[name], np.float64) for name in ("states", "distances")]
    return np.concatenate([one.reshape(len(one), -1) for one in both], axis=1)


def read(given, known=None):
    """Yield records of tables of methylation calls over a genome: chromosome and position of a CpG site, and a column
    for each cell with 0, 1 or nothing. Neighbours in a cell are the nearest sites of all rows that it covers."""
    from deepbio.domains.dna import own_sites

    yield from own_sites.sites(given, known)


def settle(found, given):
    """Name the cells, and leave out the sites that none of them covers: (context, notes)."""
    from deepbio.domains.dna import own_sites

    cells, notes = own_sites.settled(found)
    return {"features": cells, "outputs": cells}, notes


def cluster(arrays):
    """Number the stretches of sites that windows link, (n,): each lies within a window's length of the one before."""
    return np.asarray(arrays["y_stretch"])


def near(arrays, test, others):
    """Tell which of the samples `test` lie in a stretch with one of `others`."""
    stretch = np.asarray(arrays["y_stretch"])
    return np.isin(stretch[test], stretch[others])
