"""What methods share when they learn: results of a training, restarts, search, batches, pre-training, imports."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from deepbio.core.config import SCRIPTS
from deepbio.core.data import Split
from deepbio.core.job import Job
from deepbio.learning import device, pretraining, restarts, search, training
from deepbio.learning.network import NetworkMethod, chunks, tensors
from deepbio.learning.table_network import TableMethod
from deepbio.learning.training import FitResult, TrainingFailed


def train(tmp_path, valid_losses, **settings):
    """A training of one step an epoch whose validation losses are given."""
    network, left = nn.Linear(2, 1), iter(valid_losses)
    batch = lambda index: {"x": torch.ones(len(index), 2)}  # noqa: E731
    settings = {"epochs": len(valid_losses), "optimizer": "sgd", "learning_rate": 0.1, **settings}
    loss = lambda net, batch: net(batch["x"]).square().mean()  # noqa: E731
    return network, training.fit(
        network, 4, batch, loss, settings, Job(1, tmp_path), validate=lambda: {"loss": next(left)}
    )


# ---- results


def test_a_result_says_what_the_training_came_to(tmp_path):
    _, result = train(tmp_path, [3.0, 1.0, 2.0])
    assert (result.steps, result.best, result.best_loss, result.losses) == (2, 1.0, 1.0, [3.0, 1.0, 2.0])
    assert [row["step"] for row in result.history] == [1, 2, 3]


@pytest.mark.parametrize("wrong", [math.nan, -math.inf])
def test_a_value_that_is_not_finite_is_never_the_best(tmp_path, wrong):
    network, result = train(tmp_path, [wrong, 5.0, 4.0, wrong])
    assert result.best == 4.0 and result.steps == 3 and result.best_loss == 4.0
    _, stopped = train(tmp_path / "patient", [wrong, wrong, 1.0], patience=2)
    assert len(stopped.history) == 2 and stopped.best is None and stopped.best_loss == math.inf


# ---- dead trainings


def attempts(losses):
    """A training that comes to one loss after the other, and the names under which it was asked for."""
    names = []

    def train(name):
        names.append(name)
        loss = losses[len(names) - 1]
        return f"network {len(names)}", FitResult(1, loss, [{"step": 1, "valid_loss": loss}])

    return train, names


@pytest.mark.parametrize(
    ("losses", "most", "asked", "kept"),
    [
        ([0.7, 0.8, 0.4, 0.1], 5, 3, "network 3"),
        ([0.4, 0.1], 5, 1, "network 1"),
        ([0.8, 0.7, 0.9, 0.1], 2, 3, "network 2"),
        ([math.nan, 0.6, 0.9], 1, 2, "network 2"),
        ([0.8, 0.1], 0, 1, "network 1"),
    ],
)
def test_a_dead_training_is_begun_anew_and_counted(tmp_path, losses, most, asked, kept):
    train, names = attempts(losses)
    job = Job(1, tmp_path)
    network, _ = restarts.until_alive(train, 0.5, most, job, "final")
    assert network == kept and job.restarts == asked - 1
    assert names == ["final", "final1", "final2"][:asked]


def test_names_of_new_beginnings_are_no_other_trainings(tmp_path):
    train, names = attempts([1.0, 0.0])
    restarts.until_alive(train, 0.5, 1, Job(1, tmp_path), "search1")
    assert names == ["search1", "search1-1"]  # search11 is another trial


class Fading(nn.Linear):
    """A network whose first initialization is dead: its weights are zero and stay there."""

    made = 0

    def __init__(self):
        super().__init__(3, 1)
        Fading.made += 1
        self.dead = Fading.made == 1

    def forward(self, batch):
        return super().forward(batch["x"]) * (0.0 if self.dead else 1.0)


class Plain(NetworkMethod):
    def build(self, parameters, shape):
        return Fading()

    def batch(self, split, index):
        return tensors(split, index, kind=np.float32)


def linear_splits(output="binary", samples=200):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, 3)).astype("f4")
    y = x[:, :1] + x[:, 1:2]
    y = (y > 0).astype("f4") if output == "binary" else y
    context = {"output": output, "metrics": ["auroc"]}
    return [Split({"x": x[part], "y": y[part]}, context) for part in (slice(0, 150), slice(150, None))]


@pytest.mark.parametrize("most", [0, 2])
@pytest.mark.parametrize("output", ["binary", "regression"])
def test_restarts_are_a_setting_of_any_training(tmp_path, output, most):
    Fading.made = 0
    model = Plain({"training": {"epochs": 10, "learning_rate": 0.05, "restarts": most}})
    job = Job(1, tmp_path)
    train, valid = linear_splits(output)
    model.fit(train, valid, job)
    assert job.restarts == (1 if most else 0) and model.network.dead == (not most)
    assert {row["phase"] for row in job.history} == ({"fit", "fit1"} if most else {"fit"})


def test_a_living_training_is_not_touched(tmp_path):
    weights = []
    for most in (0, 2):
        Fading.made = 1  # the next one is alive
        model = Plain({"training": {"epochs": 10, "learning_rate": 0.05, "restarts": most}})
        job = Job(1, tmp_path / str(most))
        job.scratch.mkdir()
        model.fit(*linear_splits(), job)
        assert job.restarts == 0
        weights.append(model.network.state_dict())
    assert all(weights[0][key].equal(weights[1][key]) for key in weights[0])


def test_chance_is_the_loss_of_the_mean_label(tmp_path):
    train, valid = linear_splits()
    train.y[:] = 0
    train.y[:50] = 1
    valid.y[:] = 1
    model = Plain({})
    model.shape = model.describe(train)
    assert model.chance_loss(train, valid) == pytest.approx(math.log(3))
    model.shape |= {"kind": "multiclass", "outputs": 2}
    assert model.chance_loss(train, valid) == pytest.approx(math.log(3))
    model.shape |= {"kind": "regression", "mean": [0.0], "spread": [2.0]}
    assert model.chance_loss(train, valid) == pytest.approx(0.25)
    model.shape["kind"] = "ranking"
    with pytest.raises(ValueError, match="ranking"):
        model.chance_loss(train, valid)


# ---- search


def test_a_diverging_trial_is_lost_and_the_search_goes_on(tmp_path):
    def trial(setting, name):
        if name != "search2":
            raise TrainingFailed("nan")
        return {"loss": 1.0}

    budget = {"space": {"a": {"integer": [0, 1000]}}, "trials": 4}
    found, made = search.fit_best(budget, trial, lambda found: found.setting["a"], Job(1, tmp_path))
    assert made == found.setting["a"] and found.result == {"loss": 1.0} and found.trials == 4
    with pytest.raises(TrainingFailed, match="all 2"):
        search.random_search(budget["space"], 2, trial, Job(1, tmp_path / "other"))


def test_the_order_of_a_space_changes_no_setting():
    space = {"a": {"uniform": [0, 1]}, "b": {"integer": [0, 99]}}
    one, other = (
        search.draw(dict(order), np.random.default_rng(1)) for order in (space.items(), [*space.items()][::-1])
    )
    assert one == other


# ---- batches


@pytest.mark.parametrize(
    ("arguments", "sizes"), [((10, 4), [4, 4, 2]), ((10, 4, 3), [4, 3]), ((10, 4, 0, True), [4, 3, 3]), ((4, 8), [4])]
)
def test_chunks_hold_every_sample_once(arguments, sizes):
    found = list(chunks(*arguments))
    assert [len(part) for part in found] == sizes
    first = arguments[2] if len(arguments) > 2 else 0
    np.testing.assert_array_equal(np.concatenate(found), np.arange(first, arguments[0]))


def test_run_batched_joins_what_a_network_says_without_training_it(tmp_path):
    model = Plain({"predict_batch": 7})
    model.network = Fading().train()
    split, _ = linear_splits()
    seen = []

    def run(batch):
        seen.append(len(batch["x"]))
        assert not model.network.training and not torch.is_grad_enabled()
        return batch["x"] * 2, batch["y"]

    twice, y = model.run_batched(split, run)
    np.testing.assert_array_equal(twice.numpy(), 2 * split["x"])
    np.testing.assert_array_equal(y.numpy(), split.y)
    assert max(seen) == 7 and sum(seen) == 150
    assert model.run_batched(split, lambda batch: batch["y"], size=50).shape == (150, 1)


class Table(TableMethod):
    def build(self, parameters, shape):
        return Fading()


def test_tables_are_standardised_by_the_training_columns():
    train, valid = linear_splits("regression")
    train["x"][:] = train["x"] * [1, 10, 0] + [0, 5, 3]
    model = Table({"limit": 2.0})
    model.shape = model.describe(train)
    x = model.batch(train, np.arange(150))["x"].numpy()
    assert np.abs(x).max() == 2 and (x[:, 2] == 0).all()  # a column without variance has nothing to say
    model.parameters = {}
    x = model.batch(train, np.arange(150))["x"].numpy()
    np.testing.assert_allclose([x[:, :2].mean(0), x[:, :2].std(0)], [[0, 0], [1, 1]], atol=1e-5)
    assert set(model.batch(train.inputs(), np.arange(3))) == {"x"}


def test_validation_computes_only_what_is_monitored(tmp_path):
    train, valid = linear_splits()
    Fading.made = 1
    for monitor in ("loss", "auroc"):
        model, job = Plain({"training": {"epochs": 2, "monitor": monitor}}), Job(1, tmp_path / monitor)
        model.fit(train, valid, job)
        values = {key for row in job.history for key in row} - {"phase", "step", "train_loss"}
        assert values == {"valid_loss", *([] if monitor == "loss" else ["valid_auroc"])}


# ---- pre-training


def test_each_layer_learns_from_the_layer_below(tmp_path):
    torch.manual_seed(0)
    layers = nn.ModuleList([nn.Linear(6, 4), nn.Linear(4, 3)])
    x, asked = torch.rand(40, 6), []

    def below(number):
        asked.append(number)
        return x if number == 0 else torch.sigmoid(layers[0](x))

    before = [layer.weight.detach().clone() for layer in layers]
    settings = {"sparsity": 0.1, "penalty": 0.01, "epochs": 5, "batch_size": 10}
    job = Job(1, tmp_path)
    pretraining.train_autoencoders(layers, below, settings, job)
    assert asked == [0, 1] and {row["phase"] for row in job.history} == {"pretraining1", "pretraining2"}
    assert not any(torch.equal(layer.weight, old) for layer, old in zip(layers, before, strict=True))
    assert settings["sparsity"] == 0.1  # what was given stays as it is


# ---- torch's switches, and what a job imports


def test_a_cpu_is_deterministic():
    where, precision = device.configure(1, "cpu")
    assert (where, precision) == ("cpu", "float32")
    assert torch.are_deterministic_algorithms_enabled() and torch.is_deterministic_algorithms_warn_only_enabled()
    assert not torch.backends.cudnn.benchmark
    assert device.configure(1, "cpu", "bfloat16") == ("cpu", "bfloat16")


JOB = """
import sys
import numpy as np
from deepbio.core import kind, method
from deepbio.core.job import Job
from pathlib import Path

splits = kind.small_problem("table", "binary", 60)
model = method.create({name!r}, {role!r}, {parameters!r})
model.fit(splits["train"], splits["valid"], Job(1, Path({folder!r})))
model.predict(splits["test"].inputs())
print(*sorted({{one.split(".")[0] for one in sys.modules}} & {{"torch", "sklearn", "scipy", "matplotlib", "pandas"}}))
"""


@pytest.mark.parametrize(
    ("name", "role", "parameters", "allowed"),
    [
        ("spindle", "listed", None, {"torch"}),
        ("mean_label", "baseline", {}, set()),
        (
            "ridge_logistic",
            "baseline",
            {"penalty": [1.0]},
            {"sklearn", "scipy", "pandas"},
        ),  # scikit-learn brings pandas
    ],
)
def test_a_job_imports_no_more_than_it_needs(tmp_path, name, role, parameters, allowed):
    if parameters is None:
        from support import parameters_of

        parameters = parameters_of(name)
    code = JOB.format(name=name, role=role, parameters=parameters, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= allowed


def test_a_metric_that_chooses_the_epoch_counts_among_the_code_of_a_training():
    """Of a network that the loss alone stops, the code of metrics decides nothing."""
    from support import CATALOG

    from deepbio.core.catalog import _monitors

    watched = {name for name in CATALOG.methods if _monitors(CATALOG.methods[name].get("hyperparameters", {}))}
    assert {"deeperbind", "one_shot", "er_metabolomics"} <= watched and "deepsea" not in watched
