"""The one training loop: batches, early stopping, checkpoints, exact resume.

`fit` trains one network on one loss; `play` takes the steps of a training of another kind, such as two adversaries'.

A job that is killed and started again ends with the same weights, bit for bit on the CPU: what a phase of training
draws at random depends on the job's seed and the phase's name alone, the order of samples on the epoch, and a
checkpoint holds weights, optimiser, position and the generator's state.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from deepbio.core.job import Job
from deepbio.learning import device, schedules
from deepbio.learning.averaging import SAMPLES, Average
from deepbio.learning.checkpoint import State
from deepbio.learning.settings import Settings, optimizer_of

Batch = dict[str, Tensor]


class TrainingFailed(RuntimeError):
    """Training cannot go on: the loss is not a finite number."""


@dataclass(frozen=True)
class FitResult:
    """What one phase of training came to."""

    steps: int  # that the remaining weights have seen
    best: float | None  # the best value of what was monitored; None where nothing was, or it never was finite
    history: list[dict]  # a row an evaluation: step, means of the training losses, values on validation

    @property
    def losses(self) -> list[float]:
        """List the validation losses, one an evaluation."""
        return [row["valid_loss"] for row in self.history if "valid_loss" in row]

    @property
    def best_loss(self) -> float:
        """Return the lowest finite validation loss; infinite where there is none."""
        return min(filter(math.isfinite, self.losses), default=math.inf)


def fit(
    network: nn.Module,
    samples: int,
    batch: Callable[[np.ndarray], Batch],
    loss: Callable[[nn.Module, Batch], Tensor],
    settings: dict,
    job: Job,
    name: str = "fit",
    validate: Callable[[], dict] | None = None,
    groups: Callable[[nn.Module], list] | None = None,
    on_epoch: Callable[[int], None] | None = None,
) -> FitResult:
    """Train `network` in place.

    Parameters
    ----------
    samples : int
        Number of training samples.
    batch : callable
        `batch(index) -> dict of tensors` for an array of sample numbers.
    loss : callable
        `loss(network, batch) -> scalar tensor`.
    settings : dict
        Values of Settings that are not the defaults.
    name : str
        Name of this phase of the job; phases are independent of each other.
    validate : callable, optional
        `validate() -> dict` with `loss` and what is monitored, computed on validation data with the network in eval
        mode.
    groups : callable, optional
        `groups(network) -> list` of torch parameter groups, where not all weights are treated alike.
    on_epoch : callable, optional
        `on_epoch(epoch)` before an epoch begins, to draw that epoch's data.

    Raises TrainingFailed when the loss is not finite, TypeError for unknown settings.
    """
    chosen = Settings.of(settings)
    batch_size = min(chosen.batch_size, samples)
    per_epoch = _batch_count(samples, batch_size)
    total = chosen.steps or chosen.epochs * per_epoch
    every = chosen.evaluate_every or per_epoch
    higher_is_better = _higher_is_better(chosen.monitor)

    network.to(job.device)
    optimizer = optimizer_of(groups(network) if groups else network.parameters(), asdict(chosen))
    initial = [group["lr"] for group in optimizer.param_groups]
    parts, average = {"network": network, "optimizer": optimizer}, None
    if chosen.average:
        drawn = job.rng(name, "statistics").permutation(samples)[:SAMPLES]
        average = Average(network, chosen.average, lambda: _batches(batch, drawn, batch_size, job), job)
        parts["average"] = average.model
    state = State(Path(job.scratch) / f"{name}.pt", parts, job)
    kind = torch.device(job.device).type
    mixed = (chosen.precision or (job.precision if kind != "cpu" else None)) == "bfloat16"
    job.precisions.add("bfloat16" if mixed else "float32")
    epoch = order = None

    def step(number):
        nonlocal epoch, order
        if number // per_epoch != epoch:
            epoch = number // per_epoch
            order = job.rng(name, "order", epoch).permutation(samples)
            if on_epoch:
                on_epoch(epoch)
        start = (number % per_epoch) * batch_size
        values = device.to(job.device, batch(order[start : start + batch_size]))
        losses = (row["valid_loss"] for row in state.history if "valid_loss" in row)
        factor = schedules.factor(chosen.schedule, number, total, per_epoch, losses)
        for group, rate in zip(optimizer.param_groups, initial, strict=True):
            group["lr"] = rate * factor
        network.train()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(kind, torch.bfloat16, enabled=mixed):
            value = loss(network, values)
        value.backward()
        if chosen.clip_norm:
            torch.nn.utils.clip_grad_norm_(network.parameters(), chosen.clip_norm)
        optimizer.step()
        if average:
            average.model.update_parameters(network)
        return {"train_loss": value.detach()}

    def evaluate(row):
        if validate:
            network.eval()
            with average.standing_in() if average else nullcontext():
                with torch.no_grad():
                    row |= {f"valid_{key}": float(value) for key, value in validate().items()}
                state.compare(row[f"valid_{chosen.monitor}"], higher_is_better, chosen.patience)
        state.note(row)

    _advance(state, step, total, every, evaluate, name, batch_size)
    keep = chosen.keep if validate else "last"
    steps = state.finish(keep)
    if average and keep == "last":
        average.put_in()
    return FitResult(steps, state.best, state.history)


def _higher_is_better(monitor: str) -> bool:
    if monitor == "loss":
        return False
    from deepbio.scoring import metrics  # slow to import, and not needed where the loss decides

    return metrics.higher_is_better(monitor)


def _batch_count(samples: int, size: int) -> int:
    """Count batches; a last one of one sample, in which normalisation finds no variance, is left out."""
    return max(1, math.ceil(samples / size) - (samples % size == 1))


def _batches(batch: Callable[[np.ndarray], Batch], index: np.ndarray, size: int, job: Job) -> Iterator[Batch]:
    """Yield the samples `index` in batches on the job's device."""
    for start in range(0, _batch_count(len(index), size) * size, size):
        yield device.to(job.device, batch(index[start : start + size]))


def play(
    parts: dict,
    step: Callable[[int], dict],
    steps: int,
    job: Job,
    name: str = "fit",
    every: int | None = None,
    evaluate: Callable[[dict], dict | None] | None = None,
    stop: Callable[[dict], bool] | None = None,
    samples: int = 0,
) -> FitResult:
    """Take the steps of a training that is not one network's descent on one loss.

    Parameters
    ----------
    parts : dict
        All that training changes, each with `state_dict()` and `load_state_dict()`: networks, optimisers, …
    step : callable
        `step(number) -> dict` of scalar tensors, whose means between two evaluations are written to the history. What
        it draws at random comes from torch's generator, or from `job.rng` by the step's number.
    steps, every : int
        Steps in all, and between two evaluations (None: one at the end).
    evaluate : callable, optional
        `evaluate(row) -> dict or None`, called with a row of the history, to which it may add.
    stop : callable, optional
        `stop(row) -> bool`, called with a row of the history after an evaluation: whether training is over before its
        time.
    samples : int
        Samples that a step learns from, for the record of the job.

    Raises TrainingFailed when one of the means is not finite.
    """
    state = State(Path(job.scratch) / f"{name}.pt", parts, job)
    job.precisions.add("float32")  # mixed precision is a matter of `fit`

    def note(row):
        state.note({**row, **((evaluate(row) if evaluate else None) or {})})
        state.finished = bool(stop and stop(state.history[-1]))

    _advance(state, step, steps, every or steps, note, name, samples)
    state.finished = True
    state.save()
    return FitResult(state.step, None, state.history)


def _advance(state: State, step: Callable, total: int, every: int, evaluate: Callable, name: str, samples: int) -> None:
    """Go on from the last checkpoint until `total` steps, of `samples` each, are done or an evaluation has finished."""
    job = state.job
    torch.set_flush_denormal(True)  # a CPU takes many times longer over numbers that are next to nothing
    if not state.resume():
        job.seed_torch(name)
    saved = time.monotonic()
    began = saved - state.seconds
    bar = tqdm(total=total, initial=state.step, desc=name, unit="step", leave=False, disable=None)  # on a terminal only
    while state.step < total and not state.finished:
        for key, value in step(state.step).items():
            state.running[key] = state.running.get(key, 0.0) + value
        state.step += 1
        state.counted += 1
        bar.update()
        if state.step % every == 0 or state.step == total:
            means = {key: float(value) / state.counted for key, value in state.running.items()}
            if not all(map(math.isfinite, means.values())):
                found = ", ".join(map(str, means.values()))
                raise TrainingFailed(f"{name}: the training loss is {found} at step {state.step}")
            evaluate({"step": state.step, **means})
            state.running, state.counted = {}, 0
        if time.monotonic() - saved > job.checkpoint_seconds and not state.finished:
            state.seconds = time.monotonic() - began
            state.save()
            saved = time.monotonic()
    bar.close()
    state.seconds = time.monotonic() - began
    job.seconds += state.seconds
    job.samples += state.step * samples
    job.history += [{"phase": name, **row} for row in state.history]
