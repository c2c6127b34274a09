"""CpG sites of a user's own files: tables of methylation calls, a column for each cell, over a genome."""

from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np

from deepbio.core import records
from deepbio.core.files import BadInput
from deepbio.core.records import FILE, Given, Record
from deepbio.domains.dna import elements, genome, methylation, own_windows, sequences

WINDOW, NEIGHBOURS = 1001, 25  # bases around a site, and neighbours on each side, as in Angermueller et al. 2017
# Names of the columns by their roles; the position of the C counts from 1, its start from 0.
ROLES = {
    "chromosome": ("chromosome", "chrom", "chr", "#chrom", "#chr"),
    "position": ("position", "pos"),
    "start": ("start",),
    "id": ("id", "name"),
}
NEITHER = ("end", "strand")  # further columns that are no cell
BLOCK = 4096  # sites whose neighbours are held at a time


def sites(given: Given, known: dict | None) -> Iterator[Record]:
    """Yield a record for each row of tables of calls, in their order; neighbours are the nearest sites of all rows.

    `known`: the context of a trained model, whose window, neighbours and cells are made. Without it a record holds
    labels `y` (cells,), `y_position`, `y_stretch` (number of the stretch of sites, each within a window's length of the
    one before) and `cells` (their names), too.
    """
    window = known["length"] if known else given.options.get("length", WINDOW)
    count = known["shapes"]["states"][1] // 2 if known else NEIGHBOURS
    cells = list(known["features"]) if known else given.labels
    found: list[Record] = []
    places, states = [], []
    with own_windows.genome_of(given.files, given.options) as (opened, sizes):
        for name, path in given.files.items():
            header, rows = records.rows(path)
            cells = cells or _cells(header, given)
            for record, place, row in _read(name, path, header, rows, cells, given):
                found.append(record)
                places.append(place)
                states.append(row)
        chromosomes = np.array([record.fields.get("chromosome", "") for record in found])
        places, states = np.array(places, np.int64), np.array(states, np.float32).reshape(-1, len(cells))
        _check(found, chromosomes, places, opened, sizes)
        good = np.flatnonzero([not record.problem for record in found])
        profiles = _profiles(chromosomes[good], places[good], states[good])
        stretch = np.zeros(len(found), np.int64)
        if known is None and len(good):
            order, chain = elements.chains(chromosomes[good], places[good], window)
            stretch[good[order]] = chain
        for first in range(0, len(found), BLOCK):
            here = slice(first, first + BLOCK)
            near, far = _neighbours(profiles, chromosomes[here], places[here], len(cells), count)
            for row, record in enumerate(found[here], first):
                if not record.problem:
                    place = int(places[row])
                    own_windows.fill(record, (chromosomes[row], place, place + 2, "+"), opened, sizes, window)
                    record.arrays |= {"states": near[row - first], "distances": far[row - first]}
                    if known is None:
                        record.arrays |= {"y": np.round(states[row]), "y_position": np.float64(place + 1)}
                        record.arrays |= {"y_stretch": stretch[row], "cells": cells}
                yield record


def _cells(header: list[str], given: Given) -> list[str]:
    """List the columns that are no place, id, group or part."""
    others = [records.choose(header, role, given.columns, names) for role, names in ROLES.items()]
    return [name for name in header if name not in given.taken.union(others, NEITHER)]


def _read(
    name: str, path: Path, header: list[str], rows: Generator, cells: list[str], given: Given
) -> Iterator[tuple[Record, int, np.ndarray]]:
    """Yield a record of each row, the place of its C from 0, and its states in the cells, NaN where there is none."""
    chromosome, position, start, ident = (
        records.choose(header, role, given.columns, names) for role, names in ROLES.items()
    )
    chromosome = header.index(records.need(path, header, "chromosome", chromosome))
    place = header.index(records.need(path, header, "position", position or start))
    ident = None if ident is None else header.index(records.need(path, header, "id", ident))
    lacking = [one for one in cells if one not in header]
    if lacking or not cells:
        raise BadInput(f"{path}:1: no column for the cells {', '.join(lacking[:10]) or '(there is none)'}")
    columns = [header.index(one) for one in cells]
    for number, (where, row, problem) in enumerate(rows, 1):
        record, here, states = Record(str(number), where, problem=problem), 0, np.full(len(cells), np.nan)
        if not problem:
            record.fields = dict(zip(header, row, strict=True)) | {FILE: name, "chromosome": row[chromosome].strip()}
            own = row[ident].strip() if ident is not None else ""
            record.id = own or record.id
            try:
                here = _place(row[place].strip(), position is not None)
                record.id = own or f"{record.fields['chromosome']}:{here + 1}"
                states = np.array([_state(row[column], one) for column, one in zip(columns, cells, strict=True)])
            except BadInput as error:
                record.problem = str(error).removeprefix(": ")
        yield record, here, states


def _place(cell: str, from_one: bool) -> int:
    """Read the place of a C as a number from 0."""
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 12) or int(cell) < from_one:
        raise BadInput(f"{cell!r} is no position; whole numbers from {int(from_one)} on are wanted")
    return int(cell) - from_one


def _state(cell: str, name: str) -> float:
    """Read a state, NaN where there is none: 0, 1, or a share of methylated reads between them."""
    found = records.number(cell, name)
    if not (np.isnan(found) or 0 <= found <= 1):
        raise BadInput(f"column '{name}': {cell.strip()!r} is no state between 0 and 1")
    return found


def _check(found: list[Record], chromosomes: np.ndarray, places: np.ndarray, opened, sizes: dict) -> None:
    """Mark the records of sites that stand twice, or that are no CG in the genome."""
    seen: dict[tuple[str, int], str] = {}
    for record, name, place in zip(found, chromosomes.tolist(), places.tolist(), strict=True):
        if not record.problem and seen.setdefault((name, place), record.where) != record.where:
            record.problem = f"the site stands also on {seen[name, place]}"
    for name in np.unique(chromosomes):
        rows = [row for row in np.flatnonzero(chromosomes == name) if not found[row].problem]
        if not rows:
            continue
        if name not in sizes:
            wrong, reason = rows, f"the genome has no sequence '{name}'; it has {', '.join(list(sizes)[:5])}"
        else:
            codes = np.append(genome.chromosome_codes(opened, name), 2 * [sequences.UNKNOWN])
            here = np.minimum(places[rows], len(codes) - 2)  # a place beyond the end is none
            is_site = (codes[here] == 1) & (codes[here + 1] == 2)
            wrong = [row for row, good in zip(rows, is_site, strict=True) if not good]
            reason = "no CG of the genome begins here; a column `position` counts from 1, `start` from 0"
        for row in wrong:
            found[row].problem = reason


def _profiles(chromosomes, places, states) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Sort the known states of each cell: chromosome → for each cell positions (n,) and states (n,)."""
    profiles = {}
    for name in np.unique(chromosomes):
        here = np.flatnonzero(chromosomes == name)
        here = here[np.argsort(places[here], kind="stable")]
        known = ~np.isnan(states[here])
        profiles[str(name)] = [
            (places[here[column]], states[here[column], cell]) for cell, column in enumerate(known.T)
        ]
    return profiles


def _neighbours(profiles, chromosomes, places, cells: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the neighbours of sites in each cell, as methylation.neighbours does: two arrays (n, cells, 2 x count)."""
    states = np.full((len(places), cells, 2 * count), 0.5, np.float32)
    distances = np.ones_like(states)
    for name in np.unique(chromosomes):
        here = np.flatnonzero(chromosomes == name)
        for cell, (positions, known) in enumerate(profiles.get(str(name), ())):
            if len(positions):
                found = methylation.neighbours(positions, known, places[here], count)
                states[here, cell], distances[here, cell] = found
    return states, distances


def settled(found: list[Record]) -> tuple[list[str], list[str]]:
    """Mark the records that no cell covers, and give the names of the cells, and lines that say what was understood."""
    cells = found[0].arrays["cells"]
    states = np.stack([record.arrays["y"] for record in found])
    for record, row in zip(found, states, strict=True):
        record.arrays = {name: array for name, array in record.arrays.items() if name != "cells"}
        if np.isnan(row).all():
            record.problem = "no cell covers the site"
    known = np.unique(states[~np.isnan(states)])
    if len(known) < 2:
        only = f"{known[0]:g}" if len(known) else "missing"
        raise BadInput(f"all known states are {only}; two classes are needed")
    share = 1 - np.isnan(states).mean(axis=0)
    lines = [f"cell '{name}' covers {100 * one:.0f}% of the sites" for name, one in zip(cells, share, strict=True)]
    return cells, lines[:20]
