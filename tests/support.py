"""What several test files share: small problems, a training that is killed, and a copy of the project to run."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from deepbio.core import kind, method
from deepbio.core.catalog import Catalog, base
from deepbio.core.config import merge
from deepbio.core.job import Job
from deepbio.scoring import metrics
from deepbio.scoring import runs as scoring

ROOT = Path(__file__).resolve().parent.parent


CATALOG = Catalog({"scale": "quick"})
# Kinds of output whose labels every small problem has; of the others, those that it makes itself.
COMMON = {"binary", "regression", "multiclass"}

# Parameters as large as a method needs to learn something, and as it needs to be trained at all.
SMALL = {"trials": 2, "folds": 2, "finals": 1, "steps": 150, "epochs": 20, "samples": 160, "batch_size": 16}
SMALL |= {"kernels": 32, "students": 64, "filters": 64, "trees": 10}
SHORT = {"epochs": 3, "steps": 30, "trees": 3}


def smaller(value, limits, key=""):
    """Parameters of which none is above its limit."""
    if isinstance(value, dict):
        return {name: smaller(inner, limits, name) for name, inner in value.items()}
    return min(value, limits[key]) if key in limits and isinstance(value, int) else value


# Trainings of more than two seconds, which `make test-fast` leaves out.
LONG = {"active_segmentation", "basenji", "chemical_vae", "deeperbind", "esm", "genomic_ulmfit", "loop_gan", "mrnn"}
LONG |= {"deepmotif", "epiann", "expecto", "neural_fingerprint", "ngram", "training_molecules", "tsg_og_cnn"}
LONG |= {"one_shot", "organ", "reinvent", "sprint_gan", "support_graph_conv", "utr5_cnn", "yeast_sae"}


def needs(name, key, default=None):
    """What the YAML of a method, or of a variant's method, says under `tests`."""
    return CATALOG.methods[base(name)].get("tests", {}).get(key, default)


def skip_excepted(test, name):
    """Skip a test that the YAML excepts a method from: by its name, or for one variant by <test>-<variant>."""
    excepted = needs(name, "except", {})
    variant = name.partition("-")[2]
    reason = excepted.get(f"{test}-{variant}") if variant else excepted.get(test)
    if reason:
        pytest.skip(reason)


def cases(variants=False, outputs=None):
    """Method, kind of input and of output, all of them or the first `outputs`; variants, which share their method's
    code, with one output and on demand. The first case of each method that is quick to train is not `slow`."""
    seen = set()
    for name, facts in CATALOG.methods.items():
        is_variant = CATALOG.roles[name] == "variant"
        if is_variant and not variants:
            continue
        for one in facts["inputs"]:
            made = COMMON | set(kind.load(one).OUTPUTS)
            for output in [output for output in facts["outputs"] if output in made][: 1 if is_variant else outputs]:
                slow = is_variant or name in seen or name in LONG
                seen.add(name)
                marks = [pytest.mark.slow] if slow else []
                yield pytest.param(name, one, output, id=f"{name}-{one}-{output}", marks=marks)


def home_of(name):
    """A task on which a method, or a variant's method, runs: the first one."""
    return next(run.task for run in CATALOG.runs(method=base(name)))


def parameters_of(name):
    """The quick parameters of a method, or of a variant, on the first dataset that the method runs on."""
    run = next(run for run in CATALOG.runs(method=base(name)))
    return merge(smaller(CATALOG.parameters(name, run.task, run.dataset), SMALL), needs(name, "parameters", {}))


def fit(name, splits, folder, seed=1, limits=None, **job):
    model = method.create(name, CATALOG.roles[name], smaller(parameters_of(name), limits or {}))
    folder.mkdir(parents=True, exist_ok=True)
    work = Job(seed, folder, **job)
    model.fit(splits["train"], splits["valid"], work)
    return model, work


def splits_for(name, one, output):
    return kind.small_problem(one, output, needs(name, "samples", 160))


def predict(model, split):
    return model.predict(split.inputs())["y"]


def score(home, test, p, train):
    """The primary metric of predictions: the home task's where the labels have no metrics of their own."""
    name = test.context["metrics"][0]
    if name in metrics.METRICS:
        return metrics.evaluate([name], test.y, p)[name], metrics.higher_is_better(name)
    return scoring.score(home, test, {"y": p}, [name], train)[name], metrics.higher_is_better(name, home)


def assert_beats_random(name, one, output, splits, p):
    """The predictions `p` of a method's test split are better than twelve random guesses by three of their standard
    deviations."""
    home = home_of(name)
    found, higher = score(home, splits["test"], p, splits["train"])
    chance = chance_scores(home, one, output, needs(name, "samples", 160))
    sign = 1 if higher else -1
    assert sign * (found - chance.mean()) > 3 * chance.std(ddof=1), (found, chance)


@cache
def chance_scores(home, one, output, samples):
    """Scores of twelve random guesses on a small problem: the same for all methods that learn it."""
    splits = kind.small_problem(one, output, samples)
    test, train, control = splits["test"], splits["train"], kind.load(output).control
    guesses = [control("random", train.y, test.y, np.random.default_rng(seed)) for seed in range(12)]
    return np.array([score(home, test, guess, train)[0] for guess in guesses])


def networks(variants=False, outputs=None):
    for case in cases(variants, outputs):
        if hasattr(method.create(case.values[0], CATALOG.roles[case.values[0]], {}), "build"):
            yield case


def fit_and_kill(monkeypatch, name, splits, folder, **job):
    """Fit with a checkpoint after every step, and die at the 25th."""
    with killed(monkeypatch, 25):
        fit(name, splits, folder, checkpoint_seconds=0, **job)


@contextmanager
def killed(monkeypatch, saves):
    """Dies when a training inside saves its state for the time `saves`."""
    from deepbio.learning import checkpoint

    saved, left = checkpoint.State.save, [saves]

    def save_and_die(self):
        saved(self)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint.State, "save", save_and_die)
        yield


def call(script, *words):
    """Run a command of workflow/scripts in a process of its own."""
    command = [sys.executable, str(ROOT / "workflow/scripts" / script), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True)


class Project:
    """A copy of the project in a temporary folder, and snakemake in it."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("config", "workflow", "profiles", "envs", "docs"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "Snakefile", folder)
        (ROOT / "resources").mkdir(exist_ok=True)
        (folder / "resources").symlink_to(ROOT / "resources")

    def snakemake(self, *words, check=True, cores=2):
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), *map(str, words)]
        environment = {key: value for key, value in os.environ.items() if key != "DEEPBIO_MIRROR"}
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, env=environment)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-8000:]}")
        return done

    def planned(self, *words):
        """Rules of a dry run with the outputs of their jobs: list of (rule, outputs)."""
        text = self.snakemake("-n", *words).stdout
        jobs, rule = [], None
        for line in text.splitlines():
            if line.startswith(("rule ", "localrule ")):
                rule = line.split()[1].rstrip(":")
            elif line.strip().startswith("output:") and rule:
                jobs.append((rule, line.split("output:")[1].strip()))
        return jobs
