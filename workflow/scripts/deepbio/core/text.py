"""One way to open every text file: packed or not, with or without a byte-order mark, with any line ends.

What cannot be read ends in BadInput with the file's name and, where there is one, the line; nothing is left out.
"""

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from deepbio.core.files import DAMAGE as DAMAGE
from deepbio.core.files import OF_MACHINE as OF_MACHINE
from deepbio.core.files import BadInput
from deepbio.core.files import readable as readable

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def open_bytes(path: str | Path) -> Any:
    """Open a file, unpacked on the way where its content is gzip, bgzip, zstd, bzip2, xz or a zlib stream; joined
    streams are read to their end. The name of the file says nothing. Gives a binary file, whatever its class."""
    with open(path, "rb") as handle:
        head = handle.read(512)
        if head.startswith(b"\x1f\x8b") and head[12:14] == b"BC":
            _check_bgzf_end(handle)
    if head.startswith(b"\x1f\x8b"):
        return gzip.open(path)
    if head.startswith(b"BZh"):
        return bz2.open(path)
    if head.startswith(b"\xfd7zXZ\x00"):
        return lzma.open(path)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        import zstandard

        make = lambda: zstandard.ZstdDecompressor().decompressobj()  # noqa: E731
        return io.BufferedReader(_Unpacked(open(path, "rb"), make, zstandard.ZstdError))
    if _is_zlib(head):
        return io.BufferedReader(_Unpacked(open(path, "rb"), zlib.decompressobj, zlib.error))
    return open(path, "rb")


BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def _check_bgzf_end(handle: BinaryIO) -> None:
    """Raise EOFError where a file of bgzip lacks its last, empty block: it was cut between two blocks."""
    handle.seek(0, io.SEEK_END)
    handle.seek(max(0, handle.tell() - len(BGZF_END)))
    if handle.read() != BGZF_END:
        raise EOFError("the end block of bgzip is missing; the file is cut short")


def _is_zlib(head: bytes) -> bool:
    """Tell a zlib stream by its header; text may begin like one, but holds no unprintable bytes."""
    printable = all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head)
    return len(head) > 2 and head[0] == 0x78 and int.from_bytes(head[:2], "big") % 31 == 0 and not printable


class _Unpacked(io.RawIOBase):
    """Packed streams, one after the other, as a readable file; EOFError where one is damaged or cut short.

    `make()` gives a decompressor of the standard library's form (decompress, eof, unused_data), `error` is what it
    raises.
    """

    def __init__(self, handle: BinaryIO, make: Callable[[], Any], error: type[Exception]):
        self.handle, self.make, self.error = handle, make, error
        self.stream, self.waiting, self.rest = make(), b"", b""

    def readable(self):
        return True

    def readinto(self, buffer):
        while not self.waiting:
            raw = self.rest or self.handle.read(4096)
            self.rest = b""
            if self.stream.eof:
                if not raw:
                    return 0
                self.stream = self.make()
            if not raw:
                raise EOFError("the compressed stream is cut short")
            try:
                self.waiting = self.stream.decompress(raw)
            except self.error as error:
                raise EOFError(str(error)) from None
            self.rest = self.stream.unused_data if self.stream.eof else b""
        count = min(len(buffer), len(self.waiting))
        buffer[:count], self.waiting = self.waiting[:count], self.waiting[count:]
        return count

    def close(self):
        self.handle.close()
        super().close()


def lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield the number of each line, from 1, and the line without its end (any of the three customs).

    Text is UTF-8, or UTF-16 or UTF-32 where a byte-order mark says so. Raises BadInput with file and line for bytes
    that are no text and for NUL characters, which only binary files hold.
    """
    number = 0
    with readable(path), open_bytes(path) as raw:
        head = raw.peek(4)[:4] if hasattr(raw, "peek") else b""
        encoding = next((name for mark, name in MARKS if head.startswith(mark)), "utf-8")
        with io.TextIOWrapper(raw, encoding=encoding, newline=None) as handle:
            try:
                for number, line in enumerate(handle, 1):
                    if "\0" in line:
                        raise BadInput(f"{path}:{number}: a NUL character: this is no text file")
                    yield number, line.removesuffix("\n")
            except UnicodeDecodeError as error:
                byte = error.object[error.start : error.start + 1].hex()
                where = _line_of_error(path, encoding)
                hint = "save the file as UTF-8" if encoding == "utf-8" else "the file is damaged"
                raise BadInput(f"{path}:{where}: byte 0x{byte} is no {encoding.upper()} text; {hint}") from None


def copy_plain(path: str | Path, target: str | Path) -> None:
    """Write a text file unpacked, as UTF-8 without a byte-order mark, for libraries that read nothing else."""
    with open(target, "w", encoding="utf-8") as handle:
        handle.writelines(f"{line}\n" for _, line in lines(path))


def _line_of_error(path: str | Path, encoding: str) -> int:
    """Count the lines before the first byte that cannot be decoded."""
    decoder, count, last = codecs.getincrementaldecoder(encoding)(), 1, ""
    with open_bytes(path) as raw:
        while block := raw.read(2**16):
            for start in range(0, len(block), 1024):
                piece = block[start : start + 1024]
                try:
                    text = decoder.decode(piece)
                except UnicodeDecodeError as error:
                    before = codecs.decode(error.object[: error.start], encoding, "ignore")
                    return count + before.replace("\r\n", "\n").replace("\r", "\n").count("\n")
                joined = (last + text).replace("\r\n", "\n")
                count += joined.replace("\r", "\n").count("\n") - last.count("\r")
                last = "\r" if text.endswith("\r") else ""
    return count


@contextmanager
def writing(path: str | Path) -> Iterator[TextIO]:
    """Open a text file to write, packed as its name says (.gz, by bgzip's blocks; .zst; .bz2; .xz)."""
    suffix = Path(path).suffix
    if suffix == ".gz":
        import pysam

        raw = pysam.BGZFile(str(path), "wb", None)
    elif suffix == ".zst":
        import zstandard

        raw = zstandard.open(path, "wb")
    else:
        raw = {".bz2": bz2.open, ".xz": lzma.open}.get(suffix, open)(path, "wb")
    with raw, io.TextIOWrapper(io.BufferedWriter(_Sink(raw)), encoding="utf-8", newline="") as handle:
        yield handle


class _Sink(io.RawIOBase):
    """What writes bytes, in the form that TextIOWrapper asks for."""

    def __init__(self, target):
        self.target = target

    def writable(self):
        return True

    def write(self, data):
        self.target.write(bytes(data))
        return len(data)
