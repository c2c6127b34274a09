"""What only a GPU can show; skipped where torch sees none."""

import numpy as np
import pytest
import torch
from conftest import make_splits
from test_methods import EXCEPTIONS, NEEDS, fit, fit_and_kill, networks, predict

from deepbio import metrics, training

LEAST = {"binary": 0.6, "regression": 0.2, "multiclass": 0.35}
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "kind", "output"), networks())
def test_learns_on_a_gpu_and_predicts_alike_on_a_cpu(tmp_path, name, kind, output, precision):
    splits = make_splits(kind, output, NEEDS.get(name, (160,))[0])
    model, job = fit(name, splits, tmp_path / "job", device="cuda", precision=precision)
    assert next(model.network.parameters()).is_cuda and job.samples > 0
    there = predict(model, splits["test"])
    metric = {"binary": "auroc", "regression": "spearman", "multiclass": "accuracy"}[output]
    if ("beats_random", name) not in EXCEPTIONS:
        assert metrics.evaluate([metric], splits["test"].y, there)[metric] > LEAST[output]
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    model.load(tmp_path / "model")
    assert not next(model.network.parameters()).is_cuda
    np.testing.assert_allclose(predict(model, splits["test"]), there, rtol=0.02, atol=0.02 * np.ptp(there))


@pytest.mark.parametrize(("name", "kind", "output"), networks(outputs=1))
def test_killed_training_goes_on_on_a_gpu(tmp_path, monkeypatch, name, kind, output):
    splits = make_splits(kind, output)
    fit_and_kill(monkeypatch, name, splits, tmp_path / "job", device="cuda")
    model, job = fit(name, splits, tmp_path / "job", device="cuda")
    assert np.isfinite(predict(model, splits["test"])).all() and job.history


def test_auto_takes_the_gpu():
    assert training.device("auto") == "cuda" and training.device("cpu") == "cpu"
