"""Segmentation of micrographs: classes of pixels, objects that follow from them, and how objects are compared.

A mask gives each pixel the number of its object, 0 for background.
"""

import numpy as np

EXTERIOR, INTERIOR, BOUNDARY = range(3)
CLASSES = ["exterior", "interior", "boundary"]
THRESHOLDS = np.round(np.arange(0.2, 0.81, 0.05), 2)
SAME = 0.5  # intersection over union above which two objects are one; above a half, an object has one partner at most


def scaled(image: np.ndarray) -> np.ndarray:
    """Scale the logarithms log(1 + x) of grey images (n, rows, columns), each by itself: its median becomes 0 and its
    99.5th percentile 1; float32, within -1 and 2."""
    image = np.log1p(np.maximum(np.asarray(image, np.float32), 0))
    low, high = np.percentile(image, [50, 99.5], axis=(1, 2), keepdims=True)
    return ((image - low) / np.maximum(high - low, 1e-3)).clip(-1, 2).astype(np.float32)


def pixel_classes(mask: np.ndarray, width: int) -> np.ndarray:
    """Class each pixel of masks (n, rows, columns): BOUNDARY within `width` pixels of the edge of its object, INTERIOR
    in the rest of an object, EXTERIOR outside; uint8."""
    from scipy import ndimage

    mask = np.asarray(mask)
    size = 1, 2 * width + 1, 2 * width + 1
    far = np.abs(np.arange(-width, width + 1))
    footprint = (far[:, None] ** 2 + far**2 <= width**2)[None]
    assert footprint.shape == size
    edge = ndimage.minimum_filter(mask, footprint=footprint) != ndimage.maximum_filter(mask, footprint=footprint)
    return np.where(mask == 0, EXTERIOR, np.where(edge, BOUNDARY, INTERIOR)).astype(np.uint8)


def best_threshold(foreground: np.ndarray, mask: np.ndarray) -> float:
    """Choose the threshold of the probability of foreground, of the shape of `mask`, whose Dice is highest."""
    truth = np.asarray(mask) > 0
    found = [dice(truth, foreground > threshold) for threshold in THRESHOLDS]
    return float(THRESHOLDS[int(np.argmax(found))])


def smallest_object(mask: np.ndarray) -> int:
    """Say below how many pixels an object is none: a fifth of the median size of the objects of masks (n, …)."""
    sizes = np.concatenate([np.bincount(np.asarray(one).ravel())[1:] for one in mask])
    sizes = sizes[sizes > 0]
    return int(max(1, np.median(sizes) / 5)) if len(sizes) else 1


def objects(probability: np.ndarray, threshold: float, least: int) -> np.ndarray:
    """Turn probabilities of the classes, (n, 3, rows, columns), into masks (n, rows, columns) uint16.

    Foreground is where EXTERIOR is less likely than 1 - `threshold`. Touching objects are parted by a watershed that
    begins in connected regions where INTERIOR is likelier than the others (Beucher and Lantuejoul 1979); objects of
    fewer than `least` pixels are left out.
    """
    from skimage import measure, segmentation

    found = []
    for one in probability:
        foreground = 1 - one[EXTERIOR] > threshold
        core = foreground & (one[INTERIOR] > np.maximum(one[EXTERIOR], one[BOUNDARY]))
        seeds = _large(measure.label(core, connectivity=1), max(1, least // 4))
        lone = measure.label(foreground, connectivity=1)  # a region without a core is an object of its own
        lone[np.isin(lone, np.unique(lone[seeds > 0]))] = 0
        seeds = np.where(lone > 0, lone + seeds.max(), seeds)
        parted = segmentation.watershed(-one[INTERIOR], seeds, mask=foreground)
        found.append(segmentation.relabel_sequential(_large(parted, least))[0].astype(np.uint16))
    return np.stack(found)


def parted_by_distance(foreground: np.ndarray, least: int) -> np.ndarray:
    """Part foreground (n, rows, columns), bool, into objects by a watershed of the distance to the background: masks
    of uint16. Objects of fewer than `least` pixels are left out."""
    from scipy import ndimage
    from skimage import feature, measure, segmentation

    found = []
    for one in foreground:
        region = measure.label(one, connectivity=1)
        distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(one), 1)
        apart = max(1, int(np.sqrt(least)))
        peaks = feature.peak_local_max(distance, min_distance=apart, labels=region, exclude_border=False)
        seeds = np.zeros(one.shape, int)
        seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
        parted = segmentation.watershed(-distance, seeds, mask=one)
        found.append(segmentation.relabel_sequential(_large(parted, least))[0].astype(np.uint16))
    return np.stack(found)


def _large(mask, least):
    """Leave out objects of fewer than `least` pixels."""
    sizes = np.bincount(mask.ravel())
    return np.where(sizes[mask] >= least, mask, 0)


def counts(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Count pixels of foreground in both, in the truth and in what was found, over the last two axes: (…, 3)."""
    truth, found = np.asarray(truth) > 0, np.asarray(found) > 0
    return np.stack([one.sum(axis=(-2, -1)) for one in (truth & found, truth, found)], axis=-1).astype(float)


def dice(truth: np.ndarray, found: np.ndarray) -> float:
    """Compute Dice's coefficient (1945) of two foregrounds over all their pixels; 1 where both are empty."""
    both, one, other = counts(truth, found).reshape(-1, 3).sum(axis=0)
    return float(2 * both / (one + other)) if one + other else 1.0


def matches(truth: np.ndarray, found: np.ndarray) -> tuple[int, int, int]:
    """Count objects of two masks (rows, columns) that are the same (intersection over union above SAME), those of the
    truth, and those found."""
    truth, found = (np.unique(one, return_inverse=True)[1].reshape(-1) + (np.min(one) > 0) for one in (truth, found))
    shape = int(truth.max()) + 1, int(found.max()) + 1
    both = np.bincount(truth * shape[1] + found, minlength=shape[0] * shape[1]).reshape(shape)
    union = both.sum(axis=1)[:, None] + both.sum(axis=0) - both
    same = both[1:, 1:] > SAME * union[1:, 1:]
    return int(same.sum()), shape[0] - 1, shape[1] - 1


def object_f1(truth: np.ndarray, found: np.ndarray) -> float:
    """Compute the F1 of objects over all masks (n, rows, columns); 1 where there is none in either."""
    same, one, other = np.sum([matches(*pair) for pair in zip(truth, found, strict=True)], axis=0)
    return float(2 * same / (one + other)) if one + other else 1.0


def draw_discs(rng: np.random.Generator, n: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw noisy images (n, size, size) uint8 of one or two bright discs that may touch, and their masks, uint16."""
    down, across = np.mgrid[:size, :size]
    mask = np.zeros((n, size, size), np.uint16)
    image = rng.normal(40, 10, mask.shape)
    for number in (1, 2):
        middle = rng.uniform(0.2 * size, 0.8 * size, (n, 2))[:, :, None, None]
        radius = rng.uniform(size / 8, size / 5, n)[:, None, None]
        inside = (down - middle[:, 0]) ** 2 + (across - middle[:, 1]) ** 2 < radius**2
        inside &= mask == 0
        if number == 2:
            inside &= rng.random(n)[:, None, None] < 0.7
        mask[inside] = number
        image += np.where(inside, rng.uniform(60, 140, n)[:, None, None], 0)
    return image.clip(0, 255).astype(np.uint8), mask
