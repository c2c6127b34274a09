"""Regions of a genome with the signals that are measured there, in their order along chromosomes."""

import numpy as np

from deepbio.core.kind import Array
from deepbio.kinds import table

ROLE = "input"
TITLE = "signals of regions in their order"
ARRAYS = {
    "x": Array("float", ("feature",), "mean signals of the region"),
    "chain": Array("integer", (), "number of the stretch in which the region has its neighbours"),
    "place": Array("integer", (), "where the region begins"),
    "cell": Array("integer", (), "number of the type of cell", required=False),
}
CONTEXT = {"features": "names of the signals"}
OUTPUTS = ("binary",)
READS = ("binary", "multiclass")
SPLIT = "chromosome"
GAP = 10_000  # bases between the beginnings of two regions beyond which they are no neighbours
matrix, same = table.matrix, table.same


def traits(arrays):
    """Measure what should not tell the class of a region: its gaps."""
    return table.traits(arrays)


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make stretches of five regions that keep their class for a while, in two types of cells; three of eight signals
    tell it."""
    from deepbio.domains.dna.elements import simulate

    arrays = simulate(n, 5, 2, 8, 0.9, 0.3, rng)
    if output == "regression":
        arrays["y"] = (arrays["y"] + 0.1 * rng.standard_normal(n)).astype(np.float32)
    return arrays, {"features": [f"signal {i}" for i in range(8)]}


def read(given, known=None):
    """Yield records of tables of signals, as tables are read; the columns `chromosome` and `start` (or chrom, chr,
    begin) say where a region lies. Rows in the order of the genome that begin close to each other are neighbours;
    without these columns each is by itself."""
    from deepbio.core import records, tables
    from deepbio.core.files import BadInput

    number = -1
    for name, path in given.files.items():
        header, cells = records.rows(path)
        chromosome = records.choose(header, "chromosome", given.columns, ("chromosome", "chrom", "chr"))
        start = records.choose(header, "start", given.columns, ("start", "begin"))
        places = {one for one in (chromosome, start) if one is not None}
        said = dict(given.columns)
        if known is None and "features" not in said:
            said["features"] = [one for one in header if one not in given.taken | places]
        wanted = (("chromosome", chromosome), ("start", start))
        columns = [None if one is None else header.index(records.need(path, header, role, one)) for role, one in wanted]
        before = "", -np.inf
        given_here = records.Given({name: path}, said, given.options, given.output)
        for record, (_, row, _) in zip(table.read(given_here, known), cells, strict=True):
            texts = ["" if column is None or record.problem else row[column].strip() for column in columns]
            try:
                here = texts[0], tables.number(texts[1], "start", "")
            except BadInput as error:
                here, record.problem = (texts[0], np.nan), str(error).removeprefix(": ")
            if here[0]:
                record.fields["chromosome"] = here[0]
            number += not (here[0] == before[0] and 0 <= here[1] - before[1] <= GAP)
            before = here
            record.arrays |= {"chain": np.int64(number), "place": np.int64(0 if np.isnan(here[1]) else here[1])}
            yield record


def settle(found, given):
    """Choose the columns that hold numbers, as of a table: (context, notes)."""
    places = [{name: record.arrays[name] for name in ("chain", "place")} for record in found]
    context, notes = table.settle(found, given)
    for record, place in zip(found, places, strict=True):
        record.arrays |= place
    return context, notes


learn = table.learn


def cluster(arrays):
    """Number the stretches of neighbouring regions, (n,)."""
    return np.asarray(arrays["chain"])
