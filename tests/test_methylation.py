"""Methylation: neighbours and blocks by hand, the parts of DeepCpG and their training, both settings of DeepMethyl."""

import gzip

import numpy as np
import pytest
import torch
from support import CATALOG, fit, parameters_of

from deepbio.core import kind, method, task
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import methylation, sequences
from deepbio.tasks import cpg_methylation, single_cell_methylation


def test_neighbours_by_hand():
    positions, states = np.array([100, 200, 300, 90_000]), np.array([1, 0, 1, 0], np.float32)
    state, distance = methylation.neighbours(positions, states, np.array([200, 50, 250]), 2)
    assert state.tolist() == [[1, 0.5, 1, 0], [0.5, 0.5, 1, 0], [0, 1, 1, 0]]
    expected = [[100, 25_000, 100, 25_000], [25_000, 25_000, 50, 150], [50, 150, 50, 25_000]]
    np.testing.assert_allclose(distance, np.array(expected) / 25_000)


def test_sites_beside_another_part_are_left_out():
    positions = np.arange(0, 100_000, 50)
    part = methylation.blocks(positions, 10_000, 1001, [0.5, 0.2, 0.3], np.random.default_rng(1))
    counts = [len(np.unique(positions[part == one] // 10_000)) for one in range(3)]
    assert counts == [5, 2, 3]
    for one in range(3):
        for other in range(one):
            apart = np.abs(positions[part == one][:, None] - positions[part == other])
            assert apart.min() > 1001
    assert (part == -1).any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("19 5", ":1: 2 columns"),
        ("19 5 1\n19 x 1", ":2: column 'position'"),
        ("19 5 2", ":1: position 5 and state 2"),
        ("19 5 1\n19 5 0", ": a position of chromosome 19 stands twice"),
        ("", ": no site"),
    ],
)
def test_profiles_that_are_none_are_named(tmp_path, text, message):
    (tmp_path / "cell.bed").write_text(text)
    with pytest.raises(BadInput, match=f"cell.bed{message}"):
        methylation.read_profile(tmp_path / "cell.bed")


def model_of(name="deepcpg", **over):
    model = method.create(name, "listed", parameters_of(name) | over)
    split = kind.small_problem("cpg_site", "multilabel", 40)["train"]
    model.shape = model.describe(split)
    return model, split


def test_a_missing_label_weighs_nothing_and_a_rare_class_more():
    model, split = model_of(l1=0, l2=0)
    model.shape["positive"] = [0.25, 0.5]
    network = model.build(model.parameters, model.shape)
    batch = model.batch(split, np.arange(4))
    batch["y"] = torch.tensor([[1, np.nan], [0, 1], [np.nan, np.nan], [0, 0]])
    output = network.train()(batch)
    cross = torch.nn.functional.binary_cross_entropy_with_logits(output, torch.nan_to_num(batch["y"]), reduction="none")
    weight = torch.tensor([[0.75, 0], [0.25, 0.5], [0, 0], [0.25, 0.5]])
    torch.testing.assert_close(model.loss(network, batch), (weight * cross).sum() / 4)


def test_penalties_are_on_weights_between_layers():
    model, split = model_of(l1=0.5, l2=0.0)
    network, batch = model.build(model.parameters, model.shape).train(), model.batch(split, np.arange(4))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(0.0)
        base = model.loss(network, batch)
        network.head.weight.fill_(1.0)
        for part in network.parts.values():
            part.dense.bias.fill_(1.0)
        network.parts["cpg"].passes[0].gates.weight.fill_(1.0)
        network.head.weight.fill_(0.0)
        torch.testing.assert_close(model.loss(network, batch), base)
        network.parts["cpg"].passes[0].inputs.weight[0, 0] = 2.0
        torch.testing.assert_close(model.loss(network, batch), base + 1.0)


def test_joining_leaves_the_modules_as_they_were(tmp_path, monkeypatch):
    from deepbio.methods import deepcpg

    splits, seen = kind.small_problem("cpg_site", "multilabel", 60), {}
    original = deepcpg.Method.train_built

    def watch(self, network, settings, train, valid, job, name="fit", *others, **named):
        seen[name] = len(train), {key: value.clone() for key, value in network.state_dict().items()}
        found = original(self, network, settings, train, valid, job, name, *others, **named)
        seen[name] += ({key: value.clone() for key, value in network.state_dict().items()},)
        return found

    monkeypatch.setattr(deepcpg.Method, "train_built", watch)
    splits["train"]["codes"][:20] = sequences.UNKNOWN
    model, _ = fit("deepcpg", splits, tmp_path)
    assert [seen[name][0] for name in ("dna", "cpg", "joint")] == [40, 60, 40]
    before, after = seen["joint"][1:]
    changed = {key.split(".")[0] for key in before if not before[key].equal(after[key])}
    assert changed == {"joint", "head"}
    assert after["parts.dna.dense.weight"].equal(seen["dna"][2]["parts.dna.dense.weight"])
    assert all(parameter.requires_grad for parameter in model.network.parameters())


def test_the_mean_over_cells_has_no_order_and_the_recurrent_units_do():
    for recurrent, ordered in ((True, True), (False, False)):
        model, split = model_of(recurrent=recurrent, modules=["cpg"])
        network = model.build(model.parameters, model.shape).eval()
        batch = model.batch(split, np.arange(5))
        turned = batch | {name: batch[name].flip(1) for name in ("states", "distances")}
        assert torch.allclose(network(batch), network(turned), atol=1e-6) != ordered


def test_nearest_neighbours_on_either_side_are_averaged():
    model = method.create("neighbour_mean", "baseline", {"neighbours": 3})
    states = np.array([[[1, 0, 1, 0]]], np.float32)
    distances = np.array([[[0.1, 0.9, 0.2, 0.3]]], np.float32)
    assert model.predict(Split({"states": states, "distances": distances}))["y"][0, 0] == pytest.approx(2 / 3)


def test_cells_are_read_and_a_site_off_a_cg_is_named(tmp_path):
    codes = np.tile(sequences.encode(["AACGTTTTAA"])[0], 60)
    (tmp_path / "part.fasta").write_text(">19\n" + sequences.decode(codes) + "\n")
    sites = np.arange(60) * 10 + 2 + 1001  # positions from 1, the first base being 1001
    for cell in ("a", "b"):
        rows = [f"19\t{site}\t{(site // 10 + (cell == 'b')) % 2}" for site in sites[cell == "b" :]] + ["18\t500\t1"]
        with gzip.open(tmp_path / f"{cell}.bed.gz", "wt") as handle:
            handle.write("\n".join(rows))
    (tmp_path / "islands.bed").write_text("chr19\t1000\t1100\n")
    parameters = {"format": "cells", "files": "x", "cells": {"a": "a.bed.gz", "b": "b.bed.gz"}, "genome": "part.fasta"}
    parameters |= {"begins": 1001, "chromosome": "19", "extra": ["18"], "islands": "islands.bed", "window": 11}
    parameters |= {"neighbours": 3, "block": 100, "gap": 11, "fractions": [0.5, 0.25, 0.25]}
    found = single_cell_methylation.prepare({"x": tmp_path}, parameters, 1)
    train, test = found["train"], found["test"]
    assert (test["codes"][:, 5:7] == [1, 2]).all()
    assert (train["codes"][-1] == sequences.UNKNOWN).all() and train["group"][-1] == b"18:5"
    first = np.concatenate([split["y_position"] for split in found.values()]) == sites[0]
    assert np.isnan(np.concatenate([split.y for split in found.values()])[first]).tolist() == [[False, True]]
    assert set(test.inputs().arrays) == {"codes", "states", "distances"}
    for split in found.values():
        np.testing.assert_array_equal(
            split["y_island"] == 1, (split["y_position"] > 1000) & (split["y_position"] <= 1100)
        )
    parameters["begins"] = 1000
    with pytest.raises(BadInput, match="position 1003 of chromosome 19 is no CG"):
        single_cell_methylation.prepare({"x": tmp_path}, parameters, 1)


# ---- arrays


def test_test_probes_and_people_are_new():
    facts = CATALOG.dataset("cpg_methylation", "flanked")
    splits = task.prepare("cpg_methylation", "flanked", facts, {}, 1)
    probes = {name: {int(one[5:]) for one in split["group"].tolist()} for name, split in splits.items()}
    assert min(probes["valid"]) - max(probes["train"]) > 3 and min(probes["test"]) - max(probes["valid"]) > 3
    assert max(probes["test"]) < 298  # the last ones have no neighbours to the right
    assert splits["train"].context["features"][:4] == ["share at -2", "share at -1", "share at +1", "share at +2"]


def test_flanking_shares_are_those_of_the_same_sample():
    beta = np.arange(40.0).reshape(20, 2) / 40
    beta[9, 0] = np.nan
    positions = np.arange(20) * 100
    parameters = {"flank": 1, "gap": 0, "fractions": [0.5, 0.25, 0.25], "people": [1, 0, 0], "most": None}
    found = cpg_methylation._flanked(beta, positions, np.arange(2), parameters, np.random.default_rng(0))
    train = found["train"]
    assert len(train) == 9 * 2 - 1  # the missing one is no case
    row = train["group"].tolist().index(b"probe8")
    np.testing.assert_allclose(train["x"][row, 2:], [100 / 5000] * 2)
    np.testing.assert_allclose(train["x"][row, 0], beta[7, 0])
    np.testing.assert_allclose(train["x"][row, 1], 0.5)  # the missing neighbour


def test_all_samples_of_a_patient_are_in_one_part():
    patient = np.arange(40) // 4
    beta = np.tile(patient / 10 + 0.01, (60, 1))  # a share tells the patient
    parameters = {"flank": 1, "gap": 0, "fractions": [0.5, 0.25, 0.25], "people": [0.5, 0.2, 0.3], "most": None}
    found = cpg_methylation._flanked(beta, np.arange(60), patient, parameters, np.random.default_rng(0))
    parts = [set(split["x"][:, 0].tolist()) for split in found.values()]
    assert [len(part) for part in parts] == [5, 2, 3] and len(set.union(*parts)) == 10


def test_neighbour_columns_and_labels_are_no_features(tmp_path):
    header = ",chr,start,pos,cg_name,beta,CpG_island,Up_CpG_beta,Down_CpG_distance,GC_content"
    for number, name in enumerate(("train", "valid", "test")):
        rows = [f"{i},chr{number + 1},{i},{i + 1},cg{number}{i},{i / 10},1,0,0,0.{i}" for i in range(10)]
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *rows]) + "\n")
        np.save(tmp_path / f"{name}.npy", np.eye(2)[(np.arange(10) >= 5).astype(int)])
    names = ("train", "valid", "test")
    parameters = {"format": "context", "files": "x", "tables": {one: f"{one}.csv" for one in names}}
    parameters["labels"] = {one: f"{one}.npy" for one in names}
    found = cpg_methylation.prepare({"x": tmp_path}, parameters, 1)
    assert found["test"].context["features"] == ["CpG_island", "GC_content"] and found["test"].y.sum() == 5
    scores = cpg_methylation.score(found["test"], {"y": np.linspace(0, 1, 10)}, ["auroc", "accuracy_band"])
    assert scores == {"auroc": 1, "accuracy_band": 1}
    resampling = cpg_methylation.resampled(found["test"], {"y": np.linspace(0, 1, 10)}, "accuracy_band")
    assert resampling.function(np.ones((1, 10))).tolist() == [1]
    np.save(tmp_path / "test.npy", np.eye(2))
    with pytest.raises(BadInput, match=r"test.npy: labels of shape \(2, 2\) for 10 sites"):
        cpg_methylation.prepare({"x": tmp_path}, parameters, 1)


def test_inputs_between_0_and_1_are_rebuilt_by_sigmoid_units(tmp_path, monkeypatch):
    from deepbio.learning import pretraining

    made, original = [], pretraining.TiedAutoencoder.__init__

    def note(self, layer, linear=False):
        made.append((layer.in_features, linear))
        original(self, layer, linear)

    monkeypatch.setattr(pretraining.TiedAutoencoder, "__init__", note)
    splits = kind.small_problem("table", "binary", 60)
    model, job = fit("deepmethyl", splits, tmp_path)
    assert made == [(20, False), (32, False)]
    x = model.batch(splits["test"], np.arange(60))["x"]
    assert x.min() >= 0 and x.max() <= 1
    assert {row["phase"] for row in job.history} == {"denoising1", "denoising2", "fit"}
