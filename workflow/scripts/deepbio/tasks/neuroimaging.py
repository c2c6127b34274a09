"""Diagnosis, sex or age of people from unseen sites: predict it from volumes and thicknesses of brain regions.

A feature is one measure of one region. Volumes may be shares of the brain's volume. Linear effects of the scanning site
and of age are removed from the features, and features are standardised, all with numbers from training people.
"""

import re
from dataclasses import dataclass

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.scoring import metrics
from deepbio.scoring.metrics import SHARE, Metric

# The paper's tables: the F score of learners that read the last layer of a network.
LEARNERS = {"svm": "SVM", "linear": "logistic regression", "knn": "nearest neighbours"}
METRICS = {f"f1_{name}": Metric(True, f"F1 of {title} on the last layer", SHARE) for name, title in LEARNERS.items()}
PERSON, SITE, AGE = "FILE_ID", "SITE_ID", "AGE_AT_SCAN"  # columns of ABIDE's table of people
LABELS = {"diagnosis": ("DX_GROUP", {"1": 1, "2": 0}), "sex": ("SEX", {"1": 0, "2": 1})}
CLASSES = {"diagnosis": ["control", "autism"], "sex": ["male", "female"]}
# Cortical regions of the atlas of Desikan et al. (2006), of which simulated brains consist.
REGIONS = (
    "bankssts caudalanteriorcingulate caudalmiddlefrontal cuneus entorhinal fusiform inferiorparietal inferiortemporal "
    "isthmuscingulate lateraloccipital lateralorbitofrontal lingual medialorbitofrontal middletemporal "
    "parahippocampal paracentral parsopercularis parsorbitalis parstriangularis pericalcarine postcentral "
    "posteriorcingulate precentral precuneus rostralanteriorcingulate rostralmiddlefrontal superiorfrontal "
    "superiorparietal superiortemporal supramarginal frontalpole temporalpole transversetemporal insula"
).split()


@dataclass
class People:
    """Features of people, with sites, ages and labels.

    x : (n, features), volumes in mm³ or as shares of the brain
    features : their names
    site : (n,) strings
    age : (n,) in years
    y : (n,) labels
    """

    x: np.ndarray
    features: list
    site: np.ndarray
    age: np.ndarray
    y: np.ndarray


def prepare(sources, parameters, seed):
    """Prepare split `seed`: it tests on fold `seed` of `folds`, validates on the fold before it, trains on the others.

    A fold consists of whole sites; further samples of one site (UM_1, UM_2), which share its scanner, are in one fold.
    Sites with one class only are distributed over the folds separately.

    freesurfer : `tables` (file: volume or thickness) of one row per person, `size` the volume that divides the others
        (null: none), `without` columns that are sums of others or almost always zero; `people`, the table of PERSON,
        SITE, AGE and the label (diagnosis, sex or age).
    simulated : `number` of people of `sites`, half of them patients, whose `affected` regions are smaller by `effect`
        standard deviations.

    `remove` lists the variables whose linear effect is removed from the features: site, age.

    Arrays: x (n, features) float32 in standard deviations of training people; y (n,) float32; group, the scanner. The
    context holds `features`, `classes` (except for age) and the names of the features `planted`.
    """
    rng = np.random.default_rng(parameters["shuffle"])
    context = {"feature": "region", "planted": []}
    if parameters["format"] == "simulated":
        people = _simulated(parameters, rng)
        context["planted"] = [name for name in people.features if name.split("_")[1] in parameters["affected"]]
    else:
        people = _freesurfer(next(iter(sources.values())), parameters)
    context["features"] = people.features
    if parameters["label"] in CLASSES:
        context["classes"] = CLASSES[parameters["label"]]
    scanner = np.array([re.sub(r"_\d+$", "", site) for site in people.site])
    mixed = np.array([np.ptp(people.y[scanner == one]) > 0 for one in scanner])
    fold = tables.deal(scanner, mixed, parameters["folds"], rng)
    part = tables.fold_parts(fold, parameters["folds"], seed)
    x = residuals(people.x, covariates(people, parameters["remove"], part == 0), part == 0)
    mean, std = map(np.array, tables.column_moments(x[part == 0]))
    arrays = {
        "x": ((x - mean) / std).astype(np.float32),
        "y": people.y.astype(np.float32),
        "group": scanner.astype("S"),
    }
    whole = Split(arrays, context)
    return {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}


# ---- site and age are regressed out


def covariates(people, remove, fit):
    """Compute covariates (n, k): the logarithm of age, and an indicator of each site of the rows `fit`.

    The logarithm is used because brains change ever more slowly with age. A site that is not among those of `fit` gets
    the mean of their indicators, because its scanner is unknown.
    """
    columns = []
    if "age" in remove:
        columns.append(np.log(people.age)[:, None])
    if "site" in remove:
        own = (people.site[:, None] == np.unique(people.site[fit])).astype(float)
        columns.append(np.where(own.any(axis=1, keepdims=True), own, own[fit].mean(axis=0)))
    return np.concatenate([np.empty((len(people.y), 0)), *columns], axis=1)


def residuals(x, known, fit):
    """Remove from x (n, features) what `known` (n, k) explains linearly, by least squares over the rows `fit`."""
    away = known - known[fit].mean(axis=0)
    slope = np.linalg.lstsq(away[fit], x[fit] - x[fit].mean(axis=0), rcond=None)[0]
    return x - away @ slope


# ---- FreeSurfer's tables


def _freesurfer(folder, parameters):
    """Read the people of all tables, in the order of the first table.

    Raises BadInput where the tables list different people.
    """
    blocks, features, names, size = [], [], None, None
    for file, measure in sorted(parameters["tables"].items()):
        path = folder / file
        found, header, values = read_measures(path)
        if names is not None and found != names:
            line = next((i for i, (a, b) in enumerate(zip(found, names, strict=False)) if a != b), len(names))
            raise BadInput(f"{path}:{line + 2}: other people than in {min(parameters['tables'])}")
        names = found
        if parameters["size"] in header:
            size = values[:, header.index(parameters["size"])]
            if not (size > 0).all():
                line = int(np.argmin(size > 0)) + 2
                raise BadInput(f"{path}:{line}: column '{parameters['size']}': a volume above 0 is needed")
        kept = [i for i, name in enumerate(header) if name not in parameters["without"]]
        features += [header[i] for i in kept]
        blocks.append((values[:, kept], measure))
    if parameters["size"] and size is None:
        raise BadInput(f"{folder}: no table has a column '{parameters['size']}'")
    x = [v if size is None or measure == "thickness" else v / size[:, None] for v, measure in blocks]
    site, age, y = read_people(folder / parameters["people"], names, parameters["label"])
    return People(np.concatenate(x, axis=1), features, site, age, y)


def read_measures(path):
    """Read a tab-separated table with one row per person: names of people, names of columns, and values (n, columns).

    Raises BadInput for an empty value.
    """
    table = tables.read_csv(path, "\t")
    values = np.empty((len(table), len(table.header) - 1))
    for place, name in enumerate(table.header[1:], 1):
        values[:, place - 1] = table.numbers(place)
        missing = np.isnan(values[:, place - 1])
        if missing.any():
            raise BadInput(f"{table.where(int(missing.argmax()))}: column '{name}' is empty")
    return [row[0] for row in table.rows], table.header[1:], values


def read_people(path, names, label):
    """Read site, age and label of the people `names` from ABIDE's table of all people.

    Raises BadInput for a person who is missing or occurs twice, an invalid age, and an unknown label.
    """
    table = tables.read_csv(path)
    column, codes = LABELS.get(label, (AGE, None))
    known = {key: table.column(key) for key in (PERSON, SITE, AGE, column)}
    wanted, line = set(names), {}
    for number, name in enumerate(known[PERSON]):
        if name in wanted and line.setdefault(name, number) != number:
            raise BadInput(f"{table.where(number)}: column '{PERSON}': {name} stands twice")
    missing = [name for name in names if name not in line]
    if missing:
        raise BadInput(f"{path}: column '{PERSON}': no row of {missing[0]}")
    rows = [line[name] for name in names]
    age = table.numbers(AGE)[rows]
    if not (age > 0).all():
        raise BadInput(f"{table.where(rows[int(np.argmin(age > 0))])}: column '{AGE}': an age in years is needed")
    site = np.array([known[SITE][row] for row in rows])
    if codes is None:
        return site, age, age
    for row in rows:
        if known[column][row] not in codes:
            raise BadInput(
                f"{table.where(row)}: column '{column}': {known[column][row]!r} is none of {', '.join(codes)}"
            )
    return site, age, np.array([codes[known[column][row]] for row in rows], float)


# ---- simulated brains


def _simulated(parameters, rng):
    """Simulate people whose regions share a brain-wide and a bilateral part, differ by site and shrink with age."""
    unknown = set(parameters["affected"]) - set(REGIONS)
    if unknown:
        raise BadInput(f"affected: no region '{min(unknown)}'; regions are: {', '.join(REGIONS)}")
    n, count = parameters["number"], len(REGIONS)
    site = np.sort(rng.integers(0, parameters["sites"], n))
    age, y = rng.uniform(7, 40, n), (rng.random(n) < 0.5).astype(float)
    affected = np.isin(REGIONS, parameters["affected"])
    x, features = [], []
    for measure, centre, std in (("thickness", 2.6, 0.15), ("volume", 0.005, 0.0006)):
        whole, both = rng.standard_normal((n, 1)), rng.standard_normal((n, count))
        for side in ("lh", "rh"):
            own = rng.standard_normal((n, count))
            level = 0.4 * whole + 0.6 * both + np.sqrt(1 - 0.4**2 - 0.6**2) * own
            level += rng.normal(0, 0.5, (parameters["sites"], count))[site]
            level -= 0.6 * np.log(age / 20)[:, None] + parameters["effect"] * y[:, None] * affected
            x.append(centre + std * level)
            features += [f"{side}_{region}_{measure}" for region in REGIONS]
    return People(np.concatenate(x, axis=1), features, np.array([f"site{one:02d}" for one in site]), age, y)


# ---- scores


def score(test, predictions, wanted, train):
    """Compute metrics of `y`, and the F scores of the learners (`y_<learner>`) that a method has fitted to features of
    its own."""
    values = metrics.evaluate(wanted, test.y, predictions["y"])
    for name in LEARNERS:
        if f"y_{name}" in predictions:
            values[f"f1_{name}"] = metrics.evaluate(["f1"], test.y, predictions[f"y_{name}"])["f1"]
    return values


def interpret(train, runs, path):
    """Draw the paper's table: the learners on raw features and on one, two and three layers, beside each method's own
    F score."""
    from deepbio.figures import style

    wanted = {name: metrics.title(name, "neuroimaging") for name in ("f1", *METRICS)}
    title = "The methods, and simple learners on their last layers"
    style.quantities(runs, wanted, title, train.context["origin"], f"{path}_learners", len(wanted))
