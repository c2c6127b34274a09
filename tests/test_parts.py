"""The shared parts: data on disk, metrics and controls, statistics, sequences, tables, molecules, search."""

import gzip
import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from deepbio import metrics, molecules, motifs, search, sequences, statistics, tables
from deepbio.data import Ragged, Split, concatenate, read_split, save_dataset
from deepbio.files import BadInput, atomic, digest
from deepbio.job import Job
from deepbio.task import check


def small_split(**context):
    ragged = Ragged.join([np.array([1, 2]), np.array([3]), np.array([], int), np.array([4, 5, 6])])
    arrays = {"x": np.arange(8.0).reshape(4, 2), "r": ragged, "y": np.array([0, 1, np.nan, 1])}
    return Split({**arrays, "group": np.array([b"a", b"b", b"c", b"d"])}, context)


# ---- files and data


def test_atomic_leaves_the_old_file_when_the_block_fails(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_digest_sees_value_type_and_shape_but_not_the_order_of_keys():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    x = np.arange(6)
    assert len({digest(x), digest(x.reshape(2, 3)), digest(x.astype(float)), digest(x + 1)}) == 4


def test_dataset_comes_back_from_disk_as_memory_maps(tmp_path):
    graph = np.eye(3)
    splits = {name: small_split(names=["u", "v"], graph=graph) for name in ("train", "valid", "test")}
    save_dataset(tmp_path / "d", splits, {"task": "t"})
    back = read_split(tmp_path / "d", "valid")
    assert isinstance(back["x"], np.memmap) and back.context["names"] == ["u", "v"]
    np.testing.assert_array_equal(back.context["graph"], graph)
    np.testing.assert_array_equal(back["r"].take([3, 0]).values, [4, 5, 6, 1, 2])
    assert back.digest() == splits["valid"].digest()


def test_split_takes_joins_and_hides():
    split = small_split()
    assert set(split.inputs().arrays) == {"x", "r"}
    part = split.take(np.array([False, True, False, True]))
    np.testing.assert_array_equal(part["r"].values, [3, 4, 5, 6])
    assert concatenate(part, split)["r"].lengths.tolist() == [1, 3, 2, 1, 0, 3]
    with pytest.raises(BadInput, match="same number of samples"):
        Split({"x": np.zeros(3), "y": np.zeros(4)})
    with pytest.raises(BadInput, match="Python objects"):
        Split({"x": np.array(["a", None], dtype=object)})


def test_leak_between_splits_is_an_error():
    splits = {name: small_split() for name in ("train", "valid", "test")}
    with pytest.raises(BadInput, match="4 groups are in both train and valid"):
        check(splits, "here")


# ---- metrics, controls, statistics


@pytest.mark.parametrize("name", metrics.METRICS)
def test_perfect_is_the_best_and_constant_explains_nothing(name):
    rng = np.random.default_rng(1)
    wide = (*metrics.POINTS, "within_10_years")  # metrics with a width in them
    regression = name in ("pearson", "log_pearson", "strong_pearson", "spearman", "r2", "mse", "rmse", "mae", *wide)
    kind = "regression" if regression else "binary"
    y = rng.standard_normal((300, 2)) if regression else (rng.random((300, 2)) < 0.3).astype(float)
    y *= 50 if name in wide else 1
    y[::7, 1] = np.nan
    guess = {
        c: metrics.evaluate([name], y, metrics.control(kind, c, y, y, rng))[name]
        for c in ("perfect", "random", "constant")
    }
    better = (lambda a, b: a > b) if metrics.higher_is_better(name) else (lambda a, b: a < b)
    assert better(guess["perfect"], guess["random"]) and better(guess["perfect"], guess["constant"])
    ideal = 1.0 if metrics.higher_is_better(name) else 0.0
    assert guess["perfect"] == pytest.approx(ideal, abs=1e-5)
    chance = {"auroc": 0.5, "balanced_accuracy": 0.5, "mcc": 0, "pearson": 0, "log_pearson": 0, "spearman": 0}
    if name in chance:
        assert guess["constant"] == pytest.approx(chance[name])
        assert guess["random"] == pytest.approx(chance[name], abs=0.12)


def test_resampled_auroc_is_that_of_weighted_samples():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(3)
    y = (rng.random((60, 3)) < 0.4).astype(float)
    p = np.round(rng.random((60, 3)) + 0.3 * y, 1)  # with ties
    y[rng.random((60, 3)) < 0.1] = np.nan
    counts = rng.multinomial(60, np.full(60, 1 / 60), size=5)
    counts[4] = np.where(y[:, 0] == 1, counts[4], 0)  # the first output has one class only here
    known = ~np.isnan(y)
    for found, weight in zip(metrics._resampled_auroc(y, p, counts), counts, strict=True):
        wanted = [
            roc_auc_score(y[k, c], p[k, c], sample_weight=weight[k])
            for c, k in enumerate(known.T)
            if len(np.unique(y[k & (weight > 0), c])) == 2
        ]
        assert found == pytest.approx(np.mean(wanted))


def test_metrics_refuse_what_they_cannot_score():
    with pytest.raises(ValueError, match="shape"):
        metrics.evaluate(["mse"], np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="1 of 3 predictions are NaN"):
        metrics.evaluate(["mse"], np.zeros(3), np.array([0, np.nan, 1]))


def test_intervals_cover_the_truth():
    rng = np.random.default_rng(0)
    draws = rng.normal(3, 1, (2000, 5))
    bounds = np.array([statistics.mean_interval(row)[1:] for row in draws])
    assert ((bounds[:, 0] < 3) & (bounds[:, 1] > 3)).mean() == pytest.approx(0.95, abs=0.02)
    plain, resampled = statistics.mean_interval(draws[0]), statistics.resampled_interval(draws[0], 0.25)
    assert resampled[0] == pytest.approx(plain[0]) and resampled[1] < plain[1] < plain[2] < resampled[2]
    mean, low, high = statistics.mean_interval([0.5])
    assert mean == 0.5 and np.isnan(low) and np.isnan(high)


def test_paired_tests_need_six_datasets_and_find_a_clear_winner():
    rng = np.random.default_rng(0)
    base = rng.random(8)
    table = pd.DataFrame({"good": base + 0.2 + 0.01 * rng.random(8), "poor": base, "worse": base - 0.1})
    rows = {row["other"]: row for row in statistics.paired_tests(table, True)}
    assert rows.keys() == {"poor", "worse"} and rows["poor"]["best"] == "good"
    assert rows["poor"]["wins"] == 8 and rows["poor"]["p_holm"] == pytest.approx(2 * 2 / 2**8)
    assert statistics.paired_tests(table.iloc[:5], True) == []
    assert statistics.paired_tests(-table, False)[0]["best"] == "good"


# ---- sequences and motifs


def test_codes_and_strands():
    codes = sequences.encode(["ACGTN", "uuuuu"])
    assert codes.tolist() == [[0, 1, 2, 3, 4], [3, 3, 3, 3, 3]]
    assert sequences.decode(sequences.reverse_complement(codes)[0]) == "NACGT"
    hot = sequences.one_hot(torch.from_numpy(codes))
    assert hot.shape == (2, 4, 5) and hot[0, :, 4].tolist() == [0.25] * 4 and hot[0, 2, 2] == 1
    with pytest.raises(BadInput, match="here: record 2 has 3 bases"):
        sequences.encode(["ACGT", "ACG"], "here")


def test_shuffle_keeps_dinucleotides_and_changes_the_sequence():
    codes = np.random.default_rng(0).integers(0, 4, (20, 101)).astype(np.uint8)
    shuffled = sequences.dinucleotide_shuffle(codes, 3)
    assert (shuffled != codes).any(axis=1).all()
    pairs = lambda c: np.stack([np.bincount(row[:-1] * 4 + row[1:], minlength=16) for row in c.astype(int)])  # noqa: E731
    np.testing.assert_array_equal(pairs(codes), pairs(shuffled))
    np.testing.assert_array_equal(shuffled, sequences.dinucleotide_shuffle(codes, 3))


def test_kmers_count_both_strands_as_one():
    codes = np.random.default_rng(0).integers(0, 5, (30, 40)).astype(np.uint8)
    counts = sequences.kmer_counts(codes, 3)
    assert counts.shape == (30, 32)
    np.testing.assert_array_equal(counts, sequences.kmer_counts(sequences.reverse_complement(codes), 3))
    known = (np.lib.stride_tricks.sliding_window_view(codes, 3, axis=1) < 4).all(2).sum(1)
    np.testing.assert_array_equal(counts.sum(axis=1), known)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ACGT\n", ":1: a FASTA file begins with"),
        (">a\nACGT\n>b\n>c\nAC\n", ":3: record 'b' has no sequence"),
        (">a\nACGT\nAC!T\n", ":3: '!' is no base"),
        ("", ": no FASTA record"),
    ],
)
def test_bad_fasta_is_named_with_its_line(tmp_path, text, message):
    path = tmp_path / "bad.fa"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        sequences.read_fasta(path)
    assert f"{path}{message}" in str(caught.value)


def test_truncated_gzip_is_named(tmp_path):
    path = tmp_path / "cut.fa.gz"
    bases = bytes(np.frombuffer(b"ACGT", np.uint8)[np.random.default_rng(0).integers(0, 4, 4000)])
    path.write_bytes(gzip.compress(b">a\n" + bases)[:-200])
    with pytest.raises(BadInput, match="cut.fa.gz: damaged"):
        sequences.read_fasta(path)


def test_matrix_scan_finds_a_planted_site_on_either_strand():
    rng = np.random.default_rng(0)
    site = np.array([3, 2, 0, 1, 3, 1, 0, 2])
    matrix = motifs.log_odds(motifs.probabilities(np.eye(4)[site].T * 20))
    codes = rng.integers(0, 4, (3, 50)).astype(np.uint8)
    codes[1, 20:28] = site
    codes[2, 5:13] = sequences.reverse_complement(site.astype(np.uint8))
    scores = motifs.best_scores(codes, [matrix])[:, 0]
    assert scores[1] == pytest.approx(scores[2]) == matrix.max(axis=0).sum()
    assert scores[0] < scores[1]


def test_a_jaspar_motif_matches_itself():
    known = motifs.jaspar()
    name, _, matrix = next(motif for motif in known if motif[1] == "REST")
    flat = np.full((4, 12), 0.2) + np.array([[0.2], [0], [0], [0]])  # half a bit a position or less fits anything
    hit, none = motifs.match([matrix, flat])
    assert hit["id"] == name and hit["q"] < 1e-8
    assert none == {"bits": 0.94, "id": "", "name": "", "p": 1.0, "q": 1.0}


# ---- tables


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", ":3: 1 columns in place of 2"),
        ("", ":1: the file is empty"),
        ('a,b\n"1,2\n', ":2: unexpected end of data"),
    ],
)
def test_bad_csv_is_named_with_its_line(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        tables.read_csv(path)
    assert f"{path}{message}" in str(caught.value)


def test_what_is_no_number_is_named():
    assert np.isnan(tables.numbers("f.csv", ["1", " "], "c")[1])
    with pytest.raises(BadInput, match="f.csv:3: column 'c': 'x' is no number"):
        tables.numbers("f.csv", ["1", "x"], "c")


def test_pickles_that_could_run_code_are_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("ran",)

    path = tmp_path / "evil.pickle"
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(BadInput, match="builtins.print"):
        tables.read_frame(path)


def test_stratified_parts_keep_the_classes():
    labels = np.repeat([0, 1], [60, 40])
    part = tables.stratified(labels, (0.2, 0.3, 0.5), np.random.default_rng(0))
    for number, size in enumerate((20, 30, 50)):
        assert (part == number).sum() == size and labels[part == number].mean() == pytest.approx(0.4)


# ---- molecules


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


# ---- search


def test_search_ranges_and_memory(tmp_path):
    space = {
        "a": {"choice": [1, 2]},
        "b": {"uniform": [0, 1]},
        "c": {"log_uniform": [1e-4, 1]},
        "d": {"integer": [3, 5]},
        "e": 9,
    }
    rng = np.random.default_rng(0)
    drawn = pd.DataFrame([search.draw(space, rng) for _ in range(500)])
    assert set(drawn["a"]) == {1, 2} and set(drawn["d"]) == {3, 4, 5} and set(drawn["e"]) == {9}
    assert 0.005 < drawn["c"].median() < 0.02 and drawn["b"].between(0, 1).all()
    calls = []

    def evaluate(setting, name):
        calls.append(name)
        return {"loss": abs(setting["b"] - 0.5)}

    first = search.random_search(space, 8, evaluate, Job(1, tmp_path))
    again = search.random_search(space, 8, evaluate, Job(1, tmp_path))
    assert first == again and len(calls) == 8
    assert search.random_search(space, 8, evaluate, Job(2, tmp_path / "other"))["setting"] != first["setting"]


def test_a_fragment_is_what_lies_within_the_radius():
    from deepbio import molecules

    ethanol = molecules.parse("CCO")
    assert molecules.fragment_smiles(ethanol, 0, 0) == "C"
    assert molecules.fragment_smiles(ethanol, 0, 1) == "CC"
    assert molecules.fragment_smiles(ethanol, 0, 5) == "CCO"
    assert molecules.fragment_image(ethanol, 0, 5).startswith(b"\x89PNG")


def test_saliency_is_the_gradient_times_the_input():
    import torch
    from conftest import make_splits

    from deepbio import interpretation, method

    torch.manual_seed(3)
    model = method.create("deepmotif", "listed", {})
    settings = {"network": "cnn_rnn", "kernels": 8, "widths": [9, 5, 3], "units": 4, "dropout": 0.5}
    network = model.build(settings, {"kind": "binary", "outputs": 1, "length": 60}).double().eval()
    codes = make_splits("sequence", "binary", 4)["test"]["codes"][:1]
    found = interpretation.saliency(network, codes)[0]
    x = network.one_hot(torch.from_numpy(codes)).double()
    step = 1e-5
    with torch.no_grad():
        for position in range(0, 60, 7):
            base = int(codes[0, position])
            up, down = x.clone(), x.clone()
            up[0, base, position] += step
            down[0, base, position] -= step
            slope = float(network.score(up) - network.score(down)) / (2 * step)
            assert found[position] == pytest.approx(slope, rel=1e-4, abs=1e-9)


def test_places_of_records():
    assert sequences.place("chr1:100-200") == sequences.place("site7::chr1:100-200(+)") == ("chr1", 100, 200)
    assert sequences.place("2L:5-9_shuf") == ("2L", 5, 9)
    for name in ("chr1", "chr1:100", "chr1:a-200", ":1-2"):
        with pytest.raises(BadInput, match=rf"f\.fa: record '{name}' has no coordinates"):
            sequences.place(name, "f.fa")


def test_both_strands_are_made_batch_by_batch():
    from conftest import make_splits

    from deepbio import method
    from deepbio.sequence_network import BothStrands

    train = make_splits("sequence", "binary", 6)["train"]
    train["codes"][2, :9] = sequences.UNKNOWN
    codes = np.concatenate([train["codes"], sequences.reverse_complement(train["codes"])])
    whole = Split({"codes": codes, "y": np.concatenate([train.y, train.y])})
    both, model = BothStrands(train.arrays, train.context), method.create("danq", "listed", {})
    assert len(both) == 12
    for index in (np.arange(12), np.array([11, 0, 6, 8]), np.array([1, 2])):
        made, wanted = model.batch(both, index), model.batch(whole, index)
        assert made["codes"].equal(wanted["codes"]) and made["y"].equal(wanted["y"])


def test_labels_of_any_type_give_the_same_metrics():
    rng = np.random.default_rng(0)
    y, p = (rng.random((50, 3)) < 0.4).astype(np.uint8), rng.random((50, 3)).astype(np.float32)
    same = [metrics.evaluate(["auroc", "auprc"], labels, p) for labels in (y, y.astype(float), y.astype(bool))]
    assert same[0] == same[1] == same[2]
    missing = np.where(rng.random(y.shape) < 0.3, np.nan, y)
    np.testing.assert_allclose(metrics.means(missing), np.nanmean(missing, axis=0))
    assert np.isnan(metrics.means(np.full((4, 1), np.nan))).all()


def test_a_baseline_may_learn_from_some_of_the_samples(tmp_path):
    from conftest import make_splits

    from deepbio import method

    splits = make_splits("sequence", "binary", 200)
    for split in splits.values():
        never = np.zeros_like(split.y)
        split.arrays["y"] = np.stack([split.y, never, never + 1], axis=1)
    parameters = {"k": 3, "penalty": [1, 100], "folds": 0}
    found = {}
    for most in (None, 50, 200):
        model = method.create("kmer_logistic", "baseline", parameters | {"most_samples": most})
        model.fit(splits["train"], splits["valid"], Job(1, tmp_path))
        model.save(tmp_path)
        model.load(tmp_path)
        found[most] = model.predict(splits["test"].inputs())["y"]
        assert found[most].shape == (200, 3) and (found[most][:, 1:] == [0, 1]).all()
    assert (found[None] == found[200]).all() and not (found[None][:, 0] == found[50][:, 0]).all()


def test_positives_are_those_with_the_highest_labels():
    from deepbio.interpretation import positives

    for kind in (np.uint8, np.float32):
        split = Split({"y": np.array([0, 1, 0, 1], kind)[:, None], "codes": np.arange(4)[:, None]})
        assert positives(split)["codes"].ravel().tolist() == [1, 3]
