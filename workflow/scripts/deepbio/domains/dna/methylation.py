"""Methylation of CpG sites along a chromosome: profiles, the nearest observed neighbours, blocks, and a simulator."""

import numpy as np

from deepbio.core import tables, text
from deepbio.core.files import BadInput

REACH = 25_000  # distances are cut at it and divided by it


def read_profile(path):
    """Read a profile: chromosome, position from 1 (of the C) and state from 0 to 1 of each site, in columns without
    names.

    Gives chromosome → (positions, states), sorted. BadInput names a line that is none.
    """
    found = {}
    for number, line in text.lines(path):
        fields = line.split()
        if not fields or line.startswith("#"):
            continue
        where = f"{path}:{number}"
        if len(fields) < 3:
            raise BadInput(f"{where}: {len(fields)} columns where chromosome, position and state are wanted")
        position, state = tables.number(fields[1], "position", where), tables.number(fields[2], "state", where)
        if not (position >= 1 and position == int(position)) or not 0 <= state <= 1:
            raise BadInput(f"{where}: position {fields[1]} and state {fields[2]} are no whole number and a share")
        found.setdefault(fields[0].removeprefix("chr"), []).append((int(position), state))
    if not found:
        raise BadInput(f"{path}: no site")
    profile = {}
    for name, sites in found.items():
        table = np.array(sorted(sites))
        if (np.diff(table[:, 0]) == 0).any():
            raise BadInput(f"{path}: a position of chromosome {name} stands twice")
        profile[name] = table[:, 0].astype(np.int64), table[:, 1].astype(np.float32)
    return profile


def neighbours(positions, states, targets, count):
    """Find the `count` nearest observed sites on each side of targets (n,): states and distances (n, 2 x count)
    float32.

    Left ones come first, the nearest first on each side. A target is no neighbour of itself. Distances are shares of
    25,000 bases; where a neighbour is missing, the state is 0.5 and the distance 1 (Angermueller et al. 2017, the
    authors' code).
    """
    left = np.searchsorted(positions, targets, "left")[:, None] - 1 - np.arange(count)
    right = np.searchsorted(positions, targets, "right")[:, None] + np.arange(count)
    place = np.concatenate([left, right], axis=1)
    there = (place >= 0) & (place < len(positions))
    place = np.clip(place, 0, max(0, len(positions) - 1))
    state = np.where(there, states[place], 0.5).astype(np.float32)
    distance = np.minimum(np.abs(positions[place] - targets[:, None]) / REACH, 1)
    return state, np.where(there, distance, 1).astype(np.float32)


def blocks(positions, size, gap, fractions, rng):
    """Deal blocks of `size` bases to train, valid and test: the part of each site, -1 within `gap` of another part."""
    block = positions // size
    names = np.arange(block.min(), block.max() + 1)
    counts = np.round(np.cumsum(fractions) * len(names)).astype(int)
    part_of = np.empty(len(names), int)
    part_of[rng.permutation(len(names))] = np.searchsorted(counts[:-1], np.arange(len(names)), side="right")
    part, found = part_of[block - names[0]], part_of[block - names[0]].copy()
    for shift in (-gap, gap):
        beside = part_of[np.clip((positions + shift) // size - names[0], 0, len(names) - 1)]
        found[beside != part] = -1
    return found


def simulate(cells, sites, coverage, window, rng):
    """Simulate a chromosome with domains of methylation, and islands of CG that stay without it.

    Returns codes of the chromosome, positions of its sites (from 0, of the C), and states (sites, cells) 0 or 1, NaN
    where a site was not covered. A site is methylated by the state of its domain, which changes along the chromosome
    and between cells, unless its window is an island; one state in ten is wrong.
    """
    gaps = rng.geometric(1 / 60, sites) + 2
    positions = np.cumsum(gaps) + window
    codes = rng.choice(4, positions[-1] + window + 1, p=[0.3, 0.2, 0.2, 0.3]).astype(np.uint8)
    island = np.repeat(rng.random(sites // 10 + 1) < 0.3, 10)[:sites]
    for position in positions[island]:  # islands are rich in C and G around their sites
        around = slice(position - window // 2, position + window // 2)
        rich = rng.random(codes[around].shape) < 0.5
        codes[around][rich] = rng.integers(1, 3, rich.sum())
    codes[positions], codes[positions + 1] = 1, 2
    domain = np.zeros((sites, cells), bool)
    shared = rng.random(sites) < 0.04
    for cell in range(cells):
        turns = shared | (rng.random(sites) < 0.02)
        domain[:, cell] = (np.cumsum(turns) % 2).astype(bool) ^ (cell % 2 == 1)
    state = (domain & ~island[:, None]) ^ (rng.random((sites, cells)) < 0.1)
    states = np.where(rng.random((sites, cells)) < coverage, state, np.nan).astype(np.float32)
    return codes, positions.astype(np.int64), states


def probes(sites, samples, rng):
    """Simulate shares of methylation of `sites` probes of an array in `samples` samples, (sites, samples), and their
    positions: neighbours go together the more the nearer they are, and samples differ a little."""
    positions = np.cumsum(rng.geometric(1 / 300, sites))
    level = np.empty((sites, samples))
    level[0] = rng.standard_normal(samples) * 0.5 + rng.standard_normal()
    for site in range(1, sites):
        kept = np.exp(-(positions[site] - positions[site - 1]) / 600)
        fresh = 1.5 * rng.standard_normal() + 0.4 * rng.standard_normal(samples)
        level[site] = kept * level[site - 1] + np.sqrt(1 - kept**2) * fresh
    return 1 / (1 + np.exp(-2 * (level + 0.3 * rng.standard_normal(level.shape)))), positions
