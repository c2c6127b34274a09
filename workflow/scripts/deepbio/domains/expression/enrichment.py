"""Units by regulon: which known sets of genes the strong weights of a unit, or the genes of a cluster, are rich in."""

import numpy as np

SPREAD = 2.0  # standard deviations from the mean beyond which a weight is a high one (Tan et al. 2016)
LEVEL = 0.05  # false discovery rate


def high_weight_sets(weights, spread=SPREAD):
    """Give the genes whose weights lie above and those whose weights lie below the mean of a unit by more than
    `spread` standard deviations: bool (2 · units, genes), all upper sets first. A unit with equal weights has none."""
    weights = np.asarray(weights, float)
    centred = weights - weights.mean(axis=1, keepdims=True)
    limit = spread * centred.std(axis=1, keepdims=True)
    some = limit > 1e-12
    return np.concatenate([(centred > limit) & some, (centred < -limit) & some])


def p_values(sets, member):
    """Test each of `sets` (sets, genes) for more genes of each regulator, member (regulators, genes), than by chance.

    One-sided hypergeometric test with all genes as background: (sets, regulators); 1 for an empty set.
    """
    from scipy.stats import hypergeom

    sets, member = np.asarray(sets, bool), np.asarray(member, bool)
    overlap = sets.astype(np.float64) @ member.T.astype(np.float64)
    size, own = np.broadcast_arrays(sets.sum(axis=1)[:, None], member.sum(axis=1)[None])
    found, some = np.ones(overlap.shape), overlap > 0
    # SciPy works case by case, and most cases stand many times.
    cases, number = np.unique(np.stack([overlap[some], own[some], size[some]]), axis=1, return_inverse=True)
    found[some] = hypergeom.sf(cases[0] - 1, sets.shape[1], cases[1], cases[2])[number.ravel()]
    return found


def significant(p, level=LEVEL):
    """Tell which of all tests together are significant at a false discovery rate (Benjamini and Hochberg 1995)."""
    from scipy.stats import false_discovery_control

    return (false_discovery_control(p.ravel()) <= level).reshape(p.shape) if p.size else np.zeros(p.shape, bool)


def of_units(weights, member, spread=SPREAD):
    """Test units (units, genes): the smaller p of both signs, and whether one is significant, (units, regulators)."""
    p = p_values(high_weight_sets(weights, spread), member)
    found = significant(p)
    half = len(p) // 2
    return np.minimum(p[:half], p[half:]), found[:half] | found[half:]


def permuted(member, seed=0):
    """Give the same regulons with the genes' names dealt anew: what is found of these is found by chance."""
    return np.asarray(member)[:, np.random.default_rng(seed).permutation(np.shape(member)[1])]


def loadings(units, x):
    """Correlate the units (n, units) of samples with their expression (n, genes): (units, genes), 0 for constants."""
    sides = []
    for values in (units, x):
        values = np.asarray(values, float) - np.mean(values, axis=0, dtype=float)
        size = np.linalg.norm(values, axis=0)
        sides.append(np.where(size > 1e-9, values / np.where(size > 1e-9, size, 1), 0))
    return sides[0].T @ sides[1]


def best_precision(weights, member):
    """Compute how well the best unit ranks each regulator's genes: the largest average precision over units and signs
    when genes are ordered by their weight, (regulators,).

    It rises with the number of units, of which the best counts, and is not for learned units alone: the weights of a
    sample, or of a random mixture of samples, are alike within every set of correlated genes. So methods are compared
    at one number of units, and with samples drawn at random.
    """
    member, weights = np.asarray(member, np.float32), np.asarray(weights, float)
    best, rank = np.zeros(len(member)), np.arange(1, member.shape[1] + 1)
    for values in (*weights, *-weights):
        if np.ptp(values) < 1e-12:
            continue
        hits = member[:, np.argsort(-values, kind="stable")]
        best = np.maximum(best, (hits * np.cumsum(hits, axis=1) / rank).sum(axis=1) / hits.sum(axis=1))
    return best
