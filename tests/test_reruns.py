"""What reruns a training, and what does not: dry runs after one real run of a cheap task."""

import os
import shutil
from contextlib import ExitStack, contextmanager

import pytest
from support import Project

pytestmark = pytest.mark.workflow
CHEAP = ("--config", "tasks=motif_primer", "seeds=1")
SCRIPTS = "workflow/scripts/deepbio"
METHODS = {"primer_cnn", "kmer_logistic", "best_word"}
CPU_ONLY = {"kmer_logistic", "best_word"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project in which motif_primer is scored; its network counts as one that gains from a GPU."""
    project = Project(tmp_path_factory.mktemp("trained") / "here")
    with open(project.folder / "config/methods/primer_cnn.yaml", "a") as handle:
        handle.write("\ngpu: true\n")
    done = project.snakemake(*CHEAP, "--", "results/quick/motif_primer/scores.csv", "primer_cnn", check=False)
    assert (project.folder / "results/quick/motif_primer/scores.csv").exists(), done.stderr[-4000:]
    return project


def trainings(project, *words):
    """Methods that a dry run would train, and all rules in it."""
    jobs = project.planned(*CHEAP, *words)
    return {out.split("/")[4] for rule, out in jobs if rule == "train"}, {rule for rule, _ in jobs}


@contextmanager
def changed(project, name, old, new):
    """A file of the project with `old` replaced by `new`; with None for `old`, `new` stands at its end."""
    path = project.folder / name
    text = path.read_text()
    edited = text + new if old is None else text.replace(old, new)
    assert edited != text, f"{name} does not hold {old!r}"
    path.write_text(edited)
    try:
        yield
    finally:
        path.write_text(text)


def test_a_finished_run_trains_nothing(trained):
    methods, _ = trainings(trained)
    assert methods == set()
    assert {path.parent.parent.name for path in trained.folder.rglob("run.json")} == METHODS


CHANGES = {
    "title of a task": ("config/tasks/motif_primer.yaml", "title: Planted motif", "title: Another title"),
    "title of a dataset": ("config/tasks/motif_primer.yaml", "title: Planted 12-mer", "title: A 12-mer"),
    "title of a method": ("config/methods/primer_cnn.yaml", "title: Primer network", "title: A network"),
    "metrics of a task": ("config/tasks/motif_primer.yaml", "[accuracy, auroc, f1]", "[accuracy, auroc]"),
    "code of the metrics": (f"{SCRIPTS}/scoring/metrics.py", None, "\nUNUSED = 1\n"),
    "metric of the task's own": (
        f"{SCRIPTS}/tasks/motif_primer.py",
        None,
        "\n\ndef score(test, predictions, wanted, train=None):\n    return {'accuracy': 1.0}\n",
    ),
    "figures": (f"{SCRIPTS}/figures/style.py", None, "\nUNUSED = 1\n"),
    "a method's figure": (
        f"{SCRIPTS}/methods/primer_cnn.py",
        None,
        "\n    def interpret(self, split, folder):\n        return None\n",
    ),
    "docstring": (f"{SCRIPTS}/methods/primer_cnn.py", '"""Parameters: ', '"""The parameters: '),
    "comment": (f"{SCRIPTS}/learning/training.py", None, "\n# a comment\n"),
    "comment behind code": (f"{SCRIPTS}/learning/training.py", "import math\n", "import math  # what's used\n"),
    "what records a failure": (f"{SCRIPTS}/core/failure.py", None, "\nUNUSED = 1\n"),
}


def planned_anew(project, *changes):
    """Methods, and `prepare`, that a dry run would run after some changes."""
    with ExitStack() as stack:
        for change in changes:
            stack.enter_context(changed(project, *change))
        methods, rules = trainings(project)
    return methods | (rules & {"prepare"})


def test_what_decides_no_number_trains_nothing(trained):
    """All changes at once; those that do train something are then looked for one by one."""
    if planned_anew(trained, *CHANGES.values()):
        found = {name: planned_anew(trained, change) for name, change in CHANGES.items()}
        guilty = {name: runs for name, runs in found.items() if runs}
        pytest.fail(f"runs again: {guilty}")


def test_a_metric_scores_anew(trained):
    with changed(trained, *CHANGES["metrics of a task"]):
        assert "score" in trainings(trained)[1]
    with changed(trained, *CHANGES["metric of the task's own"]):
        assert "score" in trainings(trained)[1]


def test_settings_that_decide_no_number_train_nothing(trained):
    assert trainings(trained, "on_failure=stop", "mirror=/no/such/folder", "threads=2", "device=cpu")[0] == set()


def test_precision_reruns_only_what_a_gpu_trains(trained):
    assert trainings(trained, "precision=bfloat16")[0] == METHODS - CPU_ONLY


def test_touched_files_train_nothing(trained):
    for folder in ("workflow", "config", "results"):
        for path in (trained.folder / folder).rglob("*"):
            if path.suffix in (".py", ".yaml", ".smk", ".json"):
                path.touch()
    assert trainings(trained)[0] == set()


def test_a_moved_checkout_trains_nothing(trained, tmp_path):
    place = trained.folder
    trained.folder = tmp_path / "there"
    shutil.move(place, trained.folder)
    try:
        methods, rules = trainings(trained)
    finally:
        shutil.move(trained.folder, place)
        trained.folder = place
    assert methods == set() and not rules & {"prepare", "fetch", "interpret", "score"}


def test_a_machine_with_a_gpu_plans_as_one_without(trained, tmp_path, monkeypatch):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert trainings(trained)[0] == set()
    # The stand-in counts: where there is something to train, it asks for the GPU.
    text = trained.snakemake("-n", "--forcerun", "train", *CHEAP).stdout
    assert "gpu=1" in text and "gpu=0" in text


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        (f"{SCRIPTS}/methods/primer_cnn.py", "torch.relu(", "torch.tanh(", {"primer_cnn"}),
        (f"{SCRIPTS}/baselines/best_word.py", "-1.0, None", "-2.0, None", {"best_word"}),
        ("config/methods/primer_cnn.yaml", "kernels: 32", "kernels: 31", {"primer_cnn"}),
        (f"{SCRIPTS}/tasks/motif_primer.py", "rng", "generator", METHODS),
    ],
    ids=["network", "baseline", "hyper-parameter", "preparation"],
)
def test_what_decides_a_number_reruns_its_own_runs(trained, name, old, new, expected):
    with changed(trained, name, old, new):
        assert trainings(trained)[0] == expected


def test_an_edit_within_a_folder_of_one_s_own_data_prepares_anew(project):
    folder = project.folder / "samples"
    folder.mkdir()
    text = "gate,CD3,CD19\n" + "".join(f"{'BT'[n % 2]},{n},{n * n % 17}\n" for n in range(40))
    for name in ("one.csv", "two.csv"):
        (folder / name).write_text(text)
    facts = "title: Gates\ninput: cells\noutput: multiclass\nfile: samples\ncolumns: {label: gate}\n"
    (project.folder / "gates.yaml").write_text(facts)
    words = ("--config", "own=gates.yaml", "--", "results/quick/own_gates/data/data/split1/dataset.json")
    project.snakemake(*words)
    (folder / "two.csv").touch()
    assert project.planned(*words) == []
    (folder / "two.csv").write_text(text.replace("B,0,0", "B,1,0"))
    assert [rule for rule, _ in project.planned(*words)] == ["prepare"]
    (folder / "two.csv").write_text(text)
    (folder / "three.csv").write_text(text)
    assert [rule for rule, _ in project.planned(*words)] == ["prepare"]
