"""Segmentation of cells: which pixels of a micrograph are of a nucleus, and of which one?"""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.cells import segmentation
from deepbio.domains.cells.pictures import read_picture, to_bytes
from deepbio.scoring import curves, intervals
from deepbio.scoring.functions import share
from deepbio.scoring.metrics import AMOUNT, SHARE, Metric

METRICS = {
    "dice": Metric(True, "Dice of the foreground", SHARE),
    "iou": Metric(True, "intersection over union of the foreground", SHARE),
    "object_f1": Metric(True, "F1 of objects at an IoU of 0.5", SHARE),
    "learning_area": Metric(True, "area under the learning curve of Dice", SHARE),
    "labels": Metric(False, "labelled pixels", AMOUNT),
    "dice_at_10": Metric(True, "Dice at 10 % of the labels", SHARE),
    "dice_at_20": Metric(True, "Dice at 20 % of the labels", SHARE),
    "dice_at_30": Metric(True, "Dice at 30 % of the labels", SHARE),
    "dice_at_40": Metric(True, "Dice at 40 % of the labels", SHARE),
    "dice_at_50": Metric(True, "Dice at 50 % of the labels", SHARE),
    "dice_at_60": Metric(True, "Dice at 60 % of the labels", SHARE),
    "dice_at_70": Metric(True, "Dice at 70 % of the labels", SHARE),
    "dice_at_80": Metric(True, "Dice at 80 % of the labels", SHARE),
    "dice_at_90": Metric(True, "Dice at 90 % of the labels", SHARE),
    "dice_at_100": Metric(True, "Dice at all labels", SHARE),
}
BLOCKS = 4  # blocks along a side of an image, which are resampled
MOVIES = ("gowt1",)  # series of frames that show the same cells


def prepare(sources, parameters, seed):
    """Prepare one split; `parameters["format"]` names the source.

    tiles : one image and its mask; tiles of `tile` pixels with `gap` pixels between them. The last column of tiles is
        for testing, the one before for validation.
    images : numbered images in folders of a source. `train`, `valid` and `test` name a series (nih3t3 or gowt1) and
        its images; without `test`, split k tests the k-th image of `series`, validates on the next and trains on the
        others. Masks without numbers (NIH3T3) are numbered by connected regions.

    Images and masks are made smaller by `shrink`: means of so many pixels squared, and of a mask every so many-th.

    Arrays: image (n, rows, columns) uint8; y (n, rows, columns) uint16, the number of a pixel's object; group, the
    image or the tile. The context has `boundary`, the width of a boundary in pixels.
    """
    read = {"tiles": _tiles, "images": _images}[parameters["format"]]
    found = read(sources, parameters, seed)
    context = {"boundary": parameters["boundary"]}
    splits = {}
    for name, (image, mask, group) in found.items():
        arrays = {"image": np.stack(image), "y": np.stack(mask), "group": np.array(group).astype("S")}
        splits[name] = Split(arrays, context)
    return splits


def _pair(image, mask, shrink, numbered, where):
    """Make an image and its mask smaller, and number the objects of a mask that has no numbers."""
    from skimage import measure, transform

    if image.shape != mask.shape:
        raise BadInput(f"{where}: the image has {image.shape} pixels and its mask {mask.shape}")
    rows, columns = (side - side % shrink for side in image.shape)
    image = to_bytes(image[:rows, :columns]).astype(float)
    mask = mask[:rows, :columns].astype(np.int64)
    mask = mask if numbered else measure.label(mask > 0, connectivity=1)
    small = transform.downscale_local_mean(image, (shrink, shrink)) if shrink > 1 else image
    mask = mask[shrink // 2 :: shrink, shrink // 2 :: shrink]
    return np.round(small).clip(0, 255).astype(np.uint8), mask.astype(np.uint16)


def _tiles(sources, parameters, seed):
    folder = sources[parameters["files"]]
    image, mask = (read_picture(folder / parameters[name]) for name in ("image", "mask"))
    image, mask = _pair(image, mask, parameters["shrink"], True, folder / parameters["mask"])
    tile, pitch = parameters["tile"], parameters["tile"] + parameters["gap"]
    down, across = ((side + parameters["gap"]) // pitch for side in image.shape)
    if across < 3:
        raise BadInput(f"{folder / parameters['image']}: {across} columns of tiles; three are needed")
    found = {name: ([], [], []) for name in ("train", "valid", "test")}
    for row in range(down):
        for column in range(across):
            name = "test" if column == across - 1 else "valid" if column == across - 2 else "train"
            place = slice(row * pitch, row * pitch + tile), slice(column * pitch, column * pitch + tile)
            for values, one in zip(found[name], (image[place], mask[place], f"tile{row}_{column}"), strict=True):
                values.append(one)
    return found


FILES = {
    "nih3t3": ("nih3t3/img_dna-{}.png", "nih3t3/gt_{}.png"),
    "gowt1": ("gowt1/img_t{}.tif", "gowt1/gt_man_seg{}.tif"),
}


def _images(sources, parameters, seed):
    folder = sources["segmentation"]
    parts = {name: parameters[name] for name in ("train", "valid", "test") if name in parameters}
    if not parts:
        ((series, images),) = parameters["series"].items()
        order = np.roll(images, -(seed - 1)).tolist()
        parts = {"test": {series: order[:1]}, "valid": {series: order[1:2]}, "train": {series: order[2:]}}
    found = {}
    for name in ("train", "valid", "test"):
        ((series, images),) = parts[name].items()
        found[name] = [], [], []
        for number in images:
            image, mask = (folder / form.format(number) for form in FILES[series])
            numbered = series != "nih3t3"
            pair = _pair(read_picture(image), read_picture(mask), parameters["shrink"], numbered, mask)
            for values, one in zip(found[name], (*pair, f"{series}{number}"), strict=True):
                values.append(one)
    return found


# ---- scores


def score(test, predictions, wanted, train=None):
    """Score masks over all pixels and objects of the test images; and, where a method gives the foreground of several
    rounds, the Dice of each and the area under them by the share of the labels."""
    truth = np.asarray(test.y)
    p = np.asarray(predictions["y"]).reshape(truth.shape)
    dice = segmentation.dice(truth, p)
    found = {"dice": dice, "iou": dice / (2 - dice), "object_f1": segmentation.object_f1(truth, p)}
    if "foreground" in predictions:
        labels, of_round = rounds(test, predictions)
        found["labels"] = float(labels[-1])
        if len(labels) > 1:
            at = labels / labels[-1]
            found["learning_area"] = float(np.trapezoid(of_round, at) / (at[-1] - at[0]))
            for percent in range(10, 101, 10):
                here = np.flatnonzero(np.abs(at - percent / 100) < 0.005)
                if len(here):
                    found[f"dice_at_{percent}"] = float(of_round[here[0]])
    return {name: found[name] for name in dict.fromkeys([*(name for name in wanted if name in found), *found])}


def rounds(test, predictions):
    """Give the number of labelled pixels and the Dice of the foreground of each round, (rounds,) each."""
    truth = np.asarray(test.y)
    bits = np.unpackbits(np.asarray(predictions["foreground"]), axis=2, count=truth[0].size).astype(bool)
    found = [segmentation.dice(truth, one.reshape(truth.shape)) for one in bits.transpose(1, 0, 2)]
    return np.asarray(predictions["labels"], float), np.array(found)


def curve(test, predictions):
    """Draw Dice by the number of labelled pixels, where a method learns in rounds."""
    if "foreground" not in predictions:
        return None
    labels, of_round = rounds(test, predictions)
    if len(labels) < 2:
        return None
    return curves.Curve("line", "Dice by labels (mean over runs)", "labelled pixels", "Dice", labels, of_round)


def resampled(test, predictions, metric, train=None):
    """Resample blocks of the test images, in all frames of a movie at once; None for another metric than Dice."""
    if metric != "dice":
        return None
    truth, names = np.asarray(test.y), np.asarray(test["group"]).astype(str)
    p = np.asarray(predictions["y"]).reshape(truth.shape)
    for movie in MOVIES:
        names = np.where(np.char.startswith(names, movie), movie, names)
    found, units = [], []
    for rows in np.array_split(np.arange(truth.shape[1]), BLOCKS):
        for columns in np.array_split(np.arange(truth.shape[2]), BLOCKS):
            place = np.s_[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            found.append(segmentation.counts(truth[place], p[place]))
            units.append(np.char.add(names, f" from pixel {rows[0]}, {columns[0]}"))
    both, one, other = np.concatenate(found).T
    return intervals.Resampling(
        len(both), lambda drawn: share(2 * drawn @ both, drawn @ (one + other)), np.concatenate(units)
    )
