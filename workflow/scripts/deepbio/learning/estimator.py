"""What scikit-learn baselines share: features by kind of input, a stated grid, storage without pickle."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, KFold, PredefinedSplit, StratifiedKFold

from deepbio.core import kind
from deepbio.core.data import Split, concatenate
from deepbio.core.files import atomic, read_json, write_json
from deepbio.core.job import Job
from deepbio.core.labels import columns
from deepbio.core.method import Method

BLOCK = 2**15  # samples whose features are in memory at a time
SCORING = {"binary": "roc_auc", "multilabel": "roc_auc", "regression": "neg_mean_squared_error"}
SCORING |= {"multiclass": "accuracy"}


class EstimatorMethod(Method):
    """A baseline that is one scikit-learn estimator for each output (of several classes: for all of them); a subclass
    says `estimator`.

    Parameters: `grid` (settings to choose from), `folds` (0: they are compared on the validation split; n: by
    n-fold cross-validation over training and validation samples), `most_samples` (training samples drawn from more;
    default: all). The winner is fitted again on training and validation samples.
    """

    scoring = SCORING

    def __init__(self, parameters: dict):
        super().__init__(parameters)
        self.kind: str = ""  # of output, known once fitted
        self.classes: int | None = None  # number of classes, where there are several
        self.models = []

    def estimator(self, kind: str, seed: int) -> Any:
        """Build an unfitted scikit-learn estimator for `kind` of output."""
        raise TypeError(f"{type(self).__module__} does not name its estimator")

    def features(self, split: Split) -> Any:
        """Give the design matrix (samples, features), dense or sparse; of labels with several positions a sample, a row
        each."""
        one = kind.load(split.context["input"])
        if not hasattr(one, "matrix"):
            raise ValueError(f"{one.TITLE} cannot be given as a design matrix")
        return one.matrix(split, self.parameters)

    def fit(self, train: Split, valid: Split, job: Job) -> None:
        self.kind = train.context["output"]
        self.classes = len(train.context["classes"]) if self.kind == "multiclass" else None
        train = train.at_most(self.parameters.get("most_samples"), job.rng("samples"))
        both = concatenate(train, valid)
        x, labels = self.features(both), columns(both.y)
        in_valid = np.repeat(np.arange(len(both)) >= len(train), len(labels) // len(both))
        seed = job.number("estimator") % 2**32
        self.models = [
            self.fit_output(x[known], labels[known, column], in_valid[known], seed)
            for column, known in enumerate(~np.isnan(labels).T)
        ]

    def grid(self, x: Any) -> dict[str, list]:
        """Give the settings to choose from for the rows x, by scikit-learn's names; empty where there is no choice."""
        return self.parameters.get("grid", {})

    def fit_output(self, x: Any, y: np.ndarray, in_valid: np.ndarray, seed: int) -> Any:
        """Fit the estimator of one output, chosen from the grid where there is one; `in_valid` says which rows are of
        the validation split."""
        y = y.astype(int) if self.kind != "regression" else y
        if self.kind in ("binary", "multilabel") and (y == y[0]).all():
            # A class that none of the drawn samples shows: a sure answer, in the form that the others have.
            return DummyClassifier(strategy="prior").fit(x[:2], [0, 1], sample_weight=[1 - y[0], y[0]])
        model, grid = self.estimator(self.kind, seed), self.grid(x)
        if not grid:
            return model.fit(x, y)
        folds = self.parameters.get("folds", 0)
        if folds:
            folding = KFold if self.kind == "regression" else StratifiedKFold
            splitter = folding(folds, shuffle=True, random_state=seed)
        else:
            splitter = PredefinedSplit(np.where(in_valid, 0, -1))
        return GridSearchCV(model, grid, scoring=self.scoring[self.kind], cv=splitter).fit(x, y).best_estimator_

    def predict(self, split: Split) -> dict[str, np.ndarray]:
        found = []
        for start in range(0, len(split), BLOCK):
            x = self.features(split.take(np.arange(start, min(start + BLOCK, len(split)))))
            if self.classes:
                p = np.zeros((len(x), self.classes))
                p[:, self.models[0].classes_] = self.models[0].predict_proba(x)  # a class may lack in training
                found.append(p)
            else:
                found.append(np.stack([_scores(model, x, self.kind) for model in self.models], axis=1))
        return {"y": np.concatenate(found)}

    def count_parameters(self) -> int | None:
        """Count the fitted coefficients of linear models; None for others."""
        finals = [model[-1] if hasattr(model, "steps") else model for model in self.models]
        if not all(hasattr(final, "coef_") for final in finals):
            return None
        return int(sum(np.size(final.coef_) + np.size(final.intercept_) for final in finals))

    def save(self, folder: Path) -> None:
        io = skops_io()
        with atomic(Path(folder) / "model.skops") as temporary:
            io.dump(self.models, temporary)
        write_json(
            Path(folder) / "model.json", {"parameters": self.parameters, "kind": self.kind, "classes": self.classes}
        )

    def load(self, folder: Path) -> None:
        io = skops_io()
        facts = read_json(Path(folder) / "model.json")
        self.parameters, self.kind, self.classes = (facts[key] for key in ("parameters", "kind", "classes"))
        # skops builds only the types that it knows to be safe; anything else in the file is an error.
        self.models = io.load(Path(folder) / "model.skops", trusted=self.trusted)

    trusted = ()


def skops_io() -> ModuleType:
    """Import skops.io without torch, which scikit-learn's tour of its own packages would load for nothing."""
    modules: dict = sys.modules
    absent = "torch" not in modules
    if absent:
        modules["torch"] = None  # an import of it fails, and the tour goes on
    try:
        from skops import io
    finally:
        if absent:
            del modules["torch"]
    return io


def _scores(model, x, kind):
    if kind == "regression":
        return model.predict(x).astype(float)
    if hasattr(model, "predict_proba"):
        return model.predict_proba(x)[:, 1]
    # A margin above zero is a call, as a probability above one half is.
    return 1 / (1 + np.exp(-model.decision_function(x)))
