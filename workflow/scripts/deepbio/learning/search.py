"""Random search of hyper-parameters, with a budget that the configuration states."""

import logging

import numpy as np

log = logging.getLogger(__name__)


def draw(space, rng):
    """One setting from a space: name → a fixed value or one of {choice: […]}, {uniform: [a, b]}, {log_uniform: [a, b]},
    {integer: [a, b]} (both ends included)."""
    return {name: _draw(rule, rng) for name, rule in space.items()}


def _draw(rule, rng):
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


def random_search(space, trials, evaluate, job, name="search"):
    """The best of `trials` random settings.

    `evaluate(setting, name) -> dict` with `loss` (lower is better) and whatever belongs to the result. A trial that
    fails (its loss is not finite) counts as lost. Finished trials are remembered: a killed search goes on where it
    was. Returns {"setting": …, "result": …, "trials": number}.
    """
    tried = []
    for trial in range(trials):
        setting = draw(space, job.rng(name, trial))
        result = job.remember(f"{name}{trial}", lambda s=setting, t=trial: evaluate(s, f"{name}{t}"))
        log.info("%s %d of %d: loss %.4g with %s", name, trial + 1, trials, result["loss"], setting)
        tried.append({"setting": setting, "result": result})
    finite = [trial for trial in tried if np.isfinite(trial["result"]["loss"])]
    if not finite:
        raise RuntimeError(f"{name}: all {trials} settings failed")
    return {**min(finite, key=lambda trial: trial["result"]["loss"]), "trials": trials}
