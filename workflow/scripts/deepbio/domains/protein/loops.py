"""Loops of proteins: windows around a missing stretch, and coordinates from distances.

A window holds the CA atoms of consecutive residues, the loop in its middle, as distances (ångström) and coordinates.
Residues that are missing, those of the loop and those beyond the ends of the chain, have zeros.
"""

import numpy as np

from deepbio.domains.protein.structure import Chain, distances, superposition

BOND = 3.8  # ångström between neighbouring CA
ANCHORS = 3  # residues on each side of a loop that the coordinates are fitted to
BROKEN = 4.5  # ångström between neighbouring CA beyond which a chain has a gap


def runs(states: np.ndarray, wanted: int, shortest: int, longest: int) -> list[tuple[int, int]]:
    """List the runs of one state, (start, length), of `shortest` to `longest` residues."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], states == wanted, [False]]).astype(int)))
    found = zip(edges[::2].tolist(), (edges[1::2] - edges[::2]).tolist(), strict=True)
    return [(start, length) for start, length in found if shortest <= length <= longest]


def whole(chain: Chain, start: int, length: int) -> bool:
    """Tell whether a stretch and its anchors are in the chain, and no gap is among them."""
    low, high = start - ANCHORS, start + length + ANCHORS
    if low < 0 or high > len(chain.codes):
        return False
    steps = np.linalg.norm(np.diff(chain.ca[low:high], axis=0), axis=1)
    return bool((steps < BROKEN).all())


def window(chain: Chain, start: int, length: int, size: int) -> dict[str, np.ndarray]:
    """Cut the window of `size` residues around a loop: `trace` (size, 3) of the known residues, `missing` (size,), 1 in
    the loop, `present` (size,), 1 where a residue is known, and `y` (size, 3), the loop's coordinates, NaN elsewhere.

    Coordinates are about the middle of the anchors.
    """
    first = start - (size - length) // 2
    at = first + np.arange(size)
    inside = (at >= 0) & (at < len(chain.codes))
    missing = (at >= start) & (at < start + length)
    x = np.where(inside[:, None], chain.ca[np.clip(at, 0, len(chain.codes) - 1)], 0.0)
    anchors = inside & ~missing & (at >= start - ANCHORS) & (at < start + length + ANCHORS)
    x = x - x[anchors].mean(axis=0)
    present = inside & ~missing
    y = np.where(missing[:, None], x, np.nan)
    trace = np.where(present[:, None], x, 0.0)
    return {
        "trace": trace.astype(np.float32), "missing": missing.astype(np.uint8), "present": present.astype(np.uint8),
        "y": y.astype(np.float32),
    }  # fmt: skip


def matrices(trace: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Compute the distances of the known residues of windows (n, size, 3): (n, size, size), 0 where one is missing."""
    table = np.linalg.norm(trace[:, :, None] - trace[:, None], axis=3)
    return table * present[:, :, None] * present[:, None]


def anchors(missing: np.ndarray, present: np.ndarray) -> np.ndarray:
    """List the places (up to 6,) of the residues nearest to a loop on both sides, of one window."""
    loop = np.flatnonzero(missing)
    near = np.arange(loop[0] - ANCHORS, loop[-1] + 1 + ANCHORS)
    near = near[(near >= 0) & (near < len(missing))]
    return near[present[near] > 0]


def place(
    table: np.ndarray, trace: np.ndarray, missing: np.ndarray, present: np.ndarray, steps: int = 60
) -> np.ndarray:
    """Place a loop by its distances: coordinates (size, 3) of the loop, NaN elsewhere.

    Known distances are put in the place of predicted ones, neighbours are 3.8 Å apart, and distances are shortened
    until none is longer than a way round. Multidimensional scaling, classical and then by majorisation (de Leeuw 1977),
    gives coordinates; of them and their mirror image the one is taken that fits the known residues better, and that is
    moved onto the anchors.

    Parameters
    ----------
    table : (size, size) distances, of which those of the loop are used
    trace, missing, present : of the window
    """
    from scipy.sparse.csgraph import shortest_path

    keep = np.flatnonzero((missing > 0) | (present > 0))
    known = present[keep] > 0
    wanted = np.maximum((table + table.T)[np.ix_(keep, keep)] / 2, 0.1)
    real = distances(trace[keep].astype(float))
    wanted = np.where(known[:, None] & known[None], real, wanted)
    beside = np.abs(np.subtract.outer(keep, keep)) == 1
    wanted = np.where(beside & ~(known[:, None] & known[None]), BOND, wanted)
    np.fill_diagonal(wanted, 0)
    wanted = shortest_path(wanted, directed=False)
    x = _scaled(wanted, steps)
    fits = []
    for mirror in (1.0, -1.0):
        y = x * [1.0, 1.0, mirror]
        rotation, shift = superposition(y[known], trace[keep][known].astype(float))
        fits.append((((y[known] @ rotation + shift - trace[keep][known]) ** 2).sum(), mirror))
    x = x * [1.0, 1.0, min(fits)[1]]
    near = np.isin(keep, anchors(missing, present))
    rotation, shift = superposition(x[near], trace[keep][near].astype(float))
    found = np.full((len(missing), 3), np.nan)
    found[keep[~known]] = (x @ rotation + shift)[~known]
    return found


def _scaled(wanted, steps):
    from deepbio.domains.protein.structure import embed

    x = embed(wanted)
    n = len(x)
    for _ in range(steps):
        apart = distances(x) + np.eye(n)
        ratio = np.where(np.eye(n) > 0, 0, wanted / np.maximum(apart, 1e-9))
        x = (ratio.sum(axis=1)[:, None] * x - ratio @ x) / n
        x = x - x.mean(axis=0)
    return x
