"""AnnData files (.h5ad): a matrix of samples by genes and what is known of the samples."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepbio.core.files import BadInput


@dataclass(frozen=True)
class Cells:
    """x (samples, genes) float32, names of the samples and of the genes, and columns about the samples as text, ""
    where one is missing."""

    x: np.ndarray
    samples: list[str]
    genes: list[str]
    about: dict[str, list[str]]


def read_h5ad(path: Path, raw: bool = False) -> Cells:
    """Read an AnnData file; with `raw`, the matrix before scaling (`raw/X`), where there is one.

    BadInput for a file of another form and for a matrix that holds no finite numbers.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if not {"X", "obs", "var"} <= set(file):
                raise BadInput(f"{path}: not an .h5ad file: X, obs or var is missing")
            about = _frame(file["obs"], file.get("uns", {}))
            samples = about.pop("")
            # Before anndata 0.7 the names hold a point.
            before = next((start for start in ("raw/", "raw.") if raw and f"{start}X" in file), "")
            genes = _frame(file[f"{before}var"], {})[""]
            x = _matrix(file[f"{before}X"], (len(samples), len(genes)), path)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise BadInput(f"{path}: not an .h5ad file: {type(error).__name__}: {error}") from None
    if not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise BadInput(f"{path}: sample '{samples[row]}', gene '{genes[column]}': {x[row, column]} is no finite number")
    return Cells(x, samples, genes, about)


def _strings(column):
    import h5py

    if isinstance(column, h5py.Group):  # a categorical or nullable column
        if "categories" not in column:
            return ["" if gone else str(one) for one, gone in zip(column["values"][:], column["mask"][:], strict=True)]
        names, codes = _strings(column["categories"]), column["codes"][:]
        return ["" if code < 0 else names[code] for code in codes]
    values = column.asstr()[:] if h5py.check_string_dtype(column.dtype) else column[:].tolist()
    return list(map(str, values))


def _frame(group, more):
    """Read the columns of obs or var, the index as "". Files before anndata 0.7 hold a table and no group; the words of
    its categories lie in `more` (uns)."""
    import h5py

    if isinstance(group, h5py.Dataset):
        table, found = group[:], {}
        for name in table.dtype.names:
            values = [value.decode() if isinstance(value, bytes) else value for value in table[name].tolist()]
            words = _strings(more[f"{name}_categories"]) if f"{name}_categories" in more else None
            found[name] = ["" if code < 0 else words[code] for code in values] if words else list(map(str, values))
        return {"": found.pop("index"), **found}
    index = group.attrs.get("_index", "_index")
    # Old categories lie in a group of their own, and the column refers to it.
    old = group.get("__categories", {})
    found = {"": _strings(group[index])}
    for name, column in group.items():
        if name in (index, "__categories"):
            continue
        if name in old:
            words = _strings(old[name])
            found[name] = ["" if code < 0 else words[code] for code in column[:]]
        elif isinstance(column, h5py.Group) or column.ndim == 1:
            found[name] = _strings(column)
    return found


def _matrix(x, shape, path):
    import h5py
    from scipy import sparse

    if isinstance(x, h5py.Group):
        form = x.attrs.get("encoding-type", x.attrs.get("h5sparse_format"))
        form = form.decode() if isinstance(form, bytes) else str(form)
        build = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix}.get(form[:3])
        if build is None:
            raise BadInput(f"{path}: X is {form}; dense, csr_matrix or csc_matrix is expected")
        x = build((x["data"][:], x["indices"][:], x["indptr"][:]), shape=shape).toarray()
    found = np.asarray(x[:], np.float32)
    if found.shape != shape:
        raise BadInput(f"{path}: X has shape {found.shape}; obs and var say {shape}")
    return found
