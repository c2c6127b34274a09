"""Damaged profiles: the robust autoencoder's parts and the task's scores, against cases worked by hand."""

import numpy as np
import pytest
import torch
from support import fit

from deepbio.core.data import Split
from deepbio.core.kind import small_problem
from deepbio.methods import robust_ae
from deepbio.scoring import metrics
from deepbio.tasks import expression_clustering


def test_shrinking_moves_towards_nothing_and_no_further():
    found = robust_ae.shrink(torch.tensor([-0.5, -0.05, 0.0, 0.1, 0.3]), 0.1)
    np.testing.assert_allclose(found, [-0.4, 0, 0, 0, 0.2], atol=1e-6)


def test_the_sparse_part_takes_the_damage(tmp_path):
    splits = small_problem("gene_profiles", "regression")
    robust, _ = fit("robust_ae", splits, tmp_path / "robust")
    test = splits["test"]
    found = robust.predict(test.inputs())
    damage = np.abs(np.asarray(test["x"]) - test.y) > 0.3
    assert np.abs(found["sparse"][damage]).mean() > 5 * np.abs(found["sparse"][~damage]).mean()
    np.testing.assert_allclose(
        robust_ae.shrink(torch.from_numpy(test["x"] - found["y"]), 0.1).numpy(), found["sparse"], atol=0.15
    )
    error = {"robust": metrics.evaluate(["rmse"], test.y, found["y"])["rmse"]}
    error["raw"] = metrics.evaluate(["rmse"], test.y, test["x"])["rmse"]
    assert error["robust"] < 0.6 * error["raw"]
    assert (robust.network.sparse != 0).float().mean() < 0.5


def test_a_prior_network_continues_the_code(tmp_path):
    splits = small_problem("gene_profiles", "regression")
    for split in splits.values():
        split.arrays["prior"] = (np.arange(len(split))[:, None] % 3 == np.arange(3)).astype(np.uint8)
    model, _ = fit("robust_ae", splits, tmp_path)
    code = model.predict(splits["test"].inputs())["code"]
    same = np.arange(len(code)) % 3 == 0
    assert code.shape[1] == 6 + 3 and np.ptp(code[same, 6:], axis=0).max() < 1e-6 < np.ptp(code[:, 6:], axis=0).max()


def test_errors_are_those_of_replaced_values():
    y = np.array([[0.0, 1.0], [0.5, 0.5]])
    p = np.array([[0.3, 1.0], [0.5, 0.1]])
    test = Split({"y": y, "y_damaged": np.array([[1, 0], [0, 0]], np.uint8)}, {})
    found = expression_clustering.score(test, {"y": p}, ["rmse"])
    assert found["damaged_rmse"] == pytest.approx(0.3)
    assert found["rmse"] == pytest.approx((np.sqrt(0.09 / 2) + np.sqrt(0.16 / 2)) / 2)


def test_ends_of_the_scale_become_the_mean_of_the_gene_s_other_values(tmp_path):
    x = np.array([[0.2, 1.0, 0.4, 0.0], [0.0, 1.0, 1.0, 0.0], [0.5, 0.6, 0.7, 0.8]], np.float32)
    split = Split({"x": x, "y": x}, {"output": "regression"})
    model, _ = fit("extreme_values", {"train": split, "valid": split}, tmp_path)
    wanted = [[0.2, 0.3, 0.4, 0.3], [0.5] * 4, [0.5, 0.6, 0.7, 0.8]]
    np.testing.assert_allclose(model.predict(split)["y"], wanted, atol=1e-6)


def test_components_fill_the_ends_of_the_scale_and_leave_the_rest(tmp_path):
    rng = np.random.default_rng(0)
    y = 0.5 + 0.2 * np.tanh(rng.standard_normal((90, 2))) @ np.sin(rng.random((2, 1)) + np.arange(20) * [[1], [2]])
    wrong = rng.random(y.shape) < 0.1
    x = np.where(wrong, rng.integers(0, 2, y.shape), y)
    split = Split({"x": x, "y": y}, {"output": "regression"})
    parts = {"train": split.take(np.arange(60)), "valid": split.take(np.arange(60, 75))}
    model, _ = fit("extreme_pca", parts, tmp_path)
    found, wrong = model.predict(split.take(np.arange(75, 90)))["y"], wrong[75:]
    np.testing.assert_array_equal(found[~wrong], x[75:][~wrong])
    assert np.abs(found - y[75:])[wrong].mean() < 0.1 * np.abs(x - y)[75:][wrong].mean()
    assert model.facts["chosen"] == 2


def test_clusters_are_judged_where_the_dataset_asks_for_it():
    y = np.repeat([[0.1, 0.9], [0.9, 0.1]], 4, axis=0)
    member = np.repeat(np.eye(2, dtype=np.uint8), 4, axis=0)
    arrays = {"y": y, "y_damaged": np.ones(y.shape, np.uint8), "y_regulon": member}
    test = Split(arrays, {"clusters": 2})
    with_clusters = expression_clustering.score(test, {"y": y}, ["rmse", "regulon_lift"])
    assert with_clusters["cluster_ari"] == 1 and with_clusters["regulon_lift"] > 2
    # Regulators that do not follow the profiles judge nothing, and no figure may rank methods by them.
    assert set(expression_clustering.score(test, {"y": y}, ["rmse"])) == {"rmse", "damaged_rmse"}
