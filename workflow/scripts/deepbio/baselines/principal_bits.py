"""The linear counterpart of an autoencoder of fingerprints: principal components of bits, and a regression on them."""

import numpy as np

from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Parameters: components; wanted, samples (fingerprints made for activities, in standard deviations from the
    training mean, as the autoencoder makes them).

    A compound's components, scaled to unit variance, are its latent code; activity is their linear regression. To make
    a fingerprint for an activity, a latent code is drawn from the normal distribution and moved along the regression's
    direction until its predicted activity is the wanted one.
    """

    def fit(self, train, valid, job):
        x, y = np.asarray(train["x"], np.float64), np.asarray(train.y, np.float64).ravel()
        x, y = x[~np.isnan(y)], y[~np.isnan(y)]
        centre, count = x.mean(axis=0), self.parameters["components"]
        values, axes = np.linalg.eigh(np.cov(x.T))
        axes, std = axes[:, ::-1][:, :count], np.sqrt(values[::-1][:count])
        latent = (x - centre) @ axes / std
        self.arrays = {
            "centre": centre,
            "axes": axes.copy(),
            "spread": std,
            "slope": latent.T @ (y - y.mean()) / len(y),
        }
        self.facts = {"mean": float(y.mean()), "deviation": float(y.std())}

    def place(self, split):
        """Compute the latent codes (n, components) of a split's compounds."""
        x = np.asarray(split["x"], np.float64) - self.arrays["centre"]
        return x @ self.arrays["axes"] / self.arrays["spread"]

    def bits(self, latent):
        """Reconstruct bits (n, bits), as numbers about 0 and 1, from latent codes (n, components)."""
        return latent * self.arrays["spread"] @ self.arrays["axes"].T + self.arrays["centre"]

    def predict(self, split):
        """Predict the arrays that the autoencoder predicts, except `restarts`."""
        mean, slope, latent = self.facts["mean"], self.arrays["slope"], self.place(split)
        levels = mean + np.array(self.parameters["wanted"]) * self.facts["deviation"]
        wanted = np.repeat(levels, self.parameters["samples"])
        made = np.random.default_rng(0).standard_normal((len(wanted), len(slope)))
        made += np.outer((wanted - mean - made @ slope) / max(slope @ slope, 1e-12), slope)
        return {
            "y": (mean + latent @ slope)[:, None],
            "y_rebuilt": self.bits(latent).clip(0, 1),
            "y_latent": latent,
            "y_made": (self.bits(made) > 0.5).astype(np.uint8),
            "wanted": wanted,
        }
