"""What baselines that are plain rules share: what they found in training, stored as JSON and safetensors."""

from pathlib import Path

from safetensors.numpy import load_file, save_file

from deepbio.core.files import atomic, read_json, write_json
from deepbio.core.method import Method


class RuleMethod(Method):
    """A baseline without trained weights; a subclass says `fit`, which fills `facts` (JSON-able) or `arrays` (by
    name), and `predict`."""

    def __init__(self, parameters: dict):
        super().__init__(parameters)
        self.facts, self.arrays = {}, {}

    def save(self, folder: Path) -> None:
        write_json(Path(folder) / "model.json", {"parameters": self.parameters, **self.facts})
        if self.arrays:
            with atomic(Path(folder) / "model.safetensors") as temporary:
                save_file(self.arrays, temporary)

    def load(self, folder: Path) -> None:
        self.facts = read_json(Path(folder) / "model.json")
        self.parameters = self.facts.pop("parameters")
        stored = Path(folder) / "model.safetensors"
        self.arrays = load_file(stored) if stored.exists() else {}
