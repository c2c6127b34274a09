"""Tables of molecules with a label each: reading them, and parting them by consecutive rows or by scaffold."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.chemistry import molecules


def read(folder, parameters):
    """Read SMILES (list), RDKit molecules (list) and labels (n,) of a source; parameters["format"] says how it is
    read.

    csv : a table (.gz allowed) with a column `smiles` and the `column` of the label; its first `rows` rows, or all.
        Rows with an empty label are left out; `unreadable: skip` leaves out SMILES that RDKit refuses. A label must
        be one of `among`, where that is given.
    sdf : SDF `files` one after another, with a `property` of their records.
    smi : the first `rows` lines of a file, or all, which begin with a SMILES; there are no labels (NaN).
    """
    return {"csv": _csv, "sdf": _sdf, "smi": _smi}[parameters["format"]](folder, parameters)


def parts(smiles, found, y, parameters, seed, context=None):
    """Build the splits train, valid and test; parameters["split"] says how they are parted.

    folds : folds of consecutive rows that begin at `fold_starts` (Duvenaud et al. 2015): split k tests fold k, the
        fold before it is validation. Molecules of the test fold are taken out of the other two parts, those of the
        validation fold out of training.
    scaffold : repeats of a molecule are dropped, then whole Bemis-Murcko scaffolds are drawn at random.

    Arrays: smiles (byte strings), y (n,) float32 in the unit of the file, group (canonical SMILES or scaffold).
    """
    group, part = {"folds": _folds, "scaffold": _scaffolds}[parameters["split"]](found, parameters, seed)
    arrays = {"smiles": np.array(smiles).astype("S"), "y": y.astype(np.float32), "group": group}
    return {
        name: Split({key: array[part == number] for key, array in arrays.items()}, context or {})
        for number, name in enumerate(("train", "valid", "test"))
    }


def _first(path, rows, parameters):
    wanted = parameters.get("rows", len(rows))
    if len(rows) < wanted:
        raise BadInput(f"{path}: {len(rows)} rows in place of {wanted}")
    return rows[:wanted]


def _csv(folder, parameters):
    path = folder / parameters["file"]
    table = tables.read_csv(path)
    rows = _first(path, table.rows, parameters)
    table = tables.Table(path, table.header, rows, table.lines[: len(rows)])
    # One of the files has blanks behind its SMILES.
    smiles = [text.strip() for text in table.column("smiles")]
    y = table.numbers(parameters["column"])
    known = np.flatnonzero(~np.isnan(y))
    wrong = known[~np.isin(y[known], parameters.get("among", y[known]))]
    if len(wrong):
        allowed = " or ".join(map(str, parameters["among"]))
        raise BadInput(f"{table.where(wrong[0])}: column '{parameters['column']}': {y[wrong[0]]:g} is not {allowed}")
    return _parsed(path, smiles, y, known, table.lines, parameters)


def _smi(folder, parameters):
    path = folder / parameters["file"]
    smiles, lines = molecules.read_smi(path)
    smiles = _first(path, smiles, parameters)
    return _parsed(path, smiles, np.full(len(smiles), np.nan), np.arange(len(smiles)), lines, parameters)


def _parsed(path, smiles, y, index, lines, parameters):
    """Return what `read` gives, of the rows `index`, which stand on `lines` of the file."""
    texts, lines = [smiles[i] for i in index], [lines[i] for i in index]
    found = list(molecules.parse_all(texts, path, lines, parameters.get("unreadable") == "skip"))
    kept = [i for i, molecule in enumerate(found) if molecule is not None]
    return [texts[i] for i in kept], [found[i] for i in kept], y[index[kept]]


def _sdf(folder, parameters):
    found, y = [], []
    for name in parameters["files"]:
        for number, (molecule, facts) in enumerate(molecules.read_sdf(folder / name), 1):
            where = f"{folder / name}: record {number}"
            if parameters["property"] not in facts:
                raise BadInput(f"{where}: no property '{parameters['property']}'")
            found.append(molecule)
            y.append(tables.number(facts[parameters["property"]], parameters["property"], where))
    known = [i for i, value in enumerate(y) if not np.isnan(value)]
    found = [found[i] for i in known]
    return molecules.texts(molecules.canonical(found)), found, np.array([y[i] for i in known], dtype=float)


def _folds(found, parameters, seed):
    """Group (n,) and part of every molecule: 0 (training), 1 (validation), 2 (test), or -1 for none."""
    starts = parameters["fold_starts"]
    group = molecules.identity(found)
    fold = np.searchsorted(starts, np.arange(len(group)), side="right") - 1
    is_test, in_valid = fold == (seed - 1) % len(starts), fold == (seed - 2) % len(starts)
    is_valid = in_valid & ~np.isin(group, group[is_test])
    is_train = ~is_test & ~in_valid & ~np.isin(group, group[is_test | is_valid])
    return group, np.select([is_train, is_valid, is_test], [0, 1, 2], -1)


def _scaffolds(found, parameters, seed):
    """Draw parts by scaffold, as `_folds` by row."""
    _, first = np.unique(molecules.identity(found), return_index=True)
    first.sort()
    group = np.full(len(found), b"", object)
    group[first] = molecules.scaffolds([molecules.parent(found[i]) for i in first])
    part = np.full(len(found), -1)
    rng = np.random.default_rng([seed, 20151])
    fractions = parameters["valid_fraction"], parameters["test_fraction"]
    part[first] = tables.group_parts(group[first].astype("S"), *fractions, rng)
    return group.astype("S"), part
