"""Summary statistics of genomic regions (windows) from phased haplotypes, and the quantities predicted from them.

The list follows Sheehan and Song (2016): in each of three parts of a region (close to its centre, in between, far) the
number of segregating sites, Tajima's D, the folded spectrum, the distances between neighbouring sites, tracts of
identity between two haplotypes and linkage; and haplotype homozygosity at the centre. There are 345 statistics for 100
haplotypes. The same code is used for simulated and real haplotypes; no statistic depends on the ancestral allele.
"""

import numpy as np

PARTS = ("close", "middle", "far")
REACH = (0.05, 0.2)  # distance from the centre at which close and middle end, as a share of the region's length
DISTANCES, TRACTS, LINKAGE = 16, 30, 16  # numbers of bins
MARKERS, COMMON = 40, 0.1  # sites of a part whose linkage is measured, at most, and their least minor frequency
HOMOZYGOSITY = ("H1", "H12", "H2")
# The labels: the kind of selection, in the order of the classes' numbers, and the population's sizes.
CLASSES = ("neutral", "hard sweep", "soft sweep", "balancing selection")
SWEEPS = (1, 2)
SIZES = ("N1", "N2", "N3")


def names(haplotypes):
    """Return the names of the statistics, in their order."""
    found = [f"{what}, {part}" for what in ("segregating sites", "Tajima's D") for part in PARTS]
    found += [f"spectrum {i + 1}, {part}" for part in PARTS for i in range(haplotypes // 2)]
    for what, bins in (("distance", DISTANCES), ("identity tract", TRACTS), ("linkage", LINKAGE)):
        found += [f"{what} {i + 1}, {part}" for part in PARTS for i in range(bins)]
    return found + list(HOMOZYGOSITY)


def summarize(alleles, places, window, windows, length, least=1):
    """Compute statistics (windows, len(names(n))), float32.

    alleles : (sites, n) of 0 and 1; sites of one window are consecutive, ordered by position, and windows are in order.
    places : (sites,) distance of each site from its window's start, below `length`.
    window : (sites,) index of each site's window, below `windows`.
    least : sites whose rarer allele is in fewer haplotypes are left out.
    """
    alleles, places, window = np.asarray(alleles, np.uint8), np.asarray(places, float), np.asarray(window)
    haplotypes = alleles.shape[1]
    minor = alleles.sum(axis=1, dtype=np.int64)
    minor = np.minimum(minor, haplotypes - minor)
    kept = minor >= max(1, least)
    alleles, places, window, minor = alleles[kept], places[kept], window[kept], minor[kept]
    cell = _cell(window, places, length)  # a part of a window
    cells = windows * len(PARTS)
    sites = np.bincount(cell, minlength=cells)
    spectrum = _table(cell, minor - 1, cells, haplotypes // 2)
    blocks = [sites, tajima(sites, spectrum, haplotypes)]
    near = np.flatnonzero(np.diff(window) == 0)
    gap = np.diff(places)[near]
    where = _cell(window[near], places[near] + gap / 2, length)
    tract, at, weight = _tracts(alleles, places, window, windows, length)
    blocks += [
        _shares(spectrum),
        _shares(_table(where, np.digitize(gap, _edges(3e-5, 0.05, DISTANCES, length)), cells, DISTANCES)),
        _shares(_table(at, np.digitize(tract, _edges(1e-3, 0.7, TRACTS, length)), cells, TRACTS, weight)),
        _shares(_linkage(alleles, minor, cell, cells)),
    ]
    flat = [np.asarray(block).reshape(windows, -1) for block in blocks]
    return np.concatenate([*flat, _homozygosity(alleles, cell, windows)], axis=1).astype(np.float32)


def tajima(sites, spectrum, haplotypes):
    """Compute Tajima's D (Tajima 1989, Genetics 123:585) from numbers of sites (…,) and folded spectra (…, n // 2).

    It is 0 without sites.
    """
    n, i = haplotypes, np.arange(1, haplotypes)
    a1, a2 = (1 / i).sum(), (1 / i**2).sum()
    c1 = (n + 1) / (3 * (n - 1)) - 1 / a1
    c2 = 2 * (n * n + n + 3) / (9 * n * (n - 1)) - (n + 2) / (a1 * n) + a2 / a1**2
    count = np.arange(1, n // 2 + 1)
    pairwise = spectrum @ (2 * count * (n - count) / (n * (n - 1)))
    variance = c1 / a1 * sites + c2 / (a1**2 + a2) * sites * (sites - 1)
    return np.where(sites > 0, (pairwise - sites / a1) / np.sqrt(np.where(sites > 0, variance, 1)), 0)


def windows_of(places, centres, length):
    """Find the sites of windows of `length` around `centres`, which may overlap; `places` are sorted.

    Returns the index of each site, its window, and its distance from the window's start.
    """
    starts = np.asarray(centres) - length / 2
    first, last = np.searchsorted(places, starts), np.searchsorted(places, starts + length)
    counts = last - first
    window = np.repeat(np.arange(len(starts)), counts)
    site = np.repeat(first - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
    return site, window, places[site] - starts[window]


def _cell(window, places, length):
    return window * len(PARTS) + np.digitize(np.abs(places / length - 0.5), REACH)


def _table(row, column, rows, columns, weights=None):
    return np.bincount(row * columns + column, weights, rows * columns).reshape(rows, columns)


def _shares(table):
    total = table.sum(axis=1, keepdims=True)
    return np.divide(table, total, out=np.zeros(table.shape), where=total > 0)


def _edges(low, high, bins, length):
    """Return borders between bins whose width grows by a constant factor; the outer bins are open."""
    return np.geomspace(low, high, bins - 1) * length


def _tracts(alleles, places, window, windows, length):
    """Find tracts without a difference between haplotypes i and i + 1 (and between the last and the first).

    Tracts end at differences and at the window's ends. Returns lengths, the part of a window that contains the middle
    of each tract, and lengths as shares of the sequence.
    """
    pair, site = np.nonzero((alleles != np.roll(alleles, -1, axis=1)).T)
    total = windows * length
    stride = total + length  # a window's length between the lines of two pairs
    ends = np.arange(alleles.shape[1])[:, None] * stride + np.arange(windows + 1) * length
    line = np.sort(np.concatenate([pair * stride + window[site] * length + places[site], ends.ravel()]))
    start, tract = line[:-1], np.diff(line)
    middle = start % stride + tract / 2
    real = (middle < total) & (tract > 0)
    middle, tract = middle[real], tract[real]
    at = (middle // length).astype(int)
    return tract, _cell(at, middle - at * length, length), tract / length


def _linkage(alleles, minor, cell, cells):
    """Count pairs of common sites by r², (cells, bins), for at most MARKERS evenly spread sites per part."""
    common = np.flatnonzero(minor >= COMMON * alleles.shape[1])
    home = cell[common]
    # Sites of a window are consecutive, those of a part are not: `far` lies on both sides of the others.
    order = np.argsort(home, kind="stable")
    common, home = common[order], home[order]
    counts = np.bincount(home, minlength=cells)
    rank = np.arange(len(home)) - (np.cumsum(counts) - counts)[home]
    most = np.maximum(counts[home], MARKERS)
    slot = rank * MARKERS // most
    taken = (counts[home] <= MARKERS) | (slot != (rank - 1) * MARKERS // most)
    common, home, slot = common[taken], home[taken], np.where(counts[home] <= MARKERS, rank, slot)[taken]
    x = np.zeros((cells, MARKERS, alleles.shape[1]), np.float32)
    rows = alleles[common].astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    x[home, slot] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    one, other = np.triu_indices(MARKERS, 1)
    squared = (x @ x.transpose(0, 2, 1))[:, one, other] ** 2
    known = other < np.bincount(home, minlength=cells)[:, None]
    # With few haplotypes many pairs lie on a border between bins; rounding errors must not matter.
    bins = np.minimum((squared * LINKAGE + 1e-3).astype(int), LINKAGE - 1)
    where = np.broadcast_to(np.arange(cells)[:, None], bins.shape)
    return _table(where[known], bins[known], cells, LINKAGE)


def _homozygosity(alleles, cell, windows):
    """Compute H1, H12 and H2 (Garud et al. 2015, PLoS Genetics 11:e1005004) of the haplotypes of the close parts."""
    close = np.flatnonzero(cell % len(PARTS) == 0)
    # A haplotype is identified by a sum of random numbers, one for each site at which it has the second allele.
    mark = np.random.default_rng(0).standard_normal(len(close))
    window, rows = cell[close] // len(PARTS), alleles[close] * mark[:, None]
    sums = np.zeros((windows, alleles.shape[1]))
    first = np.flatnonzero(np.r_[True, np.diff(window) > 0]) if len(window) else np.array([], int)
    if len(first):
        sums[window[first]] = np.add.reduceat(rows, first, axis=0)
    sums = np.sort(sums.round(6), axis=1)
    kind = np.cumsum(np.diff(sums, axis=1, prepend=sums[:, :1]) > 0, axis=1)
    haplotypes = alleles.shape[1]
    counts = _table(np.repeat(np.arange(windows), haplotypes), kind.ravel(), windows, haplotypes)
    share = -np.sort(-counts / haplotypes, axis=1)
    h1 = (share**2).sum(axis=1)
    return np.stack([h1, h1 + 2 * share[:, 0] * share[:, 1], h1 - share[:, 0] ** 2], axis=1)


# ---- predictions


def sweep_score(p):
    """Compute the probability (n,) of a sweep, hard or soft, from predictions (n, 7), normalised over the classes."""
    shares = np.clip(np.asarray(p, float)[:, : len(CLASSES)], 1e-9, None)
    return shares[:, SWEEPS].sum(axis=1) / shares.sum(axis=1)


def sizes_of(y, p, group, neutral_only=False):
    """Return names of the demographies, and their true and estimated N1, N2, N3, (demographies, 3) each.

    A demography's estimate is the mean over its regions of the estimated log size. With `neutral_only` the mean is over
    regions predicted as neutral, where there are any.
    """
    names, member = np.unique(group, return_inverse=True)
    y, p = np.asarray(y, float), np.asarray(p, float)
    called = p[:, : len(CLASSES)].argmax(axis=1) == 0
    use = np.ones(len(y)) if not neutral_only else np.where(called, 1.0, 1e-9)
    total = np.bincount(member, use)
    logs = [[np.bincount(member, use * v) / total for v in a[:, len(CLASSES) :].T] for a in (y, p)]
    return names, *(10 ** np.stack(one, axis=1) for one in logs)


def size_errors(true, predicted):
    """Compute |estimate - true| / true of sizes."""
    return np.abs(predicted - true) / true
