"""Expression from sequence: regions along the strand, bins, the table of expression, and ExPecto's own steps."""

import gzip

import numpy as np
import pytest
from support import fit, predict

from deepbio.core import data, task
from deepbio.core.files import BadInput
from deepbio.core.kind import small_problem
from deepbio.domains.dna import sequences
from deepbio.methods import expecto
from deepbio.tasks import expression_from_sequence as expression

HEADER = ["GENE", "Name", "Status", "a1", "a2", "b1", "b2"]
PARAMETERS = {
    "format": "genome",
    "genome": "genome.fa.gz",
    "peaks": "peaks/*_CX.bed",
    "transcripts": "genes.bed",
    "expression": "table.tsv",
    "conditions": {"a": ["a1", "a2"], "b": ["b1", "b2"]},
    "pseudocount": 1.0,
    "chromosomes": {"chr1": "I", "chr2": "II", "chr3": "III"},
    "groups": ["fungi"],
    "bins": 4,
    "bin": 20,
    "flank": 10,
    "least": 1,
    "valid_chromosomes": ["chr2"],
    "test_chromosomes": ["chr3"],
}


@pytest.fixture
def source(tmp_path):
    """Three chromosomes of 400 bases with two genes back to back on each, one more at the end of the first, a
    dubious one and one without a number."""
    rng = np.random.default_rng(3)
    codes = {name: rng.integers(0, 4, 400).astype(np.uint8) for name in ("I", "II", "III")}
    with gzip.open(tmp_path / "genome.fa.gz", "wt") as handle:
        handle.writelines(f">{name}\n{sequences.decode(code)}\n" for name, code in codes.items())
    bed, table = [], [HEADER]
    for i, name in enumerate(codes):
        bed += [f"chr{name}\t200\t300\tPLUS{i}\t0\t+", f"chr{name}\t100\t180\tsys{i}\t0\t-"]
        table += [[f"Y{i}P", f"PLUS{i}", "Verified", 1, 3, 5, 5], [f"sys{i}", "", "Uncharacterized", 0, 0, 7, 9]]
    bed += ["chrI\t5\t90\tend\t0\t+", "chrI\t150\t190\tdoubt\t0\t+", "chrI\t150\t190\tunread\t0\t+"]
    table += [["end", "", "Verified", 1, 1, 1, 1], ["doubt", "", "Dubious", 1, 1, 1, 1]]
    table += [["unread", "", "Verified", "Inf", "NaN", "NaN", "NaN"], ["elsewhere", "", "Verified", 1, 1, 1, 1]]
    (tmp_path / "genes.bed").write_text("\n".join(bed) + "\n")
    (tmp_path / "table.tsv").write_text("".join("\t".join(map(str, row)) + "\n" for row in table))
    (tmp_path / "peaks").mkdir()
    (tmp_path / "peaks" / "Abf1_CX.bed").write_text("chr1\t195\t196\nchr1\t205\t206\n")
    (tmp_path / "peaks" / "Reb1_CX.bed").write_text("chr1\t185\t186\nchr2\t10\t11\n")
    return tmp_path, codes


def prepare(folder):
    return expression.prepare({"source": folder}, PARAMETERS, 1)


def test_regions_follow_the_strand_and_end_in_unknown_bases(source):
    folder, codes = source
    train = prepare(folder)["train"]
    plus, minus, end = train["codes"]
    half = train.context["tss"]
    assert (half, train["codes"].shape) == (50, (3, 100))
    np.testing.assert_array_equal(plus, codes["I"][150:250])
    # The first transcribed base is the last one of the interval; on its strand the region is read backwards.
    np.testing.assert_array_equal(minus, sequences.reverse_complement(codes["I"][130:230]))
    assert minus[half] == 3 - codes["I"][179]
    assert (end[:45] == sequences.UNKNOWN).all() and end[half] == codes["I"][5]
    np.testing.assert_array_equal(end[45:], codes["I"][:55])


def test_marks_lie_in_the_bins_of_the_strand(source):
    """On the plus strand the bins are 160-180, …, 220-240; on the minus strand 200-220, 180-200, 160-180, 140-160."""
    folder, _ = source
    train = prepare(folder)["train"]
    assert train.context["marks"] == ["Abf1", "Reb1"]
    abf1, reb1 = np.moveaxis(np.asarray(train["marks"]), 2, 0)
    np.testing.assert_array_equal(abf1[:2], [[0, 1, 1, 0], [1, 1, 0, 0]])
    np.testing.assert_array_equal(reb1[:2], [[0, 1, 0, 0], [0, 1, 0, 0]])


def test_genes_are_joined_by_either_name_without_doubtful_and_unread_ones(source):
    folder, _ = source
    train = prepare(folder)["train"]
    np.testing.assert_allclose(train.y, np.log([[3, 6], [1, 9], [2, 2]]), rtol=1e-6)


def test_no_chromosome_is_in_two_splits(source):
    folder, _ = source
    splits = prepare(folder)
    task.check(splits, "here")
    found = [set(splits[name]["group"]) for name in data.NAMES]
    assert found == [{b"chr1"}, {b"chr2"}, {b"chr3"}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("\t7\t9\n", "\t7\tmany\n"), "table.tsv:3: column 'b2': 'many' is no number"),
        (("\t7\t9\n", "\t7\n"), "table.tsv:3: 6 columns in place of 7"),
        (("\t7\t9\n", "\t7\t-9\n"), "table.tsv:3: column 'b2': -9 is below zero"),
        (("Status", "status"), "table.tsv:1: no column 'Status'"),
    ],
)
def test_a_malformed_table_is_named_with_its_line(source, change, message):
    folder, _ = source
    path = folder / "table.tsv"
    path.write_text(path.read_text().replace(*change, 1))
    with pytest.raises(BadInput, match=message):
        prepare(folder)


def test_a_transcript_without_a_strand_is_named_with_its_line(source):
    folder, _ = source
    path = folder / "genes.bed"
    path.write_text(path.read_text().replace("sys0\t0\t-", "sys0\t0\t."))
    with pytest.raises(BadInput, match=r"genes.bed:2: strand is '\.'"):
        prepare(folder)


def test_bins_are_cut_around_their_middles():
    split = small_problem("gene_region", "regression", 3)["train"]
    distance = expecto.distances(split, 4)
    np.testing.assert_array_equal(distance, [-45, -15, 15, 45])
    found = expecto.cut(split, 61, 4).reshape(3, 4, 61)
    padded = np.pad(split["codes"], ((0, 0), (50, 50)), constant_values=sequences.UNKNOWN)
    for b, place in enumerate(distance.astype(int)):
        middle = 50 + split.context["tss"] + place
        np.testing.assert_array_equal(found[:, b], padded[:, middle - 30 : middle + 31])


def test_exponentials_equal_a_direct_loop():
    distance, rates, unit = np.array([-310.0, -100.0, 0.0, 100.0, 450.0]), [0.01, 0.2], 200
    found = expecto.exponentials(distance, rates, unit)
    assert found.shape == (4, 5)
    for i, rate in enumerate(rates):
        for b, d in enumerate(distance):
            value = np.exp(-rate * (abs(d) // unit))
            assert found[i, b] == pytest.approx(value if d <= 0 else 0)
            assert found[len(rates) + i, b] == pytest.approx(value if d >= 0 else 0)


def test_boosting_ends_at_the_ridge_solution():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 6))
    y = x @ rng.standard_normal((6, 2)) + 1 + 0.1 * rng.standard_normal((200, 2))
    y[:20, 1] = np.nan
    found, history = expecto.boost(x, x, y, y, penalty=30, rate=0.5, rounds=300, base=2, patience=300)
    for column in range(2):
        known = ~np.isnan(y[:, column])
        a, b = x[known], y[known, column]
        centred = a - a.mean(axis=0)
        weights = np.linalg.solve(centred.T @ centred + 30 * np.eye(6), centred.T @ (b - b.mean()))
        np.testing.assert_allclose(found["weights"][:, column], weights, atol=1e-6)
        assert found["intercept"][column] == pytest.approx(b.mean() - a.mean(axis=0) @ weights)
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_boosting_keeps_the_round_that_validation_likes_best():
    rng = np.random.default_rng(0)
    x, noise = rng.standard_normal((30, 40)), rng.standard_normal((30, 1))
    valid = rng.standard_normal((200, 40))
    y_valid = valid[:, :1]
    found, history = expecto.boost(x, valid, x[:, :1] + 2 * noise, y_valid, 0.1, 0.3, 200, None, 10)
    losses = [row["valid_loss"] for row in history]
    assert len(history) == np.argmin(losses) + 11
    kept = np.mean((y_valid - valid @ found["weights"] - found["intercept"]) ** 2)
    assert kept == pytest.approx(min(losses))


def test_marks_of_test_genes_change_no_prediction(tmp_path):
    splits = small_problem("gene_region", "regression", 40)
    model, _ = fit("expecto", splits, tmp_path)
    test = splits["test"]
    whole = predict(model, test)
    turned = data.Split({**test.arrays, "marks": ~test["marks"]}, test.context)
    bare = data.Split({"codes": test["codes"]}, test.context)
    np.testing.assert_array_equal(predict(model, turned), whole)
    np.testing.assert_array_equal(model.predict(bare)["y"], whole)
