"""Grey frames of a film with the points of an animal's body as labels (n, points, 2)."""

import numpy as np

from deepbio.core.kind import Array

ROLE = "input"
TITLE = "frames of an animal"
ARRAYS = {"image": Array("uint8", ("row", "column"), "grey values")}
CONTEXT = {
    "features": "names of the points",
    "skeleton": "pairs of points that are joined",
    "mirrored": "for each point the one of the other side, or null",
}
OUTPUTS = ("regression",)
READS = ("regression",)
SPLIT = "blocks"
USUAL = ("pixel_error", "median_pixel_error", "pck_10px")
IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make noisy frames of 22 by 26 pixels with a bright and a fainter spot, the second to the lower right of the first
    in the mean; some labels are missing."""
    y = np.stack([rng.uniform(3, 13, (n, 2)), rng.uniform(8, 18, (n, 2)) + [4, 0]], axis=1)
    x, down = np.arange(26)[None, None], np.arange(22)[None, :, None]
    image = rng.normal(30, 8, (n, 22, 26))
    for place, height in zip(y.transpose(1, 2, 0)[..., None, None], (200, 90), strict=True):
        image += height * np.exp(-((x - place[0]) ** 2 + (down - place[1]) ** 2) / 6)
    y[rng.random((n, 2)) < 0.1] = np.nan
    context = {"features": ["bright", "faint"], "skeleton": [[0, 1]], "mirrored": [0, 1]}
    return {"image": image.clip(0, 255).astype(np.uint8), "y": y.astype(np.float32)}, context


def read(given, known=None):
    """Yield a record for each picture of folders, in the order of their names, in grey; all must be of one size."""
    from deepbio.core import records
    from deepbio.core.files import BadInput

    shape = tuple(known["shapes"]["image"]) if known else None
    for name, folder in given.files.items():
        paths = (
            sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGES) if folder.is_dir() else [folder]
        )
        if not paths:
            raise BadInput(f"{folder}: no picture; known are: {', '.join(IMAGES)}")
        for path in paths:
            record = records.Record(path.name, f"{folder.name}/{path.name}", {records.FILE: name})
            try:
                image = _grey(path)
                shape = shape or image.shape
                if image.shape == shape:
                    record.arrays = {"image": image}
                else:
                    record.problem = (
                        f"a picture of {image.shape[0]} x {image.shape[1]} pixels, not {shape[0]} x {shape[1]}"
                    )
            except (OSError, ValueError, SyntaxError) as error:
                record.problem = f"no picture: {error}"
            yield record


def _grey(path):
    from skimage import color, io, util

    image = io.imread(path)
    if image.ndim == 3:
        image = color.rgb2gray(image[..., :3]) if image.shape[2] >= 3 else image[..., 0]
    return util.img_as_ubyte(image)


def same(arrays, context):
    """Name each picture by its pixels, (n,) byte strings."""
    import hashlib

    return np.array([hashlib.sha256(one.tobytes()).hexdigest() for one in np.asarray(arrays["image"])]).astype("S")
