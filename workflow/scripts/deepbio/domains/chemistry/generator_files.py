"""What a generator of molecules is given: the molecules of files that fit, and an activity to aim at with its judge."""

import numpy as np
from rdkit import Chem

from deepbio.core import tables
from deepbio.domains.chemistry import molecule_sets, molecules


def read(sources, files, parameters, rng):
    """Read the distinct molecules of files that fit the parameters.

    Returns canonical SMILES (byte strings), sorted; for each molecule its first value (NaN where there is none); and
    the number of SMILES left out. Raises BadInput with file and line of an invalid SMILES.
    """
    found, values, skipped = [], [], 0
    for entry in files:
        path = sources[entry["source"]] / entry["file"]
        texts, numbers, lines = read_file(path, entry.get("column"), entry.get("value"))
        chosen = np.sort(rng.permutation(len(texts))[: entry.get("most", len(texts))])
        skip = parameters.get("unreadable") == "skip"
        made = molecules.parse_all([texts[i] for i in chosen], path, [lines[i] for i in chosen], skip)
        for place, molecule in zip(chosen, made, strict=True):
            if molecule is None:
                skipped += 1
            elif fits(molecule, parameters):
                found.append(canonical(molecule, parameters))
                values.append(numbers[place])
    found, first = np.unique(np.array(found).astype("S"), return_index=True)
    return found, np.array(values)[first], skipped


def canonical(molecule, parameters):
    """Return the canonical SMILES, without stereochemistry where stereoisomers count as one molecule."""
    return Chem.MolToSmiles(molecule, isomericSmiles=parameters.get("stereo", True))


def read_file(path, column, wanted):
    """Read the SMILES of a file, numbers of its column `wanted` (NaN where there is none), and the line number of
    each."""
    if column is None:
        texts, lines = molecules.read_smi(path)
        return texts, np.full(len(texts), np.nan), lines
    table = tables.read_csv(path)
    texts = [text.strip() for text in table.column(column)]
    return texts, np.full(len(texts), np.nan) if wanted is None else table.numbers(wanted), table.lines


def fits(molecule, parameters):
    """Tell whether a molecule is one connected piece of the wanted size and elements."""
    least, most = parameters["heavy_atoms"]
    return (
        least <= molecule.GetNumHeavyAtoms() <= most
        and len(Chem.GetMolFrags(molecule)) == 1
        and {atom.GetSymbol() for atom in molecule.GetAtoms()} <= set(parameters["elements"])
    )


def target(sources, parameters, rng):
    """Read the labelled molecules for a classifier, and train the judge.

    Returns a dict: `labelled` (m,) SMILES as bytes, `labels` (m,) uint8, `held` (m,) uint8, 1 for molecules that the
    classifier must not see, `actives` (k,) SMILES of all molecules known to be active, `judge` (BITS + 1,) weights and
    intercept, and `judge_auroc`, its AUROC on new scaffolds in cross-validation.
    """
    # slow to import, and not needed where there is no activity
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    facts = parameters["labelled"]
    path = sources[facts["source"]] / facts["file"]
    table = tables.read_csv(path)
    name = facts["label"]
    labels = np.array([tables.binary(value, name, table.where(row)) for row, value in enumerate(table.column(name))])
    column = table.column(facts["column"])
    inactive = rng.permutation(np.flatnonzero(labels == 0))[: facts["inactive"]]
    chosen = np.sort(np.concatenate([np.flatnonzero(labels == 1), inactive]))
    parsed = [molecules.parse(column[i], table.where(i)) for i in chosen]
    given = [canonical(molecule, parameters) for molecule in parsed]
    half = facts["held"] / 2
    held = tables.group_parts(molecules.scaffolds(parsed), half, half, rng) > 0
    facts = parameters["judge"]
    texts, values, _ = read(sources, facts["files"], parameters, rng)
    # The judge and the classifier are trained on different molecules.
    free = ~np.isin(molecules.texts(texts), given)
    active, low = (
        np.flatnonzero(free & chosen) for chosen in (values >= facts["threshold"], values < facts["threshold"])
    )
    others = rng.permutation(np.flatnonzero(free & np.isnan(values)))[: max(0, len(active) * 5 - len(low))]
    learned = np.concatenate([active, low, others])
    seen = molecule_sets.describe(molecules.texts(texts[learned]))
    x = np.unpackbits(seen.fingerprints, axis=1).astype(np.float32)
    y = np.arange(len(learned)) < len(active)
    judge = LogisticRegression(C=facts["cost"], max_iter=1000)
    group = seen.scaffolds
    guess = cross_val_predict(judge, x, y, groups=group, cv=StratifiedGroupKFold(5), method="predict_proba")[:, 1]
    judge.fit(x, y)
    return {
        "labelled": np.array(given).astype("S"),
        "labels": labels[chosen].astype(np.uint8),
        "held": held.astype(np.uint8),
        "actives": np.union1d(np.array(given).astype("S")[labels[chosen] == 1], texts[active]),
        "judge": np.append(judge.coef_[0], judge.intercept_).astype(np.float32),
        "judge_auroc": float(roc_auc_score(y, guess)),
    }


def held_actives(context):
    """List the distinct actives that are kept from the classifier: SMILES (k,) as bytes."""
    return np.unique(context["labelled"][(context["held"] == 1) & (context["labels"] == 1)])
