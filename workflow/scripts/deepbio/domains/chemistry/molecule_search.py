"""Three ways from a poor molecule to a better one, each with the same number of tries: a Gaussian process over a latent
space, random steps in that space, and a genetic algorithm over strings (Gómez-Bombarelli et al. 2018, Fig. 5)."""

import numpy as np


def fitted(places, values):
    """Fit a Gaussian process over latent codes (n, latent) to values (n,)."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    kernel = ConstantKernel(1.0) * RBF(spread(places)) + WhiteKernel(0.5, (1e-3, 10.0))
    return GaussianProcessRegressor(kernel, normalize_y=True, random_state=0).fit(places, values)


def spread(places):
    """Compute the root mean square distance of latent codes (n, latent) from their mean."""
    return float(np.sqrt(places.var(axis=0).sum()))


def climb(process, starts, stride, tries):
    """Climb a process's mean: latent codes (tries, n, latent) from starts (n, latent), `stride` apart.

    The gradient of the mean is known: sum over seen places of weight · kernel · (seen - place) / width².
    """
    seen, weights = process.X_train_, process.alpha_
    scale, width = process.kernel_.k1.k1.constant_value, process.kernel_.k1.k2.length_scale
    place, way = starts.astype(float), []
    for _ in range(tries):
        gap = place[:, None] - seen
        near = scale * np.exp(-0.5 * np.square(gap).sum(2) / width**2) * weights
        slope = -np.einsum("ns,nsl->nl", near, gap) / width**2
        place = place + stride * slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-12)
        way.append(place)
    return np.stack(way)


def wander(starts, stride, tries, rng):
    """Move at random: latent codes (tries, n, latent) as far from starts (n, latent) as a straight climb would be, each
    in a direction drawn for itself."""
    direction = rng.standard_normal((tries, *starts.shape))
    direction /= np.linalg.norm(direction, axis=2, keepdims=True)
    return starts + direction * stride * np.arange(1, tries + 1)[:, None, None]


def breed(texts, tries, symbols, judge, rng):
    """Breed texts (tries, n) by a genetic algorithm of `texts` (n,), one from each a generation.

    A child is its parent crossed with another parent, or with a symbol put in, left out or changed; it takes its
    parent's place if `judge(list of texts)` -> values, NaN for what is no molecule, is not lower.
    """
    parents, made = list(texts), []
    best = judge(parents)
    for _ in range(tries):
        children = [child(parents, row, symbols, rng) for row in range(len(parents))]
        values = judge(children)
        for row in np.flatnonzero(values >= best):  # a comparison with NaN is false
            parents[row], best[row] = children[row], values[row]
        made.append(children)
    return made


def child(parents, row, symbols, rng):
    text, kind = parents[row], rng.integers(4)
    place = int(rng.integers(len(text)))
    if kind == 0:
        other = parents[rng.integers(len(parents))]
        return text[:place] + other[int(rng.integers(len(other))) :]
    symbol = symbols[rng.integers(len(symbols))]
    return text[:place] + (symbol if kind < 3 else "") + text[place + (kind > 1) :]
