"""The labels of the most similar training frame."""

import numpy as np
from skimage.transform import downscale_local_mean

from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Parameters: side, about how many pixels the longer side keeps before frames are compared.

    Similarity is Pearson's correlation of the reduced frames. Each part comes from the most similar frame in which it
    is labelled.
    """

    def fit(self, train, valid, job):
        self.arrays = {"frames": self.reduced(train), "y": np.asarray(train.y, np.float32)}

    def reduced(self, split):
        """Reduce frames to (n, pixels) float32, each standardised so that the product of two is their correlation."""
        step = max(1, max(split["image"].shape[1:]) // self.parameters["side"])
        frames = np.stack([downscale_local_mean(image, step).ravel() for image in split["image"]])
        frames -= frames.mean(axis=1, keepdims=True)
        return (frames / np.maximum(np.linalg.norm(frames, axis=1, keepdims=True), 1e-9)).astype(np.float32)

    def predict(self, split):
        similarity = self.reduced(split) @ self.arrays["frames"].T
        known = ~np.isnan(self.arrays["y"]).any(axis=2)
        found = [
            self.arrays["y"][np.where(labelled, similarity, -np.inf).argmax(axis=1), part]
            for part, labelled in enumerate(known.T)
        ]
        return {"y": np.stack(found, axis=1)}
