"""Tables: one row of numbers a sample, with named columns."""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.kind import Array

ROLE = "input"
TITLE = "a table of numbers"
ARRAYS = {"x": Array("float", ("feature",), "numbers")}
CONTEXT = {"features": "names of the columns"}
OUTPUTS = ("binary", "regression")
READS = ("binary", "multilabel", "multiclass", "regression")
SPLIT = "random"
COLUMNS = ()
MOSTLY = 0.9  # share of known cells that are numbers in a column that is taken for one of numbers


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make twenty columns of noise, three of which carry the label."""
    x = rng.standard_normal((n, 20)).astype(np.float32)
    score = x[:, 0] + x[:, 1] - x[:, 2]
    y = (score > 0).astype(np.float32) if output == "binary" else score.astype(np.float32)
    return {"x": x, "y": y}, {"features": [f"column {i}" for i in range(20)]}


def matrix(split: Split, parameters: dict) -> np.ndarray:
    """Give the numbers as they are, (n, features)."""
    return np.asarray(split["x"], dtype=np.float64)


def read(given, known=None):
    """Yield records of tables (CSV, TSV, Parquet) and of .h5ad files, whose columns are numbers: those that are said,
    or all that are neither id nor label, group or split; `known`: features and what fills their gaps."""
    from deepbio.core import records

    for name, path in given.files.items():
        if records.suffix(path) == ".h5ad":
            header, found = _h5ad(path)
        else:
            header, found = records.rows(path)
        ident = records.choose(header, "id", given.columns, ("id", "name", "sample"))
        said = given.columns.get("features")
        features = [said] if isinstance(said, str) else said
        if known is not None:
            features = known["features"]
        place_of = {one: place for place, one in reversed(list(enumerate(header)))}  # the first of a name
        lacking = [one for one in features or () if one not in place_of]
        if lacking:
            records.need(path, header, "features", lacking[0])
        taken = given.taken | {ident}
        features = features or [one for one in header if one not in taken]
        places = [place_of[one] for one in features]
        chosen = set(places)
        others = [place for place, one in enumerate(header) if one in taken or known is None and place not in chosen]
        for number, (where, cells, problem) in enumerate(found, 1):
            record = records.Record(str(number), where, problem=problem)
            if not problem:
                record.fields = {header[place]: str(cells[place]) for place in others} | {records.FILE: name}
                record.id = record.fields.get(ident, "").strip() or record.id
                x, wrong = _numbers([cells[place] for place in places])
                record.arrays = {"x": x}
                if known is not None:
                    if wrong:
                        place, cell = next(iter(wrong.items()))
                        record.problem = f"column '{features[place]}': {cell!r} is no number"
                    if "fill" in known:
                        record.arrays["x"] = np.where(np.isnan(x), np.asarray(known["fill"], np.float32), x)
                    elif not wrong and np.isnan(x).any():
                        record.problem = f"column '{features[int(np.isnan(x).argmax())]}' is empty"
                else:
                    record.arrays |= {"wrong": wrong, "names": features}
            yield record


def _numbers(cells):
    """Turn cells into numbers (n,) float32, NaN where one is missing; and those that are none, by their places."""
    from deepbio.core.records import is_missing
    from deepbio.core.tables import LARGEST

    try:
        x = np.array(cells, dtype=np.float64)
    except ValueError:
        x = np.full(len(cells), np.nan)
        for place, cell in enumerate(cells):
            try:
                x[place] = float(cell) if "_" not in cell else np.inf
            except ValueError:
                x[place] = np.nan if is_missing(cell) else np.inf
    wrong = {int(place): str(cells[place]) for place in np.flatnonzero(np.abs(x) > LARGEST)}
    x[list(wrong)] = np.nan
    return x.astype(np.float32), wrong


def _h5ad(path):
    """Yield the header (columns of obs, then genes) and the rows of an AnnData file: X dense or by rows (CSR)."""
    import h5py

    from deepbio.core.files import BadInput

    def strings(group):
        if isinstance(group, h5py.Group):  # a categorical column
            names, codes = group["categories"].asstr()[:], group["codes"][:]
            return ["" if code < 0 else names[code] for code in codes]
        return list(group.asstr()[:]) if h5py.check_string_dtype(group.dtype) else [str(one) for one in group[:]]

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise BadInput(f"{path}: not an .h5ad file: {error}") from None
    if not {"X", "obs", "var"} <= set(file):
        raise BadInput(f"{path}: not an .h5ad file: X, obs or var is missing")
    index = [strings(file[name][file[name].attrs.get("_index", "_index")]) for name in ("obs", "var")]
    keys = [key for key in file["obs"] if key != file["obs"].attrs.get("_index", "_index") and not key.startswith("__")]
    about = {key: strings(file["obs"][key]) for key in keys}

    def rows():
        x = file["X"]
        for row, name in enumerate(index[0]):
            if isinstance(x, h5py.Group):
                if x.attrs["encoding-type"] != "csr_matrix":
                    raise BadInput(f"{path}: X is {x.attrs['encoding-type']}; dense or csr_matrix is expected")
                here = slice(*x["indptr"][row : row + 2])
                values = np.zeros(len(index[1]))
                values[x["indices"][here]] = x["data"][here]
            else:
                values = x[row]
            yield f"{path.name}:cell {row + 1}", [name, *(about[key][row] for key in keys), *values], ""
        file.close()

    return ["id", *keys, *index[1]], rows()


def settle(found, given):
    """Choose the columns that hold numbers, and mark the records that hold other text there: (context, notes)."""
    names = found[0].arrays["names"]
    if any(record.arrays["names"] != names for record in found):
        from deepbio.core.files import BadInput

        raise BadInput(f"the files {', '.join(given.files)} have different columns")
    wrong = np.zeros(len(names), int)
    for record in found:
        wrong[list(record.arrays["wrong"])] += 1
    known = np.sum([~np.isnan(record.arrays["x"]) for record in found], axis=0)
    words = wrong > (1 - MOSTLY) * np.maximum(known + wrong, 1)
    taken = ~words & (known > 0)
    if not taken.any():
        from deepbio.core.files import BadInput

        raise BadInput(f"no column of numbers among {', '.join(names[:20])}")
    for record in found:
        bad = [place for place in record.arrays["wrong"] if taken[place]]
        if bad:
            record.problem = f"column '{names[bad[0]]}': {record.arrays['wrong'][bad[0]]!r} is no number"
        record.arrays = {"x": record.arrays["x"][taken]}
    notes = [f"{int(taken.sum())} columns of numbers"]
    for mask, why in ((words, "hold words"), (~words & (known == 0), "are empty")):
        if mask.any():
            left = [name for name, out in zip(names, mask, strict=True) if out]
            notes.append(f"columns that {why} are left out: {', '.join(left[:10])}" + (", …" if len(left) > 10 else ""))
    return {"features": [name for name, one in zip(names, taken, strict=True) if one]}, notes


def traits(arrays):
    """Measure what should not tell the class of a row: its gaps."""
    return {"share of gaps": np.isnan(np.asarray(arrays["x"])).mean(axis=1)}


def learn(arrays, context, train, given):
    """Fill gaps with the median of the training samples."""
    x = arrays["x"]
    gaps = np.isnan(x)
    with np.errstate(all="ignore"):
        fill = np.array(
            [
                np.median(column[~gap]) if (~gap).any() else 0.0
                for column, gap in zip(x[train].T, gaps[train].T, strict=True)
            ],
            np.float32,
        )
    notes = [f"{int(gaps.sum())} gaps are filled with their column's median in training"] if gaps.any() else []
    return arrays | {"x": np.where(gaps, fill, x)}, {"fill": fill.tolist()}, notes, np.ones(len(x), bool)


def same(arrays, context):
    """Name each row by its numbers, (n,) byte strings."""
    import hashlib

    return np.array([hashlib.sha256(row.tobytes()).hexdigest() for row in np.asarray(arrays["x"])]).astype("S")
