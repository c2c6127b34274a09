"""Search of hyper-parameters with a budget that the configuration states; random search."""

import logging
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from deepbio.core.job import Job
from deepbio.learning.training import TrainingFailed

log = logging.getLogger(__name__)
Trained = TypeVar("Trained")


class Found(NamedTuple):
    """The best setting of a search, what its trial came to, and how many trials there were."""

    setting: dict
    result: dict
    trials: int


def draw(space: dict, rng: np.random.Generator) -> dict:
    """Draw one setting from a space: name → a fixed value or one of {choice: […]}, {uniform: [a, b]},
    {log_uniform: [a, b]}, {integer: [a, b]} (both ends included). The order of the names changes nothing."""
    return {name: _draw(space[name], rng) for name in sorted(space)}


def _draw(rule: Any, rng: np.random.Generator) -> Any:
    if not isinstance(rule, dict):
        return rule
    (how, range_), *more = rule.items()
    if more or how not in ("choice", "uniform", "log_uniform", "integer"):
        raise ValueError(f"a search range is one of choice, uniform, log_uniform or integer, not {rule}")
    if how == "choice":
        return range_[rng.integers(len(range_))]
    low, high = range_
    if how == "integer":
        return int(rng.integers(low, high + 1))
    if how == "uniform":
        return float(rng.uniform(low, high))
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def random_search(
    space: dict, trials: int, evaluate: Callable[[dict, str], dict], job: Job, name: str = "search"
) -> Found:
    """Find the best of `trials` random settings; see `best_of`."""
    return best_of(lambda number: draw(space, job.rng(name, number)), trials, evaluate, job, name)


def best_of(
    ask: Callable[[int], dict],
    trials: int,
    evaluate: Callable[[dict, str], dict],
    job: Job,
    name: str,
    tell: Callable[[float], None] = lambda loss: None,
) -> Found:
    """Find the best of `trials` settings that `ask(number)` gives; `tell(loss)` hears what became of the last one.

    `evaluate(setting, name) -> dict` has `loss` (lower is better) and whatever belongs to the result. A trial whose
    training fails, or whose loss is not finite, counts as lost. Finished trials are remembered: a killed search goes
    on where it was. Raises TrainingFailed where all trials are lost.
    """

    def trial(setting, title):
        try:
            return evaluate(setting, title)
        except TrainingFailed as failure:
            log.warning("%s is lost: %s", title, failure)
            return {"loss": math.inf}

    tried = []
    for number in range(trials):
        setting, title = ask(number), f"{name}{number}"
        result = job.remember(title, lambda s=setting, t=title: trial(s, t))
        log.info("%s %d of %d: loss %.4g with %s", name, number + 1, trials, result["loss"], setting)
        tell(result["loss"])
        tried.append((setting, result))
    finite = [one for one in tried if math.isfinite(one[1]["loss"])]
    if not finite:
        raise TrainingFailed(f"{name}: all {trials} settings failed")
    return Found(*min(finite, key=lambda one: one[1]["loss"]), trials)


def fit_best(
    budget: dict, trial: Callable[[dict, str], dict], final: Callable[[Found], Trained], job: Job
) -> tuple[Found, Trained]:
    """Train each trial of a budget (space, trials), choose by validation, and train the winner to its end.

    `trial` is what best_of calls `evaluate`; what `final(found)` gives is handed on.
    """
    found = random_search(budget["space"], budget["trials"], trial, job)
    return found, final(found)
