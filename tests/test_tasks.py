"""Every dataset of the quick scale: prepared, free of leaks, scored by its own metrics on the controls.

With DEEPBIO_MIRROR set, the datasets of the standard scale are prepared too.
"""

import operator
import os

import numpy as np
import pytest

from deepbio.core import kind, simulation, sources, task
from deepbio.core.catalog import CONTROLS, Catalog
from deepbio.core.config import ROOT
from deepbio.core.data import NAMES, Ragged
from deepbio.scoring import metrics
from deepbio.scoring import runs as scoring

MIRROR = os.environ.get("DEEPBIO_MIRROR")
SCALES = ["quick", "standard"] if MIRROR else ["quick"]
CATALOGS = {scale: Catalog({"scale": scale}) for scale in SCALES}
# Datasets whose preparation takes seconds.
LONG = {"anticancer_fingerprints", "contact_maps", "molecule_generation", "selection_demography"}
CASES = [
    pytest.param(scale, name, dataset, id=f"{scale}-{name}-{dataset}", marks=[pytest.mark.slow] if name in LONG else [])
    for scale, catalog in CATALOGS.items()
    for name in catalog.tasks
    for dataset in catalog.datasets(name)
    # Simulations take minutes at the standard scale.
    if scale == "quick" or "simulation" not in catalog.dataset(name, dataset)
]


@pytest.fixture(scope="module")
def folders_of(tmp_path_factory):
    """Folders of a dataset's sources, fetched, and of its simulated batches, which are made anew for each call."""

    def get(scale, name, dataset):
        facts, folders = CATALOGS[scale].dataset(name, dataset), {}
        for source in facts["sources"]:
            sources.fetch(source, CATALOGS[scale].sources[source], ROOT / "resources", MIRROR)
            folders[source] = ROOT / "resources" / source
        if "simulation" in facts:
            folders["simulation"] = tmp_path_factory.mktemp("simulation")
            for batch in range(1, facts["simulation"]["batches"] + 1):
                path = simulation.batch_file(folders["simulation"], batch)
                simulation.write_batch(facts["simulation"], batch, path)
        return folders

    return get


@pytest.fixture(scope="module")
def prepared(folders_of):
    """Splits of each dataset, prepared once."""
    cache = {}

    def get(scale, name, dataset, seed=1):
        key = (scale, name, dataset, seed)
        if key not in cache:
            facts = CATALOGS[scale].dataset(name, dataset)
            cache[key] = task.prepare(name, dataset, facts, folders_of(scale, name, dataset), seed)
        return cache[key]

    return get


def rows(split):
    """The inputs of every sample as bytes; what is to be generated is known by its records."""
    if split.context["output"] == "generated":
        return {row.tobytes() for row in np.asarray(split.y)}
    arrays = [array for name, array in sorted(split.inputs().arrays.items()) if not isinstance(array, Ragged)]
    if not arrays:  # bags of cells
        bags = split.inputs().arrays.values()
        return {b"".join(bag.take([i]).values.tobytes() for bag in bags) for i in range(len(split))}
    return {b"".join(array[i].tobytes() for array in arrays) for i in range(len(split))}


@pytest.mark.parametrize(("scale", "name", "dataset"), CASES)
def test_splits_share_no_group_and_no_input(prepared, scale, name, dataset):
    splits = prepared(scale, name, dataset)
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        assert not np.intersect1d(splits[one]["group"], splits[other]["group"]).size
        assert not rows(splits[one]) & rows(splits[other])
    assert len(splits["train"]) > len(splits["valid"])


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "name", "dataset"), CASES)
def test_preparation_is_deterministic(prepared, folders_of, scale, name, dataset):
    facts, folders = CATALOGS[scale].dataset(name, dataset), folders_of(scale, name, dataset)
    first, again = prepared(scale, name, dataset), task.prepare(name, dataset, facts, folders, 1)
    assert [first[split].digest() for split in NAMES] == [again[split].digest() for split in NAMES]
    if facts["splits"] > 1:
        other = prepared(scale, name, dataset, 2)
        assert not np.array_equal(np.sort(first["test"]["group"]), np.sort(other["test"]["group"]))


# (dataset, metric) that a random guess has in full; the constant one still proves it.
EXCEPTIONS = {("qm9", "uniqueness"): "the few random strings that are molecules are all different"}

# Datasets of which a guess of the labels alone has no curve.
WITHOUT_CURVES = {
    "ecoli_genes": "clusters of genes have scores alone",
    "tiles": "the curve is of a method that learns in rounds",
}


@pytest.mark.parametrize(("scale", "name", "dataset"), CASES)
def test_controls_prove_the_metrics(prepared, scale, name, dataset):
    splits = prepared(scale, name, dataset)
    test, wanted = splits["test"], CATALOGS[scale].dataset(name, dataset)["metrics"]
    found, drawn = {}, []
    for control in CONTROLS:
        rng = np.random.default_rng(0)
        guess = kind.load(test.context["output"]).control(control, splits["train"].y, test.y, rng)
        found[control] = scoring.score(name, test, {"y": guess}, wanted, splits["train"])
        drawn += scoring.curves(name, test, {"y": guess})
    assert bool(drawn) != (dataset in WITHOUT_CURVES) and all(len(one.x) for one in drawn)
    for metric in wanted:
        sign = 1 if metrics.higher_is_better(metric, name) else -1
        better = operator.ge if (dataset, metric) in EXCEPTIONS else operator.gt
        assert better(sign * found["perfect"][metric], sign * found["random"][metric])
        assert sign * found["perfect"][metric] > sign * found["constant"][metric]
    assert all(np.isfinite(value) for values in found.values() for value in values.values())


@pytest.mark.parametrize("scale", SCALES)
def test_clinical_records_are_whole_and_within_range(prepared, scale):
    for dataset in CATALOGS[scale].datasets("private_clinical_data"):
        splits = prepared(scale, "private_clinical_data", dataset)
        facts = splits["train"].context
        low, high = (
            np.repeat([one[key] for one in facts["variables"]], len(facts["visits"])) for key in ("low", "high")
        )
        shares = []
        for split in splits.values():
            assert split.y.shape[1] == len(low) and (split.y >= low).all() and (split.y <= high).all()
            assert len(np.unique(split["group"])) == len(split)
            shares.append(np.mean(split["arm"]))
        assert np.ptp(shares) < 0.02


def test_folds_of_consecutive_rows_cover_every_molecule_once(prepared):
    """The paper's five test folds are disjoint and whole."""
    if "standard" not in SCALES:
        pytest.skip("needs DEEPBIO_MIRROR")
    tests = [prepared("standard", "molecule_properties", "delaney", k)["test"]["smiles"] for k in range(1, 6)]
    assert sum(map(len, tests)) == 1124


@pytest.mark.parametrize(("scale", "name", "dataset"), [case for case in CASES if case.values[1] == "biological_age"])
def test_ages_are_no_codes_and_no_input_knows_them(prepared, scale, name, dataset):
    """Nobody stands at or above the age where NHANES stops counting, and no column contains age or an outcome."""
    splits = prepared(scale, name, dataset)
    parameters = CATALOGS[scale].dataset(name, dataset)["parameters"]
    derived = (
        "age",
        "kdm",
        "phenoage",
        "ln",
        "died",
        "status",
        "mort",
        "perm",
        "time",
        "year",
        "wave",
        "sample",
        "seqn",
    )
    assert not [marker for marker in parameters["markers"] if marker.lower().startswith(derived)]
    for part, split in splits.items():
        y = np.asarray(split.y)
        assert y.min() >= 20 and y.max() < parameters["below"]
        # A code would hold several times as many people as the ages beside it.
        assert np.sum(y == y.max()) < 3 * np.sum(y == y.max() - 1) + 5
        assert ("died" in split) == (part == "valid")
        x = np.asarray(split["x"])
        assert x.shape[1] == len(split.context["features"]) == len(parameters["markers"]) + 1
        assert np.isfinite(x).all() and set(np.unique(x[:, -1])) == {0, 1}
        assert max(abs(np.corrcoef(column, y)[0, 1]) for column in x.T) < 0.6
    measured = [{row.tobytes() for row in np.asarray(splits[part]["x"])} for part in NAMES]
    assert not (measured[0] & measured[1] or measured[0] & measured[2] or measured[1] & measured[2])


def test_waves_of_the_parts_are_apart(prepared):
    if "standard" not in SCALES:
        pytest.skip("needs DEEPBIO_MIRROR")
    splits = prepared("standard", "biological_age", "later_wave")
    years = [{name[:4] for name in np.asarray(splits[part]["group"]).tolist()} for part in NAMES]
    assert years == [{b"2005", b"2007", b"2009", b"2011", b"2013", b"2015"}, {b"2003"}, {b"2017"}]
