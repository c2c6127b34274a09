"""The contract of methods and baselines, and how a run's method is built and loaded."""

import importlib
import inspect
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deepbio.core.catalog import base
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.core.job import Job


class Method(ABC):
    """A method or a baseline: the class `Method` of a module methods/<id>.py or baselines/<id>.py.

    Three classes of `learning/` say most of it: NetworkMethod (one torch module), EstimatorMethod (scikit-learn) and
    RuleMethod (numbers that are found without training). A method may also define

        interpret(split, folder)    figures that a reader of the paper expects, of validation data; one with an
                                    argument `train` is given the training split as well
    """

    needs_torch = False  # whether it trains networks on its job's device, for which torch is imported and set up

    def __init__(self, parameters: dict):
        """Take the hyper-parameters, a plain dict of what the YAML says; build nothing yet."""
        self.parameters = parameters

    @abstractmethod
    def fit(self, train: Split, valid: Split, job: Job) -> None:
        """Learn from two labelled splits; `job` says seed, device and scratch folder."""

    @abstractmethod
    def predict(self, split: Split) -> dict[str, np.ndarray]:
        """Predict a split without labels: `y` as the kind of output says, probabilities for classes and numbers in the
        labels' unit; further arrays are stored beside it."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write all that `predict` needs into an existing folder, without pickle."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Read what `save` wrote; the parameters too."""

    def count_parameters(self) -> int | None:
        """Count the trained weights; None for a method without."""
        return None


def create(name: str, role: str, parameters: dict) -> Method:
    """Build a fresh method by its id and role (`listed`, `variant` or `baseline`); a variant is its method's class.

    Raises BadInput where there is no module of that name.
    """
    package = "baselines" if role == "baseline" else "methods"
    name = f"deepbio.{package}.{base(name)}"
    own = json.loads(os.environ.get("DEEPBIO_OWN_METHODS") or "null")
    if own and (Path(own) / f"{base(name.rpartition('.')[2])}.py").exists():
        methods = importlib.import_module("deepbio.methods")
        if own not in methods.__path__:  # a user's own folder is looked through like the package's
            methods.__path__.append(own)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise BadInput(f"workflow/scripts/{name.replace('.', '/')}.py is missing") from None
    return module.Method(parameters)


def trained(folder: Path, run: dict, model_folder: Path | None = None) -> Method:
    """Load the fitted method of a run's folder; `run` is what its run.json says. BadInput where the run failed or
    its model is missing or damaged."""
    if run["status"] != "ok":
        raise BadInput(f"{folder}/run.json: this run failed ({run['reason']}); there is no model")
    model = create(run["method"], run["role"], run["parameters"])
    try:
        model.load(model_folder or Path(folder) / "model")
    except (BadInput, MemoryError):
        raise
    except Exception as error:  # each library has its own for a file that is cut or missing
        raise BadInput(f"{folder}/model: cannot be loaded: {type(error).__name__}: {error}") from error
    return model


def interpret(model: Method, read: Callable[[str], Split], folder: Path) -> None:
    """Let a fitted method draw its figures; `read(name)` gives a split."""
    draw = getattr(model, "interpret")  # noqa: B009  (optional, so the class does not say it)
    asked = inspect.signature(draw).parameters
    draw(read("valid"), folder, **({"train": read("train")} if "train" in asked else {}))
