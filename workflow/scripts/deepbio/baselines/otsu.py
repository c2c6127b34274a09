"""Otsu's threshold (1979) of each image, and a watershed of the distance to the background."""

import numpy as np

from deepbio.domains.cells import segmentation
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Parameters: sigma (of a Gaussian that smooths the image before, in pixels; 0: none). What is learned is the size
    below which an object is none, and `sigma` is chosen from a list by the Dice of validation images."""

    def fit(self, train, valid, job):
        self.facts = {"least": segmentation.smallest_object(train.y)}
        truth = np.asarray(valid.y) > 0
        found = {sigma: segmentation.dice(truth, self.foreground(valid, sigma)) for sigma in self.parameters["sigma"]}
        self.facts["chosen"] = max(found, key=found.get)

    def foreground(self, split, sigma):
        """Tell which pixels of the smoothed images lie above the image's threshold, (n, rows, columns)."""
        from skimage import filters

        found = []
        for image in np.asarray(split["image"], float):
            smooth = filters.gaussian(image, sigma, preserve_range=True) if sigma else image
            found.append(smooth > filters.threshold_otsu(smooth) if np.ptp(smooth) else np.zeros(smooth.shape, bool))
        return np.stack(found)

    def predict(self, split):
        found = self.foreground(split, self.facts["chosen"])
        return {"y": segmentation.parted_by_distance(found, self.facts["least"])}
