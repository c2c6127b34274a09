"""The one training loop: batches, early stopping, checkpoints, exact resume.

`fit` trains one network on one loss; `play` takes the steps of a training of another kind, such as two adversaries'.

A job that is killed and started again ends with the same weights, bit for bit on the CPU: what a phase of training
draws at random depends on the job's seed and the phase's name alone, the order of samples on the epoch, and a
checkpoint holds weights, optimiser, position and the generator's state.
"""

import logging
import math
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn
from tqdm import tqdm

from deepbio.core.files import atomic
from deepbio.scoring.metrics import METRICS

log = logging.getLogger(__name__)

OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adadelta": torch.optim.Adadelta,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
}

DEFAULTS = {
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "optimizer_options": {},  # momentum, weight_decay, rho, eps, …: passed to torch.optim
    "batch_size": 64,
    "epochs": None,  # the length of training: epochs or steps
    "steps": None,
    "evaluate_every": None,  # steps between two looks at the validation split; None: once an epoch
    "patience": None,  # looks without a better value until training stops; None: never
    "monitor": "loss",  # "loss", or the id of a metric
    "keep": "best",  # which weights remain: "best" on validation, or "last"
    # constant, linear or cosine (both fall to zero), {factor: 0.5, every: steps} or {factor: …, every_epochs: n}, or
    # {factor: …, plateau: looks without a validation loss lower by `gain`, least: share of the first rate}
    "schedule": "constant",
    "clip_norm": None,
    "average": None,  # decay of a moving average of the weights, which then is what is validated and kept
    "precision": None,  # bfloat16: mixed precision on any device; None: what the workflow's setting says of a GPU
}


STATISTICS = 5120  # samples on which the normalisations of averaged weights are measured


class TrainingFailed(RuntimeError):
    """Training cannot go on: the loss is not a finite number."""


def fit(network, samples, batch, loss, settings, job, name="fit", validate=None, groups=None, on_epoch=None):
    """Train `network` in place and return the number of steps that its remaining weights have seen.

    Parameters
    ----------
    samples : int
        Number of training samples.
    batch : callable
        `batch(index) -> dict of tensors` for an array of sample numbers.
    loss : callable
        `loss(network, batch) -> scalar tensor`.
    settings : dict
        Overrides of DEFAULTS.
    name : str
        Name of this phase of the job; phases are independent of each other.
    validate : callable, optional
        `validate() -> dict` with `loss` and any metrics, computed on validation data with the network in eval mode.
    groups : callable, optional
        `groups(network) -> list` of torch parameter groups, where not all weights are treated alike.
    on_epoch : callable, optional
        `on_epoch(epoch)` before an epoch begins, to draw that epoch's data.

    Raises TrainingFailed when the loss is not finite, TypeError for unknown settings.
    """
    unknown = settings.keys() - DEFAULTS.keys()
    if unknown:
        raise TypeError(f"unknown training settings: {', '.join(sorted(unknown))}")
    settings = {**DEFAULTS, **settings}
    batch_size = min(settings["batch_size"], samples)
    per_epoch = _batch_count(samples, batch_size)
    total = settings["steps"] or settings["epochs"] * per_epoch
    every = settings["evaluate_every"] or per_epoch

    network.to(job.device)
    optimizer = optimizer_of(groups(network) if groups else network.parameters(), settings)
    initial = [group["lr"] for group in optimizer.param_groups]
    parts, average = {"network": network, "optimizer": optimizer}, None
    if settings["average"]:
        drawn = job.rng(name, "statistics").permutation(samples)[:STATISTICS]
        average = _Average(network, settings["average"], lambda: _batches(batch, drawn, batch_size, job), job)
        parts["average"] = average.model
    state = _State(Path(job.scratch) / f"{name}.pt", parts, job)
    kind = torch.device(job.device).type
    mixed = (settings["precision"] or (job.precision if kind != "cpu" else None)) == "bfloat16"
    epoch = order = None

    def step(number):
        nonlocal epoch, order
        if number // per_epoch != epoch:
            epoch = number // per_epoch
            order = job.rng(name, "order", epoch).permutation(samples)
            if on_epoch:
                on_epoch(epoch)
        start = (number % per_epoch) * batch_size
        values = on(job.device, batch(order[start : start + batch_size]))
        for group, rate in zip(optimizer.param_groups, initial, strict=True):
            group["lr"] = rate * _factor(settings["schedule"], state, total, per_epoch)
        network.train()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(kind, torch.bfloat16, enabled=mixed):
            value = loss(network, values)
        value.backward()
        if settings["clip_norm"]:
            torch.nn.utils.clip_grad_norm_(network.parameters(), settings["clip_norm"])
        optimizer.step()
        if average:
            average.model.update_parameters(network)
        return {"train_loss": value.detach()}

    def look(row):
        with average.standing_in() if average and validate else nullcontext():
            state.look(row, validate, settings)

    taken = _advance(state, step, total, every, look, name)
    job.samples += taken * batch_size
    keep = settings["keep"] if validate else "last"
    steps = state.finish(keep)
    if average and keep == "last":
        average.put_in()
    return steps


def _batch_count(samples, size):
    """How many batches there are; a last one of one sample, in which normalisation finds no spread, is left out."""
    return max(1, math.ceil(samples / size) - (samples % size == 1))


def _batches(batch, index, size, job):
    """The samples `index` in batches on the job's device."""
    for start in range(0, _batch_count(len(index), size) * size, size):
        yield on(job.device, batch(index[start : start + size]))


def on(device, batch):
    """The tensors of a batch on the device."""
    return {key: value.to(device, non_blocking=True) for key, value in batch.items()}


class _Average:
    """The exponential moving average of a network's weights over its steps (Polyak and Juditsky 1992).

    Batch normalisation has its statistics measured anew for the averaged weights, on `batches()`: those of the steps
    are of other weights.
    """

    def __init__(self, network, decay, batches, job):
        self.network, self.batches, self.job = network, batches, job
        self.model = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))

    def put_in(self):
        """Put the average into the network; torch's generators are left as they were."""
        self.network.load_state_dict(self.model.module.state_dict())
        with torch.random.fork_rng([] if self.job.device == "cpu" else [self.job.device]):
            self.job.seed_torch("statistics")
            update_bn(self.batches(), self.network)

    @contextmanager
    def standing_in(self):
        """The network has the average's weights inside, and its own again afterwards."""
        own = {key: value.clone() for key, value in self.network.state_dict().items()}
        self.put_in()
        yield
        self.network.load_state_dict(own)


def optimizer_of(parameters, settings):
    """The optimiser that `settings` (as of `fit`) name, over torch parameters or groups of them."""
    settings = {**DEFAULTS, **settings}
    # A scale that changes the optimiser takes an option back by null.
    options = {key: value for key, value in settings["optimizer_options"].items() if value is not None}
    return OPTIMIZERS[settings["optimizer"]](parameters, lr=settings["learning_rate"], **options)


def play(parts, step, steps, job, name="fit", every=None, look=None, stop=None):
    """Take the steps of a training that is not one network's descent on one loss.

    Parameters
    ----------
    parts : dict
        All that training changes, each with `state_dict()` and `load_state_dict()`: networks, optimisers, …
    step : callable
        `step(number) -> dict` of scalar tensors, whose means between two looks are written to the history. What it
        draws at random comes from torch's generator, or from `job.rng` by the step's number.
    steps, every : int
        Steps in all, and between two looks (None: one look at the end).
    look : callable, optional
        `look(row) -> dict or None`, called with a row of the history, to which it may add.
    stop : callable, optional
        `stop(row) -> bool`, called with a row of the history after a look: whether training is over before its time.

    Raises TrainingFailed when one of the means is not finite.
    """
    state = _State(Path(job.scratch) / f"{name}.pt", parts, job)

    def note(row):
        state.history.append({**row, **((look(row) if look else None) or {})})
        state.finished = bool(stop and stop(state.history[-1]))

    _advance(state, step, steps, every or steps, note, name)
    state.finished = True
    state.save()


def _advance(state, step, total, every, look, name):
    """Go on from the last checkpoint until `total` steps are done or a look has finished; the number taken here."""
    job = state.job
    torch.set_flush_denormal(True)  # a CPU takes many times longer over numbers that are next to nothing
    if not state.resume():
        job.seed_torch(name)
    began, first, saved = time.monotonic(), state.step, time.monotonic()
    bar = tqdm(total=total, initial=first, desc=name, unit="step", leave=False, disable=None)  # on a terminal only
    while state.step < total and not state.finished:
        for key, value in step(state.step).items():
            state.running[key] = state.running.get(key, 0.0) + value
        state.step += 1
        state.counted += 1
        bar.update()
        if state.step % every == 0 or state.step == total:
            means = {key: float(value) / state.counted for key, value in state.running.items()}
            if not all(map(math.isfinite, means.values())):
                told = ", ".join(map(str, means.values()))
                raise TrainingFailed(f"{name}: the training loss is {told} at step {state.step}")
            look({"step": state.step, **means})
            state.running, state.counted = {}, 0
        if time.monotonic() - saved > job.checkpoint_seconds and not state.finished:
            state.save()
            saved = time.monotonic()
    bar.close()
    job.seconds += time.monotonic() - began
    job.history += [{"phase": name, **row} for row in state.history]
    return state.step - first


def _factor(schedule, state, total, per_epoch):
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return 1 - state.step / total
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * state.step / total))
    if "plateau" in schedule:
        return _plateau([row["valid_loss"] for row in state.history if "valid_loss" in row], **schedule)
    every = schedule.get("every") or schedule["every_epochs"] * per_epoch
    return schedule["factor"] ** (state.step // every)


def _plateau(losses, factor, plateau, gain=0.0, least=0.0):
    """The rate's factor after some looks; told from the losses alone, it needs no place in a checkpoint."""
    rate, best, waited = 1.0, math.inf, 0
    for loss in losses:
        waited = waited + 1 if loss >= best - gain else 0
        best = best if waited else loss
        if waited == plateau:
            rate, waited = max(rate * factor, least), 0
    return rate


class _State:
    """Progress of one phase: what a checkpoint holds. `parts`: the networks and optimisers that training changes."""

    def __init__(self, path, parts, job):
        self.path, self.parts, self.job = path, parts, job
        self.step, self.history, self.finished = 0, [], False
        self.best, self.best_step, self.best_weights, self.waited = None, 0, None, 0
        self.running, self.counted = {}, 0  # sums since the last look, and of how many steps

    def look(self, row, validate, settings):
        """Note the losses; keep the best weights; finish when patience is at its end."""
        network = self.parts["network"]
        if validate:
            network.eval()
            with torch.no_grad():
                row.update({f"valid_{key}": float(value) for key, value in validate().items()})
            monitor = settings["monitor"]
            value = row[f"valid_{monitor}"]
            rises = monitor != "loss" and METRICS[monitor].higher
            if self.best is None or (value > self.best if rises else value < self.best):
                self.best, self.best_step, self.waited = value, self.step, 0
                self.best_weights = {k: v.detach().cpu().clone() for k, v in network.state_dict().items()}
            else:
                self.waited += 1
            self.finished = settings["patience"] is not None and self.waited >= settings["patience"]
        self.history.append(row)
        log.info("%s: %s", self.path.stem, ", ".join(f"{key} {value:.4g}" for key, value in row.items()))

    def save(self):
        """Write a checkpoint: weights, optimisers, progress and the generators' states."""
        generators = {"cpu": torch.get_rng_state()}
        if self.job.device != "cpu":
            generators["cuda"] = torch.cuda.get_rng_state()
        with atomic(self.path) as temporary:
            torch.save(
                {
                    "parts": {key: part.state_dict() for key, part in self.parts.items()},
                    "generators": generators,
                    "running": {key: float(value) for key, value in self.running.items()},
                    **{key: getattr(self, key) for key in _State.KEPT},
                },
                temporary,
            )

    KEPT = ("step", "history", "finished", "best", "best_step", "best_weights", "waited", "counted")

    def resume(self):
        """Take up the last checkpoint of this phase; False where there is none."""
        if not self.path.exists():
            return False
        stored = torch.load(self.path, map_location=self.job.device, weights_only=True)
        for key, part in self.parts.items():
            part.load_state_dict(stored["parts"][key])
        for key in (*_State.KEPT, "running"):
            setattr(self, key, stored[key])
        torch.set_rng_state(stored["generators"]["cpu"].cpu())
        if "cuda" in stored["generators"]:
            torch.cuda.set_rng_state(stored["generators"]["cuda"].cpu())
        log.info("%s: goes on at step %d", self.path.stem, self.step)
        return True

    def finish(self, keep):
        """Put the kept weights into the network; a phase that is done is not done again after a kill."""
        steps, network = self.step, self.parts["network"]
        if keep == "best" and self.best_weights is not None:
            network.load_state_dict(self.best_weights)
            steps = self.best_step
        network.eval()
        self.finished = True
        self.save()
        return steps


def device(wanted="auto"):
    """`cuda` where there is a GPU and it is not forbidden, else `cpu`; RuntimeError where `cuda` is asked in vain."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("config says device: cuda, but torch sees no GPU")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"
