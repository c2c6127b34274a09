"""Enhancers: chains and hidden Markov models by hand, machines that begin at zero, the selecting layer, nested
scores."""

from itertools import product

import numpy as np
import pytest
import torch
import yaml
from support import CATALOG, fit, parameters_of

from deepbio.core import kind, method, own, records, task
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.domains.dna import elements
from deepbio.learning import hidden_markov
from deepbio.methods.decres import balanced
from deepbio.methods.pedla import Belief
from deepbio.tasks import enhancers
from deepbio.tasks import own as reading


def test_chains_end_at_gaps_and_chromosomes():
    order, chain = elements.chains(np.array(["b", "a", "a", "a", "b"]), np.array([5, 900, 100, 150, 40]), 100)
    assert order.tolist() == [2, 3, 1, 0, 4] and chain.tolist() == [0, 0, 1, 2, 2]


def brute(emission, transition, initial):
    """All paths and their log probabilities."""
    paths = list(product(range(2), repeat=len(emission)))
    scores = [
        initial[path[0]]
        + sum(emission[i, s] for i, s in enumerate(path))
        + sum(transition[a, b] for a, b in zip(path, path[1:], strict=False))
        for path in paths
    ]
    return np.array(paths), np.array(scores)


def test_best_path_and_posteriors_are_those_of_all_paths():
    rng = np.random.default_rng(0)
    for length in (1, 2, 6):
        emission, transition = np.log(rng.random((length, 2))), np.log(rng.dirichlet([1, 1], 2))
        initial = np.log(rng.dirichlet([1, 1]))
        paths, scores = brute(emission, transition, initial)
        assert hidden_markov.viterbi(emission, transition, initial).tolist() == paths[scores.argmax()].tolist()
        weight = np.exp(scores) / np.exp(scores).sum()
        expected = np.stack([weight @ (paths == state) for state in (0, 1)], axis=1)
        np.testing.assert_allclose(hidden_markov.posterior(emission, transition, initial), expected)


def test_transitions_are_counted_within_chains():
    states, chain = np.array([0, 0, 1, 1, 0]), np.array([0, 0, 0, 1, 1])
    np.testing.assert_allclose(hidden_markov.transitions(states, chain, 2, 0), [[0.5, 0.5], [1, 0]])
    np.testing.assert_allclose(hidden_markov.starts(states, chain, 2, 0), [0.5, 0.5])


def test_a_machine_that_begins_at_zero_breaks_its_symmetry_by_drawing():
    torch.manual_seed(0)
    layer = torch.nn.Linear(4, 6)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    machine, data = Belief(layer), torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1]]).repeat(50, 1)
    errors = [float(machine.step(data, 1.0)) for _ in range(300)]
    assert len({tuple(row) for row in layer.weight.detach().numpy().round(3).tolist()}) > 1
    assert np.mean(errors[-20:]) < 0.5 * np.mean(errors[:5])


def test_neighbours_decide_where_signals_do_not(tmp_path):
    model = method.create("pedla", "listed", parameters_of("pedla"))
    split = Split({"x": np.zeros((5, 1), "f4"), "chain": np.array([7, 7, 7, 3, 3]), "place": np.array([2, 0, 1, 0, 1])})
    model.shape = {"prior": [0.5, 0.5], "first": [0.5, 0.5], "transition": [[0.9, 0.1], [0.1, 0.9]], "kind": "binary"}
    alone = np.array([0.9, 0.9, 0.5, 0.5, 0.1])
    original = type(model).__mro__[1].predict
    try:
        type(model).__mro__[1].predict = lambda self, split: {"y": alone[:, None]}
        found = model.predict(split)
    finally:
        type(model).__mro__[1].predict = original
    assert found["state"].tolist() == [1, 1, 1, 0, 0]
    assert found["y"][2, 0] > 0.9 and found["y"][3, 0] < 0.3
    emission = np.log([[0.5, 0.5], [0.9, 0.1]])
    expected = hidden_markov.posterior(emission - np.log(0.5), np.log([[0.9, 0.1], [0.1, 0.9]]), np.log([0.5, 0.5]))
    np.testing.assert_allclose(found["y"][3:, 0], expected[:, 1])


def test_machines_are_taught_on_the_first_cell_alone_and_priors_are_halved(tmp_path, monkeypatch):
    from deepbio.methods import pedla

    splits, seen = kind.small_problem("signal_table", "binary", 80), []
    original = pedla.Method.train_built
    monkeypatch.setattr(
        pedla.Method, "pretrain", lambda self, network, split, job: seen.append(("machines", len(split)))
    )

    def watch(self, network, settings, train, valid, job, name="fit", **named):
        seen.append((name, len(train)))
        return original(self, network, settings, train, valid, job, name, **named)

    monkeypatch.setattr(pedla.Method, "train_built", watch)
    model, _ = fit("pedla", splits, tmp_path)
    assert [name for name, _ in seen] == ["machines", "head", "cell1", "cell2"]
    train = splits["train"]
    shares = [np.bincount(train.y[train["cell"] == one["cell"]].astype(int)) / 40 for one in model.shape["route"]]
    np.testing.assert_allclose(model.shape["prior"], (shares[0] + shares[1]) / 2, atol=1e-6)


def test_classes_are_drawn_equally_large():
    split = Split({"y": np.array([0.0] * 30 + [1] * 10 + [2] * 20)}, {"output": "multiclass"})
    assert np.bincount(balanced(split, np.random.default_rng(0)).y.astype(int)).tolist() == [10, 10, 10]


def test_a_larger_penalty_selects_fewer_features(tmp_path):
    splits = kind.small_problem("table", "binary", 200)
    model = method.create("decres", "listed", parameters_of("decres") | {"path": [0.02, 0.0]})
    model.parameters["training"] |= {"epochs": 60, "learning_rate": 0.3, "keep": "last"}
    model.fit(splits["train"], splits["valid"], Job(1, tmp_path))
    weight = [np.array(one["weight"]) for one in model.shape["path"]]
    noise = [one[3:].mean() / one[:3].mean() for one in weight]
    assert noise[0] < 0.6 * noise[1] and set(np.argsort(-weight[0])[:3]) == {0, 1, 2}, weight
    chosen = min(range(2), key=lambda number: model.shape["path"][number]["loss"])
    assert model.shape["chosen"] == chosen


def test_penalties_by_hand():
    model = method.create("decres", "listed", parameters_of("decres") | {"hidden": [2], "l2": 0.5})
    model.shape = {"low": [0.0, 0.0], "range": [1.0, 1.0], "kind": "binary", "outputs": 1, "penalty": 0.1}
    network = model.build(model.parameters, model.shape)
    batch = {"x": torch.ones(3, 2), "y": torch.zeros(3)}
    with torch.no_grad():
        network.layers[0].weight.fill_(2.0)
        network.select.copy_(torch.tensor([1.0, -3.0]))
        plain, whole = model.loss(network.eval(), batch), model.loss(network.train(), batch)
    assert float(whole - plain) == pytest.approx(0.25 * 16 + 0.1 * 4, abs=1e-5)


def test_the_combiner_learns_from_scores_of_unseen_samples(tmp_path, monkeypatch):
    from deepbio.methods import deep_enhancer

    splits, seen = kind.small_problem("signal_table", "binary", 120), []
    original = deep_enhancer.Method.machine

    def watch(self, x, y, rng):
        seen.append(len(x))
        return original(self, x, y, rng)

    monkeypatch.setattr(deep_enhancer.Method, "machine", watch)
    parameters = parameters_of("deep_enhancer") | {"machines": 3, "folds": 4, "C": [1], "gamma": [1], "most": 10}
    model = method.create("deep_enhancer", "listed", parameters)
    model.fit(splits["train"], splits["valid"], Job(1, tmp_path))
    assert seen == [120] + [90] * 12 + [120] * 3
    assert all(machine[-1].n_support_.sum() <= 20 for machine in model.machines)
    scores = model.scores(splits["test"])
    np.testing.assert_allclose(model.combined(scores), model.predict(splits["test"].inputs())["y"][:, 0])


def test_geometric_mean_and_its_resamples():
    test, p = Split({"y": np.array([1.0, 1, 0, 0, 0])}), {"y": np.array([0.9, 0.2, 0.1, 0.8, 0.3])}
    found = enhancers.score(test, p, ["gm", "auroc"])
    assert found["gm"] == pytest.approx(np.sqrt(0.5 * 2 / 3)) and found["auroc"] == pytest.approx(4 / 6)
    drawn = np.array([[1.0, 1, 1, 1, 1], [2, 0, 1, 1, 1]])
    np.testing.assert_allclose(enhancers.resampled(test, p, "gm").function(drawn), [found["gm"], np.sqrt(2 / 3)])


def write(folder, cell, features, rng, regions=True):
    (folder / f"{cell}_Features.txt").write_text("\n".join(features) + "\n")
    classes = ["A-E"] * 10 + ["A-P"] * 10 + ["UK"] * 20
    x = rng.random((40, len(features))).round(2)
    (folder / f"{cell}_1k_Data.txt").write_text("\n".join("\t".join(map(str, row)) for row in x) + "\n")
    (folder / f"{cell}_1k_Classes.txt").write_text("\n".join(classes) + "\n")
    if regions:
        rows = [f"chr{i % 4}\t{1000 * i}\t{1000 * i + 1000}" for i in range(40)]
        (folder / f"{cell}_1k_Regions.bed").write_text("\n".join(rows) + "\n")
    return x


def test_signals_are_parted_by_chromosome_and_shared_with_another_cell(tmp_path):
    rng = np.random.default_rng(0)
    x = write(tmp_path, "one", ["a", "b", "c"], rng)
    other = write(tmp_path, "two", ["c", "d", "a"], rng, regions=False)
    parameters = {"format": "signals", "files": "x", "cell_type": "one", "window": "1k", "gap": 4000}
    parameters |= {"positive": ["A-E"], "valid_chromosomes": ["chr1"], "test_chromosomes": ["chr2"]}
    found = enhancers.prepare({"x": tmp_path}, parameters, 1)
    assert [len(found[name]) for name in ("train", "valid", "test")] == [20, 10, 10]
    np.testing.assert_allclose(found["test"]["x"][0], x[2], atol=1e-6)
    assert len(set(found["test"]["chain"].tolist())) == 1 and found["test"].y[:3].tolist() == [1, 1, 0]
    moved = enhancers.prepare({"x": tmp_path}, parameters | {"test_cell": "two"}, 1)
    assert moved["test"].context["features"] == ["a", "c"] and len(moved["train"]) == 30
    np.testing.assert_allclose(moved["test"]["x"], other[:, [2, 0]], atol=1e-6)
    assert len(set(moved["test"]["chain"].tolist())) == 40
    several = enhancers.prepare({"x": tmp_path}, parameters | {"classes": {"e": ["A-E"], "rest": ["A-P", "UK"]}}, 1)
    assert several["train"].context["classes"] == ["e", "rest"] and set(several["train"].y.tolist()) == {0, 1}
    (tmp_path / "one_1k_Classes.txt").write_text("A-E\n")
    with pytest.raises(BadInput, match="one_1k_Classes.txt: 1 classes for 40 regions"):
        enhancers.prepare({"x": tmp_path}, parameters, 1)


def test_sequences_like_those_of_the_test_are_left_out(tmp_path):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), 40)) for _ in range(60)]
    texts[1] = texts[0]
    (tmp_path / "train.txt").write_text("\n".join(f"{text}\t{i % 2}" for i, text in enumerate(texts[:50])) + "\n")
    tested = [texts[7], *texts[50:]]
    (tmp_path / "test.txt").write_text("\n".join(f"{text}\t{i % 2}" for i, text in enumerate(tested)) + "\n")
    parameters = {"format": "sequences", "files": "x", "train": "train.txt", "test": "test.txt", "valid_fraction": 0.2}
    found = enhancers.prepare({"x": tmp_path}, parameters, 1)
    assert len(found["test"]) == 11 and len(found["train"]) + len(found["valid"]) == 49
    groups = [set(split["group"].tolist()) for split in found.values()]
    assert sum(map(len, groups)) == len(set.union(*groups))
    (tmp_path / "test.txt").write_text("ACGT 1\n")
    with pytest.raises(BadInput, match="test.txt:1: a sequence and a label"):
        enhancers.prepare({"x": tmp_path}, parameters, 1)


def test_stretches_are_whole():
    splits = task.prepare("enhancers", "planted", CATALOG.dataset("enhancers", "planted"), {}, 1)
    chains = [set(split["chain"].tolist()) for split in splits.values()]
    assert sum(map(len, chains)) == len(set.union(*chains)) == 120
    assert all(0.05 < split.y.mean() < 0.3 for split in splits.values())


def test_own_regions_are_neighbours_where_they_lie_close(tmp_path):
    rng, rows = np.random.default_rng(0), ["chrom,start,H3K27ac,DNase,label"]
    for number in range(60):
        place = 1000 * number + (50_000 if number % 10 > 5 else 0)
        rows.append(f"chr{number // 10},{place},{rng.random():.3f},{rng.random():.3f},{number % 2}")
    (tmp_path / "regions.csv").write_text("\n".join(rows) + "\n")
    said = {
        "title": "Mine",
        "input": "signal_table",
        "output": "binary",
        "file": "regions.csv",
        "columns": {"label": "label"},
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(said))
    _, facts = own.read(tmp_path / "mine.yaml")
    parameters = facts["scales"]["quick"]["datasets"][own.DATASET]["parameters"]
    splits, told = reading.read(tmp_path / "mine.yaml", parameters, 1)
    train = splits["train"]
    assert train.context["features"] == ["H3K27ac", "DNase"] and any("parted by chromosome" in line for line in told)
    assert np.unique(train["chain"], return_counts=True)[1].tolist() == [6, 4] * (len(train) // 10)
    given = records.Given({"new": tmp_path / "regions.csv"}, {}, {}, "binary")
    found = list(kind.load("signal_table").read(given, train.context))
    assert [int(record.arrays["chain"]) for record in found] == [
        number // 10 * 2 + (number % 10 > 5) for number in range(60)
    ]
    assert found[3].arrays["x"].shape == (2,) and int(found[3].arrays["place"]) == 3000
