"""Simulated cytometry with known answers."""

import numpy as np


def types_of_cells(rng: np.random.Generator, types: int, markers: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the mean level of each marker in each type of cell, (types, markers), high or low, and two factors that
    correlate the markers within a type, (types, 2, markers); on the scale of log intensities."""
    high = rng.random((types, markers)) < 0.4
    means = np.where(high, rng.uniform(3, 4.5, (types, markers)), rng.uniform(0.5, 1.5, (types, markers)))
    return means, 0.35 * rng.standard_normal((types, 2, markers))


def cells_of(
    rng: np.random.Generator, means: np.ndarray, factors: np.ndarray, number: np.ndarray, noise: float = 0.35
) -> np.ndarray:
    """Draw cells (n, markers) of the types `number` (n,)."""
    inner = np.einsum("nk,nkm->nm", rng.standard_normal((len(number), 2)), factors[number])
    return means[number] + inner + noise * rng.standard_normal((len(number), means.shape[1]))


def two_batches(
    rng: np.random.Generator, cells: int, markers: int, shares: list[list[float]], strength: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw `cells` cells of each of two batches: x (2 cells, markers), batch, type, and each cell as batch 1 has it.

    Batch 0 measures each marker on another scale, and each type of cell with a shift of its own, so that no one
    change of scale a marker can align the batches. `shares` of the types differ between the batches.
    """
    types = len(shares[0])
    means, factors = types_of_cells(rng, types, markers)
    number = np.concatenate([rng.choice(types, cells, p=np.array(one) / np.sum(one)) for one in shares])
    truth = cells_of(rng, means, factors, number)
    gain, offset = np.exp(0.15 * strength * rng.standard_normal(markers)), 0.5 * strength * rng.standard_normal(markers)
    own = 0.5 * strength * rng.standard_normal((types, markers))
    batch = np.repeat([0, 1], cells)
    measured = gain * truth + offset + own[number]
    return np.where(batch[:, None] == 0, measured, truth), batch, number, truth


def gated_samples(
    rng: np.random.Generator, cells: int, markers: int, types: int, samples: int, strength: float, ungated: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw `cells` cells of each of some samples: levels (n, markers), number of the sample and of the type.

    A share `ungated` of the cells lies between the types and is of none of them: its number is -1. Every sample but the
    first is measured on other scales, and each of its types with a shift of its own.
    """
    means, factors = types_of_cells(rng, types, markers)
    x, number = [], []
    for sample in range(samples):
        shares = rng.dirichlet(np.full(types, 5.0))
        kind = rng.choice(types, cells, p=shares)
        found = cells_of(rng, means, factors, kind)
        none = rng.random(cells) < ungated
        other = cells_of(rng, means, factors, rng.choice(types, cells))
        weight = rng.uniform(0.3, 0.7, (cells, 1))
        found = np.where(none[:, None], weight * found + (1 - weight) * other, found)
        if sample:
            found = found * np.exp(0.1 * strength * rng.standard_normal(markers))
            found += 0.4 * strength * rng.standard_normal(markers)
            found += 0.3 * strength * rng.standard_normal((types, markers))[kind]
        x.append(found)
        number.append(np.where(none, -1, kind))
    return np.concatenate(x), np.repeat(np.arange(samples), cells), np.concatenate(number)


def planted_bags(
    problem: np.random.Generator,
    rng: np.random.Generator,
    labels: np.ndarray,
    cells: int,
    markers: int,
    types: int,
    share: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw `cells` cells of each sample of `labels` (samples,), 0 or 1: x (samples, cells, markers), and which cells
    are of the planted subset, (samples, cells).

    The subset is a share of the cells of samples of label 1 and a tenth of it of the others: cells of the first type
    with three markers raised. The shares of the types differ between samples, for no reason. `problem` draws the types,
    `rng` the samples.
    """
    means, factors = types_of_cells(problem, types, markers)
    raised = np.argsort(means[0], kind="stable")[:3]
    x, planted = [], []
    for label in labels:
        kind = rng.choice(types, cells, p=rng.dirichlet(np.full(types, 8.0)))
        here = rng.random(cells) < (share if label else share / 10)
        found = cells_of(rng, means, factors, np.where(here, 0, kind))
        found[np.ix_(here, raised)] += 2.5
        x.append(found + 0.1 * rng.standard_normal(markers))  # a sample's own shift
        planted.append(here)
    return np.stack(x), np.stack(planted)
