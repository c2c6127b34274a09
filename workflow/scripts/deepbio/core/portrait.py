"""What a trained model must know of its data to read new files: model/data.json, written beside the weights."""

import json
from pathlib import Path

import numpy as np

from deepbio.core.data import Ragged, Split
from deepbio.core.files import BadInput, read_json

NAME = "data.json"
LARGEST = 2**22  # bytes of a fact of the context that is kept; larger ones are graphs and matrices of a task


def describe(train: Split, data: dict, run: dict, title: str) -> dict:
    """Collect the facts: kinds, names of the outputs and their unit, shapes of the arrays, the context as far as it is
    plain, and the columns that the training files had.

    `data`: dataset.json of the training data; `run`: what names the run, and its hyper-parameters.
    """
    context = {}
    for key, value in train.context.items():
        if not isinstance(value, np.ndarray) and key not in ("metrics", "title"):
            text = json.dumps(value, default=str)
            if len(text) <= LARGEST:
                context[key] = json.loads(text)
    shapes = {
        name: list(array.values.shape[1:] if isinstance(array, Ragged) else array.shape[1:])
        for name, array in train.inputs().arrays.items()
    }
    known = {key: data[key] for key in ("task", "dataset", "scale", "split", "origin", "digest")}
    known |= {key: run[key] for key in ("method", "role", "seed", "parameters")}
    if data["task"].startswith("own_"):
        known |= {key: data["parameters"][key] for key in ("columns", "unit") if key in data["parameters"]}
    return known | {"title": title, "context": context, "shapes": shapes, "outputs": names(train)}


def names(split: Split) -> list[str]:
    """Name the outputs: classes, or columns of labels; of two without names the numbers."""
    context, y = split.context, split.y
    if context["output"] == "multiclass":
        return list(map(str, context["classes"]))
    count = int(np.prod(y.shape[1:], dtype=int)) if y.ndim > 1 else 1
    if context["output"] in ("generated", "ranking", "mask"):
        return []
    for key in ("outputs", "features"):
        found = list(map(str, context.get(key, ())))
        if y.ndim == 3 and len(found) == y.shape[1] and y.shape[2] == 2:  # points of a frame
            return [f"{name} {axis}" for name in found for axis in "xy"]
        if y.ndim == 3 and len(found) == y.shape[2]:
            return [f"{name} bin {number}" for number in range(1, y.shape[1] + 1) for name in found]
        if len(found) == count and not (key == "features" and context["input"] == "table"):
            return found
    return ["label"] if count == 1 else [f"output {number}" for number in range(1, count + 1)]


def read(model: Path) -> dict:
    """Read the facts of a model's folder; BadInput where it has none."""
    path = Path(model) / NAME
    if not path.exists():
        raise BadInput(f"{path}: missing; this model was trained by an older version, train it again")
    return read_json(path)
