"""Records of a user's own files: one at a time, with its id, its place, and the reason where it cannot be read.

Readers of kinds yield records and never stop at a bad one, so that nothing is lost and a file of any length can be
read in blocks. A file that is no table, no FASTA and so on, is BadInput at once.
"""

import csv
import math
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepbio.core import tables, text
from deepbio.core.data import Ragged
from deepbio.core.files import BadInput

# What stands for a missing value, in any case.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "missing"})
PACKED = {".gz", ".bgz", ".zst", ".bz2", ".xz"}
SEPARATORS = {".tsv": "\t", ".tab": "\t", ".csv": ","}
FILE = "file"  # the field of a record that holds the name which its file goes by


@dataclass(slots=True)
class Record:
    """One sample: `arrays` as its kind of input has them, `fields` all else that stands with it, as text.

    `problem` says why it cannot be read, `note` what was done to read it; `where` is file and line.
    """

    id: str
    where: str
    fields: dict[str, str] = field(default_factory=dict)
    arrays: dict = field(default_factory=dict)
    problem: str = ""
    note: str = ""


@dataclass(frozen=True)
class Given:
    """What a user says of files: the name that each goes by and its path, columns by their role, and options."""

    files: dict[str, Path]
    columns: dict
    options: dict
    output: str = ""

    @property
    def labels(self) -> list[str]:
        """Name the columns of labels, as far as they are said."""
        said = self.columns.get("label", [])
        return [said] if isinstance(said, str) else list(said)

    @property
    def taken(self) -> set[str]:
        """Name the columns that are no input: id, labels, group, split."""
        return {self.columns[role] for role in ("id", "group", "split") if role in self.columns} | set(self.labels)


def suffix(path: str | Path) -> str:
    """Give the ending of a file's name in lower case, without that of the packing."""
    return unpacked(path).suffix.lower()


def unpacked(path: str | Path) -> Path:
    """Give a file's path without the ending of the packing."""
    path = Path(path)
    while path.suffix.lower() in PACKED:
        path = path.with_suffix("")
    return path


def is_missing(value: str) -> bool:
    """Tell whether a field says that its value is not known."""
    return value.strip().lower() in MISSING


def choose(header: Iterable[str], role: str, columns: dict, known: Iterable[str]) -> str | None:
    """Name the column of a role: the one that is said, else the first of the names in `known`, in any case."""
    if role in columns:
        return columns[role]
    lower = {name.lower(): name for name in reversed(list(header))}
    return next((lower[name] for name in known if name in lower), None)


def need(path: Path, header: list[str], role: str, column: str | None) -> str:
    """Give a column's name; BadInput with the columns that there are where it is not among them."""
    if column is None or column not in header:
        said = f"no column '{column}'" if column else f"which column holds the {role}? say columns: {{{role}: NAME}}"
        raise BadInput(f"{path}:1: {said}; columns are: {', '.join(header[:20])}")
    return column


# ---- tables


def rows(path: Path) -> tuple[list[str], Generator[tuple[str, list[str], str], None, None]]:
    """Open a table: its header, and (place, cells, problem) of each row, one at a time.

    Text is parted by commas, tabs or semicolons; Parquet and the one sheet of an Excel workbook are read where the
    file's name ends so. A row of another length than the header has a problem. BadInput for a file without a header and
    for a column that stands twice.
    """
    if suffix(path) in (".parquet", ".pq"):
        header, found = _parquet(path)
    elif suffix(path) in (".xls", ".ods"):
        raise BadInput(f"{path}: a spreadsheet of this form is not read; save it as .xlsx or CSV")
    else:
        found = _workbook(path) if suffix(path) in (".xlsx", ".xlsm") else _delimited(path)
        header = next(found, None)
        if header is None:
            raise BadInput(f"{path}:1: the file is empty")
    twice = {name for name in header if header.count(name) > 1} if len(set(header)) < len(header) else set()
    if twice:
        raise BadInput(f"{path}:1: column '{sorted(twice)[0]}' stands {header.count(sorted(twice)[0])} times")
    return header, found


def is_table(path: Path) -> bool:
    """Tell whether a file is one that `rows` opens, by its name."""
    return suffix(path) in (".csv", ".tsv", ".tab", ".txt", ".parquet", ".pq", ".xlsx", ".xlsm")


def separator(path: Path) -> str:
    """Tell what parts the columns: by the file's name, else by what its first line holds most of."""
    if suffix(path) in (".tsv", ".tab"):
        return "\t"
    first = next((line for _, line in text.lines(path) if line.strip()), "")
    return max((",", "\t", ";"), key=first.count)


def _delimited(path):
    """Yield the header, then the rows."""
    reader = csv.reader((f"{line}\n" for _, line in text.lines(path)), delimiter=separator(path), strict=True)
    limit = csv.field_size_limit(2**24)
    header, line = None, 1
    try:
        for row in reader:
            line, began = reader.line_num + 1, line
            if not row or (len(row) == 1 and not row[0].strip()):
                continue
            if header is None:
                header = [name.strip() for name in row]
                yield header
                continue
            same = len(row) == len(header)
            yield f"{path.name}:{began}", row, "" if same else f"{len(row)} columns in place of {len(header)}"
    except csv.Error as error:
        raise BadInput(f"{path}:{line}: {error}") from None
    finally:
        csv.field_size_limit(limit)


def _parquet(path):
    import pyarrow as pa
    from pyarrow import parquet

    def cells():
        number = 0
        for batch in file.iter_batches(4096):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                yield f"{path.name}:row {number}", ["" if cell is None else str(cell) for cell in row], ""

    with text.readable(path):
        try:
            file = parquet.ParquetFile(path)
        except pa.ArrowInvalid as error:
            raise BadInput(f"{path}: not a Parquet file: {error}") from None
    return list(file.schema_arrow.names), cells()


def _workbook(path):
    """Yield the header, then the rows, of the one sheet that holds any; formulas by their stored values."""
    import zipfile
    from xml.etree.ElementTree import ParseError

    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with text.readable(path):
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            filled = [sheet for sheet in book.worksheets if any(any(row) for row in sheet.values)]
            if len(filled) > 1:
                raise BadInput(
                    f"{path}: sheets {', '.join(sheet.title for sheet in filled)} hold rows; leave one of them"
                )
            header = None
            for number, row in enumerate(filled[0].values if filled else (), 1):
                cells = [_cell(cell) for cell in row]
                if not any(cells):
                    continue
                if header is None:
                    header = cells
                    while header and not header[-1]:  # what was formatted to the right of the table is no column
                        header.pop()
                    yield [name.strip() for name in header]
                    continue
                beyond = any(cells[len(header) :])
                cells = (cells + [""] * len(header))[: len(header)]
                yield (
                    f"{path.name}:row {number}",
                    cells,
                    f"cells to the right of {len(header)} columns" if beyond else "",
                )
    except (zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, ValueError, TypeError, EOFError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: not an Excel workbook: {' '.join(str(error).split())}") from None


def _cell(value) -> str:
    """Write a cell as text; a whole number, which Excel stores as any other, without a point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def table(
    given: Given, role: str, known: Iterable[str], value: Callable[[str], dict], missing: str | None = None
) -> Iterator[Record]:
    """Read records of tables in which the column of a `role` holds the input; `value(cell)` makes arrays of it, and
    raises BadInput for one that it cannot read. `known`: names by which the column is found where it is not said;
    `missing`: what a missing value stands for, where that is no problem."""
    for name, path in given.files.items():
        header, found = rows(path)
        column = header.index(need(path, header, role, choose(header, role, given.columns, known)))
        ident = choose(header, "id", given.columns, ("id", "name", "sample"))
        if ident is not None:
            ident = header.index(need(path, header, "id", ident))
        for number, (where, cells, problem) in enumerate(found, 1):
            record = Record(str(number), where, problem=problem)
            if not problem:
                record.fields = dict(zip(header, cells, strict=True)) | {FILE: name}
                record.id = cells[ident].strip() or record.id if ident is not None else record.id
                cell = cells[column].strip()
                attempt(record, value, missing if missing is not None and is_missing(cell) else cell, role)
            yield record


def attempt(record: Record, value: Callable[[str], dict], cell: str, role: str) -> None:
    """Fill in the arrays of a record, or its problem."""
    if is_missing(cell):
        record.problem = f"no {role}"
        return
    try:
        record.arrays = value(cell)
    except BadInput as error:
        record.problem = str(error).removeprefix(": ")


def joined(records: Iterator[Record], path: Path, columns: dict) -> Iterator[Record]:
    """Add to each record the fields of the row of a table that has its id; BadInput for an id that stands twice."""
    header, found = rows(path)
    ident = need(path, header, "id", choose(header, "id", columns, ("id", "name", "sample", header[0].lower())))
    place, of_id, seen = header.index(ident), {}, {}
    for where, cells, problem in found:
        if problem:
            raise BadInput(f"{path.parent / where}: {problem}")
        key = cells[place].strip()
        if key in of_id:
            raise BadInput(f"{path.parent / where}: id '{key}' stands also on {seen[key]}")
        of_id[key], seen[key] = dict(zip(header, cells, strict=True)), where
    for record in records:
        if record.id in of_id:
            record.fields |= of_id[record.id]
        elif not record.problem:
            record.problem = f"id '{record.id}' is not in {path.name}"
        yield record


# ---- arrays


def stack(found: list[Record]) -> dict[str, np.ndarray]:
    """Put the arrays of records one upon the other; text becomes byte strings."""
    arrays = {}
    for name in found[0].arrays:
        values = [record.arrays[name] for record in found]
        if isinstance(values[0], Ragged):  # one sample each
            arrays[name] = Ragged.join([value.values for value in values])
            continue
        arrays[name] = np.array(values).astype("S") if isinstance(values[0], str) else np.stack(values)
    return arrays


def number(cell: str, title: str) -> float:
    """Read a label that is a number, NaN where it is missing; BadInput for other text."""
    return math.nan if is_missing(cell) else tables.number(cell, title, "").real


def blocks(found: Iterator[Record], size: int) -> Iterator[list[Record]]:
    """Yield records in lists of `size`."""
    block = []
    for record in found:
        block.append(record)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block
