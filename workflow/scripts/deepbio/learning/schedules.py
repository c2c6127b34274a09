"""Schedules of the learning rate, as factors of the first one."""

import math
from collections.abc import Iterable


def factor(schedule: str | dict, step: int, total: int, per_epoch: int, losses: Iterable[float]) -> float:
    """Give the rate's factor at a step of `total`, of which an epoch has `per_epoch`; `losses`: validation's."""
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return 1 - step / total
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * step / total))
    if isinstance(schedule, str):
        raise ValueError(f"a schedule is constant, linear, cosine or a mapping, not '{schedule}'")
    if "plateau" in schedule:
        return plateau(losses, **schedule)
    every = schedule.get("every") or schedule["every_epochs"] * per_epoch
    return schedule["factor"] ** (step // every)


def plateau(losses: Iterable[float], factor: float, plateau: int, gain: float = 0.0, least: float = 0.0) -> float:
    """Multiply the rate by `factor` after every `plateau` evaluations without a loss lower by `gain`, down to `least`.

    It follows from the losses alone, so a checkpoint need not hold it.
    """
    rate, best, waited = 1.0, math.inf, 0
    for loss in losses:
        waited = waited + 1 if loss >= best - gain else 0
        best = best if waited else loss
        if waited == plateau:
            rate, waited = max(rate * factor, least), 0
    return rate
