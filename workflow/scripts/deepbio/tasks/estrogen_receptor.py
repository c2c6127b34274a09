"""Oestrogen-receptor status of a breast tumour: predict it from a table of metabolites or of gene expression."""

import re

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput

PREFIX = "num_HS_"  # how SurvSet begins the names of human genes
STATUS = {"ERp": 1.0, "ERn": 0.0}
ANNOTATION = ["metabolite", "pubchem", "retention_index", "quant_mass", "binbase", "peaks"]
SAMPLE = re.compile(r"(ERp|ERn)_(train|val)_[0-9]+")


def prepare(sources, parameters, seed):
    """Prepare one split of one dataset; `parameters["format"]` names the format of its files.

    studies : two expression studies of SurvSet, one for training and the other, as a whole, for testing.
    budczies : measured log2 intensities; the first study's own validation samples, or random tumours, for testing.
    prepared : the table as the paper's group prepared it; random tumours for testing.

    Arrays: x (n, features) float32; y (n,) float32, 1 for ER positive; group (study and patient, or tumour). The
    context holds the names of the `features`, the kind of a `feature` (gene or metabolite), and the names of the two
    `classes`.
    """
    readers = {"studies": _studies, "budczies": _budczies, "prepared": _prepared}
    return readers[parameters["format"]](sources, parameters, np.random.default_rng([seed, 20180]))


def _split(x, y, group, features, kind):
    context = {"features": list(features), "feature": kind, "classes": ["ER negative", "ER positive"]}
    return Split({"x": x.astype(np.float32), "y": y.astype(np.float32), "group": np.asarray(group, "S")}, context)


def _scale(x, rows):
    """Centre `x` and divide it by the standard deviation, both of `rows`; a constant feature becomes 0."""
    std = rows.std(axis=0)
    return (x - rows.mean(axis=0)) / np.where(std > 0, std, 1)


# ---- expression: two studies


def _studies(sources, parameters, rng):
    folder = next(iter(sources.values()))
    study, other = parameters["train"], parameters["test"]
    x, y, patient, genes = _read_study(folder / f"{study}.pickle", parameters["labels"][study])
    test_x, test_y, test_patient, test_genes = _read_study(folder / f"{other}.pickle", parameters["labels"][other])
    common = sorted(set(genes) & set(test_genes) - set(parameters["without"]))
    if len(common) < parameters["features"]:
        raise BadInput(f"{folder}: {study} and {other} share {len(common)} genes; {parameters['features']} are wanted")
    x, test_x = x[:, [genes.index(g) for g in common]], test_x[:, [test_genes.index(g) for g in common]]

    part = tables.stratified(y, [1 - parameters["valid_fraction"], parameters["valid_fraction"]], rng)
    # Variance does not depend on the labels, but it is still computed from training rows alone.
    kept = np.sort(np.argsort(-x[part == 0].var(axis=0), kind="stable")[: parameters["features"]])
    features = [common[i] for i in kept]
    x, test_x = x[:, kept], test_x[:, kept]
    x, test_x = _scale(x, x[part == 0]), _scale(test_x, x[part == 0])

    def make(x, y, patient, study):
        return _split(x, y, [f"{study}:{name}" for name in patient], features, "gene")

    return {
        "train": make(x[part == 0], y[part == 0], patient[part == 0], study),
        "valid": make(x[part == 1], y[part == 1], patient[part == 1], study),
        "test": make(test_x, test_y, test_patient, other),
    }


def _read_study(path, label):
    """Read the tumours whose status is known: expression (tumours, genes), status, patients and gene symbols."""
    frame = tables.read_frame(path)
    for name in (label, "pid"):
        if name not in frame:
            raise BadInput(f"{path}: no column '{name}'")
    status = frame[label].astype(str).to_numpy()
    known = np.isin(status, ["0", "1"])
    columns = [name for name in frame.columns if name.startswith(PREFIX)]
    x = frame[columns].to_numpy(dtype=float)[known]
    if np.isnan(x).any():
        raise BadInput(f"{path}: column '{columns[int(np.isnan(x).any(axis=0).argmax())]}' has missing values")
    patients = frame["pid"].astype(str).to_numpy()[known]
    return x, (status[known] == "1").astype(float), patients, [name.removeprefix(PREFIX) for name in columns]


# ---- metabolites: one cohort in two preparations


def _budczies(sources, parameters, rng):
    path = next(iter(sources.values())) / "metabolomics_data.txt"
    x, y, samples, features = _read_measured(path)
    if parameters["test"] == "original":
        in_test = np.array(["_val_" in sample for sample in samples])
        part = np.full(len(y), 2)
        fraction = parameters["valid_fraction"]
        part[~in_test] = tables.stratified(y[~in_test], [1 - fraction, fraction], rng)
    else:
        part = _random_parts(y, parameters, rng)
    if parameters["quantile"]:
        x = _quantile_normalise(x, x[part == 0])
    return _parts(_scale(x, x[part == 0]), y, samples, features, part)


def _prepared(sources, parameters, rng):
    path = next(iter(sources.values())) / "er_162.csv"
    table = tables.read_csv(path)
    samples, labels = table.column("Sampleid"), table.column("Label")
    for row, label in enumerate(labels):
        if label not in STATUS:
            raise BadInput(f"{table.where(row)}: column 'Label': {label!r} is neither ERp nor ERn")
    y = np.array([STATUS[label] for label in labels])
    names = [name for name in table.header if name not in ("Sampleid", "Label")]
    x = np.stack([_complete(table, table.header.index(name)) for name in names], axis=1)
    return _parts(x, y, samples, [name.strip() for name in names], _random_parts(y, parameters, rng))


def _parts(x, y, samples, features, part):
    samples = np.asarray(samples)
    return {
        name: _split(x[part == number], y[part == number], samples[part == number], features, "metabolite")
        for number, name in enumerate(("train", "valid", "test"))
    }


def _random_parts(y, parameters, rng):
    """Draw 0, 1 or 2 (training, validation, test) for each tumour; both fractions are drawn within each status."""
    rest = 1 - parameters["test_fraction"]
    valid = parameters["valid_fraction"] * rest
    return tables.stratified(y, [rest - valid, valid, parameters["test_fraction"]], rng)


def _complete(table, place):
    """Return the numbers of the column `place`; BadInput where one is missing."""
    found = table.numbers(place)
    if np.isnan(found).any():
        raise BadInput(f"{table.where(int(np.isnan(found).argmax()))}: column '{table.header[place]}' is empty")
    return found


def _read_measured(path):
    """Read log2 intensities (tumours, metabolites), status, sample names and metabolite names.

    The file has one row per metabolite, then empty rows, and a last row with the status. Six columns of annotation come
    first, then one column per tumour. A tumour's name gives its status and its part of the first study, such as
    ERp_train_3. Raises BadInput with file and line where the file has another form.
    """
    table = tables.read_csv(path, "\t")
    header, rows = table.header, table.rows
    if header[: len(ANNOTATION)] != ANNOTATION:
        raise BadInput(f"{path}:1: the first columns must be: {', '.join(ANNOTATION)}")
    samples = header[len(ANNOTATION) :]
    for sample in samples:
        if not SAMPLE.fullmatch(sample):
            raise BadInput(f"{path}:1: column '{sample}': a name such as ERp_train_3 or ERn_val_2 is needed")
    count = next((i for i, row in enumerate(rows) if not row[0]), len(rows))
    last = len(rows) - 1
    if not 0 < count < last or any(any(row) for row in rows[count:last]):
        raise BadInput(
            f"{table.where(min(count, last))}: metabolites, empty rows and one last row with the status are needed"
        )
    measured = tables.Table(path, header, rows[:count], table.lines[:count])
    x = np.stack([_complete(measured, place) for place in range(len(ANNOTATION), len(header))])
    for sample, value in zip(samples, rows[last][len(ANNOTATION) :], strict=True):
        if value != f"{STATUS[sample[:3]]:.0f}":
            raise BadInput(f"{table.where(last)}: column '{sample}': status {value!r} does not fit the tumour's name")
    return x, np.array([STATUS[sample[:3]] for sample in samples]), samples, [row[0].strip() for row in rows[:count]]


def _quantile_normalise(x, rows):
    """Replace every tumour's sorted values by the mean sorted profile of `rows`; equal values take the lowest rank.

    A tumour is mapped by its own ranks. So a test tumour changes neither another one nor the profile.
    """
    profile = np.sort(rows, axis=1).mean(axis=0)
    return np.stack([profile[np.searchsorted(np.sort(row), row)] for row in x])
