"""What baselines that are plain rules share: a few facts, found in training and stored as JSON."""

from pathlib import Path

from deepbio.files import read_json, write_json


class RuleMethod:
    """A baseline without trained weights; a subclass says `fit`, which fills `facts`, and `predict`."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.facts = {}

    def weights(self):
        return None

    def save(self, folder):
        write_json(Path(folder) / "model.json", {"parameters": self.parameters, **self.facts})

    def load(self, folder):
        self.facts = read_json(Path(folder) / "model.json")
        self.parameters = self.facts.pop("parameters")
