"""Alignments: reading every form, weights, frequencies and couplings, variants and their models."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import spearmanr

from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.core.records import Given
from deepbio.domains.protein import alignments, sequences, simulated, variants
from deepbio.domains.protein.blosum import BLOSUM62
from deepbio.kinds import protein_variant

A2M = ">P/10-14\naCD.EF\n>x\n.CD.-F\n>y\n.CEgEF\n"


def write(folder, name, text):
    (folder / name).write_text(text)
    return folder / name


def spelled(found):
    return ["".join(alignments.LETTERS[c] for c in row) for row in found.codes]


def test_every_form_of_alignment_is_read(tmp_path):
    found = alignments.read(write(tmp_path, "a.a2m", A2M))
    assert found.wild_type == "CDEF" and found.columns.tolist() == [11, 12, 13, 14]
    assert found.names == ["P/10-14", "x", "y"] and spelled(found) == ["CDEF", "CD-F", "CEEF"]
    assert spelled(alignments.read(write(tmp_path, "a.a3m", ">q\nCDEF\n>x\nCgggD-F\n"))) == ["CDEF", "CD-F"]
    sto = alignments.read(write(tmp_path, "a.sto", "# STOCKHOLM 1.0\n#=GF x\nq CD\nx C-\n\nq EF\nx -F\n//\n"))
    assert spelled(sto) == ["CDEF", "C--F"]
    plain = alignments.read(write(tmp_path, "a.aln", "-CD\nACD\n"), "ACD")
    assert plain.wild_type == "ACD" and plain.names[0] == "row 2"
    second = alignments.read(tmp_path / "a.a2m", "y")
    assert spelled(second)[0] == "CEEF" and second.columns.tolist() == [1, 2, 4, 5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no sequence"),
        (">q\nACD\n>x\nAC\n", "a.fa:3: row 'x' has 2 columns, the query has 3"),
        (">q\nACD\n>x\nA?D\n", r"a.fa:3: row 'x': '\?' in column 2 is no residue"),
        (">q\nacd\n", "has no upper-case residue"),
        ("# STOCKHOLM 1.0\nq A C\n", "a.fa:2: a line of a Stockholm alignment"),
    ],
)
def test_a_wrong_alignment_is_named_with_its_place(tmp_path, text, message):
    with pytest.raises(BadInput, match=message):
        alignments.read(write(tmp_path, "a.fa", text))
    with pytest.raises(BadInput, match="no row of the query 'z'"):
        alignments.read(write(tmp_path, "b.fa", ">q\nACD\n"), "z")


def test_weights_count_sequences_that_are_alike():
    codes = np.array([[0, 1, 2, 3, 4], [0, 1, 2, 3, 5], [9, 9, 9, 9, 9]], np.uint8)
    np.testing.assert_allclose(alignments.sequence_weights(codes, 0.8), [0.5, 0.5, 1])
    np.testing.assert_allclose(alignments.sequence_weights(codes, 0.9), [1, 1, 1])
    many = np.random.default_rng(0).integers(0, 3, (700, 8)).astype(np.uint8)  # more rows than are compared at a time
    slow = [1 / sum((one == other).mean() >= 0.75 for other in many) for one in many[:40]]
    np.testing.assert_allclose(alignments.sequence_weights(many, 0.75)[:40], slow)


def test_frequencies_of_pairs_sum_to_those_of_columns():
    rng = np.random.default_rng(0)
    number, weights = rng.integers(0, 21, (50, 4)), rng.random(50)
    single = alignments.frequencies(number, weights, 0.3)
    pair = alignments.pair_frequencies(number, weights, 0.3).reshape(4, 21, 4, 21)
    np.testing.assert_allclose(single.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(pair.sum(axis=3), np.repeat(single[:, :, None], 4, axis=2), atol=1e-5)
    np.testing.assert_allclose(np.einsum("iaia->ia", pair), single, atol=1e-6)


def test_average_product_of_a_small_map_by_hand():
    found = alignments.average_product_corrected(np.array([[5, 1, 2], [1, 5, 3], [2, 3, 5]], float))
    # Column means without the diagonal: 1.5, 2, 2.5, of all: 2.
    np.testing.assert_allclose(found[0, 1], 1 - 1.5 * 2 / 2)
    np.testing.assert_allclose(found[1, 2], 3 - 2 * 2.5 / 2)
    assert not np.diag(found).any()


@pytest.fixture(scope="module")
def family():
    rng = np.random.default_rng(3)
    contacts = simulated.random_contacts(rng, 24, 14)
    found, *model = simulated.coupled_family(rng, 24, 2000, contacts, 0.7, 12)
    return found, contacts, model


@pytest.mark.parametrize("name", ["mutual_information", "mean_field", "sparse_inverse", "pseudo_likelihood"])
def test_couplings_find_the_pairs_that_are_coupled(family, name):
    found, contacts, _ = family
    score = getattr(alignments, name)(alignments.states(found), np.ones(len(found)))
    score = score.scores() if name == "pseudo_likelihood" else score
    np.testing.assert_allclose(score, score.T, atol=1e-4)
    upper = np.argwhere(np.triu(np.ones((24, 24)), 3))
    best = upper[np.argsort(-score[tuple(upper.T)])[: len(contacts)]]
    hits = len({tuple(pair) for pair in best.tolist()} & {tuple(pair) for pair in contacts.tolist()})
    assert hits >= 0.7 * len(contacts), hits


def test_a_pairwise_model_gives_energies_as_a_sum_over_pairs():
    rng = np.random.default_rng(0)
    fields, couplings = rng.random((3, 21)), rng.random((63, 63))
    couplings = (couplings + couplings.T) / 2
    number = rng.integers(0, 21, (5, 3))
    for column in range(3):
        couplings[column * 21 : column * 21 + 21, column * 21 : column * 21 + 21] = 0
    slow = [
        sum(fields[i, row[i]] for i in range(3))
        + sum(couplings[21 * i + row[i], 21 * j + row[j]] for i in range(3) for j in range(i))
        for row in number
    ]
    np.testing.assert_allclose(alignments.Potts(fields, couplings).energies(number), slow, rtol=1e-5)


def test_a_fitted_model_ranks_substitutions(family):
    found, contacts, model = family
    fitted = alignments.pseudo_likelihood(alignments.states(found), np.ones(len(found)))
    singles = variants.all_substitutions(found[0])
    truth = simulated.energies(singles, contacts, *model)
    assert spearmanr(truth, fitted.energies(alignments.states(singles))).statistic > 0.65


def test_blosum_is_symmetric_and_known():
    assert (BLOSUM62 == BLOSUM62.T).all()
    place = sequences.AMINO_ACIDS.index
    assert BLOSUM62[place("W"), place("W")] == 11 and BLOSUM62[place("E"), place("D")] == 2
    assert BLOSUM62[place("G"), place("I")] == -4 and BLOSUM62[place("Y"), place("F")] == 3


def test_variants_are_parsed_and_applied():
    wild, columns = sequences.encode("ACDE"), [5, 6, 8, 9]
    assert variants.parse("p.A5C:E9W") == [("A", 5, "C"), ("E", 9, "W")]
    assert sequences.decode(variants.apply("A5C/E9W", wild, columns)) == "CCDW"
    for name, message in [
        ("A5", "'A5' is no substitution"),
        ("A5Z", "'A5Z' is no substitution"),
        ("A7C", "residue 7 is in no column"),
        ("C5A", "residue 5 is A in the alignment, not C"),
    ]:
        with pytest.raises(BadInput, match=message):
            variants.apply(name, wild, columns)
    every = variants.all_substitutions(wild)
    assert every.shape == (80, 4) and sequences.decode(every[20 + 3]) == "AEDE"


def test_variants_of_a_user_are_read_beside_their_alignment(tmp_path):
    write(tmp_path, "a.a2m", A2M)
    write(tmp_path, "scan.csv", "mutant,score\nC11A,1\nD12W:F14A,2\nC12A,3\n")
    files = {name: tmp_path / name for name in ("a.a2m", "scan.csv")}
    found = list(protein_variant.read(Given(files, {}, {})))
    assert [one.problem for one in found] == ["", "", "residue 12 is D in the alignment, not C"]
    assert sequences.decode(found[1].arrays["residues"]) == "CWEA"
    context, _ = protein_variant.settle(found, Given(files, {}, {}))
    assert context["wild_type"] == "CDEF" and context["alignment"].shape == (3, 4)
    again = list(protein_variant.read(Given({"scan.csv": tmp_path / "scan.csv"}, {}, {}), context))
    assert [one.problem for one in again] == [one.problem for one in found]
    with pytest.raises(BadInput, match="one alignment of the protein is wanted"):
        list(protein_variant.read(Given({"scan.csv": tmp_path / "scan.csv"}, {}, {})))


def test_evovae_loss_treats_all_symbols_as_one_distribution_or_each_column():
    import torch

    from deepbio.methods import evovae

    split = Split({"residues": np.array([[0, 25], [1, 2]], np.uint8)}, {"wild_type": "AC"})
    base = {"width": 4, "latent": 2, "dropout": 0.0, "members": 1, "score": "mutant", "sampled": False}
    zero = {}
    for loss in ("flat", "columns"):
        model = evovae.Method({**base, "loss": loss})
        model.shape = model.describe(split)
        network = model.build(model.parameters, model.shape)
        for parameter in network.parameters():
            torch.nn.init.zeros_(parameter)
        zero[loss] = model.loss(network, model.batch(split, np.arange(2))).item()
    # All symbols alike and no divergence: 48 x 2 ln 48 for one distribution of 48, 2 ln 24 for two columns of 24.
    assert zero["flat"] == pytest.approx(48 * 2 * np.log(48), rel=1e-5)
    assert zero["columns"] == pytest.approx(2 * np.log(24), rel=1e-5)
    assert evovae.SYMBOLS[evovae._SYMBOL[25]] == "-" and evovae.SYMBOLS[evovae._SYMBOL[0]] == "A"
    assert evovae.SYMBOLS[evovae._SYMBOL[23]] == "X"  # U


def test_evovae_s_small_shares_keep_their_order():
    import torch

    from deepbio.methods import evovae

    logits = torch.zeros(1, 1, len(evovae.SYMBOLS))
    logits[0, 0, :3] = torch.tensor([30.0, -40.0, -60.0])
    sure = SimpleNamespace(encode=lambda x: (x, x), decode=lambda z: logits)
    found = evovae.Method({"loss": "flat"}).log_shares(sure, torch.zeros(1))[0, 0]
    assert found[1] - found[2] == pytest.approx(20) and float(found.exp().sum()) == pytest.approx(1)
