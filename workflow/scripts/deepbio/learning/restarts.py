"""The one rule for dead trainings: one that stays at chance is begun anew with another initialization, and counted.

Some initializations never learn: all units of a narrow layer may be off for every sample. What such a training scores
says nothing of an architecture.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

from deepbio.core.job import Job
from deepbio.learning.training import FitResult

log = logging.getLogger(__name__)
Network = TypeVar("Network")


def until_alive(
    train: Callable[[str], tuple[Network, FitResult]], bound: float, most: int, job: Job, name: str
) -> tuple[Network, FitResult]:
    """Train, and begin anew while the best validation loss is above `bound`, at most `most` times; the best of all.

    `train(name)` builds a network from an initialization of that name and trains it; the first is called `name`. Each
    new beginning is counted in `job.restarts`.
    """
    tried = [train(name)]
    while tried[-1][1].best_loss > bound and len(tried) <= most:
        job.restarts += 1
        log.warning("%s: the validation loss stays above %.4g; begun anew, time %d", name, bound, len(tried))
        # A number after a number would be the name of another training.
        tried.append(train(f"{name}{'-' if name[-1].isdigit() else ''}{len(tried)}"))
    return min(tried, key=lambda one: one[1].best_loss)
