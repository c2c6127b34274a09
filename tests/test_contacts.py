"""Contacts and structures: reading PDB and mmCIF, geometry, precision of maps, windows of the forests."""

import numpy as np
import pytest

from deepbio.core.data import Ragged, Split
from deepbio.core.files import BadInput
from deepbio.domains.protein import couplings, sequences, simulated, structure
from deepbio.methods import pcons2
from deepbio.tasks import contact_maps

LINE = "ATOM  {:5d}  {:<3s} {:3s} {:1s}{:4d}    {:8.3f}{:8.3f}{:8.3f}  1.00 10.00           {:1s}\n"


def pdb(folder, name="a.pdb"):
    """Two chains: A of Gly, Ala, Ser (with CB), B of a single Trp, with an oxygen of water between."""
    rows = [
        ("CA", "GLY", "A", 1, 0, 0, 0, "C"),
        ("CA", "ALA", "A", 2, 3.8, 0, 0, "C"),
        ("CB", "ALA", "A", 2, 3.8, 1.5, 0, "C"),
    ]
    rows += [
        ("CA", "SER", "A", 4, 7.6, 0, 0, "C"),
        ("O", "HOH", "A", 9, 1, 1, 1, "O"),
        ("CA", "TRP", "B", 1, 0, 9, 0, "C"),
    ]
    text = "".join(LINE.format(number, *row) for number, row in enumerate(rows, 1))
    (folder / name).write_text(text + "END\n")
    return folder / name


def test_chains_of_a_pdb_file(tmp_path):
    path = pdb(tmp_path)
    one, other = structure.read_chains(path)
    assert sequences.decode(one.codes) == "GAS" and one.numbers == ["1", "2", "4"] and other.name == "B"
    np.testing.assert_allclose(one.cb, [[0, 0, 0], [3.8, 1.5, 0], [7.6, 0, 0]], atol=1e-5)
    assert len(one.atoms) == 4 and one.of.tolist() == [0, 1, 1, 2]
    assert structure.read(path).name == "A" and structure.read(path, "B").codes.tolist() == [18]
    with pytest.raises(BadInput, match="no chain 'C'; there are: A, B"):
        structure.read(path, "C")


def test_wrong_structures_are_named(tmp_path):
    path = pdb(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], lines[2].replace("   1.500", "   x.500"), *lines[3:]]))
    with pytest.raises(BadInput, match=r"a.pdb:3: an atom whose number or coordinates cannot be read"):
        structure.read(path)
    (tmp_path / "b.pdb").write_text("HEADER\n")
    with pytest.raises(BadInput, match="b.pdb: no"):
        structure.read(tmp_path / "b.pdb")
    (tmp_path / "c.cif").write_text("data_x\n_entry.id x\n")
    with pytest.raises(BadInput, match="c.cif: no structure"):
        structure.read(tmp_path / "c.cif")


def test_mmcif_and_pdb_of_one_structure_are_the_same(tmp_path):
    import biotite.structure.io.pdb as pdb_io
    import biotite.structure.io.pdbx as pdbx

    path = pdb(tmp_path)
    file = pdbx.CIFFile()
    pdbx.set_structure(file, pdb_io.get_structure(pdb_io.PDBFile.read(str(path)), model=1), data_block="x")
    file.write(str(tmp_path / "a.cif"))
    one, other = structure.read(path, "A"), structure.read(tmp_path / "a.cif", "A")
    assert one.codes.tolist() == other.codes.tolist()
    np.testing.assert_allclose(one.cb, other.cb, atol=1e-3)


def test_superposition_and_embedding_undo_a_motion():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((12, 3))
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    moved = x @ turn + [1, 2, 3]
    rotation, shift = structure.superposition(x, moved)
    np.testing.assert_allclose(x @ rotation + shift, moved, atol=1e-9)
    mirrored = x * [1, 1, -1]
    rotation, shift = structure.superposition(mirrored, x)
    assert np.linalg.det(rotation) > 0 and structure.rmsd(mirrored @ rotation + shift, x) > 0.1
    np.testing.assert_allclose(
        structure.distances(structure.embed(structure.distances(x))), structure.distances(x), atol=1e-6
    )
    assert structure.rmsd(np.zeros((2, 3)), np.array([[3, 0, 0], [0, 4, 0]])) == pytest.approx(np.sqrt(12.5))


def test_residues_of_a_query_are_found_in_a_chain():
    query, chain = sequences.encode("ACDEFGHIKL"), sequences.encode("MMDEFGIKLY")
    assert structure.places(query, chain).tolist() == [-1, -1, 2, 3, 4, 5, -1, 6, 7, 8]


def test_precision_counts_the_best_known_pairs():
    y = np.full((1, 8, 8), np.nan)
    for i, j, value in [(0, 6, 1), (0, 7, 0), (1, 7, 1)]:
        y[0, i, j] = y[0, j, i] = value
    p = np.zeros((1, 8, 8))
    p[0, 0, 7], p[0, 0, 6], p[0, 1, 7] = 3, 2, 1
    p[0, 0, 1] = 9  # near in the sequence, and not scored
    assert contact_maps.precisions(y, p, np.array([8]), 4).tolist() == [0.5]
    assert contact_maps.precisions(y, p, np.array([8]), 8).tolist() == [0.0]
    assert contact_maps.precisions(y, p, np.array([3]), 1).tolist() == [2 / 3]
    test = Split({"y": y, "residues": Ragged.join([np.zeros(2)])})
    drawn = contact_maps.curve(test, {"y": p})
    assert drawn.x[[4, 9, 14]] == pytest.approx([0.5, 1, 1.5]) and drawn.y[[4, 9, 14]] == pytest.approx([0, 0.5, 2 / 3])


def test_windows_hold_the_upper_map_and_minus_three_elsewhere():
    map_ = np.arange(64, dtype=float).reshape(8, 8)
    found = pcons2.around(map_, np.array([[0, 7], [3, 4]])).reshape(2, 11, 11)
    assert found[0, 5, 5] == 7 and (found[0, :5] == -3).all() and (found[0, :, 6:] == -3).all()
    assert found[1, 5, 5] == map_[3, 4] and found[1, 5, 4] == -3 and found[1, 4, 5] == map_[2, 4]
    assert found[1, 6, 5] == -3  # (4, 4), the diagonal


def test_slots_read_the_central_residue_or_each_its_own():
    size = 12
    local = np.arange(size, dtype=np.float32)[:, None]
    arrays = {"residues": Ragged.join([np.zeros(size, np.uint8)]), "local": Ragged.join([local])}
    arrays["profile"] = Ragged.join([np.zeros((size, 21), np.float32)])
    arrays["scores"] = Ragged.join([np.zeros((size * size, 2), np.float32)])
    split = Split(arrays, {"longest": size})
    base = {"inputs": "all", "layers": 0}
    pairs, x = pcons2.Method({**base, "slots": "centre"}).base(split, 0)
    row = next(k for k, pair in enumerate(pairs) if tuple(pair) == (5, 8))
    assert x.shape[1] == 1 + 2 + 2 * 9 + 42 and x[row, 0] == 3
    assert x[row, 3:12].tolist() == [5] * 9 and x[row, 12:21].tolist() == [8] * 9
    _, x = pcons2.Method({**base, "slots": "true"}).base(split, 0)
    assert x[row, 3:12].tolist() == list(range(1, 10)) and x[row, 12:21].tolist() == [4, 5, 6, 7, 8, 9, 10, 11, 0]


def test_scores_at_a_depth_see_near_homologues_only():
    rng = np.random.default_rng(0)
    contacts = simulated.random_contacts(rng, 12, 5)
    family, *_ = simulated.coupled_family(rng, 12, 400, contacts, 1.0, 8)
    scores, profile = couplings.of_family(family, ["mi", "mean_field"], [0, 0.99])
    assert scores.shape == (12, 12, 4) and profile.shape == (12, 21)
    assert not scores[:, :, [1, 3]].any()  # fewer than 20 sequences are left
    upper = scores[:, :, 0][np.triu_indices(12, 1)]
    assert abs(upper.mean()) < 1e-5 and upper.std() == pytest.approx(1, rel=1e-4)
    assert couplings.names(["mi", "plm"], [0, 0.5]) == ["mi at 0", "mi at 0.5", "plm at 0", "plm at 0.5"]


def test_published_scores_and_distances_name_their_line(tmp_path):
    (tmp_path / "a.psicov").write_text("1 3 0 8 2.5\n1 4 0 8 x\n")
    with pytest.raises(BadInput, match="a.psicov:2: no pair and score"):
        contact_maps._published(tmp_path, ["a.psicov"], 4, np.zeros((4, 4, 1)))
    (tmp_path / "a.CB").write_text("1 2 5.25\n1 3 8.0\n2 3 4\n")
    names, table = contact_maps._read_cb(tmp_path / "a.CB")
    assert names == [1, 2, 3] and table[0, 2] == table[2, 0] == 8.0
    (tmp_path / "a.CB").write_text("1 2\n")
    with pytest.raises(BadInput, match="a.CB:1: two residues and a distance"):
        contact_maps._read_cb(tmp_path / "a.CB")
