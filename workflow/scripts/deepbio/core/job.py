"""Where and how one run is trained; importing it costs nothing, so baselines without torch start quickly."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepbio.core.files import read_json, write_json


@dataclass
class Job:
    """Where and how one run is trained: seed, device, precision, and a folder that outlives a killed process."""

    seed: int
    scratch: Path
    device: str = "cpu"
    precision: str = "float32"
    checkpoint_seconds: float = 30.0
    history: list = field(default_factory=list)
    samples: int = 0
    restarts: int = 0  # how often a dead training was begun anew
    seconds: float = 0.0
    precisions: set = field(default_factory=set)  # those that its networks were trained in

    def number(self, *names):
        """Derive a 63-bit number that depends on the job's seed and the names, and on nothing else."""
        return int.from_bytes(hashlib.sha256(json.dumps([self.seed, *names]).encode()).digest()[:8], "big") >> 1

    def rng(self, *names):
        """Make a numpy generator for one purpose, such as rng("folds")."""
        return np.random.default_rng(self.number(*names))

    def seed_torch(self, *names):
        """Set torch's generators for one purpose, such as the initial weights of a network."""
        import torch

        torch.manual_seed(self.number(*names))

    def remember(self, name, compute):
        """Run `compute()` (JSON-able) once: a process that was killed and started again reads what it gave before."""
        path = Path(self.scratch) / f"{name}.json"
        if not path.exists():
            write_json(path, compute())
        return read_json(path)
