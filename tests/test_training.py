"""The training loop: schedules, early stopping, what is kept, what is refused."""

import numpy as np
import pytest
import torch
from support import killed

from deepbio.core.job import Job
from deepbio.learning import device, training


def problem(tmp_path, settings, seed=1, validate=True, **job):
    """Linear regression with a known answer."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((200, 3)).astype("f4"))
    y = x @ torch.tensor([[1.0], [2.0], [-1.0]])
    work = Job(seed, tmp_path, **job)
    work.seed_torch("build")
    network = torch.nn.Linear(3, 1)
    loss = lambda net, batch: ((net(batch["x"]) - batch["y"]) ** 2).mean()  # noqa: E731
    check = (lambda: {"loss": float(loss(network, {"x": x[150:], "y": y[150:]}))}) if validate else None
    batch = lambda index: {"x": x[index], "y": y[index]}  # noqa: E731
    result = training.fit(network, 150, batch, loss, settings, work, validate=check)
    assert [{"phase": "fit", **row} for row in result.history] == work.history
    return network, result.steps, work


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", {"factor": 0.5, "every": 50}])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
def test_every_optimizer_and_schedule_finds_the_answer(tmp_path, optimizer, schedule):
    settings = {"optimizer": optimizer, "learning_rate": 0.05, "steps": 400, "schedule": schedule, "batch_size": 32}
    network, _, work = problem(tmp_path, settings)
    np.testing.assert_allclose(network.weight.detach().numpy(), [[1, 2, -1]], atol=0.05)
    assert work.history[-1]["valid_loss"] < 0.01 and work.samples == 400 * 32


def test_patience_stops_and_the_best_weights_stay(tmp_path):
    settings = {"optimizer": "sgd", "learning_rate": 1.2, "epochs": 100, "patience": 3}
    network, steps, work = problem(tmp_path, settings | {"learning_rate": 0.3})
    losses = [row["valid_loss"] for row in work.history]
    assert len(losses) < 100 and steps == work.history[int(np.argmin(losses))]["step"]
    assert len(losses) - 1 - int(np.argmin(losses)) == 3
    assert network.training is False


def test_keep_last_keeps_the_last(tmp_path):
    _, steps, _ = problem(tmp_path, {"steps": 37, "keep": "last"})
    assert steps == 37


def test_clipping_bounds_the_step(tmp_path):
    free, *_ = problem(tmp_path / "a", {"steps": 1, "optimizer": "sgd", "learning_rate": 1.0}, validate=False)
    held, *_ = problem(
        tmp_path / "b", {"steps": 1, "optimizer": "sgd", "learning_rate": 1.0, "clip_norm": 1e-3}, validate=False
    )
    Job(1, tmp_path).seed_torch("build")
    start = torch.nn.Linear(3, 1).weight
    assert (held.weight - start).norm() < 2e-3 < (free.weight - start).norm()


@pytest.mark.parametrize(
    ("settings", "job", "expected"),
    [
        ({"precision": "bfloat16"}, {}, torch.bfloat16),  # a method's setting holds on any device
        ({}, {"precision": "bfloat16"}, torch.float32),  # the workflow's is for GPUs
        ({}, {}, torch.float32),
    ],
)
def test_mixed_precision_is_where_it_is_asked_for(tmp_path, settings, job, expected):
    network, seen = torch.nn.Linear(3, 1), []

    def loss(net, batch):
        made = net(batch["x"])
        seen.append(made.dtype)
        return made.float().square().mean()

    batch = lambda index: {"x": torch.ones(len(index), 3)}  # noqa: E731
    training.fit(network, 8, batch, loss, {"steps": 2, **settings}, Job(1, tmp_path, **job))
    assert seen == [expected] * 2 and network.weight.dtype == torch.float32


def test_infinite_loss_is_a_failure(tmp_path):
    with pytest.raises(training.TrainingFailed, match="training loss is"):
        problem(tmp_path, {"optimizer": "sgd", "learning_rate": 1e12, "steps": 200})


class Normalised(torch.nn.Sequential):
    def forward(self, batch):
        return super().forward(batch["x"])


@pytest.mark.parametrize(("samples", "wanted"), [(1, [1]), (4, [4]), (5, [4]), (6, [4, 2])])
def test_normalisations_are_measured_on_more_than_one_sample(tmp_path, samples, wanted):
    batch = lambda index: {"x": torch.from_numpy(index)}  # noqa: E731
    found = list(training._batches(batch, np.arange(samples), 4, Job(1, tmp_path)))
    assert [len(one["x"]) for one in found] == wanted


def noisy(folder, settings, watched=True, **job):
    """A normalised regression whose labels are half noise: the error of its predictions, and its job."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((2000, 5)).astype("f4")) + 3
    truth = x @ torch.tensor([[1.0], [2.0], [-1.0], [0.5], [0.0]])
    y = truth + 2.5 * torch.from_numpy(rng.standard_normal((2000, 1)).astype("f4"))
    work = Job(1, folder, **job)
    work.seed_torch("build")
    network = Normalised(torch.nn.BatchNorm1d(5), torch.nn.Dropout(0.1), torch.nn.Linear(5, 1))
    error = lambda net, batch: (net(batch) - batch["y"]).square().mean()  # noqa: E731
    check = lambda: {"loss": float((network({"x": x}) - truth).square().mean())}  # noqa: E731
    batch = lambda index: {"x": x[index], "y": y[index]}  # noqa: E731
    settings = {"optimizer": "adam", "learning_rate": 0.05, "batch_size": 20, "epochs": 8, **settings}
    training.fit(network, 2000, batch, error, settings, work, validate=check if watched else None)
    with torch.no_grad():
        return check()["loss"], work, network


@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize("watched", [True, False])
def test_averaged_weights_lose_the_noise_of_the_steps(tmp_path, keep, watched):
    plain, *_ = noisy(tmp_path / "a", {"keep": keep}, watched)
    averaged, work, network = noisy(tmp_path / "b", {"keep": keep, "average": 0.99}, watched)
    # The best of many looks at the truth itself has little noise left to lose.
    assert averaged < {"best": 1, "last": 0.7}[keep] * plain
    if watched:
        losses = [row["valid_loss"] for row in work.history]
        assert averaged == pytest.approx(min(losses) if keep == "best" else losses[-1], rel=1e-5)
    # What is done is not done again, and stays the same.
    again, _, same = noisy(tmp_path / "b", {"keep": keep, "average": 0.99}, watched)
    assert again == averaged and all(map(torch.equal, network.state_dict().values(), same.state_dict().values()))


def test_averaged_training_goes_on_where_it_was_killed(tmp_path, monkeypatch):
    settings = {"average": 0.99, "epochs": 2}
    whole, work, network = noisy(tmp_path / "a", settings)
    with killed(monkeypatch, 130):
        noisy(tmp_path / "b", settings, checkpoint_seconds=0)
    taken = torch.load(tmp_path / "b" / "fit.pt", weights_only=True)["seconds"]
    resumed, again, same = noisy(tmp_path / "b", settings)
    assert resumed == whole and all(map(torch.equal, network.state_dict().values(), same.state_dict().values()))
    # Samples and seconds are those of all processes.
    assert again.samples == work.samples == 4000 and again.seconds > taken > 0


def test_unknown_setting_is_refused(tmp_path):
    with pytest.raises(TypeError, match="learning_rat"):
        problem(tmp_path, {"learning_rat": 1, "steps": 1})


def test_seed_decides_the_order_and_phases_are_independent(tmp_path):
    one, *_ = problem(tmp_path / "a", {"steps": 20})
    same, *_ = problem(tmp_path / "b", {"steps": 20})
    other, *_ = problem(tmp_path / "c", {"steps": 20}, seed=2)
    assert one.weight.equal(same.weight) and not one.weight.equal(other.weight)
    job = Job(1, tmp_path)
    assert len({job.number("a"), job.number("b"), job.number("a", 1), Job(2, tmp_path).number("a")}) == 4


def test_missing_gpu_is_said():
    if torch.cuda.is_available():
        assert device.choose("auto") == "cuda"
    else:
        assert device.choose("auto") == "cpu"
        with pytest.raises(RuntimeError, match="no GPU"):
            device.choose("cuda")


def test_play_is_over_when_it_is_told_so(tmp_path):
    network = torch.nn.Linear(1, 1)
    seen = []

    def step(number):
        seen.append(number)
        return {"loss": torch.tensor(1.0 / (number + 1))}

    job = Job(1, tmp_path)
    training.play({"network": network}, step, 100, job, every=10, stop=lambda row: row["step"] == 30, samples=8)
    assert len(seen) == 30 and [row["step"] for row in job.history] == [10, 20, 30]
    assert job.samples == 30 * 8
    # What is over is not begun again.
    training.play({"network": network}, step, 100, Job(1, tmp_path), every=10, stop=lambda row: False)
    assert len(seen) == 30
