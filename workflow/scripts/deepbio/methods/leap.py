"""LEAP (Pereira et al. 2019): a confidence map for each part of an animal's body; the part is where it is highest."""

import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core import tables
from deepbio.learning.network import NetworkMethod

DRAWN = 6  # frames with skeletons


class Leap(nn.Module):
    """Frames (n, height, width), 0 to 255 -> maps (n, parts, rows, columns), a map pixel for `downscale`² of the frame.

    As in the authors' code: three blocks of three convolutions with pooling between them, and two transposed
    convolutions with two convolutions between them; no normalisation and no links past layers.
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
        """Rows and columns of the maps of frames (n, height, width)."""
        return [math.ceil(side / self.downscale) for side in image.shape[1:]]

    def forward(self, batch):
        image = batch["image"]
        height, width = image.shape[1:]
        # Two poolings ask for multiples of four. What is added lies at the right and at the bottom alone and goes
        # again before maps are read, so that it moves no part.
        multiple = 4 * self.downscale
        x = F.pad(image[:, None].float() / 255, (0, -width % multiple, 0, -height % multiple), mode="replicate")
        x = F.avg_pool2d(x, self.downscale).contiguous(memory_format=torch.channels_last)
        rows, columns = self.size(image)
        return self.layers(x)[:, :, :rows, :columns]


def render(points, size, sigma):
    """Maps (points, rows, columns) with a Gaussian of peak 1 at each of points (points, 2), both in map pixels."""
    down, across = (
        torch.exp(-((torch.arange(side, device=points.device) - place[:, None]) ** 2) / (2 * sigma**2))
        for side, place in zip(size, (points[:, 1], points[:, 0]), strict=True)
    )
    return down[:, :, None] * across[:, None, :]


def peaks(maps):
    """Where maps (…, rows, columns) are highest: (…, 2), x and y in map pixels."""
    place = maps.flatten(-2).argmax(-1)
    columns = maps.shape[-1]
    return torch.stack([place % columns, place // columns], -1).float()


def rotated(image, points, angle):
    """Frames (n, height, width) and points (n, parts, 2) turned clockwise about the middle by angles (n,) in radians.

    What comes in from outside is black.
    """
    height, width = image.shape[1:]
    middle = points.new_tensor([(width - 1) / 2, (height - 1) / 2])
    cos, sin = torch.cos(angle)[:, None], torch.sin(angle)[:, None]
    x, y = (points - middle).unbind(-1)
    turned = torch.stack([cos * x - sin * y, sin * x + cos * y], -1) + middle
    # Where each pixel comes from; written out, as a matrix product would lose places under mixed precision.
    x = torch.arange(width, device=image.device) - middle[0]
    y = (torch.arange(height, device=image.device) - middle[1])[:, None]
    cos, sin = cos[:, :, None], sin[:, :, None]
    grid = torch.stack([(cos * x + sin * y) * 2 / width, (cos * y - sin * x) * 2 / height], -1)
    return F.grid_sample(image[:, None], grid, align_corners=False)[:, 0], turned


def mirrored(image, points, partners):
    """Frames and points upside down: a left part stands where the right one was, and bears its name."""
    x, y = points[:, partners].unbind(-1)
    return image.flip(1), torch.stack([x, image.shape[1] - 1 - y], -1)


class Method(NetworkMethod):
    """Parameters: filters (of the three blocks), sigma (of the maps' Gaussians, in map pixels), downscale (frame pixels
    to a side of a map pixel), rotation (degrees, to either side) and mirror, which augment training, most_samples
    (training frames; null: all), training."""

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
        """Each frame turned by up to `rotation` degrees, and with `mirror` every other one upside down, where the
        animal allows that. The draws come from torch's CPU generator, whose state a checkpoint holds."""
        image, y = batch["image"].float(), batch["y"]
        angle = math.radians(self.parameters["rotation"]) * (2 * torch.rand(len(image)) - 1)
        image, y = rotated(image, y, angle.to(image.device))
        if self.parameters["mirror"] and self.shape["mirrored"]:
            flip = (torch.rand(len(image)) < 0.5).to(image.device)[:, None, None]
            other_image, other_y = mirrored(image, y, self.shape["mirrored"])
            image, y = torch.where(flip, other_image, image), torch.where(flip, other_y, y)
        return batch | {"image": image, "y": y}

    def to_map(self, points):
        """From frame pixels to map pixels, each of which is centred on `downscale`² of the frame's."""
        step = self.parameters["downscale"]
        return (points - (step - 1) / 2) / step

    def activate(self, output):
        step = self.parameters["downscale"]
        return peaks(output) * step + (step - 1) / 2

    # ---- figures

    def interpret(self, split, folder):
        names = split.context["features"]
        guess = self.predict(split)["y"]
        error = np.linalg.norm(guess - split.y, axis=2)
        maps = self.maps(split)
        write_parts(names, error, maps.max(axis=(2, 3)), folder)
        draw_skeletons(split, guess, error, folder)
        draw_errors(names, split, error, folder)
        # The frame that shows most parts, and among those the one of middling error.
        shown = (~np.isnan(error)).sum(axis=1)
        fullest = np.flatnonzero(shown == shown.max())
        frame = fullest[np.argsort(np.nanmean(error[fullest], axis=1))[len(fullest) // 2]]
        draw_maps(names, split, frame, maps[frame], guess[frame], folder)

    @torch.no_grad()
    def maps(self, split):
        """The maps (n, parts, rows, columns) of all frames."""
        where = next(self.network.parameters()).device
        parts = np.array_split(np.arange(len(split)), math.ceil(len(split) / 32))
        batches = ({k: v.to(where) for k, v in self.batch(split.inputs(), part).items()} for part in parts)
        return torch.cat([self.network(batch).float().cpu() for batch in batches]).numpy()


def write_parts(names, error, height, folder):
    """parts.csv: for every part its labelled validation frames, errors in pixels, and the mean height of its peak."""
    rows = []
    for name, column, peak in zip(names, error.T, height.mean(axis=0), strict=True):
        known = column[~np.isnan(column)]
        told = [known.mean(), np.median(known)] if len(known) else [np.nan, np.nan]
        rows.append([name, len(known), *(f"{value:.3f}" for value in [*told, peak])])
    tables.write_csv(Path(folder) / "parts.csv", ["part", "frames", "mean_error", "median_error", "peak_height"], rows)


def draw_skeletons(split, guess, error, folder):
    """skeletons.{svg,png}: labelled and predicted parts over frames, from the smallest mean error to the largest."""
    from deepbio.figures.style import PALETTE, plt, save

    mean = np.nanmean(np.where(np.isnan(error).all(axis=1, keepdims=True), np.inf, error), axis=1)
    order = np.argsort(mean, kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, DRAWN).round().astype(int))]
    height, width = split["image"].shape[1:]
    columns = min(3, len(chosen))
    rows = -(-len(chosen) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(3 * columns, 0.8 + rows * (0.25 + 2.95 * height / width)), squeeze=False
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, frame in zip(axes.flat, chosen, strict=False):
        axis.imshow(split["image"][frame], cmap="gray", vmin=0, vmax=np.percentile(split["image"][frame], 99.8))
        pairs = (("labelled", PALETTE[4], split.y[frame], "o"), ("predicted", PALETTE[5], guess[frame], "x"))
        for _, colour, points, mark in pairs:
            for bone in split.context["skeleton"]:
                axis.plot(*points[bone].T, "-", color=colour, lw=1, alpha=0.8)
            face = "none" if mark == "o" else colour
            axis.plot(*points.T, mark, color=colour, mfc=face, ms=5, mew=1.3)
        axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        axis.set_title(f"mean error {mean[frame]:.1f} pixels", fontsize=9)
    handles = [
        plt.Line2D([], [], color=colour, marker=mark, mfc="none" if mark == "o" else colour, label=name)
        for name, colour, _, mark in pairs
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    title = "Validation frames, from the best to the worst"
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    save(figure, Path(folder) / "skeletons", split.context["origin"])


def draw_errors(names, split, error, folder):
    """errors.{svg,png}: the error of every part, as boxes, and as circles of its 90th percentile on one frame."""
    from deepbio.figures.style import COLOURS, PALETTE, plt, save

    known = [column[~np.isnan(column)] for column in error.T]
    order = sorted(range(len(names)), key=lambda part: np.median(known[part]) if len(known[part]) else -1)
    height, width = split["image"].shape[1:]
    figure, (boxes, circles) = plt.subplots(
        1, 2, figsize=(10.5, max(3.6, 1.2 + 0.24 * len(names))), width_ratios=[1.2, 1]
    )
    boxes.boxplot(
        [known[part] for part in order],
        orientation="horizontal",
        widths=0.6,
        patch_artist=True,
        boxprops={"facecolor": PALETTE[5], "lw": 0.8},
        medianprops={"color": "black"},
        flierprops={"marker": ".", "ms": 4, "mec": COLOURS["listed"]},
    )
    boxes.set_yticks(range(1, len(names) + 1), [names[part] for part in order], fontsize=9)
    boxes.set_xscale("symlog", linthresh=1)
    boxes.set_xlim(0, None)
    boxes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    boxes.set(xlabel="error (pixels)", title=f"Error of each part in {len(error)} validation frames")
    boxes.grid(axis="x", alpha=0.25)
    frame = (~np.isnan(error)).sum(axis=1).argmax()
    circles.imshow(split["image"][frame], cmap="gray", vmin=0, vmax=np.percentile(split["image"][frame], 99.8))
    for part, (x, y) in enumerate(split.y[frame]):
        if len(known[part]) and not np.isnan(x):
            radius = max(np.percentile(known[part], 90), 0.5)
            circles.add_patch(plt.Circle((x, y), radius, fill=False, color=PALETTE[4], lw=1.4))
    circles.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), title="Circles hold 90 % of a part's predictions")
    circles.axis("off")
    save(figure, Path(folder) / "errors", split.context["origin"])


def draw_maps(names, split, frame, maps, guess, folder):
    """maps.{svg,png}: one frame, and the confidence map (rows, columns) of every part over it."""
    from deepbio.figures.style import PALETTE, plt, save

    height, width = split["image"].shape[1:]
    columns = min(6, len(names) + 1)
    rows = -(-(len(names) + 1) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(1.2 + 1.65 * columns, 0.6 + rows * (0.22 + 1.62 * height / width)), squeeze=False
    )
    step = math.ceil(height / maps.shape[1])
    extent = (-0.5, step * maps.shape[2] - 0.5, step * maps.shape[1] - 0.5, -0.5)
    for axis in axes.flat:
        axis.axis("off")
    axes.flat[0].imshow(split["image"][frame], cmap="gray")
    axes.flat[0].set_title("frame", fontsize=8)
    for axis, name, map_, label, place in zip(axes.flat[1:], names, maps, split.y[frame], guess, strict=False):
        # The root makes faint second peaks visible, which is where parts are confused.
        image = axis.imshow(map_, cmap="magma", norm=plt.matplotlib.colors.PowerNorm(0.5, 0, 1), extent=extent)
        axis.plot(*label, "o", mfc="none", color=PALETTE[5], ms=8)
        axis.plot(*place, "x", color=PALETTE[5], ms=4)
        axis.set_title(f"{name}, {map_.max():.2f}", fontsize=8)
    for axis in axes.flat[: len(names) + 1]:
        axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    figure.colorbar(image, ax=axes, label="confidence", shrink=0.7, pad=0.01, ticks=[0, 0.1, 0.25, 0.5, 1])
    figure.suptitle(
        "Confidence maps of one validation frame, with their height (circle: labelled, cross: highest)",
        x=0.01,
        ha="left",
        fontsize=11,
        fontweight="bold",
    )
    save(figure, Path(folder) / "maps", split.context["origin"])
