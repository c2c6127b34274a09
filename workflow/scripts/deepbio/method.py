"""The contract of methods and baselines.

A method is a module `methods/<id>.py` (a baseline `baselines/<id>.py`) with a class `Method`:

    Method(parameters)              parameters: the hyper-parameters, a plain dict
    .fit(train, valid, job)         learns from two labelled splits; `job` says seed, device, scratch folder
    .predict(split) -> dict         `y` (samples, outputs): probabilities for classes, values for numbers
    .save(folder)  .load(folder)    without pickle
    .weights() -> int or None       number of trained weights
    .interpret(split, folder)       optional: figures that a reader of the paper expects, drawn from validation data
"""

import importlib

from deepbio.files import BadInput


def create(name, role, parameters):
    """A fresh method by its id and role (`listed` or `baseline`)."""
    package = "methods" if role == "listed" else "baselines"
    try:
        module = importlib.import_module(f"deepbio.{package}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"deepbio.{package}.{name}":
            raise
        raise BadInput(f"workflow/scripts/deepbio/{package}/{name}.py is missing") from None
    return module.Method(parameters)
