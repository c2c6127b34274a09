"""A trained model and new files: the readers of its kind of input, and predictions in blocks.

model = predicting.load("results/quick/…/seed1")     # or its folder `model` alone
for record, row in model.predict("new.csv"):
    print(record.id, row)
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deepbio.core import kind, method, portrait, records
from deepbio.core.data import Split
from deepbio.core.files import BadInput, read_json
from deepbio.core.records import Given, Record

BLOCK = 4096  # samples in memory at a time


def load(folder: str | Path) -> "Model":
    """Load the model of a run's folder, or of a folder `model` by itself.

    Raises BadInput where it is missing or damaged, the run failed, or its outputs are no predictions of samples.
    """
    folder = Path(folder)
    inner = folder if (folder / portrait.NAME).exists() else folder / "model"
    if not inner.is_dir():
        raise BadInput(f"{folder}: no folder of a run (run.json and model/), and no folder of a model")
    if inner != folder and (folder / "run.json").exists() and read_json(folder / "run.json")["status"] != "ok":
        raise BadInput(f"{folder}/run.json: this run failed ({read_json(folder / 'run.json')['reason']}); no model")
    facts = portrait.read(inner)
    run = {key: facts[key] for key in ("method", "role", "parameters")} | {"status": "ok"}
    return Model(facts, method.trained(inner.parent if inner.name == "model" else inner, run, inner), folder)


def fitted(folder: str | Path) -> tuple[str, method.Method]:
    """Load a fitted method by itself, for commands with readers of their own: its id and the method.

    The folder is a run's, or a folder `model` alone. Raises BadInput as `load` does.
    """
    folder = Path(folder)
    if (folder / "run.json").exists() or not (folder / portrait.NAME).exists():
        run = read_json(folder / "run.json")
        return run["method"], method.trained(folder, run)
    model = load(folder)
    return model.facts["method"], model.fitted


class Model:
    """A fitted method and the facts of its data; `outputs` names the columns of its predictions."""

    def __init__(self, facts: dict, fitted: method.Method, folder: Path):
        self.facts, self.fitted, self.folder = facts, fitted, folder
        self.input, self.output = (facts["context"][key] for key in ("input", "output"))
        self.outputs: list[str] = facts["outputs"]

    def to(self, device: str) -> None:
        """Move a network to a device, such as cuda."""
        network = getattr(self.fitted, "network", None)
        if network is not None:
            network.to(device)

    def what(self) -> str:
        """Say what a predicted number is: a probability, or a number in a unit."""
        if self.output == "regression":
            return self.facts.get("unit", "in the unit of the labels")
        return "probability"

    def read(self, path: str | Path, columns: dict | None = None, **options) -> Iterator[Record]:
        """Yield the records of a file, by the reader of the model's kind of input; one of another kind, as NumPy's
        .npz with the arrays of the kind and `id`, is read for every model. `columns`: those that differ from the
        training files'; `options`: genome, and signals (track → file)."""
        path, one = Path(path), kind.load(self.input)
        if not path.exists():
            raise BadInput(f"{path}: no such file")
        known = self.facts["context"] | {"shapes": self.facts["shapes"]}
        if "codes" in self.facts["shapes"]:
            known["length"] = self.facts["shapes"]["codes"][0]
        if records.suffix(path) == ".npz":
            return arrays(path, one, self.facts["shapes"])
        if not hasattr(one, "read"):
            raise BadInput(f"{path}: {one.TITLE} are read from NumPy's .npz with the arrays {', '.join(one.ARRAYS)}")
        said = {
            key: value for key, value in self.facts.get("columns", {}).items() if key not in ("label", "group", "split")
        }
        if records.is_table(path):
            header, found = records.rows(path)
            found.close()
            said = {key: value for key, value in said.items() if key == "features" or value in header}
        return one.read(Given({path.name: path}, said | (columns or {}), options, self.output), known)

    def predict(
        self, path: str | Path, columns: dict | None = None, **options
    ) -> Iterator[tuple[Record, np.ndarray | None]]:
        """Yield each record of a file, in order, with its predictions (outputs,), or None where it cannot be read."""
        for block in records.blocks(self.read(path, columns, **options), BLOCK):
            good = [record for record in block if not record.problem]
            made: Iterator = iter(())
            if good:
                split = Split(records.stack(good), dict(self.facts["context"]))
                made = iter(np.asarray(self.fitted.predict(split)["y"]).reshape(len(good), -1))
            for record in block:
                yield record, None if record.problem else next(made)


def arrays(path: Path, one, shapes: dict) -> Iterator[Record]:
    """Yield records of a .npz file that holds the arrays of a kind, memory-mapped by none, and maybe `id`."""
    with np.load(path, allow_pickle=False) as stored:
        found = {name: stored[name] for name in stored.files if name in shapes}
        ids = stored["id"] if "id" in stored.files else None
    lacking = [name for name, array in one.ARRAYS.items() if name not in found and array.required]
    if lacking:
        raise BadInput(f"{path}: no array '{lacking[0]}' ({one.ARRAYS[lacking[0]].holds})")
    for name, array in found.items():
        if list(array.shape[1:]) != shapes[name]:
            raise BadInput(f"{path}: array '{name}' has the shape {array.shape}, the model takes (n, {shapes[name]})")
    for row in range(len(next(iter(found.values())))):
        name = ids[row] if ids is not None else row + 1
        name = name.decode() if isinstance(name, bytes) else str(name)
        yield Record(name, f"{path.name}:{row + 1}", {}, {key: array[row] for key, array in found.items()})
