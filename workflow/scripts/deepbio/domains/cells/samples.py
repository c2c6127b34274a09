"""Samples of cells: reading tables of marker intensities, and how two aligned samples are compared."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.core.files import BadInput


def read_intensities(path: Path, header: bool = False) -> np.ndarray:
    """Read intensities (cells, markers) from a table of numbers; BadInput names what is no number or missing."""
    table = tables.read_csv(path, header=header)
    width = len(table.rows[0]) if table.rows else 0
    names = table.header if header else [f"{number}" for number in range(1, width + 1)]
    found = np.stack([table.numbers(column, name) for column, name in enumerate(names)], axis=1)
    if np.isnan(found).any():
        row, column = np.argwhere(np.isnan(found))[0]
        raise BadInput(f"{table.where(row)}: column '{names[column]}' is empty")
    return found


def read_labels(path: Path, cells: int) -> np.ndarray:
    """Read a whole number for each of `cells` cells, one a line; BadInput where there are more or fewer."""
    table = tables.read_csv(path, header=False)
    found = table.numbers(0, "label")
    if len(found) != cells or np.isnan(found).any() or (found != np.round(found)).any():
        raise BadInput(f"{path}: {len(found)} lines, where whole numbers of {cells} cells are needed")
    return found.astype(int)


def logarithm(intensities: np.ndarray) -> np.ndarray:
    """Compute log(1 + |x|) as float32, as the authors of MMD-ResNet and DeepCyTOF do."""
    return np.log1p(np.abs(intensities)).astype(np.float32)


def ks_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Compute the Kolmogorov-Smirnov distance of each marker, (markers,), of samples (n, markers), (m, markers)."""
    found = []
    for a, b in zip(np.sort(one, axis=0).T, np.sort(other, axis=0).T, strict=True):
        at = np.concatenate([a, b])
        share = (np.searchsorted(cells, at, side="right") / len(cells) for cells in (a, b))
        found.append(np.abs(np.subtract(*share)).max())
    return np.array(found)


def correlations(cells: np.ndarray) -> np.ndarray:
    """Correlate the markers of cells (n, markers): (markers, markers); 0 for a marker that does not vary."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(np.corrcoef(np.asarray(cells, np.float64), rowvar=False))


def transfer_labels(cells: np.ndarray, labels: np.ndarray, asked: np.ndarray, neighbours: int = 15) -> np.ndarray:
    """Label cells (m, markers) by the nearest of the labelled ones (n, markers).

    Each neighbour's vote counts inversely to the size of its class, so that a rare type can win.
    """
    from scipy.spatial.distance import cdist

    classes, number = np.unique(labels, return_inverse=True)
    near = np.argsort(cdist(asked, cells), axis=1, kind="stable")[:, :neighbours]
    votes = (number[near][:, :, None] == np.arange(len(classes))).mean(axis=1)
    return classes[(votes / (np.bincount(number) / len(number))).argmax(axis=1)]


def balanced_accuracy(truth: np.ndarray, called: np.ndarray) -> float:
    """Average the share of rightly labelled cells over the classes."""
    return float(np.mean([(called[truth == one] == one).mean() for one in np.unique(truth)]))


def central(covariances: list[np.ndarray]) -> int:
    """Choose the sample whose covariance (markers, markers) is nearest to the others', by the mean Frobenius norm."""
    apart = [[np.linalg.norm(one - other) for other in covariances] for one in covariances]
    return int(np.argmin(np.mean(apart, axis=1)))


def confusion(truth: np.ndarray, called: np.ndarray, classes: int) -> np.ndarray:
    """Count the cells of each class (rows) by what they are called (columns): (classes, classes)."""
    return np.bincount(truth * classes + called, minlength=classes**2).reshape(classes, classes)


def flowcap_f(counts: np.ndarray) -> np.ndarray:
    """Compute FlowCAP's F of confusion counts (…, true, called): (…,), NaN where there is no cell.

    Each population takes the called class with which its F1 is highest, and counts by its size (Aghaeepour et al. 2013,
    Nature Methods 10:228).
    """
    counts = np.asarray(counts, np.float64)
    size, called = counts.sum(axis=-1), counts.sum(axis=-2)
    both = size[..., :, None] + called[..., None, :]
    best = np.divide(2 * counts, both, out=np.zeros_like(counts), where=both > 0).max(axis=-1)
    total = size.sum(axis=-1)
    return np.divide((best * size).sum(axis=-1), total, out=np.full(total.shape, np.nan), where=total > 0)
