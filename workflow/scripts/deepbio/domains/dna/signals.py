"""Signals along a genome in text files: bedGraph, and wiggle with fixed or variable steps."""

from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deepbio.core import records, tables, text
from deepbio.core.files import BadInput

SUFFIXES = (".bedgraph", ".bdg", ".bg", ".wig")
PACKED = (".bw", ".bigwig")

Signal = dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]  # chromosome → starts, ends and values of its stretches


def read(path: Path) -> Signal:
    """Read a signal: of each chromosome the stretches that have a value, sorted, 0-based, the end not included.

    A file may hold lines of both forms. Raises BadInput with file and line for a line that is none, a value that is no
    finite number, and stretches that overlap.
    """
    if records.suffix(path) in PACKED:
        raise BadInput(f"{path}: bigWig is not read; write it as text by bigWigToBedGraph")
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
    return signal


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


def along(signal: Signal, chromosome: str, start: int, length: int) -> np.ndarray:
    """Give the values of a window (length,) float32 from its first base on; 0 where there is none."""
    found = np.zeros(length, np.float32)
    if chromosome in signal:
        starts, ends, values = signal[chromosome]
        here = slice(np.searchsorted(ends, start, "right"), np.searchsorted(starts, start + length))
        low, high = (np.clip(places[here] - start, 0, length) for places in (starts, ends))
        width = high - low
        place = np.repeat(low - (np.cumsum(width) - width), width) + np.arange(width.sum())
        found[place] = np.repeat(values[here], width)
    return found
