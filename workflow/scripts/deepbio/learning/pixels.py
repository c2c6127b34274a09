"""What classifiers of pixels share: which pixels are labelled, and how probabilities become masks."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from deepbio.core.data import Split
from deepbio.domains.cells import segmentation


def classes_of(split: Split) -> np.ndarray:
    """Class the pixels of a split's masks, (n, rows, columns) uint8; the context's `boundary` is the width of the
    boundaries in pixels."""
    return segmentation.pixel_classes(split.y, split.context["boundary"])


def first_labels(classes: np.ndarray, each: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `each` pixels of each class of (n, rows, columns): places (pixels, 3), image, row and column."""
    found = []
    for one in range(len(segmentation.CLASSES)):
        places = np.flatnonzero(classes.ravel() == one)
        found.append(rng.choice(places, min(each, len(places)), replace=False))
    return np.stack(np.unravel_index(np.concatenate(found), classes.shape), axis=1)


def choose(score: np.ndarray, taken: np.ndarray, count: int, apart: float) -> np.ndarray:
    """Choose the `count` pixels with the highest score (n, rows, columns), none within `apart` pixels of another or of
    a pixel that is labelled: places (count, 3).

    taken : (pixels, 3), those that are labelled. Fewer are chosen where no more are left.
    """
    score = np.array(score, np.float64)
    rows, columns = score.shape[1:]

    def strike(image, row, column):
        reach = int(apart)
        top, left = max(0, row - reach), max(0, column - reach)
        down, across = np.ogrid[top : min(rows, row + reach + 1), left : min(columns, column + reach + 1)]
        near = (down - row) ** 2 + (across - column) ** 2 <= apart**2
        score[image, top : top + near.shape[0], left : left + near.shape[1]][near] = -np.inf

    for place in taken:
        strike(*place)
    found = []
    for _ in range(count):
        best = int(score.argmax())
        if score.flat[best] == -np.inf:
            break
        found.append(np.unravel_index(best, score.shape))
        strike(*found[-1])
    return np.array(found, dtype=int).reshape(-1, 3)


def random_labels(classes: np.ndarray, each: int, more: int, apart: float, rng: np.random.Generator) -> np.ndarray:
    """Draw `each` pixels of each class and `more` of all, at least `apart` pixels from each other: places
    (pixels, 3)."""
    first = first_labels(classes, each, rng)
    return np.concatenate([first, choose(rng.random(classes.shape), first, more, apart)])


def windows(image: Tensor, places: Tensor, size: int) -> Tensor:
    """Cut windows of `size` pixels a side out of images (n, rows, columns): (pixels, size, size).

    places : (pixels, 3), image, and row and column of the first pixel of each window, which must lie inside.
    """
    steps = torch.arange(size)
    return image[
        places[:, 0, None, None],
        (places[:, 1, None] + steps)[:, :, None],
        (places[:, 2, None] + steps)[:, None, :],
    ]


def turned(x: Tensor, jitter: float) -> Tensor:
    """Turn and mirror a batch (n, rows, columns) as one of the eight symmetries of a square, and change brightness and
    contrast of each by normal numbers of deviation `jitter`; drawn from torch's CPU generator."""
    x = torch.rot90(x, int(torch.randint(4, (1,))), (1, 2))
    x = x.flip(2) if torch.rand(1) < 0.5 else x
    gain, offset = (jitter * torch.randn(2, len(x), 1, 1)).to(x.device)
    return x * (1 + gain) + offset


def enlarged(maps: Tensor, step: int, size: tuple[int, int]) -> Tensor:
    """Interpolate maps (n, classes, rows, columns), whose pixels lie `step` image pixels apart from the first one on,
    to images of `size`; beyond the last one its value is repeated."""
    if step == 1:
        return maps
    rows, columns = (step * (side - 1) + 1 for side in maps.shape[2:])
    maps = F.interpolate(maps, (rows, columns), mode="bilinear", align_corners=True)
    return F.pad(maps, (0, max(0, size[1] - columns), 0, max(0, size[0] - rows)), mode="replicate")[
        :, :, : size[0], : size[1]
    ]
