"""A Gaussian copula under differential privacy: noisy histograms, tied by a noisy correlation of normal scores.

Half of the budget pays for the histograms of all values, half for the second moments of the normal scores that those
histograms give. Both are released once by the Gaussian mechanism and counted as zero-concentrated differential privacy
(Bun and Steinke 2016, arXiv:1605.02065, Propositions 1.3 and 1.6): one person more or less, whose arm is part of the
record, costs at most epsilon at delta.
"""

import math

import numpy as np
from scipy import stats

from deepbio.domains.clinic.synthetic import for_arms
from deepbio.learning.rule import RuleMethod


def concentrated(epsilon: float, delta: float) -> float:
    """Compute the rho of zero-concentrated privacy that gives (epsilon, delta): rho + 2 sqrt(rho ln(1 / delta)) =
    epsilon."""
    logarithm = -math.log(delta)
    return (math.sqrt(logarithm + epsilon) - math.sqrt(logarithm)) ** 2


def edges(variable: dict, bins: int) -> np.ndarray:
    """Give the edges (bins + 1,) of a variable's histogram from public facts: its range, at most four standard
    deviations from its centre. Whole numbers of a short range have a bin each."""
    low = max(variable["low"], variable["centre"] - 4 * variable["spread"])
    high = min(variable["high"], variable["centre"] + 4 * variable["spread"])
    if variable["whole"] and math.floor(high) - math.ceil(low) < bins:
        return np.arange(math.ceil(low) - 0.5, math.floor(high) + 1)
    return np.linspace(low, high, bins + 1)


class Method(RuleMethod):
    """Parameters: epsilon and delta of the whole release, bins of a histogram, and clip, the largest squared norm of a
    person's normal scores, as a share of their number."""

    def fit(self, train, valid, job):
        y, arm = np.asarray(train.y, float), np.asarray(train["arm"])
        visits = y.shape[1] // len(train.context["variables"])
        variables = [variable for variable in train.context["variables"] for _ in range(visits)]
        rho, count = concentrated(self.parameters["epsilon"], self.parameters["delta"]) / 2, y.shape[1]
        bound = self.parameters["clip"] * count
        # A person is one count in each of the histograms, and adds a matrix of norm `bound` at most to the moments.
        noise = [scale / math.sqrt(2 * rho) for scale in (math.sqrt(count), bound)]
        self.facts = {"seed": job.number("draw"), "variables": variables}
        for one in range(len(train.context["classes"])):
            rng = job.rng("noise", one)
            self.release(y[arm == one], one, bound, noise, rng)

    def release(self, records, arm, bound, noise, rng):
        """Release noisy histograms (values, bins), padded with zeros, and the noisy correlation of one arm."""
        count = len(self.facts["variables"])
        histograms = np.zeros((count, self.parameters["bins"]))
        scores = np.empty((len(records), count))
        for column, variable in enumerate(self.facts["variables"]):
            places = edges(variable, self.parameters["bins"])
            index = (np.searchsorted(places, records[:, column], side="right") - 1).clip(0, len(places) - 2)
            seen = np.bincount(index, minlength=len(places) - 1) + rng.normal(0, noise[0], len(places) - 1)
            share = np.maximum(seen, 0) + 1e-9
            share /= share.sum()
            histograms[column, : len(share)] = share
            scores[:, column] = stats.norm.ppf(np.cumsum(share) - share / 2)[index]
        norm = np.square(scores).sum(axis=1, keepdims=True)
        scores *= np.sqrt(np.minimum(1, bound / np.maximum(norm, 1e-12)))
        upper = np.triu(rng.normal(0, noise[1], (count, count)))
        moments = scores.T @ scores + upper + np.triu(upper, 1).T
        values, vectors = np.linalg.eigh(moments)
        root = vectors * np.sqrt(np.maximum(values, 1e-6))
        root /= np.linalg.norm(root, axis=1, keepdims=True)  # a correlation has ones on its diagonal
        self.arrays |= {f"histograms{arm}": histograms, f"root{arm}": root}

    def predict(self, split):
        return {"y": for_arms(split["arm"], self.draw)} | {
            name: np.float64(self.parameters[name]) for name in ("epsilon", "delta")
        }

    def draw(self, arm, count):
        """Draw `count` records of one arm, uniform within a bin and rounded where values are whole."""
        histograms, root = self.arrays[f"histograms{arm}"], self.arrays[f"root{arm}"]
        normal = np.random.default_rng([self.facts["seed"], arm]).standard_normal((count, len(root))) @ root.T
        uniform = stats.norm.cdf(normal)
        made = np.empty_like(uniform)
        for column, variable in enumerate(self.facts["variables"]):
            places = edges(variable, self.parameters["bins"])
            below = np.concatenate([[0], np.cumsum(histograms[column, : len(places) - 1])])
            made[:, column] = np.interp(uniform[:, column], below, places)
            if variable["whole"]:
                made[:, column] = np.round(made[:, column])
            made[:, column] = made[:, column].clip(variable["low"], variable["high"])
        return made
