"""Search of hyper-parameters by a tree-structured Parzen estimator (Bergstra et al. 2011), by Optuna."""

import logging
import math
from collections.abc import Callable
from typing import Any

from deepbio.core.job import Job
from deepbio.learning.search import Found
from deepbio.learning.training import TrainingFailed

log = logging.getLogger(__name__)


def tree_search(
    space: dict, trials: int, evaluate: Callable[[dict, str], dict], job: Job, name: str = "search"
) -> Found:
    """Find the best of `trials` settings, each drawn where earlier ones were good.

    `space`, `evaluate` and what is remembered of a killed search are as in search.random_search. Raises TrainingFailed
    where all trials are lost.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=job.number(name) % 2**32))

    def attempt(setting: dict, title: str) -> dict:
        try:
            return evaluate(setting, title)
        except TrainingFailed as failure:
            log.warning("%s is lost: %s", title, failure)
            return {"loss": math.inf}

    tried = []
    for number in range(trials):
        trial = study.ask()
        setting = {key: _suggest(trial, key, space[key]) for key in sorted(space)}
        title = f"{name}{number}"
        result = job.remember(title, lambda s=setting, t=title: attempt(s, t))
        log.info("%s %d of %d: loss %.4g with %s", name, number + 1, trials, result["loss"], setting)
        if math.isfinite(result["loss"]):
            study.tell(trial, result["loss"])
            tried.append((setting, result))
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
    if not tried:
        raise TrainingFailed(f"{name}: all {trials} settings failed")
    return Found(*min(tried, key=lambda one: one[1]["loss"]), trials)


def _suggest(trial: Any, name: str, rule: Any) -> Any:
    """Let Optuna choose a value of a range as search.draw has them."""
    if not isinstance(rule, dict):
        return rule
    ((how, range_),) = rule.items()
    if how == "choice":
        return range_[trial.suggest_categorical(name, list(range(len(range_))))]
    if how == "integer":
        return trial.suggest_int(name, *range_)
    if how in ("uniform", "log_uniform"):
        return trial.suggest_float(name, *map(float, range_), log=how == "log_uniform")
    raise ValueError(f"a search range is one of choice, uniform, log_uniform or integer, not {rule}")
