"""Genomes and intervals: chromosomes as codes, windows cut from them, BED files, and bins labelled by peaks.

Coordinates are those of BED: 0-based, the end not included. bioframe and pandas are imported only where they are used,
because a training on prepared data needs neither.
"""

import re
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from deepbio.core import text
from deepbio.core.files import BadInput
from deepbio.domains.dna import sequences


@contextmanager
def open_genome(path):
    """Open a plain or packed FASTA file as a pyfaidx.Fasta; an unpacked copy and the index exist while the block runs.

    A new index is made in a temporary folder. An index beside the file may be older than the file, and its folder may
    be read-only. Raises BadInput where the file is missing, damaged or not FASTA, or a name occurs twice.
    """
    from pyfaidx import Fasta, FastaIndexingError

    with text.readable(path), tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "genome.fa"
        with open(path, "rb") as handle:
            head = handle.read(4)
        if head[:1] in (b">", b"\n", b"\r", b" ", b";"):
            plain.symlink_to(Path(path).resolve())
        else:  # packed, or with a byte-order mark
            text.copy_plain(path, plain)
        try:
            with Fasta(str(plain), sequence_always_upper=True) as genome:
                if not len(genome.keys()):
                    raise BadInput(f"{path}: no FASTA record")
                genome.path = path  # of the user's file, for messages
                yield genome
        except FastaIndexingError as error:
            said = " ".join(str(error).replace(str(plain), "").split())
            raise BadInput(f"{path}: no FASTA record, or not a FASTA file: {said}") from None
        except UnicodeDecodeError as error:
            raise BadInput(
                f"{path}: byte 0x{error.object[error.start]:02x} is no base and no letter of a name"
            ) from None
        except ValueError as error:
            if isinstance(error, BadInput) or "Duplicate key" not in str(error):
                raise
            name = re.search(r'"(.*?)"', str(error))
            raise BadInput(f"{path}: record '{name.group(1) if name else error}' stands twice") from None


def chromosome_codes(genome, name):
    """Read codes (length,) uint8 of one sequence of an open genome; BadInput where no sequence has that name."""
    if name not in genome:
        raise BadInput(f"{genome.path}: no sequence '{name}'; it has {', '.join(list(genome.keys())[:20])}")
    try:
        return sequences.encode([str(genome[name])], f"{genome.path}: '{name}'")[0]
    except UnicodeDecodeError:
        raise BadInput(f"{genome.path}: '{name}' holds letters that are no ASCII text") from None


def windows(codes, centres, length):
    """Cut windows (n, length) around positions of one chromosome; beyond its ends there are unknown bases.

    A window of even length has `length // 2` bases before its centre. Raises ValueError for a window wholly outside the
    chromosome.
    """
    padded = np.pad(codes, length, constant_values=sequences.UNKNOWN)
    starts = np.asarray(centres) - length // 2 + length
    if len(starts) and (starts.min() < 0 or starts.max() > len(padded) - length):
        raise ValueError("a window lies wholly beyond its chromosome")
    return padded[starts[:, None] + np.arange(length)]


def windows_of(codes, chromosomes, centres, length):
    """Cut windows (n, length) as `windows` does, each from its chromosome; `codes`: chromosome → codes."""
    found = np.empty((len(centres), length), np.uint8)
    for one in np.unique(chromosomes):
        here = chromosomes == one
        found[here] = windows(codes[one], centres[here], length)
    return found


def read_chromosomes(path, names):
    """Read codes of the chromosomes of a FASTA file; `names`: name to use → name in the file."""
    with open_genome(path) as opened:
        return {name: chromosome_codes(opened, there) for name, there in names.items()}


BED = ["chrom", "start", "end", "name", "score", "strand"]


def read_bed(path, more=()):
    """Read a BED file as a bedframe: chrom, start, end, and the columns named in `more`.

    Raises BadInput with file and line for too few columns, an invalid interval, or a strand that is neither + nor -.
    """
    columns = [*BED[:3], *more]
    places = [BED.index(name) for name in more]
    least = max([2, *places]) + 1
    rows = []
    for number, line in text.lines(path):
        if not line.strip() or line.startswith(("#", "track", "browser")):
            continue
        fields = line.split("\t")
        if len(fields) < least:
            raise BadInput(f"{path}:{number}: {len(fields)} columns where {', '.join(BED[:least])} are wanted")
        if not fields[0].strip():
            raise BadInput(f"{path}:{number}: the chromosome has no name")
        start, end = (_coordinate(field, f"{path}:{number}") for field in fields[1:3])
        if not start < end:
            raise BadInput(f"{path}:{number}: {start} to {end} is no interval")
        if "strand" in more and fields[5] not in ("+", "-"):
            raise BadInput(f"{path}:{number}: strand is {fields[5]!r}, not + or -")
        rows.append((fields[0], start, end, *(fields[place] for place in places)))
    import pandas as pd

    return pd.DataFrame(rows, columns=columns)


def _coordinate(field, where):
    field = field.strip()
    if not field.isascii() or not field.isdigit() or len(field) > 12:
        raise BadInput(f"{where}: {field!r} is no coordinate; start and end are whole numbers from 0 on")
    return int(field)


def read_genes(path):
    """Read the transcripts of a BED file: chrom, tss, strand, name.

    The start of transcription (tss) is the first base of the transcript on its strand.
    """
    table = read_bed(path, ["name", "strand"])
    if table.empty:
        raise BadInput(f"{path}: no transcript")
    table["tss"] = np.where(table["strand"] == "+", table["start"], table["end"] - 1)
    return table[["chrom", "tss", "strand", "name"]]


def region_centres(starts, minus, length):
    """Compute the centres of windows of `length` in which a gene's start is at `length // 2` on the gene's own strand.

    An even window has one base more before its middle than after it. On the minus strand this base is on the other
    side.
    """
    return starts + (minus if length % 2 == 0 else np.zeros(len(starts), int))


def read_peaks(folder, pattern, chromosomes):
    """Read peaks of many features: name of the feature (its file's name up to the first _) → bedframe.

    Only peaks on `chromosomes` are kept. Raises BadInput where no file matches, or a file has no peak there.
    """
    files = sorted(file for file in Path(folder).glob(pattern) if not file.name.startswith("."))
    if not files:
        raise BadInput(f"{folder}: no peak file matches {pattern}")
    found = {}
    for file in files:
        peaks = read_bed(file)
        kept = peaks[peaks["chrom"].isin(list(chromosomes))]
        if kept.empty:
            raise BadInput(f"{file}: none of its {len(peaks)} peaks lies on {', '.join(list(chromosomes)[:5])}, …")
        found[file.name.split("_")[0]] = kept
    return found


def bins(sizes, width):
    """Return whole bins of `width` bases over chromosomes, as a bedframe; `sizes`: name → length."""
    import bioframe
    import pandas as pd

    table = bioframe.binnify(pd.Series(sizes), width)
    return table[table["end"] - table["start"] == width].reset_index(drop=True)


def label_bins(table, peaks, least):
    """Label bins (rows of `table`) where the peaks of a feature cover at least `least` bases: (n, features) bool."""
    import bioframe

    covered = [
        bioframe.coverage(table, bioframe.merge(found)[["chrom", "start", "end"]])["coverage"].to_numpy()
        for found in peaks.values()
    ]
    return np.stack(covered, axis=1) >= least


def site_table(path):
    """Read a FASTA file of sites: codes (n, length), and the coordinates in the headers as a bedframe."""
    import pandas as pd

    names, texts = sequences.read_fasta(path)
    table = pd.DataFrame([sequences.place(name, path) for name in names], columns=["chrom", "start", "end"])
    return sequences.encode(texts, path), table


def overlaps(sites, peaks):
    """Return for each site (row of a bedframe) whether at least one peak overlaps it: (n,) bool."""
    import bioframe

    return bioframe.count_overlaps(sites, peaks)["count"].to_numpy() > 0
