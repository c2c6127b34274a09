"""Samples of cells of a user's own: FCS files, and tables with a cell in each row."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deepbio.core import records
from deepbio.core.files import BadInput
from deepbio.domains.cells.fcs import read_fcs
from deepbio.domains.cells.samples import logarithm


def files_of(path: Path) -> list[Path]:
    """List a file, or the FCS files and tables of a folder in the order of their names; BadInput where there is
    none."""
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.iterdir() if records.suffix(one) == ".fcs" or records.is_table(one))
    if not found:
        raise BadInput(f"{path}: no FCS file and no table")
    return found


def name_of(path: Path) -> str:
    """Name a sample: its file without ending and packing."""
    name = path.name
    for _ in range(2):
        end = Path(name).suffix
        if end.lower() in records.PACKED | {".fcs", ".csv", ".tsv", ".tab", ".txt", ".parquet", ".pq"}:
            name = name.removesuffix(end)
    return name


def cells_of(
    path: Path, taken: set[str], markers: list[str] | None
) -> Iterator[tuple[str, np.ndarray, list[str], dict[str, str], str]]:
    """Yield the cells of a file: place, levels (markers,) float32, names of the markers, other columns as text, and a
    problem or "".

    Intensities of FCS files become log(1 + |x|); a table is taken as it is, its columns but `taken` as markers.
    `markers`: those that are wanted, in their order. BadInput where one of them lacks.
    """
    if records.suffix(path) == ".fcs":
        events, names = read_fcs(path)
        places = _wanted(path, names, markers, set())
        for row, levels in enumerate(logarithm(events[:, places]), 1):
            yield f"{path.name}:event {row}", levels, markers or names, {}, ""
        return
    header, rows = records.rows(path)
    places = _wanted(path, header, markers, taken)
    names = [header[place] for place in places]
    others = [place for place in range(len(header)) if place not in set(places)]
    for where, cells, problem in rows:
        if problem:
            yield where, np.empty(0, np.float32), names, {}, problem
            continue
        try:
            levels = np.array([float(cells[place]) for place in places])
            bad = np.flatnonzero(~np.isfinite(levels))
        except ValueError:
            bad = np.array([i for i, place in enumerate(places) if not _is_number(cells[place])])
        if len(bad):
            cell = cells[places[bad[0]]]
            yield where, np.empty(0, np.float32), names, {}, f"column '{names[bad[0]]}': {cell!r} is no number"
            continue
        yield where, levels.astype(np.float32), names, {header[place]: cells[place] for place in others}, ""


def _is_number(cell):
    try:
        return np.isfinite(float(cell))
    except ValueError:
        return False


def _wanted(path, names, markers, taken):
    if markers is None:
        return [place for place, name in enumerate(names) if name not in taken]
    for marker in markers:
        if marker not in names:
            raise BadInput(f"{path}: no marker '{marker}'; there are: {', '.join(names[:20])}")
    return [names.index(marker) for marker in markers]
