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
