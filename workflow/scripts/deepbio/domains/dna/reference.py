"""A stretch of a genome from a FASTA file, by an index that fits the file."""

import re
import tempfile
from contextlib import contextmanager
from pathlib import Path

from deepbio.core import text
from deepbio.core.files import BadInput


class Reference:
    """A stretch of one contig.

    text : bases in upper case
    first : 0-based position of the first base
    length : length of the whole contig
    """

    def __init__(self, contig, text, first=0, length=None):
        self.contig, self.text, self.first = contig, text.upper(), first
        self.length = length or first + len(text)

    def __getitem__(self, place):
        return self.text[place - self.first]

    def part(self, start, end):
        """Return bases from `start` to `end`, with N outside the stretch."""
        low, high = max(start, self.first), min(end, self.first + len(self.text))
        middle = self.text[low - self.first : max(low, high) - self.first]
        return "N" * min(low - start, end - start) + middle + "N" * (end - start - max(low - start, 0) - len(middle))


def read_reference(path, contig, start, end):
    """Read the Reference of a region of a FASTA file, plain or packed; it ends at the ends of the contig.

    An index beside the file is used if it is not older than the file and fits it. Otherwise an index is made in a
    temporary folder. Raises BadInput where the file is missing or damaged, or has no such contig or region.
    """
    with open_fasta(path) as genome:
        if contig not in genome.references:
            known = ", ".join(genome.references[:20])
            raise BadInput(f"{path}: no sequence '{contig}'; it has {known}")
        length = genome.get_reference_length(contig)
        start, end = max(0, start), min(end, length)
        if start >= end:
            raise BadInput(f"{path}: '{contig}' has {length} bases; none is at {start} to {end}")
        letters = genome.fetch(contig, start, end).upper()
    wrong = re.search(r"[^ACGTUNRYSWKMBDHV]", letters)
    if wrong:
        raise BadInput(f"{path}: '{contig}', base {start + wrong.start() + 1}: {wrong.group()!r} is no base")
    return Reference(contig, letters, start, length)


@contextmanager
def open_fasta(path):
    """Open a FASTA file for access by region, as pysam.FastaFile; see read_reference."""
    import pysam

    path = Path(path)
    with text.readable(path), tempfile.TemporaryDirectory() as scratch:
        with open(path, "rb") as handle:
            head = handle.read(16)
        bgzipped = head[:2] == b"\x1f\x8b" and head[12:14] == b"BC"
        index, blocks = Path(f"{path}.fai"), Path(f"{path}.gzi")
        if head[:1] != b">" and not bgzipped:  # packed in another way, or with a byte-order mark
            plain = Path(scratch) / "genome.fa"
            text.copy_plain(path, plain)
        else:
            plain = path
        level = pysam.set_verbosity(0)
        try:
            if (
                plain != path
                or not _fresh(path, index, blocks if bgzipped else None)
                or not _fits(path, index, bgzipped)
            ):
                index, blocks = Path(scratch) / "genome.fai", Path(scratch) / "genome.gzi"
                _check_names(path)
                pysam.faidx("--fai-idx", str(index), *(("--gzi-idx", str(blocks)) if bgzipped else ()), str(plain))
            packed = {"filepath_index_compressed": str(blocks)} if bgzipped else {}
            with pysam.FastaFile(str(plain), filepath_index=str(index), **packed) as genome:
                if not genome.references:
                    raise BadInput(f"{path}: no FASTA record")
                yield genome
        except (OSError, ValueError, pysam.SamtoolsError) as error:
            if isinstance(error, BadInput) or getattr(error, "errno", None) in text.OF_MACHINE:
                raise
            said = re.sub(r".*stderr=", "", str(error)).replace(str(plain), "the file").strip("'\\n ")
            raise BadInput(f"{path}: no FASTA file that can be indexed: {said}") from None
        finally:
            pysam.set_verbosity(level)


def _check_names(path):
    """Raise BadInput where a name occurs twice; htslib would leave out the second record."""
    seen = {}
    with text.open_bytes(path) as handle:
        for number, line in enumerate(handle, 1):
            if line.startswith(b">"):
                name = (line[1:].split() or [b""])[0]
                if name in seen:
                    shown = name.decode("ascii", "replace")
                    raise BadInput(f"{path}:{number}: record '{shown}' stands twice, first on line {seen[name]}")
                seen[name] = number


def _fresh(path, *indices):
    """Tell whether all indices exist and none is older than the file."""
    made = path.stat().st_mtime_ns
    return all(one.exists() and one.stat().st_mtime_ns >= made for one in indices if one is not None)


def _fits(path, index, packed):
    """Tell whether each line of a .fai fits the FASTA file: its header and its end are where they should be.

    A packed file would have to be unpacked for this, so only the existence of lines is checked.
    """
    try:
        entries = [line.split("\t") for _, line in text.lines(index) if line.strip()]
        if packed:
            return bool(entries)
        with open(path, "rb") as handle:
            size = path.stat().st_size
            for name, *numbers in entries:
                length, offset, bases, width = map(int, numbers[:4])
                lines, rest = divmod(length, bases) if bases else (0, 0)
                end = offset + lines * width + rest
                handle.seek(max(0, offset - 2**12))
                before = handle.read(min(offset, 2**12))
                header = before.rstrip(b"\r\n").rpartition(b"\n")[2]
                named = header[:1] == b">" and header[1:].split()[:1] == [name.encode()]
                if not named or not before.endswith((b"\n", b"\r")) or end > size:
                    return False
                handle.seek(end)
                after = handle.read(width - bases + 1 if not rest else 3).lstrip(b"\r\n")
                if after[:1] not in (b"", b">"):
                    return False
    except (BadInput, ValueError, IndexError):
        return False
    return bool(entries)
