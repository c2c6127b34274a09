"""Assays with few known results: rank an assay's other molecules from a support of a few molecules of each class."""

import numpy as np
from rdkit import Chem

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.core.labels import outputs
from deepbio.domains.chemistry import episodes, molecules
from deepbio.scoring import intervals, metrics
from deepbio.scoring.curves import Curve
from deepbio.scoring.metrics import SHARE, Metric

METRICS = {
    "auroc_median": Metric(True, "AUROC, median over assays", SHARE),
    "auroc_5_10": Metric(True, "AUROC from 5 actives and 10 inactives", SHARE),
    "auroc_1_10": Metric(True, "AUROC from 1 active and 10 inactives", SHARE),
    "auroc_1_5": Metric(True, "AUROC from 1 active and 5 inactives", SHARE),
    "auroc_1_1": Metric(True, "AUROC from 1 active and 1 inactive", SHARE),
}
NOT_ASSAYS = ("smiles", "mol_id")


def prepare(sources, parameters, seed):
    """Prepare episodes of assays. A sample is an episode: a support, and the queries to be ranked from it.

    `file`: a table of molecules with 1, 0 or nothing for each assay or, with `rules`, a list of molecules for which
    assays are simulated. The assays, in the order of the file, form `folds` (Altae-Tran et al. 2017): the last fold is
    for testing, the last `valid_assays` of the others for validation. With `test_file`, all assays of that file are for
    testing, and none of `file`. With `scaffold` (valid_fraction, test_fraction), no Bemis-Murcko scaffold occurs in
    molecules of two splits either, nor do two salts of one molecule. A molecule that occurs twice in a file counts
    once; results that disagree count as unknown.

    `supports`: for each size the numbers of actives and inactives, and the number of such supports for every test
    assay. The first size is the main one. Training episodes (`episodes` of each training assay, with `queries` random
    molecules each) and validation episodes have this size. The queries of a test episode are all measured molecules of
    its assay.

    Arrays: actives and inactives (n, …) int32, the support, and query (n, queries) int32, all of them indices into the
    context's `smiles`, -1 where there are fewer; y (n, queries) float32, NaN for support molecules; y_balance (n,),
    inactives for each active of the assay; group, the assay.
    """
    rng = np.random.default_rng([seed, 1611])
    folder = next(iter(sources.values()))
    read = _simulated if "rules" in parameters else _table
    texts, names, labels = read(folder / parameters["file"], parameters, rng)
    each = round(len(names) / parameters["folds"])
    known = len(names) - (0 if "test_file" in parameters else len(names) - each * (parameters["folds"] - 1))
    if "test_file" in parameters:
        others, further, results = _table(folder / parameters["test_file"], parameters, rng)
        texts, names, labels = _together(texts, names, labels, others, further, results)
    edges = [known - parameters["valid_assays"], known]
    part_of_assay = np.searchsorted(edges, np.arange(len(names)), side="right")
    # Without a split by scaffold every molecule belongs to all parts.
    allowed = np.ones((3, len(texts)), bool)
    if "scaffold" in parameters:
        # Of the parents, so that a salt and its base, which the file lists as two molecules, are in one part.
        group = molecules.scaffolds([molecules.parent(Chem.MolFromSmiles(text)) for text in texts])
        facts = parameters["scaffold"]
        part = tables.group_parts(group, facts["valid_fraction"], facts["test_fraction"], rng)
        allowed = part == np.arange(3)[:, None]
    drawn = {}
    for number, (name, draw) in enumerate((("train", _training), ("valid", _validation), ("test", _testing))):
        assays = np.flatnonzero(part_of_assay == number)
        columns = np.where(allowed[number], labels[:, assays].T, np.nan)
        drawn[name] = draw(columns, [names[assay] for assay in assays], parameters, rng)
    return _compact(drawn, texts)


def _compact(drawn, texts):
    """Return splits whose context holds only the molecules that occur in an episode."""
    indices = ("actives", "inactives", "query")
    used = np.unique(np.concatenate([arrays[key].ravel() for arrays in drawn.values() for key in indices]))
    used = used[used >= 0]
    place = np.full(len(texts) + 1, -1, np.int32)  # its last element maps -1 to -1
    place[used] = np.arange(len(used))
    context = {"smiles": np.array(texts).astype("S")[used]}
    return {
        name: Split(arrays | {key: place[arrays[key]] for key in indices}, context) for name, arrays in drawn.items()
    }


# ---- where assays come from


def _table(path, parameters, rng):
    """Read canonical SMILES, names of assays and results (molecules, assays) of a table."""
    table = tables.read_csv(path)
    # One molecule at a time: a hundred thousand of RDKit's fill gigabytes.
    found = molecules.parse_all(table.column("smiles"), path, table.lines, parameters.get("unreadable") == "skip")
    texts = [molecule and Chem.MolToSmiles(molecule) for molecule in found]
    good = [row for row, text in enumerate(texts) if text]
    names = [name for name in table.header if name not in NOT_ASSAYS]
    labels = np.stack([table.numbers(name) for name in names], axis=1)
    wrong = np.argwhere(~np.isnan(labels) & (labels != 0) & (labels != 1))
    if len(wrong):
        row, assay = wrong[0]
        raise BadInput(f"{table.where(row)}: column '{names[assay]}': {labels[row, assay]:g} is neither 0 nor 1")
    texts, labels = _merge(np.array([texts[row] for row in good]).astype("S"), labels[good])
    return texts, names, labels


def _merge(texts, labels):
    """Merge repeated molecules, in the order of first occurrence; results that disagree become NaN."""
    _, first, member = np.unique(texts, return_index=True, return_inverse=True)
    known = ~np.isnan(labels)
    total, count = np.zeros((2, len(first), labels.shape[1]))
    np.add.at(total, member, np.where(known, labels, 0))
    np.add.at(count, member, known)
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    order = np.argsort(first)
    return molecules.texts(texts[first[order]]), np.where(np.isin(mean, (0, 1)), mean, np.nan)[order]


def _together(texts, names, labels, others, further, results):
    """Join two tables: molecules of both, assays side by side, NaN where a molecule is in only one of them."""
    all_texts = list(dict.fromkeys([*texts, *others]))
    place = {text: row for row, text in enumerate(all_texts)}
    joined = np.full((len(all_texts), len(names) + len(further)), np.nan)
    joined[[place[text] for text in texts], : len(names)] = labels
    joined[[place[text] for text in others], len(names) :] = results
    return all_texts, [*names, *further], joined


def _simulated(path, parameters, rng):
    """Simulate assays of real molecules: a molecule that contains either of two groups of atoms is active.

    `rules` : name of a group → its SMARTS
    `noise` : share of results that are wrong

    Each group and each pair of groups makes an assay. So groups also occur in assays of training, and only their
    combinations are new in testing. `most` molecules of `heavy_atoms` (least, most) atoms are drawn.
    """
    least, most = parameters["heavy_atoms"]
    smiles, lines = molecules.read_smi(path)
    found = molecules.parse_all(smiles, path, lines, skip=True)
    found = [m for m in found if m and least <= m.GetNumHeavyAtoms() <= most and len(Chem.GetMolFrags(m)) == 1]
    texts, first = np.unique(molecules.canonical(found), return_index=True)
    chosen = np.sort(rng.permutation(len(texts))[: parameters["most"]])
    rules = sorted(parameters["rules"].items())
    patterns = [Chem.MolFromSmarts(smarts) for _, smarts in rules]
    holds = np.array([[found[i].HasSubstructMatch(pattern) for pattern in patterns] for i in first[chosen]])
    pairs = [(one, other) for other in range(len(rules)) for one in range(other + 1)]
    pairs = [pairs[i] for i in rng.permutation(len(pairs))]
    labels = np.stack([holds[:, one] | holds[:, other] for one, other in pairs], axis=1)
    mistaken = rng.random(labels.shape) < parameters["noise"]
    names = [" or ".join(dict.fromkeys([rules[one][0], rules[other][0]])) for one, other in pairs]
    return molecules.texts(texts[chosen]), names, (labels ^ mistaken).astype(float)


# ---- episodes


def _support(column, size, rng, name):
    """Draw `size` (actives, inactives) random molecules of an assay: one array of indices for each class.

    Raises BadInput where no molecule of a class would be left as a query.
    """
    for value, wanted in zip((1, 0), size, strict=True):
        if (column == value).sum() <= wanted:
            raise BadInput(
                f"assay '{name}': {(column == value).sum()} molecules of value {value}, too few for a support"
            )
    return [rng.choice(np.flatnonzero(column == v), n, replace=False) for v, n in zip((1, 0), size, strict=True)]


def _episode(column, support, query, y, name):
    balance = (column == 0).sum() / (column == 1).sum()
    return {"actives": support[0], "inactives": support[1], "query": query, "y": y, "y_balance": balance, "group": name}


def _stack(found):
    """Stack episodes as arrays; rows are padded with -1, labels with NaN."""
    kinds = {"y": (np.float32, np.nan)} | dict.fromkeys(("actives", "inactives", "query"), (np.int32, -1))
    arrays = {}
    for key, (kind, nothing) in kinds.items():
        arrays[key] = np.full((len(found), max(len(one[key]) for one in found)), nothing, kind)
        for row, one in zip(arrays[key], found, strict=True):
            row[: len(one[key])] = one[key]
    arrays["y_balance"] = np.array([one["y_balance"] for one in found], np.float32)
    return arrays | {"group": np.array([one["group"] for one in found]).astype("S")}


def _training(columns, names, parameters, rng):
    """Make episodes of all assays in turn; queries are a random sample of the assay's other molecules."""
    size, queries = parameters["supports"][0][:2], parameters["queries"]
    found = []
    for number in range(parameters["episodes"] * len(columns)):
        column, name = columns[number % len(columns)], names[number % len(columns)]
        support = _support(column, size, rng, name)
        measured = np.flatnonzero(~np.isnan(column))
        query = rng.choice(measured, min(len(measured), queries + sum(size)), replace=False)
        query = query[~np.isin(query, np.concatenate(support))][:queries]
        found.append(_episode(column, support, query, column[query], name))
    return _stack(found)


def _validation(columns, names, parameters, rng):
    """Make episodes with the main supports of each assay; queries are at most `valid_queries` molecules.

    Actives are at most half of the queries, or their measured share where that is larger.
    """
    *size, count = parameters["supports"][0]
    found = []
    for column, name in zip(columns, names, strict=True):
        for _ in range(count):
            support = _support(column, size, rng, name)
            left = column.copy()
            left[np.concatenate(support)] = np.nan
            places = parameters["valid_queries"]
            actives, inactives = (rng.permutation(np.flatnonzero(left == value)) for value in (1, 0))
            share = len(actives) / (len(actives) + len(inactives))
            kept = min(len(actives), max(places // 2, round(places * share)))
            query = np.sort(np.concatenate([actives[:kept], inactives[: places - kept]]))
            found.append(_episode(column, support, query, column[query], name))
    return _stack(found)


def _testing(columns, names, parameters, rng):
    """Make episodes with supports of all sizes; queries are all measured molecules, with NaN labels for the support."""
    found = []
    for *size, count in parameters["supports"]:
        for column, name in zip(columns, names, strict=True):
            query = np.flatnonzero(~np.isnan(column))
            for _ in range(count):
                support = _support(column, size, rng, name)
                y = np.where(np.isin(query, np.concatenate(support)), np.nan, column[query])
                found.append(_episode(column, support, query, y, name))
    return _stack(found)


# ---- scores


def aurocs(test, p):
    """Compute the AUROC of each episode, (n,)."""
    return np.array([metrics.METRICS["auroc"].function(*pair) for pair in outputs(test.y.T, np.asarray(p).T)])


def score(test, predictions, wanted, train=None):
    """Compute the wanted metrics for supports of the main size, as a mean over assays and supports.

    Further metrics are `auroc_median`, the median over assays as in the paper's tables, and `auroc_5_10` and the like,
    for the other sizes.
    """
    y, p = np.asarray(test.y), np.asarray(predictions["y"])
    sizes, main = episodes.sizes(test), (episodes.sizes(test) == episodes.sizes(test)[0]).all(axis=1)
    values = metrics.evaluate(wanted, y[main].T, p[main].T)
    found, assays = aurocs(test, p), np.asarray(test["group"])
    values["auroc_median"] = float(np.median([found[main & (assays == one)].mean() for one in np.unique(assays)]))
    for size in np.unique(sizes[~main], axis=0):
        values[f"auroc_{size[0]}_{size[1]}"] = float(found[(sizes == size).all(axis=1)].mean())
    return values


def curve(test, predictions):
    """Compute the AUROC of each episode: a series for each size of the support, whose categories are the assays."""
    found, names = aurocs(test, predictions["y"]), np.asarray(test["group"]).astype(str)
    kinds = np.array([f"{actives}+/{inactives}−" for actives, inactives in episodes.sizes(test)])
    title = "AUROC by support and assay (mean over runs)"
    return [
        Curve("categories", title, "assay", "AUROC", names[kinds == kind], found[kinds == kind], series=kind)
        for kind in dict.fromkeys(kinds)
    ]


def resampled(test, predictions, metric, train=None):
    """Resample the query molecules, the same in all episodes of the main size; None for a metric other than auroc."""
    if metric != "auroc":
        return None
    sizes = episodes.sizes(test)
    main = np.flatnonzero((sizes == sizes[0]).all(axis=1))
    y, p = np.asarray(test.y)[main], np.asarray(predictions["y"])[main]
    known = ~np.isnan(y)
    asked, place = np.unique(np.asarray(test["query"])[main][known], return_inverse=True)
    wide = np.full((2, len(asked), len(main)), np.nan)  # molecules as rows, episodes as columns
    wide[:, place, np.nonzero(known)[0]] = y[known], p[known]
    return intervals.resampled("auroc", wide[0], np.nan_to_num(wide[1]))
