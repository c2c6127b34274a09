"""Gating of cells: FlowCAP's F by hand, what is hidden from methods, maps of samples, and figures."""

import numpy as np
import pytest
import torch
from support import CATALOG, fit, parameters_of

from deepbio.core import kind, method, task
from deepbio.core.job import Job
from deepbio.domains.cells import samples
from deepbio.tasks import cell_gating


def test_flowcap_f_by_hand():
    counts = np.array([[8, 2, 0], [0, 5, 5], [0, 0, 0]])
    # First population: F1 with call 1 is 16 / 18; second: with call 2 it is 10 / 17, with call 3 10 / 15.
    assert samples.flowcap_f(counts) == pytest.approx((10 * 16 / 18 + 10 * 10 / 15) / 20)
    assert samples.flowcap_f(np.eye(4)[[1, 0, 3, 2]]) == 1  # names of calls do not matter
    assert np.isnan(samples.flowcap_f(np.zeros((2, 2))))
    np.testing.assert_array_equal(samples.confusion(np.array([0, 1, 1]), np.array([1, 1, 1]), 2), [[0, 1], [0, 2]])


def test_the_central_sample_is_the_reference():
    assert samples.central([np.eye(2) * size for size in (1.0, 3.0, 2.1)]) == 2


def splits(seed=1, **changes):
    facts = CATALOG.dataset("cell_gating", "simulated_transfer")
    facts = facts | {"parameters": facts["parameters"] | {"cells": 500} | changes}
    return task.prepare("cell_gating", "simulated_transfer", facts, {}, seed)


def test_labels_of_other_samples_are_hidden():
    found = splits()
    reference = found["train"].context["reference"]
    for part in ("train", "valid"):
        other = found[part]["sample"] != reference
        assert np.isnan(found[part].y[other]).all() and not np.isnan(found[part].y[~other]).all()
    assert (found["test"]["sample"] != reference).all()
    share = np.mean([(split["sample"] != reference).sum() for split in found.values()][:2]) * 2 / 1000
    assert share == pytest.approx(0.2, abs=0.05)
    cells = [set(split["group"].tolist()) for split in found.values()]
    assert len(set.union(*cells)) == sum(map(len, cells)) == 1500
    assert set(found["test"].inputs().arrays) == {"x", "sample"}


def test_within_a_sample_a_quarter_is_seen():
    found = splits(protocol="within", samples=1, train_fraction=0.25, cells=2000)
    sizes = [len(split) for split in found.values()]
    assert sum(sizes[:2]) == pytest.approx(500, abs=60) and sizes[1] == pytest.approx(50, abs=25)
    ungated = [np.isnan(split.y).mean() for split in found.values()]
    np.testing.assert_allclose(ungated, 0.15, atol=0.12)


def test_scores_are_means_over_samples():
    test = splits()["test"]
    y = np.asarray(test.y)
    p = np.eye(4)[np.nan_to_num(y).astype(int)]
    wanted = ["flowcap_f", "accuracy", "balanced_accuracy"]
    assert cell_gating.score(test, {"y": p}, wanted) == dict.fromkeys(wanted, 1) | {"rejected": 0}
    first = np.asarray(test["sample"]) == np.unique(test["sample"])[0]
    p[first] = [0.39, 0.3, 0.31, 0]
    found = cell_gating.score(test, {"y": p, "mmd_before": np.float64(2)}, wanted)
    known = first & ~np.isnan(y)
    one = samples.flowcap_f(samples.confusion(y[known].astype(int), np.zeros(known.sum(), int), 4))
    assert found["flowcap_f"] == pytest.approx((1 + one) / 2) and found["mmd_before"] == 2
    assert found["rejected"] == pytest.approx(known.sum() / (~np.isnan(y)).sum())
    resampling = cell_gating.resampled(test, {"y": p}, "flowcap_f")
    counts = np.ones((2, len(test)))
    counts[1] = np.random.default_rng(0).multinomial(len(test), np.full(len(test), 1 / len(test)))
    drawn = np.repeat(np.arange(len(test)), counts[1].astype(int))
    again = cell_gating.score(test.take(drawn), {"y": p[drawn]}, ["flowcap_f"])["flowcap_f"]
    np.testing.assert_allclose(resampling.function(counts), [found["flowcap_f"], again])


def test_only_samples_with_a_map_are_moved(tmp_path):
    small = kind.small_problem("cells", "multiclass", 300)
    model, _ = fit("deepcytof", small, tmp_path)
    assert list(model.network.maps) == ["0"] and model.shape["reference"] == 1
    for layer in model.network.maps["0"].linear():
        torch.nn.init.normal_(layer.weight)
    batch = model.batch(small["test"].inputs(), np.arange(60))
    moved = (model.network.eval().align(batch) != batch["x"]).any(dim=1)
    assert (moved == (batch["sample"] == 0)).all()


def test_calibration_brings_a_sample_nearer(tmp_path):
    found = splits(cells=800)
    model = method.create("deepcytof-fast", "variant", parameters_of("deepcytof-fast"))
    model.parameters["calibration"]["training"]["epochs"] = 20
    model.fit(found["train"], found["valid"], Job(1, tmp_path))
    told = model.predict(found["test"].inputs())
    assert told["mmd_after"] < 0.8 * told["mmd_before"] and len(model.shape["mmd"]) == 2
    plain, _ = fit("deepcytof-uncalibrated", found, tmp_path / "plain")
    assert set(plain.predict(found["test"].inputs())) == {"y"}


def test_each_sample_is_scaled_by_itself(tmp_path):
    found = splits()
    model, _ = fit("scaled_logistic", found, tmp_path)
    both = np.concatenate([model.features(found[part]) for part in ("train", "valid")])
    of = np.concatenate([found[part]["sample"] for part in ("train", "valid")])
    for one in np.unique(of):
        np.testing.assert_allclose(both[of == one].mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(both[of == one].std(axis=0), 1, atol=1e-5)
