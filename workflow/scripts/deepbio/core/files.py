"""Files that are either whole or absent, stable digests, and the error that a user is meant to read."""

import errno
import gzip
import hashlib
import json
import lzma
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class BadInput(ValueError):
    """Something a user must mend. The message names the file, and the line, record or key in it."""


# What a damaged packed file raises, by library.
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)
# Errors of the machine, not of a file: they stop everything and may go away by themselves.
OF_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE}


@contextmanager
def readable(path: str | Path) -> Iterator[None]:
    """Turn what a missing, unreadable or damaged file raises inside into BadInput that names it."""
    path = Path(path)
    try:
        yield
    except BadInput:
        raise
    except DAMAGE as error:
        raise BadInput(f"{path}: damaged file: {error}") from None
    except OSError as error:
        another = error.filename is not None and Path(str(error.filename)) != path
        if another or error.errno in OF_MACHINE:
            raise
        known = {
            errno.ENOENT: "no such file",
            errno.EISDIR: "a folder, not a file",
            errno.EACCES: "you may not read it",
        }
        said = known.get(error.errno) or f"cannot be read: {error.strerror or error}"
        raise BadInput(f"{path}: {said}") from None


@contextmanager
def atomic(path, *, folder=False):
    """Yield a temporary path beside `path`; it takes the place of `path` only when the block ends well.

    With `folder=True` the temporary path is an empty folder and an older folder at `path` is replaced.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    # mkdtemp makes folders that only their owner can read; results are for everybody the umask admits.
    umask = os.umask(0)
    os.umask(umask)
    scratch.chmod(0o777 & ~umask)
    temporary = scratch if folder else scratch / path.name
    try:
        yield temporary
        if folder and path.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def sha256(path):
    """Compute the SHA-256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def row_blocks(array):
    """Yield an array in blocks of rows of some 16 MB, which keep a memory map of any size out of memory."""
    rows = max(1, 2**24 // max(1, array.nbytes // max(1, len(array))))
    return (array[start : start + rows] for start in range(0, len(array), rows))


def digest(*parts):
    """Compute a short digest of JSON-able values (dict order does not matter), bytes and arrays."""
    state = hashlib.sha256()
    for part in parts:
        if hasattr(part, "tobytes"):
            state.update(f"{part.dtype}{part.shape}".encode())
            for block in row_blocks(part) if part.ndim else [part]:
                state.update(block.tobytes())
        elif isinstance(part, bytes):
            state.update(part)
        else:
            state.update(json.dumps(part, sort_keys=True, default=str).encode())
        state.update(b"\0")
    return state.hexdigest()[:16]


def read_json(path):
    """Parse a JSON file; BadInput names file, line and column when it is not JSON."""
    try:
        with readable(path):
            return json.loads(Path(path).read_bytes())
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: not JSON: {error}") from None


def write_json(path, value):
    """Write JSON with sorted keys, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
