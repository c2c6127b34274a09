"""SMILES as codes, and the metrics of generated molecules on sets whose answer is known."""

import time

import numpy as np
import pytest
from rdkit import Chem

from deepbio.core.files import BadInput
from deepbio.domains.chemistry import chemnet, molecule_sets, smiles
from deepbio.domains.chemistry.molecule_sets import Reader, describe

REAL = ["CCO", "c1ccccc1Cl", "CC(=O)Nc1ccc(O)cc1", "C[N+](C)(C)CCO", "BrCC%10CC%10", "CC(C)Cc1ccc(cc1)C(C)C(=O)O"]


def test_tokens_are_those_of_the_papers():
    assert smiles.characters("CCl[nH]") == ["C", "C", "l", "[", "n", "H", "]"]
    assert smiles.atoms("ClC[nH]Br%12") == ["Cl", "C", "[nH]", "Br", "%12"]


@pytest.mark.parametrize("tokenizer", list(smiles.TOKENIZERS))
def test_text_survives_the_way_through_codes(tokenizer):
    vocabulary = smiles.Vocabulary.of(REAL, tokenizer)
    codes = vocabulary.encode(REAL, 40)
    assert codes.dtype == np.uint8 and codes.shape == (len(REAL), 40)
    assert codes.max() < vocabulary.start == len(vocabulary)
    assert vocabulary.decode(codes) == REAL
    again = smiles.Vocabulary(vocabulary.symbols, tokenizer)
    np.testing.assert_array_equal(again.encode(REAL, 40), codes)


def test_what_follows_the_end_is_not_read():
    vocabulary = smiles.Vocabulary(["C", "O"])
    assert vocabulary.decode([[1, 1, 0, 2, 2], [2, 1, 1, 1, 1], [0, 1, 1, 1, 1]]) == ["CC", "OCCCC", ""]


def test_wrong_text_is_named():
    vocabulary = smiles.Vocabulary.of(["CCO"])
    with pytest.raises(BadInput, match=r"'CCS': the symbol 'S'"):
        vocabulary.encode(["CCO", "CCS"])
    with pytest.raises(BadInput, match=r"'CCOCC' has more than 4"):
        vocabulary.encode(["CO", "CCOCC"], 4)
    assert vocabulary.knows("OCC") and not vocabulary.knows("OCS")


def test_rewritten_smiles_are_the_same_molecules():
    found = smiles.rewritten(REAL * 3, np.random.default_rng(1))
    assert [Chem.CanonSmiles(text) for text in found] == [Chem.CanonSmiles(text) for text in REAL * 3]
    assert len(set(found)) > len(REAL)
    assert found == smiles.rewritten(REAL * 3, np.random.default_rng(1))


def test_described_molecules_are_rdkit_s():
    found = describe([*REAL, "C1CC", "", "C(C)(C)(C)(C)C"])
    assert found.valid.tolist() == [True] * 6 + [False] * 3
    assert found.smiles[0] == "CCO" and np.isnan(found.properties[6:]).all()
    # logP of ethanol after Crippen, and that aspirin-like molecules are easy to make.
    assert found.properties[0, 0] == pytest.approx(-0.0014, abs=1e-3) and found.properties[5, 2] < 3
    assert found.scaffolds[1] == "c1ccccc1"


def test_known_generators_get_their_known_scores():
    data = describe(REAL)
    known = np.unique(data.smiles)
    same = describe(REAL)
    assert [molecule_sets.validity(same), molecule_sets.uniqueness(same), molecule_sets.novelty(same, known)] == [
        1,
        1,
        0,
    ]
    assert molecule_sets.nearest_similarity(same, data) == pytest.approx(1)
    assert molecule_sets.property_distance(same, data.properties) == pytest.approx(0)

    broken = describe(["C1CC", "((", "xyz"])
    zero = [f(broken) for f in (molecule_sets.validity, molecule_sets.uniqueness, molecule_sets.internal_diversity)]
    assert zero == [0, 0, 0] and molecule_sets.novelty(broken, known) == 0
    assert molecule_sets.property_distance(broken, data.properties) == molecule_sets.FAR

    copies = describe(["OCC", "CCO", "C(O)C", "CCO"])
    assert molecule_sets.uniqueness(copies) == 0.25 and molecule_sets.internal_diversity(copies) == pytest.approx(0)

    chains = describe(["C" * n for n in range(10, 20)])
    assert molecule_sets.longest_run(chains) == pytest.approx(14.5)
    assert molecule_sets.internal_diversity(chains) < 0.3 < molecule_sets.internal_diversity(same)
    assert molecule_sets.scaffold_diversity(chains) == 0.1 and molecule_sets.novelty(chains, known) == 1


@pytest.mark.slow
def test_distance_of_chemnet_is_the_package_s_and_sees_other_molecules():
    fcd = pytest.importorskip("fcd")
    chains, rings = ["C" * n for n in range(3, 30)], [f"c1ccccc1{'C' * n}O" for n in range(27)]
    assert chemnet.distance(chains, chains) == pytest.approx(0, abs=1e-3)
    found = chemnet.distance(chains, rings)
    assert found == pytest.approx(fcd.get_fcd(chains, rings, device="cpu"), rel=1e-4) and found > 1
    with pytest.raises(ValueError, match="1 molecules"):
        chemnet.distance(["C"], rings)


def test_similarity_is_rdkit_s():
    from rdkit import DataStructs

    found = describe(REAL)
    bits = [DataStructs.CreateFromBitString("".join(map(str, np.unpackbits(row)))) for row in found.fingerprints]
    wanted = [DataStructs.BulkTanimotoSimilarity(one, bits) for one in bits]
    np.testing.assert_allclose(molecule_sets.similarity(found.fingerprints, found.fingerprints), wanted, rtol=1e-6)


def test_screened_molecules_are_those_of_the_paper_s_objectives():
    found = molecule_sets.screen([molecule_sets.CELECOXIB, "CCO", "CSC", "C1C"])
    assert found.valid.tolist() == [True, True, True, False]
    assert found.sulphur.tolist() == [True, False, True, False]
    assert found.celecoxib[0] == 1 and found.celecoxib[1] < 0.2 and found.celecoxib[3] == 0
    assert found.features[0].sum() > found.features[1].sum() > 0 == found.features[3].sum()


def slow(texts):
    """As describe, but one molecule never ends and one breaks its process."""
    import os

    for text in texts:
        if text == "slow":
            time.sleep(60)
        if text == "crash":
            os._exit(3)
    return describe(texts)


@pytest.mark.slow
def test_workers_read_as_this_process_does_and_give_up_on_what_takes_too_long():
    texts = REAL * 30
    with Reader(2, seconds=60) as reader:
        for key, array in vars(reader.read(texts)).items():
            np.testing.assert_array_equal(array, getattr(describe(texts), key))
    with Reader(1, seconds=10) as reader:
        found = reader.map(slow, ["CCO", "slow", "CCN", "crash", "CCC"])
        assert found.smiles.tolist() == ["CCO", "", "CCN", "", "CCC"]
