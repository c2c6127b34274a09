"""Sequences: codes, strands, words, FASTA files, motifs."""

import gzip
import math

import numpy as np
import pytest
import torch
from support import parameters_of, smaller

from deepbio.core import method
from deepbio.core.catalog import Catalog
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.domains.dna import motifs, sequences
from deepbio.learning import sequence_network

POPULATIONS = {"GBR": "EUR", "TSI": "EUR", "CHB": "EAS", "YRI": "AFR"}


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


def test_places_of_records():
    assert sequences.place("chr1:100-200") == sequences.place("site7::chr1:100-200(+)") == ("chr1", 100, 200)
    assert sequences.place("2L:5-9_shuf") == ("2L", 5, 9)
    for name in ("chr1", "chr1:100", "chr1:a-200", ":1-2"):
        with pytest.raises(BadInput, match=rf"f\.fa: record '{name}' has no coordinates"):
            sequences.place(name, "f.fa")


def test_both_strands_are_made_batch_by_batch():
    train = small_problem("sequence", "binary", 6)["train"]
    train["codes"][2, :9] = sequences.UNKNOWN
    codes = np.concatenate([train["codes"], sequences.reverse_complement(train["codes"])])
    whole = Split({"codes": codes, "y": np.concatenate([train.y, train.y])})
    both, model = sequence_network.BothStrands(train.arrays, train.context), method.create("danq", "listed", {})
    assert len(both) == 12
    for index in (np.arange(12), np.array([11, 0, 6, 8]), np.array([1, 2])):
        made, wanted = model.batch(both, index), model.batch(whole, index)
        assert made["codes"].equal(wanted["codes"]) and made["y"].equal(wanted["y"])


def test_a_shift_moves_each_window_by_its_own_number():
    codes = torch.arange(10).remainder(4).to(torch.uint8).repeat(3, 1)
    moved = sequence_network.shifted(codes, torch.tensor([0, 2, -3]))
    assert moved[0].equal(codes[0])
    assert moved[1].tolist() == [4, 4, *codes[0, :-2].tolist()]
    assert moved[2].tolist() == [*codes[0, 3:].tolist(), 4, 4, 4]


def test_windows_are_moved_in_training_alone(monkeypatch):
    train = small_problem("sequence", "binary", 6)["train"]
    parameters = Catalog({"scale": "quick"}).parameters("basset", "chromatin_accessibility", "planted_sites")
    model = method.create("basset", "listed", parameters | {"shift": 5})
    model.shape = model.describe(train)
    network, seen = model.build(model.parameters, model.shape), []
    monkeypatch.setattr(network, "forward", lambda batch: seen.append(batch["codes"]) or batch["y"][:, None].float())
    batch = model.batch(train, np.arange(6))
    model.loss(network.eval(), batch)
    model.loss(network.train(), batch)
    assert seen[0].equal(batch["codes"])
    assert not seen[1].equal(batch["codes"]) and (seen[1] == sequences.UNKNOWN).sum(1).max() <= 5


BEGUN_ANEW = ["deepmotif", "deepmotif-cnn", "deepmotif-rnn", "deepmotif-demo", "deeperbind", "zeng_cnn-layers3"]


@pytest.mark.parametrize("name", BEGUN_ANEW)
def test_a_planted_dead_training_is_begun_anew(tmp_path, monkeypatch, name):
    """Weights of zero pass no signal and no gradient, whatever the network."""
    splits = small_problem("sequence", "binary", 60)
    model = method.create(name, "listed", parameters_of(name))
    assert Catalog({"scale": "standard"}).parameters(name, "tf_binding", "MYC_H1-hESC")["training"]["restarts"] == 2
    build, made = model.build, []

    def planted(parameters, shape):
        network = build(parameters, shape)
        made.append(network)
        if len(made) == 1:
            for weight in network.parameters():
                torch.nn.init.zeros_(weight)
        return network

    monkeypatch.setattr(model, "build", planted)
    model.shape = model.describe(splits["train"])
    job, parameters = Job(1, tmp_path), smaller(model.parameters, {"epochs": 1}) | {"dropout": 0.1}
    model.train_network(parameters, splits["train"], splits["valid"], job)
    names = list(dict.fromkeys(row["phase"] for row in job.history))
    assert 1 <= job.restarts <= 2 and names == ["fit", "fit1", "fit2"][: job.restarts + 1]


@pytest.mark.parametrize("name", ["deepmotif", "deeperbind", "zeng_cnn"])
def test_a_living_training_is_the_same_with_restarts_and_without(tmp_path, monkeypatch, name):
    splits = small_problem("sequence", "binary", 60)
    weights = []
    for most in (0, 2):
        parameters = smaller(parameters_of(name), {"epochs": 1, "trials": 1})
        parameters["training"] |= {"restarts": most}
        model = method.create(name, "listed", parameters)
        monkeypatch.setattr(model, "chance_loss", lambda *splits: math.inf)
        job = Job(1, tmp_path / str(most))
        job.scratch.mkdir()
        model.fit(splits["train"], splits["valid"], job)
        assert job.restarts == 0
        weights.append(model.network.state_dict())
    assert all(weights[0][key].equal(weights[1][key]) for key in weights[0])


def test_deepbind_s_penalty_is_that_of_weights_in_training_and_its_head_begins_as_drawn():
    parameters = parameters_of("deepbind") | {
        "penalty": "l1",
        "motif_decay": 0.5,
        "dense_decay": 0.25,
        "head_scale": 1e-3,
    }
    model = method.create("deepbind", "listed", parameters | {"hidden": 32, "dropout": 0.0, "motif_scale": 0.1})
    split = small_problem("sequence", "binary")["train"]
    model.shape = model.describe(split)
    torch.manual_seed(0)
    network = model.network = model.build(model.parameters, model.shape)
    weights = [layer.weight for layer in network.head.modules() if isinstance(layer, torch.nn.Linear)]
    assert all(0 < float(weight.detach().std()) < 2e-3 for weight in weights)
    batch = model.batch(split, np.arange(8))
    added = float((model.loss(network.train(), batch) - model.loss(network.eval(), batch)).detach())
    by_hand = 0.5 * network.detectors.abs().sum() + 0.25 * sum(weight.abs().sum() for weight in weights)
    assert added == pytest.approx(float(by_hand.detach()), rel=1e-3)


@pytest.mark.parametrize(("where", "fixed"), [("states", False), ("mean", True)])
def test_deepmotif_s_recurrent_dropout_is_on_states_or_on_their_mean(where, fixed):
    from deepbio.methods.deepmotif import Recurrent

    torch.manual_seed(0)
    network = Recurrent(0, [3], 4, 0.5, where, {"outputs": 1, "kind": "binary"}).train()
    x = torch.randn(2, 4, 12)
    assert torch.equal(network.states(x), network.states(x)) == fixed
    assert not torch.equal(network.score(x), network.score(x))
