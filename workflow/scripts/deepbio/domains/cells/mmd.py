"""Maximum mean discrepancy of two samples of cells, by the kernel of Shaham et al. (2017).

The kernel is the sum over three scales, half, once and twice the typical distance of neighbours, of 3 exp(-d² / s²).
The authors' values are of biased estimates from 1000 cells of each sample, whose floor for samples of one distribution
is about 0.13 and not 0. The distance here is on their scale: the value that their estimate is expected to take, from an
unbiased estimate over all cells, so that it depends neither on the number of cells nor on a draw.
"""

from collections.abc import Callable

import numpy as np

WEIGHT = 3.0  # of each scale's term, as in the authors' code
SELF = 3 * WEIGHT  # the kernel of a cell and itself
CELLS = 1000  # cells that the authors draw of each sample


def neighbour_distance(cells: np.ndarray, rng: np.random.Generator, neighbours: int = 24, draws: int = 19) -> float:
    """Measure the typical distance of neighbours in a sample (n, markers): the median of `draws` numbers and a 0, each
    the median distance to the nearest neighbours among at most 1000 cells. The 0 is the authors' own."""
    from scipy.spatial.distance import cdist

    found = [0.0]
    size = min(CELLS, len(cells))
    near = min(neighbours, size - 1)
    for _ in range(draws if len(cells) > size else 1):
        drawn = cells[rng.choice(len(cells), size, replace=False)].astype(np.float64)
        nearest = np.partition(cdist(drawn, drawn), (0, near), axis=1)[:, 1 : near + 1]  # without the cell itself
        found.append(float(np.median(nearest)))
    return max(float(np.median(found if len(found) > 2 else found[1:])), 1e-6)


def kernel(one: np.ndarray, other: np.ndarray, distance: float) -> np.ndarray:
    """Compute the kernel (n, m) of cells (n, markers) and (m, markers); `distance`: see neighbour_distance."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    squared = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    wide = np.exp(-np.maximum(squared, 0) / (4 * distance**2))
    middle = wide**4
    return WEIGHT * (wide + middle + middle**4)


def _biased(inner):
    """Expect the mean kernel of 1000 cells, each with itself among them, from that of different cells."""
    return inner * (1 - 1 / CELLS) + SELF / CELLS


def floor(inner: float) -> float:
    """Give the distance of two samples of one distribution, of which `inner` is the mean kernel of different cells."""
    return float(np.sqrt(2 * (_biased(inner) - inner)))


def weighted(source: np.ndarray, target: np.ndarray, distance: float) -> Callable[[np.ndarray], np.ndarray]:
    """Prepare the distance of resamples of two samples of cells, (n, markers) and (m, markers).

    The returned function takes counts (repeats, n + m), how often each cell of the source and then of the target was
    drawn, and gives the distance in each resample, (repeats,). A cell is never compared with itself.
    """
    inner = [kernel(cells, cells, distance) for cells in (source, target)]
    between = kernel(source, target, distance)

    def within(drawn, matrix):
        square = (drawn**2).sum(axis=1)
        pairs = np.maximum(drawn.sum(axis=1) ** 2 - square, 1)
        return (((drawn @ matrix) * drawn).sum(axis=1) - SELF * square) / pairs

    def function(counts):
        of_source, of_target = counts[:, : len(source)], counts[:, len(source) :]
        cross = ((of_source @ between) * of_target).sum(axis=1)
        cross /= np.maximum(of_source.sum(axis=1) * of_target.sum(axis=1), 1)
        a, b = within(of_source, inner[0]), within(of_target, inner[1])
        return np.sqrt(np.maximum(_biased(a) + _biased(b) - 2 * cross, 0))

    return function


def mmd(source: np.ndarray, target: np.ndarray, distance: float) -> float:
    """Compute the distance of two samples of cells, (n, markers) and (m, markers), of at least two cells each."""
    a, b = (_different(kernel(cells, cells, distance)) for cells in (source, target))
    cross = float(kernel(source, target, distance).mean())
    return float(np.sqrt(max(_biased(a) + _biased(b) - 2 * cross, 0)))


def inner_mean(cells: np.ndarray, distance: float) -> float:
    """Average the kernel over pairs of different cells."""
    return _different(kernel(cells, cells, distance))


def _different(matrix):
    n = len(matrix)
    return float((matrix.sum() - SELF * n) / (n * (n - 1)))
