"""LEAP (Pereira et al. 2019): a confidence map for each part of an animal's body.

The predicted position of a part is the maximum of its map.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.learning.network import NetworkMethod


class Leap(nn.Module):
    """Frames (n, height, width), 0 to 255 -> maps (n, parts, rows, columns), a map pixel for `downscale`² frame pixels.

    As in the authors' code: three blocks of three convolutions with pooling between them, and two transposed
    convolutions with two convolutions between them; no normalisation and no skip connections.
    """

    def __init__(self, filters, downscale, parts):
        super().__init__()
        self.downscale = downscale
        first, second, third = filters
        layers, before = [], 1
        for width in filters:
            for _ in range(3):
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
                before = width
            layers.append(nn.MaxPool2d(2))
        layers[-1] = nn.ConvTranspose2d(third, second, 3, stride=2, padding=1, output_padding=1)
        layers.append(nn.ReLU())
        for _ in range(2):
            layers += [nn.Conv2d(second, second, 3, padding=1), nn.ReLU()]
        layers.append(nn.ConvTranspose2d(second, parts, 3, stride=2, padding=1, output_padding=1))
        self.layers = nn.Sequential(*layers)
        for layer in self.layers:
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                normal = isinstance(layer, nn.ConvTranspose2d)
                (nn.init.xavier_normal_ if normal else nn.init.xavier_uniform_)(layer.weight)
                nn.init.zeros_(layer.bias)

    def size(self, image):
        """Compute the rows and columns of the maps of frames (n, height, width)."""
        return [math.ceil(side / self.downscale) for side in image.shape[1:]]

    def forward(self, batch):
        image = batch["image"]
        height, width = image.shape[1:]
        # Two poolings need sides that are multiples of four. The padding is at the right and at the bottom only, and is
        # removed before maps are read, so that it moves no part.
        multiple = 4 * self.downscale
        x = F.pad(image[:, None].float() / 255, (0, -width % multiple, 0, -height % multiple), mode="replicate")
        x = F.avg_pool2d(x, self.downscale).contiguous(memory_format=torch.channels_last)
        rows, columns = self.size(image)
        return self.layers(x)[:, :, :rows, :columns]


def render(points, size, sigma):
    """Draw maps (points, rows, columns) with a Gaussian of peak 1 at each of points (points, 2), both in map pixels."""
    down, across = (
        torch.exp(-((torch.arange(side, device=points.device) - centre[:, None]) ** 2) / (2 * sigma**2))
        for side, centre in zip(size, (points[:, 1], points[:, 0]), strict=True)
    )
    return down[:, :, None] * across[:, None, :]


def peaks(maps):
    """Find the maximum of each map (…, rows, columns): (…, 2), x and y in map pixels."""
    index = maps.flatten(-2).argmax(-1)
    columns = maps.shape[-1]
    return torch.stack([index % columns, index // columns], -1).float()


def rotated(image, points, angle):
    """Rotate frames (n, height, width) and points (n, parts, 2) clockwise about the centre by angles (n,) in radians.

    Pixels that come from outside a frame are black.
    """
    height, width = image.shape[1:]
    middle = points.new_tensor([(width - 1) / 2, (height - 1) / 2])
    cos, sin = torch.cos(angle)[:, None], torch.sin(angle)[:, None]
    x, y = (points - middle).unbind(-1)
    turned = torch.stack([cos * x - sin * y, sin * x + cos * y], -1) + middle
    # The source of each pixel; written out, because a matrix product would lose digits under mixed precision.
    x = torch.arange(width, device=image.device) - middle[0]
    y = (torch.arange(height, device=image.device) - middle[1])[:, None]
    cos, sin = cos[:, :, None], sin[:, :, None]
    grid = torch.stack([(cos * x + sin * y) * 2 / width, (cos * y - sin * x) * 2 / height], -1)
    return F.grid_sample(image[:, None], grid, align_corners=False)[:, 0], turned


def mirrored(image, points, partners):
    """Mirror frames and points upside down, and exchange left and right parts.

    partners : for each part the index of the one on the other side
    """
    x, y = points[:, partners].unbind(-1)
    return image.flip(1), torch.stack([x, image.shape[1] - 1 - y], -1)


class Method(NetworkMethod):
    """Parameters: filters (of the three blocks), sigma (of the maps' Gaussians, in map pixels), downscale (frame pixels
    along a side of a map pixel), rotation (degrees, to either side) and mirror, which augment training, most_samples
    (training frames; null: all), training.
    """

    by_row = True

    def describe(self, split):
        return {"kind": split.context["output"], "parts": split.y.shape[1], "mirrored": split.context["mirrored"]}

    def build(self, parameters, shape):
        return Leap(parameters["filters"], parameters["downscale"], shape["parts"])

    def fit(self, train, valid, job):
        super().fit(train.at_most(self.parameters["most_samples"], job.rng("samples")), valid, job)

    def batch(self, split, index):
        names = ("image", "y") if "y" in split else ("image",)
        return {name: torch.from_numpy(np.asarray(split[name][index])) for name in names}

    def loss(self, network, batch):
        if network.training:
            batch = self.augment(batch)
        maps = network(batch).float()
        # A part without a label has no map to learn from. A part that turned out of the frame has an empty one.
        known = ~torch.isnan(batch["y"]).any(-1)
        wanted = render(self.to_map(batch["y"][known]), maps.shape[2:], self.parameters["sigma"])
        return (maps[known] - wanted).square().sum() / max(1, wanted.numel())

    def augment(self, batch):
        """Rotate each frame by up to `rotation` degrees and, with `mirror`, flip half of them at random, upside down.

        Frames are flipped only where the animal allows it. The random numbers come from torch's CPU generator, whose
        state a checkpoint holds.
        """
        image, y = batch["image"].float(), batch["y"]
        angle = math.radians(self.parameters["rotation"]) * (2 * torch.rand(len(image)) - 1)
        image, y = rotated(image, y, angle.to(image.device))
        if self.parameters["mirror"] and self.shape["mirrored"]:
            flip = (torch.rand(len(image)) < 0.5).to(image.device)[:, None, None]
            other_image, other_y = mirrored(image, y, self.shape["mirrored"])
            image, y = torch.where(flip, other_image, image), torch.where(flip, other_y, y)
        return batch | {"image": image, "y": y}

    def to_map(self, points):
        """Convert points from frame pixels to map pixels, each of which is centred on `downscale`² frame pixels."""
        step = self.parameters["downscale"]
        return (points - (step - 1) / 2) / step

    def activate(self, output):
        step = self.parameters["downscale"]
        return peaks(output) * step + (step - 1) / 2

    # ---- figures

    def interpret(self, split, folder):
        from deepbio.figures import pose as figures

        names = split.context["features"]
        guess = self.predict(split)["y"]
        error = np.linalg.norm(guess - split.y, axis=2)
        maps = self.maps(split)
        figures.write_parts(names, error, maps.max(axis=(2, 3)), folder)
        figures.draw_skeletons(split, guess, error, folder)
        figures.draw_errors(names, split, error, folder)
        # Of the frames that show most parts, the one with the median error.
        shown = (~np.isnan(error)).sum(axis=1)
        fullest = np.flatnonzero(shown == shown.max())
        frame = fullest[np.argsort(np.nanmean(error[fullest], axis=1))[len(fullest) // 2]]
        figures.draw_maps(names, split, frame, maps[frame], guess[frame], folder)

    def maps(self, split):
        """Compute the maps (n, parts, rows, columns) of all frames."""
        return self.run_batched(split.inputs(), lambda batch: self.network(batch).float(), size=32).numpy()
