"""Pictures of cells: reading grey images and masks."""

from pathlib import Path

import numpy as np

from deepbio.core.files import BadInput

ENDINGS = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")


def read_picture(path: Path) -> np.ndarray:
    """Read a grey picture or a mask (rows, columns) in its own type; of colours the brightest channel is taken.

    BadInput where it is none.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            found = np.asarray(picture)
    except MemoryError:
        raise
    except Exception as error:  # each format has errors of its own for a file that is cut
        raise BadInput(f"{path}: no readable picture: {type(error).__name__}: {error}") from None
    if found.ndim == 3:
        found = found[..., :3].max(axis=2)
    if found.ndim != 2 or not found.size or found.dtype.kind not in "uif":
        raise BadInput(f"{path}: {found.ndim} axes of type {found.dtype}, not a picture in grey")
    return found


def to_bytes(image: np.ndarray) -> np.ndarray:
    """Give grey values from 0 to 255 as uint8; wider ranges, and numbers with fractions, are scaled by the image's own
    least and greatest value."""
    if image.dtype == np.uint8:
        return image
    image = image.astype(np.float64)
    low, high = image.min(), image.max()
    if high > 255 or low < 0 or (image != np.round(image)).any():
        image = 255 * (image - low) / max(high - low, 1e-12)
    return np.round(image).astype(np.uint8)


def pictures_of(path: Path) -> list[Path]:
    """List a picture, or those of a folder in the order of their names; BadInput where there is none."""
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.iterdir() if one.suffix.lower() in ENDINGS)
    if not found:
        raise BadInput(f"{path}: no picture; known are: {', '.join(ENDINGS)}")
    return found


def numbered(mask: np.ndarray) -> np.ndarray:
    """Give a mask (rows, columns) as numbers of objects, uint16; of one with background and one other value, the
    connected regions are the objects."""
    from skimage import measure

    values = np.unique(mask)
    if len(values) <= 2 and values[0] == 0:
        mask = measure.label(mask > 0, connectivity=1)
    number = np.unique(mask, return_inverse=True)[1].reshape(mask.shape)
    return (number + (values[0] > 0)).astype(np.uint16)
