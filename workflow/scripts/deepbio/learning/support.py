"""What baselines that learn from an episode's support alone share."""

from typing import Any

import numpy as np

from deepbio.core.data import Split
from deepbio.core.files import digest
from deepbio.core.job import Job
from deepbio.domains.chemistry.episodes import support
from deepbio.learning.rule import RuleMethod


class SupportMethod(RuleMethod):
    """A baseline that learns from each episode's support alone; a subclass says `prepare` and `rank`."""

    def prepare(self, smiles: np.ndarray) -> Any:
        """Give what `rank` needs of all molecules of the context."""
        raise TypeError(f"{type(self).__module__} does not say what it knows of molecules")

    def rank(self, known: Any, support: np.ndarray, labels: np.ndarray, query: np.ndarray, seed: int) -> np.ndarray:
        """Predict probabilities (q,) of the molecules `query` (q,) after learning from `support` (s,) with `labels`
        (s,)."""
        raise TypeError(f"{type(self).__module__} does not say how it learns")

    def fit(self, train: Split, valid: Split, job: Job) -> None:
        self.facts = {"seed": job.number("support")}

    def predict(self, split: Split) -> dict[str, np.ndarray]:
        known = self.prepare(split.context["smiles"])
        y = np.zeros(split["query"].shape, np.float32)
        for row in range(len(split)):
            given, labels = support(split, np.array([row]))
            asked = np.asarray(split["query"][row])
            # The episode, not its place among others, decides what is drawn at random.
            seed = int(digest(self.facts["seed"], given), 16) % 2**32
            y[row, asked >= 0] = self.rank(known, given[0], labels, asked[asked >= 0], seed)
        return {"y": y}
