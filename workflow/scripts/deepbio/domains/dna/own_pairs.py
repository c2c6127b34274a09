"""Pairs of an enhancer and a promoter of a user's own files: tables and BEDPE files over a genome."""

import hashlib
import math
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np

from deepbio.core import records, text
from deepbio.core.files import BadInput
from deepbio.core.records import FILE, Given, Record
from deepbio.domains.dna import own_windows, sequences

ENDS = ("enhancer", "promoter")
BEDPE = ("chrom1", "start1", "end1", "chrom2", "start2", "end2", "name", "score", "strand1", "strand2")
# What the six columns of the places are called by BEDPE, by lists of loops, and by tables of TargetFinder.
SIX = (
    ("chrom1", "chr1", "enhancer_chrom"), ("start1", "x1", "enhancer_start"), ("end1", "x2", "enhancer_end"),
    ("chrom2", "chr2", "promoter_chrom"), ("start2", "y1", "promoter_start"), ("end2", "y2", "promoter_end"),
)  # fmt: skip
LONGEST = (3000, 2000)  # bases of a window of an enhancer and of a promoter, as in Mao et al. 2017
DISTANCE = "log10 distance"
Place = tuple[str, int, int]  # chromosome, start from 0, end


def pairs(given: Given, known: dict | None) -> Iterator[Record]:
    """Yield a record for each row of tables and BEDPE files, in their order.

    `known`: the context of a trained model, whose windows and signals are made. Without it a record holds the codes of
    the two elements, `x` (signals, NaN where missing), `wrong` (texts that are no numbers, by their place in x) and
    `columns` (names of the signals); see `settled`.
    """
    said = given.options.get("length")
    most = [known["shapes"][end][0] for end in ENDS] if known else [said or one for one in LONGEST]
    with own_windows.genome_of(given.files, given.options) as (opened, sizes):
        for name, path in given.files.items():
            header, found = rows(path)
            places = columns_of_places(path, header, given.columns)
            ident = records.choose(header, "id", given.columns, ("id", "name", "pair"))
            ident = None if ident is None else header.index(records.need(path, header, "id", ident))
            signals = columns_of_signals(path, header, given, {*places, ident}, known)
            for number, (where, cells, problem) in enumerate(found, 1):
                record = Record(str(number), where, problem=problem)
                if not problem:
                    record.fields = dict(zip(header, cells, strict=True)) | {FILE: name}
                    own = cells[ident].strip() if ident is not None and cells[ident].strip() != "." else ""
                    record.id = own or record.id
                    try:
                        two = intervals(cells, places)
                        record.id = own or "_".join(map(_written, two))
                        fill(record, two, cells, signals, opened, sizes, most, known)
                    except BadInput as error:
                        record.problem = str(error).removeprefix(": ")
                yield record


def rows(path: Path) -> tuple[list[str], Generator]:
    """Open a table as records.rows does, or a BEDPE file, whose columns have the names of BEDPE unless a line such as
    `#chrom1 start1 …` names them."""
    if records.suffix(path) != ".bedpe":
        return records.rows(path)
    found = _bedpe(path)
    header = next(found, None)
    if header is None:
        raise BadInput(f"{path}:1: the file is empty")
    return header, found


def _bedpe(path):
    """Yield the header, then the rows."""
    header = None
    for number, line in text.lines(path):
        cells = [cell.strip() for cell in (line.split("\t") if "\t" in line else line.split())]
        named = cells and cells[0].lstrip("#").strip().lower() in SIX[0]  # chr1 is a chromosome, too
        if header is None and named and len(cells) > 1 and not cells[1].isdigit():
            header = [cells[0].lstrip("#").strip(), *cells[1:]]
            yield header
        elif cells and any(cells) and not line.startswith(("#", "track ", "browser ")):
            if header is None:
                header = [*BEDPE, *(f"column{place}" for place in range(len(BEDPE) + 1, len(cells) + 1))][: len(cells)]
                yield header
            same = len(cells) == len(header)
            yield f"{path.name}:{number}", cells, "" if same else f"{len(cells)} columns in place of {len(header)}"


def columns_of_places(path: Path, header: list[str], columns: dict) -> list[int]:
    """Find the columns that say where both elements lie: one each, or three each; BadInput where there are none."""
    whole = [records.choose(header, end, columns, (end,)) for end in ENDS]
    if all(whole):
        return [header.index(records.need(path, header, *pair)) for pair in zip(ENDS, whole, strict=True)]
    lower = {name.lower(): place for place, name in reversed(list(enumerate(header)))}
    six = [next((lower[name] for name in names if name in lower), None) for names in SIX]
    if None in six:
        raise BadInput(
            f"{path}:1: columns enhancer and promoter (chr1:100-200), or {', '.join(BEDPE[:6])} are wanted; "
            f"columns are: {', '.join(header[:20])}"
        )
    return [place for place in six if place is not None]


def columns_of_signals(
    path: Path, header: list[str], given: Given, others: set, known: dict | None
) -> dict[str, int | None]:
    """Map the names of the signals to their columns, None for the distance: those of a model, those that are said, or
    the distance and every column that is nothing else, where a label is named. BadInput names all that are missing."""
    said = given.columns.get("features")
    names = known["features"] if known is not None else [said] if isinstance(said, str) else said
    if names is None:
        taken = given.taken | set(BEDPE) | {header[place] for place in others if place is not None}
        names = [DISTANCE, *(name for name in header if given.labels and name not in taken and name != DISTANCE)]
    lacking = [name for name in names if name not in header and name != DISTANCE]
    if lacking:
        more = f" and {len(lacking) - 10} more" if len(lacking) > 10 else ""
        raise BadInput(f"{path}:1: no column for the signals {', '.join(lacking[:10])}{more}")
    return {name: None if name == DISTANCE else header.index(name) for name in names}


def intervals(cells: list[str], places: list[int]) -> list[Place]:
    """Read the places of both elements; BadInput for what is none, and for two chromosomes."""
    here = [cells[place].strip() for place in places]
    if len(here) == 2:
        for end, cell in zip(ENDS, here, strict=True):
            if records.is_missing(cell):
                raise BadInput(f"no {end}")
        two = [sequences.place(cell) for cell in here]
    else:
        wrong = [cell for cell in here[1:3] + here[4:] if not (cell.isascii() and cell.isdigit())]
        if wrong:
            raise BadInput(f"{wrong[0]!r} is no coordinate")
        two = [(here[first], int(here[first + 1]), int(here[first + 2])) for first in (0, 3)]
    for end, one in zip(ENDS, two, strict=True):
        if not one[1] < one[2]:
            raise BadInput(f"{end}: {one[1]} to {one[2]} is no interval")
    if two[0][0] != two[1][0]:
        raise BadInput(
            f"the enhancer lies on '{two[0][0]}' and the promoter on '{two[1][0]}'; one chromosome is wanted"
        )
    return two


def fill(
    record: Record,
    two: list[Place],
    cells: list[str],
    signals: dict,
    opened,
    sizes: dict,
    most: list,
    known: dict | None,
) -> None:
    """Put the codes of both elements, their numbers and the signals into a record, or say what is wrong."""
    arrays = {}
    for end, longest, (chromosome, first, last) in zip(ENDS, most, two, strict=True):
        length = last - first
        own_windows.fill(record, (chromosome, first + length // 2, last, "+"), opened, sizes, length)
        if record.problem:
            record.problem = f"{end}: {record.problem}"
            return
        arrays[end], _ = own_windows.fitted(record.arrays["codes"], min(length, longest))
    record.fields["chromosome"] = two[0][0]
    arrays["names"] = np.array([number_of(one) for one in two])
    arrays["x"], wrong = numbers(cells, signals, two)
    if known is None:
        record.arrays = arrays | {"wrong": wrong, "columns": list(signals)}
        return
    names, x = list(signals), arrays.pop("x")
    if wrong:
        place, cell = next(iter(wrong.items()))
        raise BadInput(f"column '{names[place]}': {cell!r} is no number")
    if "fill" in known:
        x = np.where(np.isnan(x), np.asarray(known["fill"], np.float32), x)
    elif np.isnan(x).any():
        raise BadInput(f"column '{names[int(np.isnan(x).argmax())]}' is empty")
    record.arrays = windows(arrays, most) | {"signals": x}


def numbers(cells: list[str], signals: dict[str, int | None], two: list[Place]) -> tuple[np.ndarray, dict[int, str]]:
    """Read the signals (n,) float32, NaN where one is missing, and the texts that are no numbers, by their places."""
    x, wrong = np.full(len(signals), np.nan, np.float32), {}
    for place, (name, column) in enumerate(signals.items()):
        try:
            x[place] = distance(*two) if column is None else records.number(cells[column], name)
        except BadInput:
            wrong[place] = cells[column].strip()
    return x, wrong


def distance(enhancer: Place, promoter: Place) -> float:
    """Compute the decimal logarithm of 1 + the bases between the middles of two elements."""
    return math.log10(1 + abs(sum(enhancer[1:]) - sum(promoter[1:])) / 2)


def number_of(place: Place) -> int:
    """Number an element by its place, the same in every file: 63 bits of a digest."""
    return int.from_bytes(hashlib.sha256(_written(place).encode()).digest()[:8], "big") >> 1


def _written(place) -> str:
    return "{}:{}-{}".format(*place)


def windows(arrays: dict, lengths: list[int]) -> dict:
    """Put the bases of both elements into the middles of windows of unknown bases, cut to them where they are longer,
    and say where they lie there: arrays enhancer, promoter, places and names."""
    made, places = {}, []
    for end, length in zip(ENDS, lengths, strict=True):
        made[end], ends = own_windows.fitted(arrays[end], length)
        places += ends
    return made | {"places": np.array(places, np.float32), "names": arrays["names"]}


def settled(found: list[Record], length: int | None) -> tuple[list[dict], list[int]]:
    """Give the arrays of all records in windows of `length` bases, or as long as the longest element that was read, and
    the two lengths."""
    lengths = [length or max(len(record.arrays[end]) for record in found) for end in ENDS]
    return [windows(record.arrays, lengths) for record in found], lengths


def clusters(names: np.ndarray) -> np.ndarray:
    """Number the groups of pairs that elements link, (n,): two pairs that share one, or a chain of such pairs."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, element = np.unique(names, return_inverse=True)
    element = element.reshape(names.shape)
    nodes = int(element.max()) + 1
    graph = coo_matrix((np.ones(len(element), bool), tuple(element.T)), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1][element[:, 0]]
