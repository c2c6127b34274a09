"""Genomes and intervals: chromosomes as codes, windows cut from them, BED files, and bins labelled by peaks.

Coordinates are those of BED: 0-based, the end not included.
"""

import gzip
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import bioframe
import numpy as np
import pandas as pd

from deepbio import sequences, tables
from deepbio.files import BadInput


@contextmanager
def open_genome(path):
    """A pyfaidx.Fasta of a plain or gzipped FASTA file; an unpacked copy and the index live as long as the block.

    Raises BadInput where the file is missing, damaged or no FASTA.
    """
    from pyfaidx import Fasta, FastaIndexingError

    if not Path(path).exists():
        raise BadInput(f"{path}: no such file")
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "genome.fa"
        try:
            if str(path).endswith(".gz"):
                with gzip.open(path) as packed, open(plain, "wb") as handle:
                    shutil.copyfileobj(packed, handle, 2**22)
            else:
                plain.symlink_to(Path(path).resolve())
            with Fasta(str(plain), sequence_always_upper=True) as genome:
                yield genome
        except (EOFError, gzip.BadGzipFile, FastaIndexingError) as error:
            raise BadInput(f"{path}: damaged file: {error}") from None


def chromosome_codes(genome, name):
    """Codes (length,) uint8 of one sequence of an open genome; BadInput where there is none of that name."""
    if name not in genome:
        raise BadInput(f"the genome has no sequence '{name}'; it has {', '.join(list(genome.keys())[:20])}")
    return sequences.encode([str(genome[name])])[0]


def windows(codes, centres, length):
    """Windows (n, length) around positions of one chromosome; beyond its ends stand unknown bases.

    A window of even length has `length // 2` bases before its centre.
    """
    padded = np.pad(codes, length, constant_values=sequences.UNKNOWN)
    starts = np.asarray(centres) - length // 2 + length
    if len(starts) and (starts.min() < 0 or starts.max() > len(padded) - length):
        raise ValueError("a window lies wholly beyond its chromosome")
    return padded[starts[:, None] + np.arange(length)]


def read_bed(path, named=False):
    """A bedframe (chrom, start, end; with `named` also name) of a BED file; BadInput names file and line of what is
    no interval."""
    columns = ["chrom", "start", "end", *(["name"] if named else [])]
    rows = []
    with sequences.open_text(path) as handle:
        for number, line in enumerate(handle, 1):
            if not line.strip() or line.startswith(("#", "track", "browser")):
                continue
            fields = line.rstrip("\n").split("\t")
            if len(fields) < len(columns):
                raise BadInput(f"{path}:{number}: {len(fields)} columns; BED has at least {', '.join(columns)}")
            start, end = tables.numbers(path, fields[1:3], "start or end", first_line=number).astype(int)
            if not 0 <= start < end:
                raise BadInput(f"{path}:{number}: {start} to {end} is no interval")
            rows.append((fields[0], start, end, *fields[3 : len(columns)]))
    return pd.DataFrame(rows, columns=columns)


def bins(sizes, width):
    """Whole bins of `width` bases over chromosomes: a bedframe. `sizes`: name → length."""
    table = bioframe.binnify(pd.Series(sizes), width)
    return table[table["end"] - table["start"] == width].reset_index(drop=True)


def label_bins(table, peaks, least):
    """Which bins (rows of `table`) are covered by the `peaks` of one feature at `least` so many bases: (n,) bool."""
    covered = bioframe.coverage(table, bioframe.merge(peaks)[["chrom", "start", "end"]])["coverage"]
    return covered.to_numpy() >= least
