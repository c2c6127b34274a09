"""The contract of methods and baselines.

A method is a module `methods/<id>.py` (a baseline `baselines/<id>.py`) with a class `Method`:

    Method(parameters)              parameters: the hyper-parameters, a plain dict
    .fit(train, valid, job)         learns from two labelled splits; `job` says seed, device, scratch folder
    .predict(split) -> dict         `y` (samples, outputs): probabilities for classes, values for numbers
    .save(folder)  .load(folder)    without pickle
    .weights() -> int or None       number of trained weights
    .interpret(split, folder)       optional: figures that a reader of the paper expects, drawn from validation data;
                                    one with an argument `train` is given the training split as well
"""

import importlib
import inspect
from pathlib import Path

from deepbio.core.catalog import base
from deepbio.core.files import BadInput


def create(name, role, parameters):
    """A fresh method by its id and role (`listed`, `variant` or `baseline`); a variant is its method's class."""
    package = "baselines" if role == "baseline" else "methods"
    name = f"deepbio.{package}.{base(name)}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise BadInput(f"workflow/scripts/{name.replace('.', '/')}.py is missing") from None
    return module.Method(parameters)


def trained(folder, run):
    """The fitted method of a run's folder; `run` is what its run.json says. BadInput where the run failed."""
    if run["status"] != "ok":
        raise BadInput(f"{folder}/run.json: this run failed ({run['reason']}); there is no model")
    model = create(run["method"], run["role"], run["parameters"])
    model.load(Path(folder) / "model")
    return model


def interpret(model, read, folder):
    """Let a fitted method draw its figures; `read(name)` gives a split."""
    asked = inspect.signature(model.interpret).parameters
    model.interpret(read("valid"), folder, **({"train": read("train")} if "train" in asked else {}))
