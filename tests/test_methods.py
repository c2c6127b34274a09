"""The contract, over every method and baseline that has a file.

A method is fitted on the small problem of each kind that its YAML names, with the quick scale's parameters made
smaller still. What a method needs beyond that, and which test it need not pass for which reason, its YAML says under
`tests`.
"""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from support import (
    CATALOG,
    COMMON,
    ROOT,
    assert_beats_random,
    cases,
    fit,
    fit_and_kill,
    networks,
    predict,
    skip_excepted,
    splits_for,
)

from deepbio.core import data, kind, labels, method
from deepbio.domains.chemistry import chemnet


class Place(str):
    """The name of a job's device, told apart from that of an equal one."""


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Each case fitted once for all tests that only look; modules note where they were put last."""
    cache, to = {}, torch.nn.Module.to

    def put(network, where, *others, **named):
        for module in network.modules():
            module.put_last = where
        return to(network, where, *others, **named)

    def get(name, one, output):
        key = (name, one, output)
        if key not in cache:
            splits = splits_for(name, one, output)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(torch.nn.Module, "to", put)
                patch.setattr(torch.nn.Module, "cpu", lambda network: put(network, "cpu"))
                cache[key] = (splits, *fit(name, splits, tmp_path_factory.mktemp(name), device=Place("cpu")))
        return cache[key]

    return get


@pytest.mark.parametrize(("name", "one", "output"), cases(variants=True))
def test_predictions_have_the_labels_shape_and_range(fitted, name, one, output):
    splits, model, _ = fitted(name, one, output)
    p = predict(model, splits["test"])
    assert len(p) == len(splits["test"]) and np.isfinite(p).all()
    if output == "multiclass":
        assert p.shape == (len(p), len(splits["test"].context["classes"]))
        np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    elif output == "representation":  # of any number of units
        assert p.ndim == 2
    else:
        assert labels.columns(p).shape == labels.columns(splits["test"].y).shape
    if output in ("binary", "multiclass"):
        assert p.min() >= 0 and p.max() <= 1
    part = splits["test"].take(np.arange(5))
    np.testing.assert_allclose(predict(model, part).ravel(), p[:5].ravel(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "one", "output"), cases(variants=True))
def test_beats_the_random_control(fitted, monkeypatch, name, one, output):
    skip_excepted("beats_random", name)
    # Seconds for each set of molecules, and no part of what is asked here.
    monkeypatch.setattr(chemnet, "is_available", lambda: False)
    splits, model, _ = fitted(name, one, output)
    assert_beats_random(name, one, output, splits, predict(model, splits["test"]))


@pytest.mark.parametrize(("name", "one", "output"), cases())
def test_saved_and_loaded_is_the_same(fitted, tmp_path, name, one, output):
    splits, model, _ = fitted(name, one, output)
    model.save(tmp_path)
    back = method.create(name, CATALOG.roles[name], {})
    back.load(tmp_path)
    np.testing.assert_array_equal(predict(back, splits["test"]), predict(model, splits["test"]))
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".json", ".safetensors", ".skops")]


@pytest.mark.parametrize(("name", "one", "output"), networks(variants=True))
def test_gradient_reaches_every_parameter(fitted, name, one, output):
    skip_excepted("gradient", name)
    splits, model, _ = fitted(name, one, output)
    train = splits["train"]
    torch.manual_seed(1)
    network = model.build(model.parameters, model.shape).train()
    model.loss(network, model.batch(train, np.arange(len(train)))).backward()
    learned = {key: p.grad for key, p in network.named_parameters() if p.requires_grad}
    assert [key for key, gradient in learned.items() if gradient is None or not gradient.any()] == []


# Two contexts of torch that know no device `meta`, and what is said where a number is asked for there.
CONTEXTS = ("torch.autocast", "torch.random.fork_rng")
NO_VALUES = "(on|of) meta tensor|convert meta device|SparseMeta"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "one", "output"), networks(outputs=1))
def test_the_fitted_network_is_on_the_job_s_device_and_predicts_there(fitted, tmp_path, monkeypatch, name, one, output):
    splits, model, _ = fitted(name, one, output)
    weighty = [one for one in model.network.modules() if [*one.parameters(recurse=False)]]
    assert [one for one in weighty if not isinstance(one.put_last, Place | torch.device)] == []
    model.save(tmp_path)
    there = method.create(name, CATALOG.roles[name], {})
    there.load(tmp_path)
    there.network.to("meta")  # whose tensors have no values and refuse to meet others
    for target in CONTEXTS:
        monkeypatch.setattr(target, lambda *_, **__: nullcontext())
    with pytest.raises((RuntimeError, TypeError), match=NO_VALUES):
        predict(there, splits["test"])


@pytest.mark.parametrize(("name", "one", "output"), networks())
def test_loss_falls(fitted, name, one, output):
    skip_excepted("loss", name)
    _, _, job = fitted(name, one, output)
    phases = {row["phase"]: [r["train_loss"] for r in job.history if r["phase"] == row["phase"]] for row in job.history}
    last = list(phases.values())[-1]
    assert min(last[1:]) < last[0]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "one", "output"), networks(outputs=1))
def test_resumed_training_equals_uninterrupted(fitted, tmp_path, monkeypatch, name, one, output):
    splits, model, _ = fitted(name, one, output)
    fit_and_kill(monkeypatch, name, splits, tmp_path / "job")
    resumed, _ = fit(name, splits, tmp_path / "job")
    for key, value in model.network.state_dict().items():
        assert value.equal(resumed.network.state_dict()[key]), key


# Every system of the reading list that is built draws what a reader of its paper expects.
LISTED = [path.stem for path in sorted((ROOT / "config" / "methods").glob("*.yaml"))]


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTED)
def test_every_listed_method_draws_and_writes(fitted, tmp_path, name):
    facts = CATALOG.methods[name]
    made = COMMON | set(kind.load(facts["inputs"][0]).OUTPUTS)
    output = next(output for output in facts["outputs"] if output in made)
    splits, model, _ = fitted(name, facts["inputs"][0], output)
    method.interpret(model, splits.get, tmp_path)
    drawn = {path.suffix for path in tmp_path.iterdir()}
    assert {".svg", ".png", ".csv"} <= drawn
    for path in tmp_path.glob("*.svg"):
        assert "simulated" in path.read_text() and path.stat().st_size > 1000, path.name


def test_split_without_labels_is_all_that_predict_sees():
    splits = kind.small_problem("table", "binary")
    assert set(splits["test"].inputs().arrays) == {"x"}
    assert isinstance(splits["test"], data.Split)
