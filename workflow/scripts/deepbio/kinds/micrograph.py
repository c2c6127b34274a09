"""Grey images of cells under a microscope."""

import numpy as np

from deepbio.core.kind import Array
from deepbio.domains.cells import segmentation

ROLE = "input"
TITLE = "micrographs"
ARRAYS = {"image": Array("number", ("row", "column"), "grey values")}
CONTEXT = {}
OUTPUTS = ("mask",)
READS = ("mask",)
SPLIT = "random"
TASK, USUAL = "cell_segmentation", ("dice", "object_f1")
BOUNDARY = 2  # pixels of an object within which its edge is its boundary, of own images


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make noisy images of 32 by 32 pixels with one or two bright discs, and their masks."""
    image, mask = segmentation.draw_discs(rng, n, 32)
    return {"image": image, "y": mask}, {"metrics": ["dice"], "boundary": 1}


def read(given, known=None):
    """Yield a record for each picture (PNG, TIFF, …) of a file or a folder, in grey. To learn from them, name two:
    `file: {image: FOLDER, mask: FOLDER}`, whose pictures go together in the order of their names. All must have one
    size; a mask without numbers has an object in each connected region."""
    from deepbio.core import records
    from deepbio.core.files import BadInput
    from deepbio.domains.cells import pictures

    lists = {name: pictures.pictures_of(place) for name, place in given.files.items()}
    if known is None and set(lists) != {"image", "mask"}:
        raise BadInput("micrographs: say file: {image: FOLDER, mask: FOLDER}")
    images = lists.pop("image") if known is None else [path for found in lists.values() for path in found]
    masks = lists.pop("mask") if known is None else [None] * len(images)
    if len(images) != len(masks):
        raise BadInput(f"{given.files['mask']}: {len(masks)} masks for {len(images)} images")
    shape = None
    for path, other in zip(images, masks, strict=True):
        record = records.Record(path.name, f"{path.parent.name}/{path.name}", {})
        try:
            found = {"image": pictures.to_bytes(pictures.read_picture(path))}
            if other is not None:
                found["y"] = pictures.numbered(pictures.read_picture(other))
                record.fields["mask"] = other.name
            shape = shape or found["image"].shape
            wrong = next((name for name, one in found.items() if one.shape != shape), None)
            if wrong:
                sides = " x ".join(map(str, found[wrong].shape))
                what = "a mask" if wrong == "y" else "a picture"
                record.problem = f"{what} of {sides} pixels, not {' x '.join(map(str, shape))}"
            else:
                record.arrays = found
        except BadInput as error:
            record.problem = str(error)
        yield record


def settle(found, given):
    """Say how wide a boundary is, and how many objects there are: (context, notes)."""
    objects = sum(len(np.unique(record.arrays["y"])) - 1 for record in found)
    return {"boundary": BOUNDARY}, [f"{objects} objects in the masks"]


def same(arrays, context):
    """Name each picture by its pixels, (n,) byte strings."""
    import hashlib

    return np.array([hashlib.sha256(one.tobytes()).hexdigest() for one in np.asarray(arrays["image"])]).astype("S")
