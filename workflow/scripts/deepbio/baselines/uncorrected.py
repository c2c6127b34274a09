"""Cells as they were measured: what every alignment starts from."""

from deepbio.kinds.cells import is_source
from deepbio.learning import alignment
from deepbio.learning.rule import RuleMethod


class Method(RuleMethod):
    """Learns the space of the cells alone; a subclass says `learn` and `align`. Parameter: denoising."""

    def fit(self, train, valid, job):
        space = alignment.learn_space(train, valid, self.parameters.get("denoising", {}), job)
        self.facts = {"space": space}
        x, source = alignment.into_space(train, space), is_source(train)
        self.learn(x[source], x[~source])

    def learn(self, source, target):
        """Learn from cells of the source (n, markers) and of the target (m, markers), both in the space."""

    def align(self, source):
        """Align cells of the source (n, markers)."""
        return source

    def predict(self, split):
        before, source = alignment.into_space(split, self.facts["space"]), is_source(split)
        found = before.copy()
        if source.any():
            found[source] = self.align(before[source])
        return {"y": found, "before": before}
