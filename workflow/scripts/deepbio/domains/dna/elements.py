"""Regulatory elements: tables of signals in regions, stretches of neighbouring regions, and a simulator."""

import numpy as np

from deepbio.core import tables, text
from deepbio.core.files import BadInput
from deepbio.domains.dna import genome


def read_signals(folder, name, suffix):
    """Read the signals (regions, features), the classes (regions,) and the names of the features of one cell type, from
    three files without headers whose rows go together."""
    features = [line.strip() for _, line in text.lines(folder / f"{name}_Features.txt") if line.strip()]
    path = folder / f"{name}_{suffix}_Data.txt"
    table = tables.read_csv(path, "\t", header=False)
    if len(table.rows[0]) != len(features):
        raise BadInput(f"{path}:1: {len(table.rows[0])} columns for {len(features)} features")
    x = np.stack([table.numbers(column, one) for column, one in enumerate(features)], axis=1)
    if np.isnan(x).any():
        raise BadInput(f"{table.where(int(np.isnan(x).any(axis=1).argmax()))}: a signal is missing")
    labels = folder / f"{name}_{suffix}_Classes.txt"
    classes = np.array([line.strip() for _, line in text.lines(labels) if line.strip()])
    if len(classes) != len(x):
        raise BadInput(f"{labels}: {len(classes)} classes for {len(x)} regions")
    return x.astype(np.float32), classes, features


def read_regions(path, count):
    """Read the chromosomes (count,) and first bases of regions; BadInput where there are more or fewer."""
    bed = genome.read_bed(path)
    if len(bed) != count:
        raise BadInput(f"{path}: {len(bed)} regions for {count} rows of signals")
    return bed["chrom"].to_numpy().astype(str), bed["start"].to_numpy()


def chains(chromosomes, starts, gap):
    """Order regions along their chromosomes, and number the stretches of regions that begin within `gap` bases of the
    one before: (order, chain of each in that order)."""
    order = np.lexsort((starts, chromosomes))
    names, places = chromosomes[order], starts[order]
    new = np.r_[True, (names[1:] != names[:-1]) | (places[1:] - places[:-1] > gap)]
    return order, np.cumsum(new) - 1


def simulate(count, length, cells, features, stay, share, rng):
    """Simulate regions in stretches of `length`, of several types of cells: arrays x, chain, place, cell and y.

    A region is of the class of the one before with probability `stay`, else positive with probability `share`. The
    first signal is raised in positives, the second lowered, the third raised in positives or, in another kind of
    element, with the first unchanged; of each type of cell all signals have a strength of its own.
    """
    chain = np.arange(count) // length
    y = np.zeros(count)
    fresh, draws = rng.random(count) > stay, rng.random(count) < share
    for row in range(count):
        y[row] = draws[row] if fresh[row] or row % length == 0 else y[row - 1]
    other = (rng.random(count) < 0.2) & (y == 0)
    x = rng.standard_normal((count, features))
    x[:, 0] += 1.5 * y
    x[:, 1] -= y
    x[:, 2] += 1.5 * (y + other)
    cell = chain % cells
    x = np.exp(0.5 * x) * (1 + 0.15 * cell[:, None])
    arrays = {"x": x.astype(np.float32), "chain": chain, "place": 1000 * (np.arange(count) % length), "cell": cell}
    return arrays | {"y": y.astype(np.float32)}
