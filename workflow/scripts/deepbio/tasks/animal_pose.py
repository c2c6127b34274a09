"""Animal pose: predict the position of each part of an animal's body in a frame."""

import re
import zlib

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import bundles, planted

# Simulated parts, and the lines between them. The animal faces right, seen from above.
PARTS = ["nose", "neck", "tailBase", "tailMid", "tailTip", "forepawL", "forepawR", "hindpawL", "hindpawR"]
BONES = [(0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (1, 6), (2, 7), (2, 8)]


def prepare(sources, parameters, seed):
    """Prepare frames and the positions of the animal's parts in them.

    frames : a folder of images with a table in DeepLabCut's format; frames are split in consecutive blocks.
    boxes : centred frames in an HDF5 file with their labels in a MATLAB file, as LEAP's programs write them; frames are
        split at random.
    simulated : jointed animals drawn in noise, independent of each other.

    Arrays: image (n, height, width) uint8; y (n, parts, 2) float32, the positions x (to the right) and y (down) in
    pixels from the centre of the first pixel, NaN where a part is not labelled; group (block or frame). The context
    holds the names of the parts as `features` and, as `skeleton`, the pairs of parts that a line joins. Where a frame
    may be flipped upside down, `mirrored` holds for each part the number of the part that takes its place; otherwise it
    is null.
    """
    readers = {"frames": _frames, "boxes": _boxes, "simulated": _simulated}
    return readers[parameters["format"]](sources, parameters, seed)


def _frames(sources, parameters, seed):
    """Read frames of a folder; split k tests on the k-th run of blocks.

    The block after the tested ones, or the first block, is for validation; the others are for training.
    """
    folder = next(iter(sources.values()))
    path = folder / parameters["table"]
    names, files, y = read_table(path)
    image = read_images(path, [folder / file for file in files])
    check_inside(path, y, image.shape, first=4)
    unknown = {name for edge in parameters["skeleton"] for name in edge} - set(names)
    if unknown:
        raise BadInput(f"{path}:2: no part {', '.join(sorted(unknown))}; parts are: {', '.join(names)}")
    skeleton = [[names.index(name) for name in edge] for edge in parameters["skeleton"]]
    context = {"features": names, "skeleton": skeleton, "mirrored": None}
    count, tested = parameters["blocks"], parameters["test_blocks"]
    block = tables.folds(len(files), count)
    place = (block - (seed - 1) * tested) % count
    arrays = {"image": image, "y": y, "group": np.char.add(b"block", block.astype("S"))}
    rows = {"train": place > tested, "valid": place == tested, "test": place < tested}
    found = {part: Split(arrays, context).take(mask) for part, mask in rows.items()}
    never = np.isnan(found["train"].y).all(axis=(0, 2))
    if never.any():
        raise BadInput(f"{path}: no training frame shows {', '.join(np.array(names)[never])}")
    return found


def read_table(path):
    """Read a table with three header rows (scorer, bodyparts, coords).

    Returns the names of the parts, the image files, and y (n, parts, 2). Raises BadInput with line and part for a
    header that is not of this form and for a position that is not a pair of numbers.
    """
    table = tables.read_csv(path)
    rows = table.rows
    if [table.header[0], *(row[0] for row in rows[:2])] != ["scorer", "bodyparts", "coords"]:
        raise BadInput(f"{path}: the first lines are not headed scorer, bodyparts and coords")
    names = rows[0][1::2]
    if rows[0][2::2] != names or rows[1][1:] != ["x", "y"] * len(names):
        raise BadInput(f"{path}:3: the columns are not x and y of one part after the other")
    places = tables.Table(path, table.header, rows[2:], table.lines[2:])
    values = [places.numbers(column, f"{rows[0][column]} {rows[1][column]}") for column in range(1, len(table.header))]
    y = np.array(values, np.float32).T.reshape(-1, len(names), 2)
    half = np.isnan(y[..., 0]) != np.isnan(y[..., 1])
    if half.any():
        row, part = np.argwhere(half)[0]
        raise BadInput(f"{places.where(row)}: '{names[part]}' has one coordinate without the other")
    return names, [row[0] for row in rows[2:]], y


def read_images(path, files):
    """Read images (n, height, width) uint8.

    Raises BadInput with the line of the table for a file that is not a readable 8-bit grey image, or not of the size of
    the first one.
    """
    from skimage import io

    images = []
    for line, file in enumerate(files, 4):
        try:
            image = io.imread(file)
        except (OSError, ValueError, SyntaxError) as error:
            raise BadInput(f"{path}:{line}: {file} is no readable picture: {error}") from None
        if image.ndim != 2 or image.dtype != np.uint8:
            raise BadInput(f"{path}:{line}: {file} is not an 8-bit grey picture")
        if images and image.shape != images[0].shape:
            raise BadInput(f"{path}:{line}: {file} has {image.shape} pixels, the first picture {images[0].shape}")
        images.append(image)
    return np.stack(images)


def check_inside(path, y, shape, first=1):
    """Raise BadInput where a part of y (n, parts, 2) lies outside images of shape (n, height, width).

    `first` is the number of the first frame in the message.
    """
    outside = ((y < -0.5) | (y > np.array(shape[:0:-1]) - 0.5)).any(axis=2)
    if outside.any():
        row, part = np.argwhere(outside)[0]
        raise BadInput(f"{path}:{row + first}: part {part + 1} at {y[row, part].tolist()} lies outside the picture")


def _boxes(sources, parameters, seed):
    """Read frames and labels as LEAP's programs write them.

    MATLAB counts pixels from 1. Its arrays, read from HDF5, have their axes in reverse order: (n, 1, width, height).
    """
    from scipy import io

    folder = next(iter(sources.values()))
    path, labels = folder / parameters["images"], folder / parameters["labels"]
    try:
        stored = io.loadmat(labels, simplify_cells=True)
        y = np.asarray(stored["positions"], np.float32).transpose(2, 0, 1) - 1
        names, bones = list(stored["skeleton"]["nodes"]), np.asarray(stored["skeleton"]["edges"], int) - 1
    except (OSError, ValueError, TypeError, KeyError, NotImplementedError, zlib.error, io.matlab.MatReadError) as error:
        raise BadInput(f"{labels}: no MATLAB file (before version 7.3) with positions and skeleton: {error}") from None
    with bundles.opened(path, "box") as box:
        if len(box.shape) != 4 or box.shape[:2] != (len(y), 1):
            raise BadInput(f"{box.where} has shape {box.shape}, not ({len(y)}, 1, width, height)")
        image = box.rows(0, len(y))[:, 0].transpose(0, 2, 1)
    if image.dtype != np.uint8:  # LEAP's programs also store intensities from 0 to 1
        image = np.round(255 * image).astype(np.uint8)
    labelled = ~np.isnan(y).all(axis=(1, 2))
    image, y = image[labelled], y[labelled]
    check_inside(labels, y, image.shape)
    context = {"features": names, "skeleton": bones.reshape(-1, 2).tolist(), "mirrored": partners(names)}
    order = np.random.default_rng([seed, 16117]).permutation(len(y))
    arrays = {"image": image[order], "y": y[order], "group": planted.names("frame", len(labelled))[labelled][order]}
    return planted.splits(arrays, parameters["fractions"], context)


def partners(names):
    """Return for each part the number of its partner on the other side of the body, or its own number.

    Partners differ in the letter L or R at the end of their names, such as forelegL2 and forelegR2, or wingL and wingR.
    """
    other = {"L": "R", "R": "L"}
    turned = [re.sub(r"[LR](?=\d*$)", lambda side: other[side.group()], name) for name in names]
    return [names.index(there) if there in names else number for number, there in enumerate(turned)]


def _simulated(sources, parameters, seed):
    image, y = simulate(parameters, np.random.default_rng([seed, 16117]))
    arrays = {"image": image, "y": y, "group": planted.names("frame", len(y))}
    context = {"features": PARTS, "skeleton": [list(bone) for bone in BONES], "mirrored": partners(PARTS)}
    return planted.splits(arrays, parameters["fractions"], context)


def simulate(parameters, rng):
    """Simulate images (samples, size, size) of animals, and the positions (samples, parts, 2) of their parts.

    Pose, shade and noise are random. The animal is about half as long as the image, without its tail. It stands near
    the middle and faces right within `turn` radians, as frames do after the paper's alignment. Legs have a joint. A
    share `missing` of the labels is hidden, and so are parts outside the image.
    """
    count, size = parameters["samples"], parameters["size"]
    draw = lambda low, high: rng.uniform(low, high, count)  # noqa: E731
    ahead = draw(-parameters["turn"], parameters["turn"])  # the way the body faces, clockwise
    middle = (size - 1) / 2 + size * rng.uniform(-0.06, 0.06, (count, 2)) + [0.08 * size, 0]
    length = size * draw(0.26, 0.34)
    neck, hip = middle + _step(ahead, length / 2), middle - _step(ahead, length / 2)
    nose = neck + _step(ahead + draw(-0.5, 0.5), 0.5 * length)
    back = ahead + np.pi + draw(-0.6, 0.6)
    tail = hip + _step(back, 0.45 * length)
    tip = tail + _step(back + draw(-0.8, 0.8), 0.45 * length)
    # Shapes to draw: from, to, radius over the image's size.
    shapes = [(neck, hip, 0.075), (neck, nose, 0.05), (hip, tail, 0.02), (tail, tip, 0.015)]
    paws = []
    for joint, forward in ((neck, 0.6), (hip, -0.6)):
        for side in (-1, 1):  # left is up where the animal faces right
            sideways = ahead + side * (np.pi / 2 - forward + draw(-0.5, 0.5))
            knee = joint + _step(sideways, 0.42 * length)
            paw = knee + _step(sideways + draw(-0.9, 0.9), 0.34 * length)
            shapes += [(joint, knee, 0.025), (knee, paw, 0.022)]
            paws.append(paw)
    y = np.stack([nose, neck, hip, tail, tip, *paws], axis=1).astype(np.float32)
    shade, image = draw(0.3, 0.7), np.zeros((count, size, size))
    for start, end, radius in shapes:
        paler = (shade * draw(0.75, 1))[:, None, None]
        image = np.maximum(image, paler * _capsule(start, end, radius * size, size))
    slope = np.linspace(0, 1, size) * draw(-0.25, 0.25)[:, None]
    image += 0.15 + np.abs(slope)[:, None] + 0.06 * rng.standard_normal(image.shape)
    hidden = (rng.random(y.shape[:2]) < parameters["missing"]) | ((y < 0) | (y > size - 1)).any(axis=2)
    y[hidden] = np.nan
    return np.round(255 * image.clip(0, 1)).astype(np.uint8), y


def _step(angle, length):
    return length[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _capsule(start, end, radius, size):
    """Compute how much of each pixel (n, size, size) a thick line between two points (n, 2) covers, from 0 to 1.

    The edge of the line is smooth.
    """
    x, y = (
        np.arange(size)[None, None] - start[:, 0, None, None],
        np.arange(size)[None, :, None] - start[:, 1, None, None],
    )
    u, v = ((end - start)[:, axis, None, None] for axis in (0, 1))
    along = ((x * u + y * v) / (u**2 + v**2)).clip(0, 1)
    return (radius + 0.5 - np.hypot(x - along * u, y - along * v)).clip(0, 1)
