"""Published bundles of one-hot windows and 0/1 labels (DeepSEA's .mat files, Basset's HDF5), read block by block.

A bundle of millions of windows does not fit into memory. Its arrays become memory maps of unnamed files, which are
deleted when nothing uses them any more. While they are filled, only one block of rows is in memory. The exception is a
.mat file of version 5: scipy cannot read it in parts, so one whole variable is in memory.
"""

import os
import tempfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepbio.core.data import NAMES, Split
from deepbio.core.files import BadInput
from deepbio.domains.dna.sequences import BASES, UNKNOWN

BLOCK = 2**25  # bytes of a stored array that are read at a time


@dataclass(frozen=True)
class Stored:
    """One array of a file, samples first.

    where : file and name, for messages
    shape : samples first
    rows : function `rows(start, stop)` that reads some samples
    step : number of samples to read at a time
    """

    where: str
    shape: tuple
    rows: object
    step: int

    def blocks(self):
        """Yield (index of the first row, block) from the first block to the last."""
        for start in range(0, self.shape[0], self.step):
            yield start, self.rows(start, min(start + self.step, self.shape[0]))


@contextmanager
def opened(path, name):
    """Open the array `name` of an HDF5 or MATLAB file as Stored.

    The first axis in MATLAB is the sample. An HDF5 file written by MATLAB (version 7.3) has all axes in reverse order.
    Raises BadInput where the file is missing or damaged, or has no such array.
    """
    import h5py

    if not Path(path).exists():
        raise BadInput(f"{path}: no such file")
    where = f"{path}: '{name}'"
    try:
        if not h5py.is_hdf5(path):
            array = _load_mat(path, name)
            yield Stored(where, array.shape, lambda start, stop: array[start:stop], _step(array))
            return
        with h5py.File(path, "r", rdcc_nbytes=BLOCK) as file:
            if not isinstance(file.get(name), h5py.Dataset):
                raise BadInput(f"{path}: no array '{name}'; there are {', '.join(sorted(file)) or 'none'}")
            array = file[name]
            if Path(path).suffix == ".mat":
                rows = lambda start, stop: array[..., start:stop].T  # noqa: E731
                yield Stored(where, array.shape[::-1], rows, _step(array, -1))
            else:
                yield Stored(where, array.shape, lambda start, stop: array[start:stop], _step(array))
    except (OSError, RuntimeError, KeyError, OverflowError) as error:
        if getattr(error, "errno", None) is not None:  # the system's, such as a full disk, not HDF5's
            raise
        raise BadInput(f"{where}: damaged file: {error}") from None


def _load_mat(path, name):
    from scipy import io

    try:
        found = io.loadmat(path, variable_names=[name])
        there = None if name in found else [known for known, *_ in io.whosmat(path)]
    except (ValueError, TypeError, OSError, zlib.error, io.matlab.MatReadError) as error:
        raise BadInput(f"{path}: neither HDF5 nor a whole .mat file: {error}") from None
    if there is not None:
        raise BadInput(f"{path}: no array '{name}'; there are {', '.join(there) or 'none'}")
    return found[name]


def _step(array, axis=0):
    """Return the number of rows in BLOCK bytes, in whole HDF5 chunks unless a chunk is larger."""
    samples = array.shape[axis] if array.ndim else 0
    rows = max(1, BLOCK * samples // max(1, array.size * array.dtype.itemsize))
    chunk = array.chunks[axis] if getattr(array, "chunks", None) else 1
    return rows - rows % chunk if chunk <= rows else rows


def scratch(shape):
    """Return an empty uint8 array in an unnamed file of the temporary folder."""
    with tempfile.TemporaryFile() as handle:
        # A full disk is an error here; while a memory map is written it would kill the process.
        os.posix_fallocate(handle.fileno(), 0, int(np.prod(shape)))
        return np.memmap(handle, np.uint8, "r+", shape=shape)


def codes(path, name, order=BASES):
    """Read codes (n, length) uint8 of windows stored one-hot as (n, 4, length) or (n, 4, 1, length).

    `order` lists the bases of the four rows. A column of zeros, or of quarters, is an unknown base. Raises BadInput
    with file and record for another shape and for a column that is not one-hot.
    """
    if sorted(order) != sorted(BASES):
        raise BadInput(f"the order of bases must name each of {BASES} once, not '{order}'")
    with opened(path, name) as stored:
        shape = stored.shape[:2] + stored.shape[3:] if stored.shape[2:3] == (1,) else stored.shape
        if len(shape) != 3 or shape[1] != 4 or 0 in shape:
            raise BadInput(f"{stored.where} has shape {stored.shape}, not (samples, 4, length)")
        found = scratch((shape[0], shape[2]))
        for start, block in stored.blocks():
            block = block if block.ndim == 3 else block[:, :, 0]
            found[start : start + len(block)] = _decode(block, order, start, stored.where)
    return found


def _decode(block, order, start, where):
    filled = (block != 0).sum(1, dtype=np.uint8)
    unknown = filled == 0
    if block.dtype.kind == "f":
        unknown |= (block == 0.25).all(1)
    hot = block == 1
    wrong = ~unknown & ((filled != 1) | (hot.sum(1, dtype=np.uint8) != 1))
    if wrong.any():
        row, position = np.argwhere(wrong)[0]
        column = block[row, :, position].tolist()
        raise BadInput(f"{where}: record {start + row + 1}, position {position + 1}: {column} is no one-hot base")
    found = np.full_like(filled, UNKNOWN)
    for row, base in enumerate(order):
        np.putmask(found, hot[:, row], BASES.index(base))
    return found


def labels(path, name):
    """Read labels (n, features) uint8; BadInput with file and record for a label that is neither 0 nor 1."""
    with opened(path, name) as stored:
        if len(stored.shape) != 2 or 0 in stored.shape:
            raise BadInput(f"{stored.where} has shape {stored.shape}, not (samples, features)")
        found = scratch(stored.shape)
        for start, block in stored.blocks():
            wrong = (block != 0) & (block != 1)
            if wrong.any():
                row, column = np.argwhere(wrong)[0]
                raise BadInput(
                    f"{stored.where}: record {start + row + 1}, feature {column + 1}: "
                    f"{block[row, column]} is neither 0 nor 1"
                )
            found[start : start + len(block)] = block
    return found


def names(path, name):
    """Read the strings of a list of names."""
    with opened(path, name) as stored:
        if len(stored.shape) != 1:
            raise BadInput(f"{stored.where} has shape {stored.shape}, not that of a list of names")
        return [text.decode() if isinstance(text, bytes) else str(text) for text in stored.rows(0, stored.shape[0])]


def splits(parts, order, context):
    """Read the splits of a bundle, as the bundle divides them.

    Parameters
    ----------
    parts : split -> (file, name of its windows, name of its labels)
    order : bases of the four rows of a one-hot window
    context : with the names of the `features`

    A bundle does not contain the coordinates of its windows, so a whole split is one group. Raises BadInput where the
    shapes of windows and labels do not fit.
    """
    found, length = {}, None
    for part in NAMES:
        path, x, y = parts[part]
        arrays = {"codes": codes(path, x, order), "y": labels(path, y)}
        samples, length = arrays["codes"].shape[0], length or arrays["codes"].shape[1]
        wanted = {x: (samples, length), y: (samples, len(context["features"]))}
        for name, array in zip((x, y), arrays.values(), strict=True):
            if array.shape != wanted[name]:
                raise BadInput(
                    f"{path}: '{name}' has {array.shape[0]} records of {array.shape[1]}, "
                    f"not {wanted[name][0]} of {wanted[name][1]}"
                )
        found[part] = Split(arrays | {"group": np.full(samples, part.encode())}, context)
    return found
