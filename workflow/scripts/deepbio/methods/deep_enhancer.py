"""DEEP (Kleftogiannis, Kalnis and Bajic 2015): many support vector machines, each on a balanced draw of the samples,
and a small network that combines their scores."""

from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from deepbio.core import kind
from deepbio.core.data import Split
from deepbio.core.files import atomic, read_json, write_json
from deepbio.core.job import Job
from deepbio.core.method import Method as Contract


class Method(Contract):
    """Parameters: machines (of the ensemble), folds (by which the combiner's training scores are of samples that a
    machine has not seen), C and gamma (choices, by validation AUROC of one machine; gamma over the number of features),
    most (samples of a class in a draw), hidden (units of the combiner), longest (words of a sequence), combine (false:
    the mean score)."""

    def __init__(self, parameters: dict):
        super().__init__(parameters)
        self.machines, self.combiner, self.facts = [], None, {}

    def features(self, split: Split) -> np.ndarray:
        """Give the numbers (n, features): signals, or of sequences the shares of all words, of G and C, and of CG over
        what G and C lead to expect."""
        if "codes" not in split:
            return kind.load(split.context["input"]).matrix(split, {})
        from deepbio.domains.dna import words

        codes = np.asarray(split["codes"])
        found = words.counts(codes, range(1, self.parameters["longest"] + 1)) / codes.shape[1]
        gc = found[:, 1] + found[:, 2]
        pairs = found[:, 4:20] if self.parameters["longest"] > 1 else np.zeros((len(codes), 16))
        expected = np.maximum(found[:, 1] * found[:, 2], 1e-6)
        return np.column_stack([found, gc, pairs[:, 6] / expected])

    def fit(self, train: Split, valid: Split, job: Job) -> None:
        x, y = self.features(train), np.asarray(train.y).ravel()
        held, held_y = self.features(valid), np.asarray(valid.y).ravel()
        self.choose(x, y, held, held_y, job)
        count, scores = self.parameters["machines"], np.zeros((len(y), self.parameters["machines"]))
        folding = StratifiedKFold(self.parameters["folds"], shuffle=True, random_state=job.number("folds") % 2**32)
        for fold, (seen, unseen) in enumerate(folding.split(x, y)):
            for number in range(count):
                machine = self.machine(x[seen], y[seen], job.rng("draw", fold, number))
                scores[unseen, number] = machine.decision_function(x[unseen])
        self.machines = [self.machine(x, y, job.rng("draw", number)) for number in range(count)]
        self.combiner = make_pipeline(
            StandardScaler(),
            MLPClassifier(
                (self.parameters["hidden"],),
                solver="lbfgs",
                alpha=1.0,
                max_iter=1000,
                random_state=job.number("combiner") % 2**32,
            ),
        ).fit(scores, y.astype(int))

    def choose(self, x, y, held, held_y, job):
        """Choose C and gamma of all machines by the validation AUROC of one."""
        best = -1.0
        for cost in self.parameters["C"]:
            for gamma in self.parameters["gamma"]:
                self.facts = {"C": cost, "gamma": gamma / x.shape[1]} | {"best": self.facts.get("best")}
                machine = self.machine(x, y, job.rng("choice"))
                found = roc_auc_score(held_y, machine.decision_function(held))
                if found > best:
                    best, chosen = found, {"C": cost, "gamma": gamma / x.shape[1]}
        self.facts = chosen

    def machine(self, x, y, rng):
        """Train one machine on as many samples of each class as the smaller one has, or as are wanted at most."""
        members = [rng.permutation(np.flatnonzero(y == label)) for label in (0, 1)]
        size = min(self.parameters["most"], *map(len, members))
        rows = np.concatenate([part[:size] for part in members])
        model = make_pipeline(StandardScaler(), SVC(C=self.facts["C"], gamma=self.facts["gamma"]))
        return model.fit(x[rows], y[rows].astype(int))

    def scores(self, split: Split) -> np.ndarray:
        """Compute the score of each machine for each sample, (n, machines)."""
        x = self.features(split)
        return np.stack([machine.decision_function(x) for machine in self.machines], axis=1)

    def combined(self, scores: np.ndarray) -> np.ndarray:
        """Turn scores (n, machines) into probabilities (n,)."""
        if self.parameters["combine"]:
            return self.combiner.predict_proba(scores)[:, 1]
        return 1 / (1 + np.exp(-2 * scores.mean(axis=1)))

    def predict(self, split: Split) -> dict[str, np.ndarray]:
        return {"y": self.combined(self.scores(split))[:, None]}

    def save(self, folder: Path) -> None:
        from skops import io

        with atomic(Path(folder) / "model.skops") as temporary:
            io.dump({"machines": self.machines, "combiner": self.combiner}, temporary)
        write_json(Path(folder) / "model.json", {"parameters": self.parameters, "facts": self.facts})

    def load(self, folder: Path) -> None:
        from skops import io

        stored = read_json(Path(folder) / "model.json")
        self.parameters, self.facts = stored["parameters"], stored["facts"]
        models = io.load(Path(folder) / "model.skops", trusted=())
        self.machines, self.combiner = models["machines"], models["combiner"]

    def interpret(self, split: Split, folder: Path) -> None:
        from deepbio.figures import elements as figures

        scores, p = self.scores(split), self.predict(split)["y"]
        figures.draw_ensemble(split, scores, p[:, 0], Path(folder) / "ensemble")
        figures.draw_confusion(split, p, Path(folder) / "confusion")
