"""Settings of a training: their defaults, and the optimiser that they name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import torch

OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adadelta": torch.optim.Adadelta,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
}


@dataclass(frozen=True)
class Settings:
    """How a network is trained; what a method's YAML says under `training`."""

    optimizer: str = "adam"  # one of OPTIMIZERS
    learning_rate: float = 1e-3
    optimizer_options: dict = field(default_factory=dict)  # momentum, weight_decay, rho, eps, …: passed to torch.optim
    batch_size: int = 64
    epochs: int | None = None  # the length of training: epochs or steps
    steps: int | None = None
    evaluate_every: int | None = None  # steps between two evaluations of the validation split; None: once an epoch
    patience: int | None = None  # evaluations without a better value until training stops; None: never
    monitor: str = "loss"  # what is better: a lower "loss", or the id of a metric
    keep: str = "best"  # which weights remain: the "best" on validation, or the "last"
    # constant; linear or cosine (both fall to zero); {factor: 0.5, every: steps} or {factor: …, every_epochs: n}; or
    # {factor: …, plateau: evaluations without a validation loss lower by `gain`, least: share of the first rate}
    schedule: str | dict = "constant"
    clip_norm: float | None = None  # largest norm of a step's gradient
    average: float | None = None  # decay of a moving average of the weights, which then is validated and kept
    precision: str | None = None  # bfloat16: mixed precision on any device; None: what the workflow says of a GPU
    # How often a training that stays at chance may be begun anew with another initialization (learning/restarts.py)
    restarts: int = 0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Settings":
        """Take the defaults for what is not given; TypeError names settings that there are not."""
        unknown = given.keys() - {one.name for one in fields(cls)}
        if unknown:
            raise TypeError(f"unknown training settings: {', '.join(sorted(unknown))}")
        return cls(**given)


def optimizer_of(parameters: Iterable, settings: Mapping[str, Any]) -> torch.optim.Optimizer:
    """Build the optimiser that `optimizer`, `learning_rate` and `optimizer_options` of `settings` name, over torch
    parameters or groups of them."""
    # A scale that changes the optimiser takes an option back by null.
    options = {key: value for key, value in settings.get("optimizer_options", {}).items() if value is not None}
    build = OPTIMIZERS[settings.get("optimizer", Settings.optimizer)]
    return build(parameters, lr=settings.get("learning_rate", Settings.learning_rate), **options)
