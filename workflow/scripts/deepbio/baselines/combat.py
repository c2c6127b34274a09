"""ComBat (Johnson et al. 2007): location and scale of each marker in a batch, shrunk towards those of all markers.

The target is the reference batch, which stays as it is (Zhang et al. 2018, BMC Bioinformatics 19:262).
"""

import numpy as np

from deepbio.baselines import uncorrected


class Method(uncorrected.Method):
    """Parameter: denoising."""

    def learn(self, source, target):
        mean, std = target.mean(axis=0), np.maximum(target.std(axis=0), 1e-6)
        shift, variance = shrink((source - mean) / std)
        facts = {"mean": mean, "std": std, "shift": shift, "scale": np.sqrt(variance)}
        self.facts |= {name: values.astype(float).tolist() for name, values in facts.items()}

    def align(self, source):
        mean, std, shift, scale = (np.array(self.facts[name]) for name in ("mean", "std", "shift", "scale"))
        return ((source - mean) / std - shift) / scale * std + mean


def shrink(z: np.ndarray, tolerance: float = 1e-4) -> tuple[np.ndarray, np.ndarray]:
    """Estimate shift and variance (markers,) of a batch z (cells, markers), standardised by the reference, by the
    parametric empirical Bayes of Johnson et al. 2007 (their equations for gamma* and delta²*, iterated).

    The priors are a normal distribution of the shifts and an inverse gamma of the variances, fitted by moments.
    """
    z = np.asarray(z, np.float64)
    n, raw, variance = len(z), z.mean(axis=0), np.maximum(z.var(axis=0, ddof=1), 1e-6)
    centre, spread = raw.mean(), max(raw.var(ddof=1), 1e-12)
    mean, between = variance.mean(), max(variance.var(ddof=1), 1e-12)
    shape, rate = mean**2 / between + 2, mean * (mean**2 / between + 1)
    shift, found = raw, variance
    for _ in range(1000):
        new = (n * spread * raw + found * centre) / (n * spread + found)
        squares = ((z - new) ** 2).sum(axis=0)
        newer = (rate + squares / 2) / (n / 2 + shape - 1)
        change = max(np.abs(new - shift).max(), np.abs(newer / found - 1).max())
        shift, found = new, newer
        if change < tolerance:
            break
    return shift, found
