"""Signals along a genome: bedGraph, wiggle with fixed or variable steps, and bigWig."""

from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deepbio.core import records, tables, text
from deepbio.core.files import BadInput

SUFFIXES = (".bedgraph", ".bdg", ".bg", ".wig", ".bw", ".bigwig")
PACKED = SUFFIXES[-2:]


class Signal:
    """A signal whose stretches are in memory: `of` holds for each chromosome their starts, ends and values, sorted,
    0-based, the end not included."""

    def __init__(self, of: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]):
        self.of = of

    @property
    def chromosomes(self) -> list[str]:
        return list(self.of)

    def along(self, chromosome: str, start: int, length: int) -> np.ndarray:
        """Give the values of a window (length,) float32 from its first base on; 0 where there is none."""
        found = np.zeros(length, np.float32)
        if chromosome in self.of:
            starts, ends, values = self.of[chromosome]
            here = slice(np.searchsorted(ends, start, "right"), np.searchsorted(starts, start + length))
            low, high = (np.clip(places[here] - start, 0, length) for places in (starts, ends))
            width = high - low
            place = np.repeat(low - (np.cumsum(width) - width), width) + np.arange(width.sum())
            found[place] = np.repeat(values[here], width)
        return found


class BigWig:
    """A signal in a bigWig file, of which each window is read when it is asked for.

    Raises BadInput for a file that is none, or is damaged, and where pybigtools is not installed.
    """

    def __init__(self, path: Path):
        try:
            import pybigtools
        except ImportError:
            raise BadInput(f"{path}: for bigWig files: pip install pybigtools (or bigWigToBedGraph)") from None
        self.path, self.error = path, pybigtools.BBIReadError
        try:
            self.file = pybigtools.open(str(path))
        except self.error as error:
            raise BadInput(f"{path}: no bigWig file, or a damaged one ({error})") from None
        if not self.file.is_bigwig:
            raise BadInput(f"{path}: no bigWig file, but a bigBed file")
        self.sizes = self.file.chroms()

    @property
    def chromosomes(self) -> list[str]:
        return list(self.sizes)

    def along(self, chromosome: str, start: int, length: int) -> np.ndarray:
        """Give the values of a window as Signal.along does."""
        if chromosome not in self.sizes:
            return np.zeros(length, np.float32)
        try:
            values = self.file.values(chromosome, start, start + length, fillna=0.0, oob=0.0)
        except BaseException as error:  # the library panics on some damage, which is no Exception
            if not (isinstance(error, self.error) or type(error).__name__ == "PanicException"):
                raise
            raise BadInput(f"{self.path}: damaged at {chromosome}:{start}-{start + length} ({error})") from None
        return np.asarray(values, np.float32)


def read(path: Path) -> Signal | BigWig:
    """Read a signal along a genome.

    A text file may hold lines of both forms. Raises BadInput with file and line for a line that is none, a value that
    is no finite number, and stretches that overlap.
    """
    if records.suffix(path) in PACKED:
        return BigWig(path)
    found: dict[str, tuple[array, array, array, array]] = {}
    for number, chromosome, start, end, value in _stretches(path):
        columns = found.setdefault(chromosome, (array("q"), array("q"), array("d"), array("q")))
        for column, one in zip(columns, (start, end, value, number), strict=True):
            column.append(one)
    if not found:
        raise BadInput(f"{path}: no line with a value")
    signal = {}
    for chromosome, columns in found.items():
        starts, ends, values, numbers = map(np.array, columns)
        order = np.argsort(starts, kind="stable")
        starts, ends, values, numbers = (column[order] for column in (starts, ends, values, numbers))
        twice = np.flatnonzero(starts[1:] < ends[:-1])
        if len(twice):
            one, other = sorted(numbers[twice[0] : twice[0] + 2])
            raise BadInput(f"{path}:{other}: overlaps the stretch of line {one}")
        signal[chromosome] = starts, ends, values.astype(np.float32)
    return Signal(signal)


def _stretches(path: Path) -> Iterator[tuple[int, str, int, int, float]]:
    """Yield the line, chromosome, start (from 0), end and value of each stretch."""
    form, chromosome, at, step, span = "", "", 0, 0, 1
    for number, line in text.lines(path):
        fields = line.split()
        if not fields or line.startswith(("#", "track", "browser")):
            continue
        where = f"{path}:{number}"
        if fields[0] in ("fixedStep", "variableStep"):
            form = fields[0]
            said = dict(word.split("=", 1) for word in fields[1:] if "=" in word)
            chromosome = said.get("chrom", "")
            if not chromosome or (form == "fixedStep" and "start" not in said):
                raise BadInput(f"{where}: {form} wants chrom{' and start' if form == 'fixedStep' else ''}")
            step, span = (_whole(said.get(key, "1"), where, 1) for key in ("step", "span"))
            at = _whole(said.get("start", "1"), where, 1) - 1
        elif len(fields) == 4:
            start, end = _whole(fields[1], where), _whole(fields[2], where)
            if start >= end:
                raise BadInput(f"{where}: {start} to {end} is no interval")
            yield number, fields[0], start, end, _value(fields[3], where)
        elif form == "fixedStep" and len(fields) == 1:
            yield number, chromosome, at, at + span, _value(fields[0], where)
            at += step
        elif form == "variableStep" and len(fields) == 2:
            start = _whole(fields[0], where, 1) - 1
            yield number, chromosome, start, start + span, _value(fields[1], where)
        else:
            raise BadInput(f"{where}: {line[:40]!r} is no line of a bedGraph or wiggle file")


def _whole(cell: str, where: str, least: int = 0) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 12) or int(cell) < least:
        raise BadInput(f"{where}: {cell!r} is no whole number from {least} on")
    return int(cell)


def _value(cell: str, where: str) -> float:
    found = tables.number(cell, "value", where)
    if np.isnan(found):
        raise BadInput(f"{where}: {cell!r} is no number")
    return found
