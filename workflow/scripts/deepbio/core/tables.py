"""Tables: reading delimited text and pickled frames with errors that name the place, and splitting by rows."""

import csv
import math
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepbio.core import text
from deepbio.core.files import BadInput, atomic

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Table:
    """Rows of text under named columns, and for each row the line of the file on which it begins."""

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def __len__(self):
        return len(self.rows)

    def where(self, row: int) -> str:
        """Name the file and the line of a row, for messages."""
        return f"{self.path}:{self.lines[row]}"

    def column(self, name: str) -> list[str]:
        """Give one column as text; BadInput where there is none, or more than one, of that name."""
        found = [place for place, one in enumerate(self.header) if one == name]
        if not found:
            raise BadInput(f"{self.path}:1: no column '{name}'; columns are: {', '.join(self.header[:20])}")
        if len(found) > 1:
            raise BadInput(f"{self.path}:1: column '{name}' stands {len(found)} times")
        return [row[found[0]] for row in self.rows]

    def numbers(self, column: str | int, name: str = "") -> np.ndarray:
        """Give one column, by its name or its place, as float64 with blanks as NaN; BadInput names what is no number.

        `name` is what a column that is asked for by its place is called in messages.
        """
        values = [row[column] for row in self.rows] if isinstance(column, int) else self.column(column)
        title = name or (self.header[column] if isinstance(column, int) else column)
        return np.array([number(text, title, self.where(row)) for row, text in enumerate(values)], np.float64)


def number(value: str, name: str, where: str) -> float:
    """Read one number, NaN where the text is blank or says so; BadInput for other text, for infinity, and for what is
    too large for a 32-bit number."""
    value = value.strip()
    if not value:
        return math.nan
    try:
        found = float(value) if "_" not in value else None  # Python alone reads 1_000 as a number
    except ValueError:
        found = None
    if found is None:
        raise BadInput(f"{where}: column '{name}': {value!r} is no number")
    if abs(found) > LARGEST:
        raise BadInput(f"{where}: column '{name}': {value!r} is infinite or larger than a 32-bit number can be")
    return found


def binary(value: str, name: str, where: str) -> int:
    """Read a label that is the number 0 or 1, such as 1, 1.0 or 1e0; BadInput for anything else."""
    found = number(value, name, where)
    if found not in (0, 1):
        raise BadInput(f"{where}: column '{name}': {value!r} is neither 0 nor 1")
    return int(found)


def read_csv(path: str | Path, separator: str = ",", header: bool = True) -> Table:
    """Read a delimited text file, packed or not, in which a field may be quoted and hold line breaks.

    Lines without any character are passed over. Without `header` the first line is a row, too. Raises BadInput with
    file and line for a row of another length than the first and for a quote that is not closed.
    """
    path, rows, begins = Path(path), [], []
    reader = csv.reader((f"{line}\n" for _, line in text.lines(path)), delimiter=separator, strict=True)
    limit = csv.field_size_limit(2**24)
    line = 1
    try:
        for row in reader:
            line, began = reader.line_num + 1, line
            if not row:
                continue
            if rows and len(row) != len(rows[0]):
                raise BadInput(f"{path}:{began}: {len(row)} columns in place of {len(rows[0])}")
            rows.append(row)
            begins.append(began)
    except csv.Error as error:
        raise BadInput(f"{path}:{line}: {error}") from None
    finally:
        csv.field_size_limit(limit)
    if not rows:
        raise BadInput(f"{path}:1: the file is empty")
    names = [one.strip() for one in rows[0]] if header else []
    return Table(path, names, rows[1:] if header else rows, begins[1:] if header else begins)


def write_csv(path, header, rows):
    """Write a table of what a figure shows, `rows` under `header`, atomically."""
    with atomic(path) as temporary, open(temporary, "w", newline="") as handle:
        csv.writer(handle).writerows([header, *rows])


class _FrameUnpickler(pickle.Unpickler):
    """Admits what a pandas frame of plain columns is made of, and nothing that could run code."""

    ALLOWED = {
        "builtins": {"slice"},
        "numpy": {"dtype", "ndarray"},
        "numpy.core.multiarray": {"_reconstruct", "scalar"},
        "numpy.core.numeric": {"_frombuffer"},
        "numpy._core.multiarray": {"_reconstruct", "scalar"},
        "numpy._core.numeric": {"_frombuffer"},
        "pandas._libs.arrays": {"__pyx_unpickle_NDArrayBacked"},
        "pandas._libs.internals": {"_unpickle_block"},
        "pandas.core.arrays.categorical": {"Categorical"},
        "pandas.core.arrays.integer": {"IntegerArray", "Int32Dtype", "Int64Dtype"},
        "pandas.core.dtypes.dtypes": {"CategoricalDtype"},
        "pandas.core.frame": {"DataFrame"},
        "pandas.core.indexes.base": {"Index", "_new_Index"},
        "pandas.core.indexes.range": {"RangeIndex"},
        "pandas.core.internals.managers": {"BlockManager"},
    }

    def find_class(self, module, name):
        if name not in self.ALLOWED.get(module, ()):
            raise BadInput(f"the pickle asks for {module}.{name}, which is not part of a plain table")
        return super().find_class(module, name)


def read_frame(path):
    """Read a pickled pandas frame, by an unpickler that admits pandas and numpy containers only."""
    with open(path, "rb") as handle:
        try:
            return _FrameUnpickler(handle).load()
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError) as error:
            raise BadInput(f"{path}: not a pickled table: {error}") from None


def folds(samples, count):
    """Part rows into `count` folds of consecutive ones: the fold number of every sample."""
    return np.repeat(np.arange(count), [len(part) for part in np.array_split(np.arange(samples), count)])


def stratified(labels, fractions, rng):
    """Draw random parts of the given fractions, each with the classes in the whole's proportions: a part number a
    sample.

    What the fractions leave over belongs to the last part.
    """
    part = np.full(len(labels), len(fractions) - 1)
    for value in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == value))
        edges = np.round(np.cumsum(fractions)[:-1] * len(members)).astype(int)
        for number, chunk in enumerate(np.split(members, edges)):
            part[chunk] = number
    return part


def column_moments(x):
    """Compute the mean and the standard deviation of each column of x (n, columns), as lists; 1 in place of a deviation
    of 0."""
    x = np.asarray(x, dtype=np.float64)
    spread = x.std(axis=0)
    return x.mean(axis=0).tolist(), np.where(spread > 0, spread, 1).tolist()


def standardise(x, mean, spread, limit):
    """Standardise x (n, columns) by the moments of its columns and cut it at ± `limit`: float32."""
    return ((np.asarray(x, np.float64) - mean) / spread).clip(-limit, limit).astype(np.float32)


def linked(*labels):
    """Number the group of every sample: samples with the same value of any of the labels are in one group.

    `labels`: arrays (n,). A chain links, too: a with b by the first label, b with c by the second.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    samples, links, nodes = np.arange(len(labels[0])), [], len(labels[0])
    for values in labels:
        _, code = np.unique(values, return_inverse=True)
        links.append(nodes + code)
        nodes += code.max() + 1
    rows, columns = np.tile(samples, len(labels)), np.concatenate(links)
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1][: len(samples)]


def group_parts(group, valid_fraction, test_fraction, rng):
    """Draw whole groups at random for validation and testing: 0 (training), 1 or 2 for every sample of
    `group`.

    A group that would fill half of a held-out part (a scaffold such as benzene) stays in training, or that part would
    be about it.
    """
    names, member, sizes = np.unique(group, return_inverse=True, return_counts=True)
    order = rng.permutation(len(names))
    free = len(group) * test_fraction, len(group) * valid_fraction
    small = order[sizes[order] <= min(free) / 2]
    ends = np.searchsorted(np.cumsum(sizes[small]), np.cumsum(free))
    chosen = np.zeros(len(names), int)
    chosen[small[: ends[0]]] = 2
    chosen[small[ends[0] : ends[1]]] = 1
    return chosen[member]


def deal(group, label, count, rng):
    """Fold (0 … count - 1) of each sample: whole groups, each to the fold with the fewest samples of its label.

    A group's label is that of its first sample; of several folds the one with the fewest samples in all is taken, then
    the first in a random order, so that folds are as large, and have as many samples of each label, as can be.
    """
    names, first, member = np.unique(group, return_index=True, return_inverse=True)
    sizes = np.bincount(member)
    fold_of, total = np.empty(len(names), int), np.zeros(count)
    for value in np.unique(label[first]):
        here = rng.permutation(np.flatnonzero(label[first] == value))
        of_label, tie = np.zeros(count), rng.permutation(count)
        for one in here[np.argsort(-sizes[here], kind="stable")]:
            chosen = np.lexsort((tie, total, of_label))[0]
            fold_of[one] = chosen
            of_label[chosen] += sizes[one]
            total[chosen] += sizes[one]
    return fold_of[member]


def fold_parts(fold, folds, split):
    """Give 0 (training), 1 (validation) or 2 (test) to every sample in a split, which counts from 1: split k tests
    fold k, validates on the one before it and trains on the others."""
    test = (split - 1) % folds
    return np.where(fold == test, 2, np.where(fold == (test - 1) % folds, 1, 0))
