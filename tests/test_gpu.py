"""What only a GPU can show; skipped where torch sees none."""

import numpy as np
import pytest
import torch
from support import assert_beats_random, fit, fit_and_kill, needs, networks, predict, splits_for

from deepbio.learning import device

DEVICE = "cuda"
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
# Kind of input: the share of predictions that may differ between devices, as a part's place is the highest of many
# pixels, two of which may be nearly as high.
DIFFERENT = {"animal_frame": 0.02}
GENERATED = {"molecule_set", "arm"}  # hangs on the device's own random numbers


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "one", "output"), networks())
def test_learns_on_a_gpu_and_predicts_alike_on_a_cpu(tmp_path, name, one, output, precision):
    splits = splits_for(name, one, output)
    model, job = fit(name, splits, tmp_path / "job", device=DEVICE, precision=precision)
    assert next(model.network.parameters()).device.type == DEVICE and job.samples > 0
    there = predict(model, splits["test"])
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    model.load(tmp_path / "model")
    assert next(model.network.parameters()).device.type == "cpu"
    here = predict(model, splits["test"])
    assert here.shape == there.shape and np.isfinite(here).all() and np.isfinite(there).all()
    if one not in GENERATED:
        alike = np.isclose(here, there, rtol=0.02, atol=0.02 * np.ptp(there))
        assert 1 - alike.mean() <= DIFFERENT.get(one, 0)
    if "beats_random" not in needs(name, "except", {}):
        for predicted in (there, here):
            assert_beats_random(name, one, output, splits, predicted)


@pytest.mark.parametrize(("name", "one", "output"), networks(outputs=1))
def test_killed_training_goes_on_on_a_gpu(tmp_path, monkeypatch, name, one, output):
    splits = splits_for(name, one, output)
    fit_and_kill(monkeypatch, name, splits, tmp_path / "job", device=DEVICE)
    model, job = fit(name, splits, tmp_path / "job", device=DEVICE)
    assert np.isfinite(predict(model, splits["test"])).all() and job.history


def test_auto_takes_the_gpu():
    assert device.choose("auto") == "cuda" and device.choose("cpu") == "cpu"
