"""Properties of molecules: how well a substance dissolves, kills a parasite or turns light into current."""

import numpy as np

from deepbio import molecules, tables
from deepbio.data import Split
from deepbio.files import BadInput


def prepare(sources, parameters, seed):
    """Molecules and one number each; `parameters["format"]` says how they are read, `parameters["split"]` how parted.

    csv : a table with a column `smiles` and the column of the property; its first `rows` rows, or all.
    sdf : SDF files one after another, with a property of their records.
    folds : folds of consecutive rows that begin at `fold_starts` (Duvenaud et al. 2015): split k tests fold k, the
        fold before it is validation. Molecules of the test fold are taken out of the other two parts, those of the
        validation fold out of training.
    scaffold : repeats of a molecule are dropped, then whole Bemis-Murcko scaffolds are drawn at random.

    Arrays: smiles (byte strings), y (n,) float32 in the unit of the file, group (canonical SMILES or scaffold).
    """
    readers, splitters = {"csv": _csv, "sdf": _sdf}, {"folds": _folds, "scaffold": _scaffolds}
    folder = next(iter(sources.values()))
    smiles, found, y = readers[parameters["format"]](folder, parameters)
    return splitters[parameters["split"]](smiles, found, y, parameters, seed)


def _csv(folder, parameters):
    path = folder / parameters["file"]
    header, rows = tables.read_csv(path)
    wanted = parameters.get("rows", len(rows))
    if len(rows) < wanted:
        raise BadInput(f"{path}: {len(rows)} rows in place of {wanted}")
    rows = rows[:wanted]
    # One of the files has blanks behind its SMILES.
    smiles = [text.strip() for text in tables.column(path, header, rows, "smiles")]
    found = [molecules.parse(text, f"{path}:{line}") for line, text in enumerate(smiles, 2)]
    return (
        smiles,
        found,
        tables.numbers(path, tables.column(path, header, rows, parameters["column"]), parameters["column"]),
    )


def _sdf(folder, parameters):
    found, y = [], []
    for name in parameters["files"]:
        for number, (molecule, facts) in enumerate(molecules.read_sdf(folder / name), 1):
            value = facts.get(parameters["property"])
            if not isinstance(value, (int, float)):
                raise BadInput(
                    f"{folder / name}: record {number}: property '{parameters['property']}': {value!r} is no number"
                )
            found.append(molecule)
            y.append(value)
    return molecules.texts(molecules.canonical(found)), found, np.array(y, dtype=float)


def _part(smiles, y, group, index):
    return Split({"smiles": smiles[index], "y": y[index].astype(np.float32), "group": group[index]})


def _folds(smiles, found, y, parameters, seed):
    starts = parameters["fold_starts"]
    group = molecules.canonical(found)
    fold = np.searchsorted(starts, np.arange(len(group)), side="right") - 1
    tested, validated = (seed - 1) % len(starts), (seed - 2) % len(starts)
    is_test = fold == tested
    is_valid = (fold == validated) & ~np.isin(group, group[is_test])
    is_train = ~np.isin(fold, [tested, validated]) & ~np.isin(group, group[is_test | is_valid])
    smiles = np.array(smiles).astype("S")
    parts = {"train": is_train, "valid": is_valid, "test": is_test}
    return {name: _part(smiles, y, group, np.flatnonzero(part)) for name, part in parts.items()}


def _scaffolds(smiles, found, y, parameters, seed):
    _, first = np.unique(molecules.canonical(found), return_index=True)
    first.sort()
    smiles, y = np.array(smiles).astype("S")[first], y[first]
    group = molecules.scaffolds([found[i] for i in first])
    rng = np.random.default_rng([seed, 20151])
    part = tables.group_parts(group, parameters["valid_fraction"], parameters["test_fraction"], rng)
    parts = enumerate(("train", "valid", "test"))
    return {name: _part(smiles, y, group, np.flatnonzero(part == number)) for number, name in parts}
