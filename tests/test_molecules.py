"""Molecules: graphs, scaffolds, fragments, SMILES with mistakes."""

import numpy as np
import pytest

from deepbio.core.files import BadInput
from deepbio.domains.chemistry import molecules

POPULATIONS = {"GBR": "EUR", "TSI": "EUR", "CHB": "EAS", "YRI": "AFR"}


def test_graph_of_ethanol():
    graph = molecules.graphs(np.array([b"CCO", b"c1ccccc1"]))
    batch = graph.batch(np.array([1, 0]))
    assert batch["atoms"].shape == (9, 62) and batch["bonds"].shape == (2 * 8, 6)
    assert batch["molecule"].tolist() == [0] * 6 + [1] * 3
    oxygen = batch["atoms"][8]
    assert np.flatnonzero(oxygen).tolist() == [2, 44 + 1, 50 + 1, 55 + 1]  # O, degree 1, one H, valence 1
    assert set(zip(batch["source"].tolist(), batch["target"].tolist(), strict=True)) >= {(6, 7), (7, 6), (7, 8)}
    assert batch["atoms"].sum(axis=1).tolist() == [5] * 6 + [4] * 3  # aromatic atoms carry one feature more


def test_single_atoms_and_unknown_elements_have_graphs():
    graph = molecules.graphs(np.array([b"C", b"[Ra]"]))
    assert len(graph.batch(np.array([0, 1]))["bonds"]) == 0


def test_bad_smiles_is_named():
    with pytest.raises(BadInput, match="f.csv:7: not a valid SMILES: 'C1CC'"):
        molecules.parse("C1CC", "f.csv:7")


def test_scaffolds_group_by_ring_system():
    found = molecules.scaffolds([molecules.parse(s) for s in ("Cc1ccccc1", "CCc1ccccc1O", "CCO", "CCN")])
    assert found[0] == found[1] and len(set(found)) == 3


def test_a_fragment_is_what_lies_within_the_radius():
    from deepbio.domains.chemistry import molecules

    ethanol = molecules.parse("CCO")
    assert molecules.fragment_smiles(ethanol, 0, 0) == "C"
    assert molecules.fragment_smiles(ethanol, 0, 1) == "CC"
    assert molecules.fragment_smiles(ethanol, 0, 5) == "CCO"
    assert molecules.fragment_image(ethanol, 0, 5).startswith(b"\x89PNG")
