"""Matrices of expression of a user's own: AnnData files, and tables with genes in columns or in rows."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deepbio.core import records
from deepbio.core.files import BadInput
from deepbio.core.records import FILE, Given, Record
from deepbio.core.tables import LARGEST
from deepbio.domains.expression.h5ad import read_h5ad


def genes_in_rows(path: Path, given: Given, genes: list[str] | None) -> bool:
    """Tell whether the genes of a table are in its rows: where more names of its header than of its first column are
    ids of the table of labels, or fewer are `genes` of a trained model."""
    header, found = records.rows(path)
    names = [cells[0].strip() for _, cells, problem in found if not problem]
    if genes is not None:
        known = set(genes)
        return sum(name in known for name in names) > sum(name in known for name in header)
    if "labels" not in given.options:
        return False
    ids = _ids(given.options["labels"], given.columns)
    return sum(name in ids for name in header[1:]) > sum(name in ids for name in names)


def _ids(path, columns):
    header, found = records.rows(path)
    ident = records.choose(header, "id", columns, ("id", "name", "sample", header[0].lower()))
    place = header.index(records.need(path, header, "id", ident))
    return {cells[place].strip() for _, cells, problem in found if not problem}


def by_rows(name: str, path: Path, genes: list[str] | None) -> Iterator[Record]:
    """Yield a record for each column after the first of a table whose rows are genes; `genes`: those that are wanted,
    in their order, default all. BadInput for a gene that stands twice or lacks, and for a row of another length."""
    header, found = records.rows(path)
    place: dict[str, int] = {}
    levels: list[list[str]] = []
    for where, cells, problem in found:
        gene = cells[0].strip() if cells else ""
        if problem:
            raise BadInput(f"{path.parent / where}: {problem}")
        if gene in place:
            raise BadInput(f"{path.parent / where}: gene '{gene}' stands twice")
        place[gene] = len(levels)
        levels.append(cells[1:])
    rows = _places(place, genes, path)
    names = list(place) if genes is None else genes
    for column, sample in enumerate(header[1:]):
        record = Record(sample, f"{path.name}:column {column + 2}", {FILE: name})
        x = np.array([_number(levels[row][column]) for row in rows])
        wrong = np.flatnonzero(np.isinf(x))
        if len(wrong):
            record.problem = f"gene '{names[wrong[0]]}': {levels[rows[wrong[0]]][column]!r} is no number"
        record.arrays = {"x": x.astype(np.float32), "names": names, "wrong": {}}
        yield record


def _number(cell):
    """Read a level, NaN where it is missing and infinite where it is no number."""
    try:
        found = float(cell) if "_" not in cell else np.inf
    except ValueError:
        return np.nan if records.is_missing(cell) else np.inf
    return found if np.isnan(found) or abs(found) <= LARGEST else np.inf


def _places(place, genes, path):
    """Give the places of the wanted genes; BadInput names those that lack."""
    if genes is None:
        return list(place.values())
    lacking = [gene for gene in genes if gene not in place]
    if lacking:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        raise BadInput(f"{path}: {len(lacking)} genes of the model are missing: {', '.join(lacking[:3])}{more}")
    return [place[gene] for gene in genes]


def of_anndata(name: str, path: Path, given: Given, genes: list[str] | None) -> Iterator[Record]:
    """Yield a record for each sample of an AnnData file, its columns of obs as fields; `genes` as in by_rows."""
    found = read_h5ad(path)
    if len(set(found.genes)) < len(found.genes):
        twice = next(gene for gene in found.genes if found.genes.count(gene) > 1)
        raise BadInput(f"{path}: gene '{twice}' stands twice in var")
    columns = _places({gene: i for i, gene in enumerate(found.genes)}, genes, path)
    names, ident = (found.genes if genes is None else genes), given.columns.get("id")
    for number, sample in enumerate(found.samples):
        fields = {key: values[number] for key, values in found.about.items()} | {FILE: name}
        arrays = {"x": found.x[number, columns], "names": names, "wrong": {}}
        yield Record(fields.get(ident, sample), f"{path.name}:sample {number + 1}", fields, arrays)
