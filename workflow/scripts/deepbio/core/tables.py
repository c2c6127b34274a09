"""Tables: reading delimited text and pickled frames with errors that name the place, and splitting by rows."""

import csv
import gzip
import io
import pickle
from pathlib import Path

import numpy as np

from deepbio.core.files import BadInput, atomic


def read_csv(path, separator=","):
    """Header and rows of a delimited text file (quotes and .gz allowed); BadInput names file and line."""
    path = Path(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as handle:
            text = handle.read().decode("utf-8-sig")
    except (EOFError, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: damaged file: {error}") from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = next(reader, None)
        if not header:
            raise BadInput(f"{path}:1: the file is empty")
        rows = []
        for row in reader:
            if len(row) != len(header):
                raise BadInput(f"{path}:{reader.line_num}: {len(row)} columns in place of {len(header)}")
            rows.append(row)
    except csv.Error as error:
        raise BadInput(f"{path}:{reader.line_num}: {error}") from None
    return header, rows


def write_csv(path, header, rows):
    """A table of what a figure shows: `rows` under `header`, written atomically."""
    with atomic(path) as temporary, open(temporary, "w", newline="") as handle:
        csv.writer(handle).writerows([header, *rows])


def column(path, header, rows, name):
    """One column as a list of strings; BadInput where there is none of that name."""
    if name not in header:
        raise BadInput(f"{path}:1: no column '{name}'; columns are: {', '.join(header[:20])}")
    place = header.index(name)
    return [row[place] for row in rows]


def numbers(path, values, name, first_line=2):
    """A list of strings as float64, blanks as NaN; BadInput names file, line and column of what is no number."""
    found = np.empty(len(values))
    for i, value in enumerate(values):
        try:
            found[i] = float(value) if value.strip() else np.nan
        except ValueError:
            raise BadInput(f"{path}:{first_line + i}: column '{name}': {value!r} is no number") from None
    return found


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
    """A pickled pandas frame, by an unpickler that admits pandas and numpy containers only."""
    with open(path, "rb") as handle:
        try:
            return _FrameUnpickler(handle).load()
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError) as error:
            raise BadInput(f"{path}: not a pickled table: {error}") from None


def folds(samples, count):
    """`count` folds of consecutive rows: the fold number of every sample."""
    return np.repeat(np.arange(count), [len(part) for part in np.array_split(np.arange(samples), count)])


def stratified(labels, fractions, rng):
    """Random parts of the given fractions, each with the classes in the whole's proportions: a part number a sample.

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
    """Mean and standard deviation of each column of x (n, columns), as lists; 1 in place of a deviation of 0."""
    x = np.asarray(x, dtype=np.float64)
    spread = x.std(axis=0)
    return x.mean(axis=0).tolist(), np.where(spread > 0, spread, 1).tolist()


def standardise(x, mean, spread, limit):
    """x (n, columns) by the moments of its columns, cut at ± `limit`: float32."""
    return ((np.asarray(x, np.float64) - mean) / spread).clip(-limit, limit).astype(np.float32)


def linked(*labels):
    """The number of a group for every sample: samples with the same value of any of the labels are in one group.

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
    """Whole groups drawn at random for validation and testing: 0 (training), 1 or 2 for every sample of `group`.

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
    """0 (training), 1 (validation) or 2 (test) for every sample in a split, which counts from 1: split k tests fold k,
    validates on the one before it and trains on the others."""
    test = (split - 1) % folds
    return np.where(fold == test, 2, np.where(fold == (test - 1) % folds, 1, 0))
