"""Surfaces of structures: what is seen from six sides, folds by family, and the network that sees it."""

import numpy as np
import pytest

from deepbio.baselines import nearest_protein
from deepbio.core import kind
from deepbio.core.data import Ragged, Split
from deepbio.core.records import Given
from deepbio.domains.protein import sequences, simulated, structure, surfaces
from deepbio.kinds import protein_structure
from deepbio.methods import tsg_og_cnn
from deepbio.tasks import cancer_gene_structures


def test_atoms_are_described_by_residue_and_element():
    found = surfaces.describe(sequences.encode("KDIX"), np.array(["C", "O", "S", "N"]))
    np.testing.assert_allclose(found[:, 0], [1, -1, 0, 0])
    np.testing.assert_allclose(found[:, 3], [0.75, 1.0, 2.0, 0.875])
    assert found[2, 1] == 1.0 and not found[3, :3].any()  # Ile is the most hydrophobic, X is nothing


def test_each_cell_shows_the_atom_nearest_to_the_viewer():
    x = np.array([[3.0, 0.5, 0.5], [-3.0, 0.5, 0.5], [0.0, 99.0, 0.0]])
    properties = np.array([[1.0, 0, 0, 1], [-1.0, 0, 0, 2], [5.0, 5, 5, 5]])
    found = surfaces.views(x, properties, 8, 1.0)
    assert found.shape == (6, 5, 8, 8)
    assert found[0, 1, 4, 4] == 1 and found[1, 1, 4, 4] == -1  # from +x the first, from -x the second
    assert found[0, 0, 4, 4] == pytest.approx(1 + 3 / 4) and found[1, 0, 4, 4] == pytest.approx(1 + 3 / 4)
    assert found[2, 1, 7, 4] == 1 and found[2, 1, 1, 4] == -1  # from +y they lie side by side
    assert (found != 5).all()  # outside the cube


def test_rotations_keep_distances_and_hands():
    turn = surfaces.rotation(np.random.default_rng(0))
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_the_surface_of_a_ball_is_its_outer_shell():
    grid = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3), axis=-1).reshape(-1, 3) * 2.0
    x = grid[np.linalg.norm(grid, axis=1) <= 8.1]
    count = len(x)
    chain = structure.Chain(
        "A", np.zeros(count, np.uint8), [""] * count, x, x, x, np.arange(count), np.full(count, "C")
    )
    on = structure.surface(chain)
    radius = np.linalg.norm(x, axis=1)
    assert on[radius > 7.5].all() and not on[radius < 4].any()
    atoms, properties = surfaces.surface_atoms(chain)
    assert len(atoms) == on.sum() == len(properties)


def test_a_patch_is_near_its_middle():
    rng = np.random.default_rng(0)
    spread = []
    for patch in (True, False):
        codes, x = simulated.ellipsoid(rng, 100, patch, np.array([12.0, 12, 12]))
        charged = x[np.isin(codes, (8, 14))]
        assert len(charged) == 20
        spread.append(np.linalg.norm(charged - charged.mean(axis=0), axis=1).mean())
    assert spread[0] < 0.7 * spread[1]


def test_folds_by_family_keep_relatives_together():
    parameters = {
        "format": "simulated",
        "problem": 1,
        "families": 8,
        "members": 3,
        "residues": 30,
        "by": "family",
        "folds": 4,
    }
    tests = [cancer_gene_structures.prepare({}, parameters, seed)["test"] for seed in (1, 2, 3, 4)]
    groups = [set(np.asarray(test["group"]).tolist()) for test in tests]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 8 and sum(map(len, tests)) == 24
    assert all(set(np.asarray(test.y).tolist()) == {0, 1} for test in tests)


def test_predictions_do_not_depend_on_the_other_proteins():
    split = kind.small_problem("protein_structure", "binary", 6)["test"]
    model = tsg_og_cnn.Method({"cells": 8, "cell_width": 4.0, "rotations": 2})
    many = [model.maps(split, rng) for rng in model.turns(split)]
    one = [model.maps(split.take([4]), rng) for rng in model.turns(split)]
    for a, b in zip(many, one, strict=True):
        np.testing.assert_array_equal(a[4], b[0])
    assert not np.array_equal(many[0], many[1])


def test_the_nearest_protein_lends_its_label():
    residues = Ragged.join([sequences.encode("ACDEFGHIKL" * 3), sequences.encode("MNPQRSTVWY" * 3)])
    train = Split({"residues": residues, "y": np.array([0, 1], np.float32)}, {"output": "binary"})
    model = nearest_protein.Method({"sharpness": 4})
    model.fit(train, train, None)
    found = model.predict(Split({"residues": Ragged.join([sequences.encode("AMNPQRSTVWYA")])}, {}))["y"]
    assert found[0, 0] > 0.95


def test_structures_of_a_user_are_read(tmp_path):
    line = "ATOM  {:5d}  CA  LYS {:1s}{:4d}    {:8.3f}{:8.3f}{:8.3f}  1.00 10.00           C\n"
    rows = [("A", 1, 0.0, 0.0, 0.0), ("A", 2, 3.8, 0.0, 0.0), ("B", 1, 0.0, 9.0, 0.0)]
    (tmp_path / "a.pdb").write_text("".join(line.format(i, *row) for i, row in enumerate(rows, 1)))
    (tmp_path / "list.csv").write_text("structure,chain\na.pdb,B\na.pdb,C\nb.pdb,A\n")
    whole = list(protein_structure.read(Given({"a.pdb": tmp_path / "a.pdb"}, {}, {})))
    assert len(whole) == 1 and whole[0].arrays["residues"].values.tolist() == [8, 8]
    listed = list(protein_structure.read(Given({"list.csv": tmp_path / "list.csv"}, {}, {})))
    assert listed[0].arrays["residues"].values.tolist() == [8]
    assert "no chain 'C'" in listed[1].problem and "no such file" in listed[2].problem
