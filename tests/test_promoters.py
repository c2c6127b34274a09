"""Promoters: genes and windows by hand, families, the corpus, four dropouts, and training in phases of one cycle."""

import numpy as np
import pytest
import torch
from support import CATALOG, fit, parameters_of

from deepbio.core import kind, method, task
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.domains.dna import promoters, sequences
from deepbio.figures import language_model
from deepbio.learning import awd_lstm, one_cycle
from deepbio.methods import genomic_ulmfit
from deepbio.tasks import promoters as promoter_task

ROW = "chr\tRefSeq\tCDS\t{}\t{}\t.\t{}\t0\tID=cds-{};locus_tag={}"


def test_genes_are_read_and_rows_of_a_locus_are_one(tmp_path):
    rows = [
        "##gff-version 3",
        ROW.format(11, 20, "+", "a", "b1"),
        ROW.format(22, 30, "+", "a2", "b1"),
        ROW.format(41, 50, "-", "c", "b2"),
    ]
    rows.append(rows[1].replace("CDS", "gene"))
    (tmp_path / "genes.gff").write_text("\n".join(rows) + "\n")
    assert promoters.read_genes(tmp_path / "genes.gff").tolist() == [[10, 40], [30, 50], [1, -1]]
    for line, message in (
        ("a\tb", "2 columns"),
        (ROW.format("x", 3, "+", 1, 1), "x to 3"),
        (ROW.format(1, 3, "?", 1, 1), "strand is"),
    ):
        (tmp_path / "bad.gff").write_text(f"{rows[1]}\n{line}\n")
        with pytest.raises(BadInput, match=f"bad.gff:2: .*{message}"):
            promoters.read_genes(tmp_path / "bad.gff")


def test_windows_lie_around_starts_on_the_strand_of_the_gene():
    codes = np.zeros(100, np.uint8)
    codes[40:43], codes[67:70] = sequences.encode(["ATG"])[0], sequences.encode(["CAT"])[0]
    genes = np.array([[40, 50], [48, 70], [1, -1]])
    windows, places = promoters.around_starts(codes, genes, 10, 5)
    assert windows.shape == (2, 15) and places.tolist() == [30, 65]
    assert (windows[:, 10:13] == sequences.encode(["ATG"])[0]).all()
    assert promoters.cut(np.arange(4, dtype=np.uint8), [3], 3, [1]).tolist() == [
        [3, 0, 1]
    ]  # the chromosome is a circle


def test_windows_inside_of_genes_keep_off_their_ends_and_those_between_off_promoters():
    codes = np.zeros(5000, np.uint8)
    genes = np.array([[500, 2000, 4000], [1200, 2100, 4900], [1, 1, -1]])
    for seed in range(20):
        _, places = promoters.inside_genes(codes, genes, 150, np.random.default_rng(seed))
        assert len(places) == 2 and (places >= [550, 4050]).all() and (places + 150 <= [1150, 4850]).all()
        _, places = promoters.between_genes(codes, genes, 150, 100, np.random.default_rng(seed))
        assert [0 <= one <= 250 or 1200 <= one <= 1750 or 2100 <= one <= 3850 for one in places] == [True] * 3


def test_windows_with_a_word_in_common_on_either_strand_are_alike():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (6, 60)).astype(np.uint8)
    codes[1, :15] = codes[0, 20:35]
    codes[2, 30:45] = sequences.reverse_complement(codes[1, 40:55])
    codes[4, :14] = codes[3, :14]
    group = promoters.alike(codes)
    assert group[0] == group[1] == group[2] and len(set(group.tolist())) == 4


def test_the_corpus_holds_nothing_of_validation_and_test_windows(tmp_path):
    rng = np.random.default_rng(0)
    chromosome = rng.integers(0, 4, 20_000).astype(np.uint8)
    held = np.stack([chromosome[5000:5060], sequences.reverse_complement(chromosome[9000:9060])])
    stretches = promoters.without(chromosome, held)
    assert stretches == [(0, 5000), (5060, 9000), (9060, 20_000)]
    assert promoters.without(chromosome, held, 4000) == [(0, 5000), (9060, 20_000)]
    splits = task.prepare("promoters", "boxes", CATALOG.dataset("promoters", "boxes"), {}, 1)
    corpus = splits["train"].context["corpus"]
    words = np.unique(sequences.kmer_words(np.asarray(corpus)[None], 15))
    for name in ("valid", "test"):
        assert not np.isin(sequences.kmer_words(np.asarray(splits[name]["codes"]), 15), words[words >= 0]).any()


def test_families_are_in_one_part():
    group = np.repeat(np.arange(40), 5)
    part = promoter_task._parts(group, [0.6, 0.2, 0.2], np.random.default_rng(0))
    assert all(len(np.unique(part[group == one])) == 1 for one in range(40))
    assert np.bincount(part).tolist() == [120, 40, 40]
    large = np.r_[group, np.full(60, 99)]
    assert (promoter_task._parts(large, [0.6, 0.2, 0.2], np.random.default_rng(0))[200:] == 0).all()


def test_tokens_by_hand():
    codes = sequences.encode(["ACGTN"])
    assert genomic_ulmfit.tokens(codes, 2, 1).tolist() == [[2, 7, 12, 0]]
    assert genomic_ulmfit.tokens(codes, 2, 2).tolist() == [[2, 12]]


# ---- AWD-LSTM


def test_masks_stay_the_same_over_a_sequence():
    torch.manual_seed(0)
    found = awd_lstm.locked_dropout(torch.ones(4, 7, 50), 0.4, True)
    assert found.unique().tolist() == pytest.approx([0, 1 / 0.6])
    assert (found == found[:, :1]).all() and not (found[0] == found[1]).all()
    assert awd_lstm.locked_dropout(found, 0.4, False) is found


def test_whole_tokens_are_dropped():
    torch.manual_seed(0)
    layer = awd_lstm.DroppedEmbedding(100, 6, 0.3).train()
    found = layer(torch.arange(100)[None])[0] / layer.weight
    assert ((found.detach() == 0).all(1) | torch.isclose(found.detach(), torch.tensor(1 / 0.7)).all(1)).all()
    twice = layer(torch.tensor([[5, 9, 5]]))[0]
    assert twice[0].equal(twice[2])
    assert layer.eval()(torch.tensor([[5]]))[0, 0].equal(layer.weight[5])


def test_recurrent_weights_are_dropped_once_a_sequence_and_learn():
    torch.manual_seed(0)
    layer, x = awd_lstm.DroppedLSTM(3, 8, 0.5), torch.randn(2, 6, 3)
    whole = layer.eval()(x)[0]
    torch.testing.assert_close(whole, layer.lstm(x)[0])
    dropped = layer.train()(x)[0]
    torch.testing.assert_close(dropped[:, 0], whole[:, 0])  # the first step has no state to be dropped
    assert not torch.allclose(dropped[:, 1:], whole[:, 1:])
    dropped.sum().backward()
    gradient = layer.lstm.weight_hh_l0.grad
    assert 0.3 < (gradient == 0).float().mean() < 0.7


def test_the_decoder_is_tied_to_the_embedding():
    encoder = awd_lstm.Encoder(11, 5, 7, 3, dict.fromkeys(("input", "hidden", "embedding", "weight", "output"), 0.0))
    model = awd_lstm.LanguageModel(encoder)
    scores, _, raw, states = model(torch.zeros(2, 4, dtype=torch.long))
    assert scores.shape == (2, 4, 11) and len(states) == 3
    torch.testing.assert_close(scores, raw @ encoder.embedding.weight.T + model.bias)
    again = model(torch.zeros(2, 1, dtype=torch.long), states)[2]
    longer = model(torch.zeros(2, 5, dtype=torch.long))[2]
    torch.testing.assert_close(again[:, 0], longer[:, 4])


def test_penalties_of_activity_by_hand():
    dropped, raw = torch.tensor([[[2.0], [0.0]]]), torch.tensor([[[1.0], [3.0]]])
    assert awd_lstm.activity(dropped, raw, 2, 0.5).item() == 2 * 2 + 0.5 * 4


# ---- phases


def test_one_cycle_rises_to_the_highest_rate_and_falls_to_nothing():
    assert one_cycle.factor(0) == pytest.approx(1 / 25) and one_cycle.factor(0.3) == pytest.approx(1)
    assert one_cycle.factor(0.15) == pytest.approx((1 + 1 / 25) / 2) and one_cycle.factor(1) == pytest.approx(1 / 2.5e5)


def test_rates_fall_from_layer_to_layer():
    np.testing.assert_allclose(one_cycle.rates(0.01, 3), [0.01 / 2.6**2, 0.01 / 2.6, 0.01])
    assert one_cycle.rates(0.01, 3, 1.0) == [0.01] * 3


def test_a_phase_may_have_one_rate_for_all_layers(tmp_path):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))
    groups, x = [list(layer.parameters()) for layer in network], torch.randn(8, 3)

    def moved(name, **settings):
        before = [layer.bias.detach().clone() for layer in network]
        settings = {"learning_rate": 1e-3, "epochs": 1, "batch_size": 8, "weight_decay": 0.0} | settings
        loss = lambda network, batch: network(batch["x"]).sum()  # noqa: E731
        one_cycle.fit(network, groups, 8, lambda index, _: {"x": x[index]}, loss, settings, Job(1, tmp_path), name)
        return [float((layer.bias.detach() - old).abs().max()) for layer, old in zip(network, before, strict=True)]

    # The first step of Adam is as large as the rate.
    low, high = moved("falling")
    assert high / low == pytest.approx(2.6, rel=1e-2)
    low, high = moved("even", layer_decay=1.0)
    assert high / low == pytest.approx(1.0, rel=1e-2)


def test_frozen_layers_stay_as_they_are(tmp_path):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 4), torch.nn.Linear(4, 1))
    before = [layer.weight.clone() for layer in network]
    x = torch.randn(20, 3)
    groups = [list(layer.parameters()) for layer in network]
    settings = {"unfrozen": 2, "learning_rate": 0.1, "epochs": 3, "batch_size": 8, "weight_decay": 0.0}
    loss = lambda network, batch: network(batch["x"]).square().mean()  # noqa: E731
    result = one_cycle.fit(
        network, groups, 20, lambda index, epoch: {"x": x[index]}, loss, settings, Job(1, tmp_path), "phase"
    )
    assert [layer.weight.equal(old) for layer, old in zip(network, before, strict=True)] == [True, False, False]
    assert result.steps == 9 and len(result.history) == 3


def test_the_classifier_begins_from_the_language_model(tmp_path, monkeypatch):
    seen = {}

    def note(network, groups, samples, batch, loss, settings, job, name, validate=None):
        seen[name] = (
            {key: value.clone() for key, value in network.state_dict().items()},
            settings.get("unfrozen"),
            samples,
        )
        if isinstance(network, awd_lstm.LanguageModel):
            with torch.no_grad():
                network.encoder.embedding.weight.add_(1.0)

    splits = kind.small_problem("sequence", "binary", 60)
    splits["train"].context["corpus"] = np.random.default_rng(0).integers(0, 4, 5000).astype(np.uint8)
    monkeypatch.setattr(one_cycle, "fit", note)
    fit("genomic_ulmfit", splits, tmp_path)
    assert list(seen) == ["corpus1", "windows1", "classifier1", "classifier2"]
    last = seen["windows1"][0]["encoder.embedding.weight"] + 1
    torch.testing.assert_close(seen["classifier1"][0]["encoder.embedding.weight"], last)
    assert [seen[name][1] for name in ("classifier1", "classifier2")] == [1, None]
    fit("genomic_ulmfit-naive", splits, tmp_path / "naive")
    assert list(seen)[4:] == [] and seen["classifier1"][1] is None
    model = method.create("genomic_ulmfit", "listed", parameters_of("genomic_ulmfit") | {"labels": 4})
    model.fit(splits["train"], splits["valid"], Job(1, tmp_path / "few"))
    assert seen["classifier1"][2] == 8


def test_names_are_drawn_at_points_that_lie_apart():
    crowd = np.random.default_rng(0).normal(0, 0.01, (50, 2)) + [5, 1000]
    places = np.concatenate([crowd, [[0, 0], [0, 1000], [5, 0]]])  # axes of unlike units
    assert {50, 51, 52} < set(language_model.spread(places, 4))
    assert sorted(language_model.spread(places[:3], 9)) == [0, 1, 2]


def test_few_labels_are_as_many_of_each_class():
    split = Split({"y": np.r_[np.zeros(30), np.ones(10)].astype(np.float32)})
    chosen = genomic_ulmfit.few(split, 6, np.random.default_rng(0))
    assert len(chosen) == 12 and chosen.y.sum() == 6
    assert genomic_ulmfit.few(split, None, np.random.default_rng(0)) is split
