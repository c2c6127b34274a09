"""A small U-Net (Ronneberger et al. 2015) that names each pixel, with about as many weights as the patch network."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.domains.cells import segmentation
from deepbio.learning import device, pixels, training
from deepbio.learning.network import NetworkMethod

NONE = -1  # the class of a pixel without a label


class Network(nn.Module):
    """{"x": (n, rows, columns)} -> scores (n, 3, rows, columns): two steps down and up, with `widths` filters."""

    def __init__(self, widths):
        super().__init__()
        first, second, third = widths

        def pair(before, width):
            return nn.Sequential(
                *(nn.Conv2d(before, width, 3, padding=1), nn.ReLU()),
                *(nn.Conv2d(width, width, 3, padding=1), nn.ReLU()),
            )

        self.down = nn.ModuleList([pair(1, first), pair(first, second), pair(second, third)])
        self.rise = nn.ModuleList([nn.ConvTranspose2d(third, second, 2, 2), nn.ConvTranspose2d(second, first, 2, 2)])
        self.up = nn.ModuleList([pair(2 * second, second), pair(2 * first, first)])
        self.output = nn.Conv2d(first, len(segmentation.CLASSES), 1)

    def forward(self, batch):
        image = batch["x"]
        rows, columns = image.shape[1:]
        x, kept = F.pad(image[:, None], (0, -columns % 4, 0, -rows % 4), mode="replicate"), []
        for number, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if number else x)
            kept.append(x)
        for rise, block, before in zip(self.rise, self.up, (kept[1], kept[0]), strict=True):
            x = block(torch.cat([rise(x), before], dim=1))
        return self.output(x)[:, :, :rows, :columns]


class Method(NetworkMethod):
    """Parameters: widths (filters of the three levels), first (labelled pixels of each class; null: all pixels are
    labelled), more (further ones at random), apart (least distance of the latter in pixels), crop (pixels along a side
    of what is learned from at once), jitter (of brightness and contrast), training."""

    def describe(self, split):
        return {"kind": split.context["output"], "least": segmentation.smallest_object(split.y)}

    def build(self, parameters, shape):
        return Network(parameters["widths"])

    def batch(self, split, index):
        part = split.take(index)
        found = {"x": torch.from_numpy(segmentation.scaled(part["image"]))}
        return found | ({"y": torch.from_numpy(pixels.classes_of(part).astype(np.int64))} if "y" in split else {})

    def loss(self, network, batch):
        """Compute the cross-entropy of the classes of labelled pixels."""
        return F.cross_entropy(network(batch).float(), batch["y"], ignore_index=NONE)

    def fit(self, train, valid, job):
        self.shape = self.describe(train)
        image = torch.from_numpy(segmentation.scaled(train["image"]))
        classes = pixels.classes_of(train).astype(np.int64)
        places = self.places(classes, job.rng("first"))
        y = torch.from_numpy(classes)
        if self.parameters["first"] is not None:
            y = torch.full(classes.shape, NONE)
            y[tuple(places.T)] = torch.from_numpy(classes[tuple(places.T)])
        crop = [min(self.parameters["crop"], side) for side in classes.shape[1:]]
        side = min(crop)
        most = torch.tensor([size - side for size in classes.shape[1:]])

        def batch(index):
            # A labelled pixel lies at random within each crop.
            middle = torch.from_numpy(places[index])
            corner = middle[:, 1:] - (torch.rand(len(index), 2) * side).long()
            corner = torch.minimum(corner.clamp(min=0), most)
            where = torch.cat([middle[:, :1], corner], dim=1)
            both = torch.stack([pixels.windows(image, where, side), pixels.windows(y, where, side).float()])
            both = torch.rot90(both, int(torch.randint(4, (1,))), (2, 3))
            both = both.flip(3) if torch.rand(1) < 0.5 else both
            gain, offset = self.parameters["jitter"] * torch.randn(2, len(index), 1, 1)
            return {"x": both[0] * (1 + gain) + offset, "y": both[1].long()}

        job.seed_torch("fit", "build")
        self.network = self.build(self.parameters, self.shape)
        held = self.batch(valid, np.arange(len(valid)))

        def validate():
            losses = [
                float(
                    self.loss(
                        self.network, device.to(job.device, {key: values[i : i + 1] for key, values in held.items()})
                    )
                )
                for i in range(len(valid))
            ]
            return {"loss": float(np.mean(losses))}

        settings = self.parameters["training"]
        training.fit(self.network, len(places), batch, self.loss, settings, job, validate=validate)
        self.shape["threshold"] = segmentation.best_threshold(1 - self.maps(valid)[:, 0], valid.y)

    def places(self, classes, rng):
        """Draw the pixels (pixels, 3) that crops hold: those with a label, or every fourth one each way."""
        if self.parameters["first"] is None:
            grid = np.zeros(classes.shape, bool)
            grid[:, ::4, ::4] = True
            return np.argwhere(grid)
        how = (self.parameters[key] for key in ("first", "more", "apart"))
        return pixels.random_labels(classes, *how, rng)

    def maps(self, split):
        """Compute the probability of each class at every pixel, (n, 3, rows, columns)."""
        return self.run_batched(split.inputs(), lambda batch: self.network(batch).float().softmax(1), size=1).numpy()

    def predict(self, split):
        return {"y": segmentation.objects(self.maps(split), self.shape["threshold"], self.shape["least"])}
