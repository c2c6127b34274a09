"""What figures of methods say: every listed system draws, and names come from the database of the data's organism."""

import csv

import numpy as np
import pytest
from support import fit

from deepbio.core import method
from deepbio.core.catalog import Catalog
from deepbio.core.code import defines
from deepbio.core.config import ROOT
from deepbio.core.kind import small_problem
from deepbio.domains.dna import motifs, sequences
from deepbio.figures import interpretation

LISTED = sorted(path.stem for path in (ROOT / "config" / "methods").glob("*.yaml"))


def read(path):
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle))


def test_there_are_as_many_listed_systems_as_files():
    assert len(LISTED) >= 28 and {"wnuk_access", "danq", "zeng_cnn", "ckn_seq"} <= set(LISTED)


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTED)
def test_every_listed_system_draws(name):
    known = Catalog({})
    assert callable(getattr(method.create(name, "listed", {}), "interpret", None))
    # The catalog finds it too, in a class that the method inherits from included.
    assert known.interprets(name) and defines(known.file_of(name), "interpret")


@pytest.mark.parametrize(("context", "group"), [({"jaspar_groups": ["fungi"]}, "fungi"), ({}, "vertebrates")])
def test_detectors_are_named_after_motifs_of_the_datas_own_organism(tmp_path, context, group):
    """Windows that hold a motif of yeast: it is found there, and never among the vertebrates' where those are asked."""
    identity, name, matrix = next(one for one in motifs.jaspar(("fungi",)) if one[1] == "GAL4")
    rng, width = np.random.default_rng(0), matrix.shape[1]
    codes = rng.integers(0, 4, (80, 60)).astype(np.uint8)
    draws = [rng.choice(4, 80, p=column / column.sum()) for column in matrix.T]
    codes[:, 20 : 20 + width] = np.stack(draws, axis=1)
    active, place, strand = np.ones((80, 1)), np.full((80, 1), 20), np.zeros((80, 1), int)
    interpretation.detector_logos(codes, active, place, strand, width, {**context, "origin": "simulated"}, tmp_path)
    (row,) = read(tmp_path / "detectors.csv")
    assert row["id"] in {one for one, *_ in motifs.jaspar((group,))}
    assert (row["id"] == identity and row["name"] == name) == (group == "fungi")
    assert (tmp_path / "detectors.png").exists()


def test_detectors_of_a_planted_word_are_named_after_it(tmp_path):
    codes = np.random.default_rng(0).integers(0, 4, (80, 60)).astype(np.uint8)
    codes[:, 20:32] = sequences.encode(["CGACCGAACTCC"])
    active, place, strand = np.ones((80, 1)), np.full((80, 1), 20), np.zeros((80, 1), int)
    context = {"motif": "CGACCGAACTCC", "origin": "simulated"}
    interpretation.detector_logos(codes, active, place, strand, 12, context, tmp_path)
    (row,) = read(tmp_path / "detectors.csv")
    assert row["name"] == "planted" and row["id"] == context["motif"] and float(row["q"]) < 0.01
    assert "planted (CGACCGAACTCC)" in (tmp_path / "detectors.svg").read_text()


def test_detectors_of_rna_are_named_after_no_motif_of_dna(tmp_path):
    codes = np.random.default_rng(0).integers(0, 4, (80, 60)).astype(np.uint8)
    codes[:, 20:30] = [3, 2, 3, 0, 0, 0, 3, 0, 1, 1]
    active, place, strand = np.ones((80, 1)), np.full((80, 1), 20), np.zeros((80, 1), int)
    context = {"jaspar_groups": [], "origin": "simulated"}
    interpretation.detector_logos(codes, active, place, strand, 10, context, tmp_path)
    (row,) = read(tmp_path / "detectors.csv")
    assert row["name"] == "" and row["consensus"] == "TGTAAATACC"
    assert "JASPAR" not in (tmp_path / "detectors.svg").read_text()


def test_sites_are_drawn_in_every_sample(tmp_path):
    splits = small_problem("site_in_sample", "binary")
    model, _ = fit("wnuk_access", splits, tmp_path / "job")
    (tmp_path / "figures").mkdir()
    method.interpret(model, lambda name: splits[name], tmp_path / "figures")
    rows = read(tmp_path / "figures" / "samples.csv")
    samples = len(splits["valid"].context["expression"])
    assert len(rows) == min(60, len(splits["valid"])) and len(rows[0]) == 1 + 2 * samples
    # Each small site stands in one sample, whose label is the measured value.
    measured = np.array([[float(row[key]) for key in row if key.startswith("measured")] for row in rows])
    assert ((~np.isnan(measured)).sum(axis=1) == 1).all() and set(measured[~np.isnan(measured)]) == {0, 1}
    predicted = np.array([[float(row[key]) for key in row if key.startswith("predicted")] for row in rows])
    assert (predicted >= 0).all() and (predicted <= 1).all()
    # A site is open only where the first gene is expressed, in all samples but the first.
    assert predicted[:, 0].mean() < predicted[:, 1:].mean()
