"""Enhancers and promoters: tiles and windows by hand, unlinked pairs, copies of training pairs, attention, degrees."""

import numpy as np
import pytest
import torch
from support import CATALOG, parameters_of

from deepbio.core import kind, method, task
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.domains.dna import sequences
from deepbio.methods.epiann import Attention, Network
from deepbio.scoring import metrics
from deepbio.tasks import enhancer_promoter

HEADER = "enhancer_name,enhancer_frag_name,enhancer_frag_seq,promoter_name,promoter_frag_name,promoter_frag_seq"
SHAPE = {"kind": "binary", "outputs": 1, "lengths": [60, 48], "mean": [0.0] * 4, "std": [1.0] * 4}


def tiles(path, *rows):
    path.write_text("\n".join([HEADER, *rows]) + "\n")


def row(enhancer, tile, text, promoter="P|chr1:900-904", other="P|chr1:900-904", more="TTTT"):
    return f"{enhancer},{tile},{text},{promoter},{other},{more}"


def test_tiles_are_joined_in_order_and_a_gap_is_unknown(tmp_path):
    path = tmp_path / "tiles.csv"
    one = "N|chr1:100-108"
    tiles(
        path, row(one, "N|chr1:104-108", "GGCC"), row(one, "N|chr1:100-104", "AACC"), row(one, "N|chr1:102-106", "CCGG")
    )
    enhancers, promoters, pairs = enhancer_promoter.read_tiles(path)
    assert (
        enhancers == {one: "AACCGGCC"}
        and promoters == {"P|chr1:900-904": "TTTT"}
        and pairs == [(one, "P|chr1:900-904")]
    )
    tiles(path, row(one, "N|chr1:100-104", "AACC"), row(one, "N|chr1:105-109", "GGCC"))
    assert enhancer_promoter.read_tiles(path)[0] == {one: "AACCNGGCC"}
    tiles(path, row(one, "N|chr1:100-104", "AAC"))
    with pytest.raises(BadInput, match="tiles.csv:2: 3 bases in a tile of 4"):
        enhancer_promoter.read_tiles(path)


def test_elements_lie_in_the_middle_of_their_windows():
    codes, ends = enhancer_promoter.window("ACG", 8)
    assert sequences.decode(codes) == "NNACGNNN" and ends == (2, 4)
    codes, ends = enhancer_promoter.window("AACCGGTT", 4)
    assert sequences.decode(codes) == "CCGG" and ends == (0, 3)


def test_unlinked_pairs_are_of_one_chromosome_at_like_distances():
    rng = np.random.default_rng(0)
    middle = [rng.integers(0, 10**6, 60), rng.integers(0, 10**6, 40)]
    chromosome = [np.arange(60) % 3, np.arange(40) % 3]
    linked = np.array([[i, i % 40] for i in range(0, 30, 3)])
    others = enhancer_promoter.like_distances(middle, chromosome, linked, 2, rng)
    assert (
        len(others) == 20 == len({tuple(pair) for pair in others.tolist()} - {tuple(pair) for pair in linked.tolist()})
    )
    assert (chromosome[0][others[:, 0]] == chromosome[1][others[:, 1]]).all()
    apart = [np.sort(np.log(np.abs(middle[0][pairs[:, 0]] - middle[1][pairs[:, 1]]))) for pairs in (linked, others)]
    assert np.abs(apart[0] - apart[1][::2]).max() < 0.3


def files(folder):
    rng, rows, table = np.random.default_rng(0), [], ["label,enhancer_name,promoter_name,A (enhancer),B (promoter)"]
    for i in range(40):
        names = [f"N|chr{i % 4}:{1000 * (i + shift)}-{1000 * (i + shift) + 20}" for shift in (0, 30)]
        texts = ["".join(rng.choice(list("ACGT"), 20)) for _ in range(2)]
        rows.append(row(names[0], names[0], texts[0], names[1], names[1], texts[1]))
        table.append(f"1,{names[0]},{names[1]},{i},{100 + i}")
    tiles(folder / "tiles.csv", *rows)
    (folder / "table.csv").write_text("\n".join(table) + "\n")


def test_pairs_by_chromosome_and_at_random(tmp_path):
    files(tmp_path)
    parameters = {
        "format": "targetfinder",
        "files": "x",
        "tiles": "tiles.csv",
        "table": "table.csv",
        "windows": [30, 24],
    }
    parameters |= {"negatives": 2, "by": "chromosome", "valid_chromosomes": ["chr2"], "test_chromosomes": ["chr3"]}
    found = enhancer_promoter.prepare({"x": tmp_path}, parameters, 1)
    assert [len(found[name]) for name in ("train", "valid", "test")] == [60, 30, 30]
    assert set(found["test"]["group"].tolist()) == {b"chr3"} and found["test"].y.sum() == 10
    elements = [set(split["names"][:, 0].tolist()) for split in found.values()]
    assert sum(map(len, elements)) == len(set.union(*elements))
    test = found["test"]
    linked = test.y == 1
    np.testing.assert_allclose(test["signals"][linked, 1] - test["signals"][linked, 0], 100)
    assert test["places"][0].tolist() == [5, 24, 2, 21] and (test["enhancer"][:, :5] == sequences.UNKNOWN).all()
    parameters |= {"by": "pair", "fractions": [0.6, 0.2, 0.2]}
    found = enhancer_promoter.prepare({"x": tmp_path}, parameters, 1)
    assert all(abs(split.y.mean() - 1 / 3) < 0.05 for split in found.values())
    assert set(found["test"]["names"][:, 0].tolist()) & set(found["train"]["names"][:, 0].tolist())


def test_only_linked_training_pairs_are_copied_and_moved_with_their_places(tmp_path, monkeypatch):
    from deepbio.learning import training

    split = kind.small_problem("element_pair", "binary", 40)["train"]
    model, seen = method.create("epiann", "listed", parameters_of("epiann") | {"copies": 4, "step": 5}), {}

    def note(network, samples, batch, loss, settings, job, name, validate=None):
        seen.update(samples=samples, all=batch(np.arange(samples)))
        return training.FitResult(0, None, [])

    monkeypatch.setattr(training, "fit", note)
    model.fit(split, split, Job(1, tmp_path))
    assert seen["samples"] == 20 * 4 + 20 and seen["all"]["y"].sum() == 80
    mean, std = (np.array(model.shape[key]) for key in ("mean", "std"))
    places = seen["all"]["places"].numpy() * std + mean
    first = np.flatnonzero(split.y == 1)[0]
    np.testing.assert_allclose(places[:4, 0] - split["places"][first, 0], [-5, 0, 5, 10], atol=1e-3)
    original = torch.from_numpy(split["enhancer"][first])
    assert seen["all"]["enhancer"][1].equal(original) and seen["all"]["enhancer"][2, 5:].equal(original[:-5])
    assert (seen["all"]["enhancer"][2, :5] == sequences.UNKNOWN).all()


@pytest.mark.parametrize(("copies", "linked", "others"), [(4, 80, 80), (1, 20, 20)])
def test_pairs_of_the_smaller_class_are_repeated(tmp_path, monkeypatch, copies, linked, others):
    from deepbio.learning import training

    split, seen = kind.small_problem("element_pair", "binary", 40)["train"], {}
    settings = {"copies": copies, "step": 5, "equal": True}

    def note(network, samples, batch, loss, settings, job, name, validate=None):
        seen.update(all=batch(np.arange(samples)))
        return training.FitResult(0, None, [])

    monkeypatch.setattr(training, "fit", note)
    model = method.create("epiann", "listed", parameters_of("epiann") | settings)
    model.fit(split, split, Job(1, tmp_path))
    y = seen["all"]["y"]
    assert int((y == 1).sum()) == linked and int((y == 0).sum()) == others
    first = np.flatnonzero(split.y == 0)[0]
    again = [int(one) for one in torch.nonzero(y == 0)[:, 0]][:: len(np.flatnonzero(split.y == 0))]
    original = torch.from_numpy(split["enhancer"][first])
    assert len(again) == others // 20 and all(seen["all"]["enhancer"][one].equal(original) for one in again)


def test_attention_weights_sum_to_one_and_follow_the_keys():
    torch.manual_seed(0)
    attention, queries, keys = Attention(6, 4), torch.randn(2, 3, 6), torch.randn(2, 5, 6)
    found = attention(queries, keys)
    assert found.shape == (2, 3, 5)
    torch.testing.assert_close(found.sum(dim=2), torch.ones(2, 3))
    order = torch.randperm(5)
    torch.testing.assert_close(attention(queries, keys[:, order]), found[:, :, order])
    single = torch.tanh(attention.query(queries[0, 1]) + attention.key(keys[0]))
    torch.testing.assert_close(found[0, 1], attention.score(single)[:, 0].softmax(0))


def test_scores_are_of_all_pairs_of_places_and_the_largest_decide():
    torch.manual_seed(0)
    network = Network(8, 9, 8, 4, 3, 5, [6, 4], 0.0, SHAPE).eval()
    batch = {"enhancer": torch.randint(0, 4, (2, 60)), "promoter": torch.randint(0, 4, (2, 48))}
    logits, scores, places = network.read(batch)
    assert logits.shape == (2, 1) and scores.shape == (2, 5, 7) and places.shape == (2, 4)
    largest = scores.flatten(1).sort(dim=1, descending=True).values[:, :3]
    torch.testing.assert_close(network.head(torch.relu(network.dense(largest))), logits)


def test_loss_of_places_counts_in_training_alone():
    model = method.create(
        "epiann", "listed", parameters_of("epiann") | {"cross_weight": 2, "place_weight": 3, "dropout": 0}
    )
    model.shape = SHAPE
    split = kind.small_problem("element_pair", "binary", 8)["train"]
    network, batch = model.build(model.parameters, SHAPE), model.batch(split, np.arange(8))
    cross = model.loss(network.eval(), batch)
    apart = (network.read(batch)[2] - batch["places"]).square()
    expected = 2 * cross + 3 * (apart[:, :2].mean() + apart[:, 2:].mean())
    torch.testing.assert_close(model.loss(network.train(), batch), expected)


def test_degrees_of_elements_by_hand(tmp_path):
    names, y = np.array([[1, 9], [1, 8], [2, 9], [2, 8]]), np.array([1, 1, 0, 1])
    model = method.create("element_degree", "baseline", {})
    model.fit(Split({"names": names, "y": y}), Split({"names": names[:0], "y": y[:0]}), Job(1, tmp_path))
    log = np.log1p
    # Enhancer 1 is in two linked pairs, promoter 8 too; a pair of training counts itself out, one of unseen ends is 0.
    assert model.features(np.array([[1, 8], [5, 5]])).tolist() == [[log(2), 1, 0, log(2), 1, 0], [0] * 6]
    assert model.features(names, y)[1].tolist() == [log(1), 1, 0, log(1), 1, 0]


def test_elements_that_are_linked_once_give_away_how_the_others_were_drawn(tmp_path):
    rng = np.random.default_rng(0)
    linked = np.stack([np.arange(300), rng.permutation(300)], axis=1)
    others = np.stack([np.repeat(np.arange(300), 3), rng.integers(0, 300, 900)], axis=1)
    names, y = np.concatenate([linked, others]), np.repeat([1, 0], [300, 900])
    part = rng.random(1200) < 0.8
    model = method.create("element_degree", "baseline", {})
    model.fit(Split({"names": names[part], "y": y[part]}), Split({"names": names[:0], "y": y[:0]}), Job(1, tmp_path))
    assert metrics.evaluate(["auroc"], y[~part], model.predict(Split({"names": names[~part]}))["y"])["auroc"] > 0.75


def test_simulated_enhancers_are_in_one_part():
    splits = task.prepare("enhancer_promoter", "words", CATALOG.dataset("enhancer_promoter", "words"), {}, 1)
    elements = [set(split["names"][:, 0].tolist()) for split in splits.values()]
    assert sum(map(len, elements)) == len(set.union(*elements))
    assert 0.15 < splits["train"].y.mean() < 0.35
