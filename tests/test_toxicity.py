"""Toxicity of molecules, and neural fingerprints that were never trained."""

import gzip

import numpy as np
import pytest
import torch
from rdkit import DataStructs
from rdkit.Chem import rdFingerprintGenerator

from deepbio.core.catalog import Catalog
from deepbio.core.files import BadInput
from deepbio.core.kind import small_problem
from deepbio.domains.chemistry import molecules
from deepbio.figures import fingerprint as figures
from deepbio.methods import neural_fingerprint
from deepbio.tasks import molecule_toxicity

PLANTED = Catalog({"scale": "quick"}).dataset("molecule_toxicity", "planted_toxicophores")["parameters"]
SMILES = [
    "CSc1ccccc1",
    "c1ccc2ccccc2c1",
    "CCO",
    "c1ccc2c(c1)CCC2",
    "c1ccccc1-c1ccccc1",
    "c1ccsc1",
    "CS(=O)(=O)c1ccncc1",
]


def test_planted_toxicophores_are_the_two_of_the_paper():
    found = [molecules.parse(text) for text in SMILES]
    assert molecule_toxicity.planted(found, PLANTED["toxicophores"], 0).tolist() == [1, 1, 0, 0, 0, 0, 1]
    many = [molecules.parse("CCO")] * 2000
    turned = molecule_toxicity.planted(many, PLANTED["toxicophores"], 0.1)
    assert 0.08 < turned.mean() < 0.12
    np.testing.assert_array_equal(turned, molecule_toxicity.planted(many, PLANTED["toxicophores"], 0.1))
    with pytest.raises(BadInput, match="no valid SMARTS: 'c1'"):
        molecule_toxicity.planted(found, {"ring": "c1"}, 0)


ASSAY = {"format": "csv", "file": "t.csv.gz", "column": "assay", "among": [0, 1], "unreadable": "skip"}
ASSAY |= {"split": "folds", "fold_starts": [0, 2, 4]}


def assay(folder, lines, **changes):
    with gzip.open(folder / "t.csv.gz", "wt") as handle:
        handle.write("assay,smiles\n" + "".join(f"{label},{text}\n" for label, text in lines))
    return molecule_toxicity.prepare({"table": folder}, ASSAY | changes, 1)


def test_assay_without_what_was_not_measured_or_is_no_molecule(tmp_path):
    rows = [(1, "CCO"), ("", "CCN"), (0, "C(("), (0, "CCC"), (1, "CCCC"), (0, "OCC"), (0, "CCCl"), (1, "CCBr")]
    splits = assay(tmp_path, rows)
    held = {name: list(zip(molecules.texts(s["smiles"]), s.y.tolist(), strict=True)) for name, s in splits.items()}
    assert held["test"] == [("CCO", 1), ("CCC", 0)]  # the first fold of the readable rows
    assert held["valid"] == [("CCCl", 0), ("CCBr", 1)]
    assert held["train"] == [("CCCC", 1)]  # ethanol, written otherwise, is in the test fold
    with pytest.raises(BadInput, match="t.csv.gz:4: not a valid SMILES"):
        assay(tmp_path, rows, unreadable="stop")
    with pytest.raises(BadInput, match="t.csv.gz:3: column 'assay': 2 is not 0 or 1"):
        assay(tmp_path, [(1, "CCO"), (2, "CC")])
    with pytest.raises(BadInput, match="2 rows in place of 3"):
        assay(tmp_path, rows[:2], rows=3)


def test_distances_of_bits_are_tanimoto_s():
    x = molecules.circular_fingerprints(np.array(SMILES).astype("S"), 2, 512).astype(float)
    pairs = np.array([[0, 1, 2], [6, 3, 2]])
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=512)
    bits = [generator.GetFingerprint(molecules.parse(text)) for text in SMILES]
    expected = [1 - DataStructs.TanimotoSimilarity(bits[i], bits[j]) for i, j in pairs.T]
    np.testing.assert_allclose(figures.tanimoto_distances(x, pairs), expected)
    counts = np.array([[2.0, 0, 1], [1, 1, 1]])
    assert figures.tanimoto_distances(counts, np.array([[0], [1]])) == pytest.approx(1 - 2 / 4)


def test_large_random_weights_follow_circular_fingerprints():
    splits = [
        neural_fingerprint.graph_split(small_problem("molecule", "regression")[name]) for name in ("train", "test")
    ]
    form = {"depth": 2, "width": 10}
    state = torch.random.get_rng_state()
    large, small = (neural_fingerprint.random_fingerprints(splits, form, scale, 256, 1) for scale in (10, 0.01))
    assert torch.random.get_rng_state().equal(state)
    again = neural_fingerprint.random_fingerprints(splits, form, 10, 256, 1)
    np.testing.assert_array_equal(large[1], again[1])
    for made in (large, small):
        # Every atom writes a softmax in each of the three layers.
        np.testing.assert_allclose(made[1].sum(1), 3 * splits[1]["atoms"].lengths, rtol=1e-4)
    assert np.mean(large[1] > 0.5) > 0.005 and small[1].max() < 1
    smiles = small_problem("molecule", "regression")["test"]["smiles"]
    circular = molecules.circular_fingerprints(smiles, 2, 1024).astype(float)
    pairs = np.random.default_rng(0).integers(0, len(smiles), (2, 500))
    distances = [figures.tanimoto_distances(x, pairs) for x in (circular, large[1], small[1])]
    r = np.corrcoef(distances)[0]
    assert r[1] > 0.7 and r[1] > r[2] + 0.1


def test_linear_error_is_that_of_a_line():
    rng = np.random.default_rng(0)
    x, others = rng.random((2, 200, 5)) * 1e-4 + 3  # features that hardly differ, as those of small weights
    y, truth = ((one - 3).sum(1) * 1e4 for one in (x, others))
    assert figures.linear_error(x, y, others, truth, "regression") < 0.01
    cut = np.median(y)
    assert figures.linear_error(x, (y > cut) * 1.0, others, (truth > cut) * 1.0, "binary") < 0.02


def test_fragments_say_which_pattern_they_hold():
    smiles = np.array([b"CSc1ccccc1", b"CCO"])
    activity = np.zeros((2, 11))
    activity[1, 1], activity[1, 9] = 1, 0.5  # the sulphur and ethanol's middle, after one layer
    query = molecule_toxicity.Chem.MolFromSmarts("[#16;!a]-a")
    rows = neural_fingerprint.strongest(smiles, activity, 2, {"sulphur": query})
    assert [(row["atom"], row["radius"], row["holds"]) for row in rows] == [(1, 1, "sulphur"), (1, 1, "")]
