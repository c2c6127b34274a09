"""What outlives a killed process: the progress of one phase of training, written atomically."""

import logging
import math
from pathlib import Path

import torch

from deepbio.core.files import atomic
from deepbio.core.job import Job

log = logging.getLogger(__name__)


class State:
    """Progress of one phase. `parts`: the networks and optimisers that training changes, by name."""

    KEPT = ("step", "history", "finished", "best", "best_step", "best_weights", "waited", "counted", "seconds")

    def __init__(self, path: Path, parts: dict, job: Job):
        self.path, self.parts, self.job = path, parts, job
        self.step, self.history, self.finished = 0, [], False
        self.best, self.best_step, self.best_weights, self.waited = None, 0, None, 0
        self.running, self.counted = {}, 0  # sums since the last evaluation, and of how many steps
        self.seconds = 0.0  # that its steps took, in all processes

    def compare(self, value: float, higher_is_better: bool, patience: int | None) -> None:
        """Keep the network's weights where `value` is the best so far; finish when patience is at its end.

        A value that is not finite is never the best.
        """
        better = self.best is None or (value > self.best if higher_is_better else value < self.best)
        if better and math.isfinite(value):
            self.best, self.best_step, self.waited = value, self.step, 0
            weights = self.parts["network"].state_dict()
            self.best_weights = {key: tensor.detach().cpu().clone() for key, tensor in weights.items()}
        else:
            self.waited += 1
        self.finished = patience is not None and self.waited >= patience

    def note(self, row: dict) -> None:
        """Add a row to the history."""
        self.history.append(row)
        log.info("%s: %s", self.path.stem, ", ".join(f"{key} {value:.4g}" for key, value in row.items()))

    def save(self) -> None:
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
                    **{key: getattr(self, key) for key in State.KEPT},
                },
                temporary,
            )

    def resume(self) -> bool:
        """Take up the last checkpoint of this phase; False where there is none."""
        if not self.path.exists():
            return False
        # Each part moves its own to where it belongs: an optimiser's count of steps stays on the CPU.
        stored = torch.load(self.path, map_location="cpu", weights_only=True)
        for key, part in self.parts.items():
            part.load_state_dict(stored["parts"][key])
        for key in (*State.KEPT, "running"):
            setattr(self, key, stored[key])
        torch.set_rng_state(stored["generators"]["cpu"])
        if "cuda" in stored["generators"]:
            torch.cuda.set_rng_state(stored["generators"]["cuda"])
        log.info("%s: goes on at step %d", self.path.stem, self.step)
        return True

    def finish(self, keep: str) -> int:
        """Put the kept weights into the network; the number of steps that they have seen.

        A phase that is done is not done again after a kill.
        """
        steps, network = self.step, self.parts["network"]
        if keep == "best" and self.best_weights is not None:
            network.load_state_dict(self.best_weights)
            steps = self.best_step
        network.eval()
        self.finished = True
        self.save()
        return steps
