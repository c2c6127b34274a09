"""A random forest on features of pixels: intensity, edges and texture at several scales (as ilastik does)."""

from pathlib import Path

import numpy as np

from deepbio.baselines.random_forest import Method as Forest
from deepbio.core.files import read_json, write_json
from deepbio.domains.cells import segmentation
from deepbio.learning import pixels


class Method(Forest):
    """Parameters: trees, max_features, first (labelled pixels of each class), more (further ones at random), apart
    (least distance of the latter in pixels), sigma (smallest and largest scale of the features, in pixels)."""

    def fit(self, train, valid, job):
        self.kind, self.classes = "multiclass", len(segmentation.CLASSES)
        classes = pixels.classes_of(train)
        how = (self.parameters[key] for key in ("first", "more", "apart"))
        places = pixels.random_labels(classes, *how, job.rng("first"))
        x, y = [], []
        for number, image in enumerate(train["image"]):
            here = tuple(places[places[:, 0] == number, 1:].T)
            x.append(self.features_of(image)[here])
            y.append(classes[number][here])
        forest = self.estimator(self.kind, job.number("estimator") % 2**32)
        self.models = [forest.fit(np.concatenate(x), np.concatenate(y))]
        p = self.maps(valid)
        self.facts = {
            "threshold": segmentation.best_threshold(1 - p[:, 0], valid.y),
            "least": segmentation.smallest_object(train.y),
            "labels": len(places),
        }

    def features_of(self, image):
        """Compute the features of an image's pixels, (rows, columns, features) float32."""
        from skimage.feature import multiscale_basic_features

        low, high = self.parameters["sigma"]
        scaled = segmentation.scaled(np.asarray(image)[None])[0]
        return multiscale_basic_features(scaled, sigma_min=low, sigma_max=high, workers=1)

    def maps(self, split):
        """Compute the probability of each class at every pixel, (n, 3, rows, columns)."""
        found = []
        for image in split["image"]:
            x = self.features_of(image)
            p = np.zeros((x.shape[0] * x.shape[1], self.classes))
            p[:, self.models[0].classes_] = self.models[0].predict_proba(x.reshape(len(p), -1))
            found.append(p.T.reshape(-1, *x.shape[:2]))
        return np.stack(found)

    def predict(self, split):
        return {"y": segmentation.objects(self.maps(split), self.facts["threshold"], self.facts["least"])}

    def save(self, folder):
        super().save(folder)
        write_json(Path(folder) / "pixels.json", self.facts)

    def load(self, folder):
        super().load(folder)
        self.facts = read_json(Path(folder) / "pixels.json")
