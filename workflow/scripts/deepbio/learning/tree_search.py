"""Search of hyper-parameters by a tree-structured Parzen estimator (Bergstra et al. 2011), by Optuna."""

import math
from collections.abc import Callable
from typing import Any

from deepbio.core.job import Job
from deepbio.learning.search import Found, best_of


def tree_search(
    space: dict, trials: int, evaluate: Callable[[dict, str], dict], job: Job, name: str = "search"
) -> Found:
    """Find the best of `trials` settings, each drawn where earlier ones were good; see search.best_of.

    `space` is as in search.draw.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=job.number(name) % 2**32))
    asked = []

    def ask(number: int) -> dict:
        asked.append(study.ask())
        return {key: _suggest(asked[-1], key, space[key]) for key in sorted(space)}

    def tell(loss: float) -> None:
        if math.isfinite(loss):
            study.tell(asked[-1], loss)
        else:
            study.tell(asked[-1], state=optuna.trial.TrialState.FAIL)

    return best_of(ask, trials, evaluate, job, name, tell)


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
