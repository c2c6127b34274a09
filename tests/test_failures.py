"""Failures: the machine's are tried again, the run's own are recorded at once, and the rest is summarised."""

import csv
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from support import ROOT, Project

import train
from deepbio.core import command, failure
from deepbio.core.files import read_json

CHEAP = ("--config", "tasks=motif_primer", "seeds=1")
RESULTS = "results/quick"


def chained(error, cause):
    """`error` as it is when `cause` led to it."""
    error.__cause__ = cause
    return error


class OutOfMemoryError(RuntimeError):
    """Has the name of torch.cuda.OutOfMemoryError."""


MACHINE = [
    MemoryError(),
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EDQUOT, "Disk quota exceeded"),
    OSError(errno.EIO, "Input/output error"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    OutOfMemoryError("no matter what"),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:83] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("No CUDA GPUs are available"),
    RuntimeError("config says device: cuda, but torch sees no GPU"),
    RuntimeError("The NVIDIA driver on your system is too old"),
    chained(ValueError("could not write"), OSError(errno.ENOSPC, "No space left on device")),
]
OWN = [
    ValueError("prediction 'y' holds NaN or infinite values"),
    RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
    RuntimeError("CUDA error: device-side assert triggered"),
    FileNotFoundError(errno.ENOENT, "No such file or directory"),
    KeyError("window"),
]


@pytest.mark.parametrize("error", MACHINE, ids=repr)
def test_failures_of_the_machine(error):
    assert failure.is_transient(error)


@pytest.mark.parametrize("error", OWN, ids=repr)
def test_failures_of_the_run(error):
    assert not failure.is_transient(error)


@pytest.fixture
def call(tmp_path, monkeypatch):
    """train.py on a stand-in for a prepared split; fit_and_predict raises what is given. Exit status, run.json."""
    facts = {"task": "t", "dataset": "d", "scale": "quick", "split": 1, "origin": "simulated", "digest": "0"}
    (tmp_path / "data").mkdir()
    (tmp_path / "data/dataset.json").write_text(json.dumps(facts))

    def run(error, *words):
        def fail(*_):
            if isinstance(error, signal.Signals):
                os.kill(os.getpid(), error)
                time.sleep(10)
            raise error

        given = ["train.py", "m", "--data", tmp_path / "data", "--output", tmp_path / "run"]
        given += ["--scratch", tmp_path / "scratch", "--parameters", "{}", "--code", "0"]
        given += ["--facts", '{"role": "listed", "title": "t", "metrics": []}', *words]
        monkeypatch.setattr(sys, "argv", list(map(str, given)))
        monkeypatch.setattr(train, "fit_and_predict", fail)
        status = 0
        try:
            command.run(train.main)
        except SystemExit as end:
            status = end.code
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        path = tmp_path / "run/run.json"
        return status, read_json(path) if path.exists() else None

    return run


def test_memory_is_tried_again_and_recorded_on_the_last_attempt(call):
    assert call(MemoryError("full"), "--attempt", "1", "--attempts", "3") == (75, None)
    assert call(MemoryError("full"), "--attempt", "2", "--attempts", "3") == (75, None)
    status, run = call(MemoryError("full"), "--attempt", "3", "--attempts", "3")
    assert (status, run["status"], run["reason"], run["attempt"]) == (0, "failed", "MemoryError: full", 3)


def test_a_full_disk_is_never_recorded(call):
    for attempt in ("1", "3"):
        full = OSError(errno.ENOSPC, "No space left on device")
        assert call(full, "--attempt", attempt, "--attempts", "3") == (75, None)


def test_a_fault_of_the_run_is_recorded_at_once(call):
    status, run = call(ValueError("NaN"), "--attempt", "1", "--attempts", "3")
    assert (status, run["status"], run["reason"]) == (0, "failed", "ValueError: NaN")
    with pytest.raises(ValueError, match="NaN"):
        call(ValueError("NaN"), "--on-failure", "stop")


def test_a_killed_process_is_recorded_on_the_last_attempt(call):
    attempts = ("--attempts", "3", "--attempt")
    assert call(None, *attempts, "1", "--ended", "137") == (137, None)
    # Somebody asked it to end (INT, TERM), or it ended by itself: that is not lost.
    for ended in (130, 143, 75, 1):
        assert call(None, *attempts, "3", "--ended", str(ended)) == (ended, None)
    status, run = call(None, *attempts, "3", "--ended", "137")
    assert (status, run["status"]) == (0, "lost") and "signal 9 on attempt 3 of 3" in run["reason"]


def test_a_training_that_is_told_to_end_is_not_recorded(call):
    """A scheduler's TERM ends it as it ends any program, on the last attempt too."""
    for attempt in ("1", "3"):
        assert call(signal.SIGTERM, "--attempt", attempt, "--attempts", "3") == (143, None)


ENDED = """
import multiprocessing
import os
import signal
import sys
import time

from deepbio.core import command
from deepbio.core.files import atomic


def main():
    with atomic(sys.argv[1], folder=True) as folder:
        (folder / "half").touch()
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        child.start()
        child.terminate()
        child.join()
        assert (folder / "half").exists()  # a child that is ended cleans up nothing of its parent's
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)


command.run(main)
"""


def test_a_job_that_is_ended_leaves_nothing(tmp_path):
    words = [sys.executable, "-c", ENDED, tmp_path / "data"]
    done = subprocess.run(words, env=os.environ | {"PYTHONPATH": str(ROOT / "workflow/scripts")})
    assert done.returncode == 143 and list(tmp_path.iterdir()) == []


KILLED = """
import os
import signal


class Method:
    def __init__(self, parameters):
        pass

    def fit(self, train, valid, job):
        os.kill(os.getpid(), signal.SIGKILL)
"""
FULL_ONCE = """
from pathlib import Path

class Method:
    def __init__(self, parameters):
        pass

    def fit(self, train, valid, job):
        if not Path("seen").exists():
            Path("seen").touch()
            raise MemoryError("full")
        raise ValueError("no such luck")
"""


def read_rows(path):
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """A run in which one method is killed at each attempt, and one runs out of memory once and then fails."""
    project = Project(tmp_path_factory.mktemp("spoiled"))
    scripts = project.folder / "workflow/scripts/deepbio"
    (scripts / "baselines/best_word.py").write_text(KILLED)
    (scripts / "methods/primer_cnn.py").write_text(FULL_ONCE)
    project.done = project.snakemake(*CHEAP)
    return project


@pytest.mark.workflow
def test_one_killed_training_costs_no_summary(spoiled):
    ledger = {row["method"]: row for row in read_rows(spoiled.folder / RESULTS / "ledger.csv")}
    assert {name: row["status"] for name, row in ledger.items()} == {
        "best_word": "lost",
        "primer_cnn": "failed",
        "kmer_logistic": "ok",
    }
    assert "killed by signal 9 on attempt 3 of 3" in ledger["best_word"]["reason"]
    assert ledger["primer_cnn"]["reason"] == "ValueError: no such luck"
    run = f"{RESULTS}/motif_primer/planted/primer_cnn/seed1/run.json"
    assert read_json(spoiled.folder / run)["attempt"] == 2
    scored = {row["method"] for row in read_rows(spoiled.folder / RESULTS / "scores.csv")}
    assert scored == {"kmer_logistic", "perfect", "random", "constant"}
    assert "killed by signal 9" in (spoiled.folder / RESULTS / "scoreboard.txt").read_text()


@pytest.mark.workflow
def test_failed_runs_can_be_run_again(spoiled):
    again = [sys.executable, ROOT / "workflow/scripts/rerun_failed.py", RESULTS]
    said = subprocess.run([*again, "--dry-run"], cwd=spoiled.folder, check=True, capture_output=True, text=True)
    assert "2 runs would be trained" in said.stdout and spoiled.planned(*CHEAP) == []
    subprocess.run([*again, "--only", "lost"], cwd=spoiled.folder, check=True)
    trained = {out.split("/")[4] for rule, out in spoiled.planned(*CHEAP) if rule == "train"}
    assert trained == {"best_word"}
    subprocess.run(again, cwd=spoiled.folder, check=True)
    trained = {out.split("/")[4] for rule, out in spoiled.planned(*CHEAP) if rule == "train"}
    assert trained == {"best_word", "primer_cnn"}


@pytest.mark.workflow
def test_what_is_there_is_summarised_and_reported(project):
    """`partial: true` after a run that ended early: tables, scoreboard and report name what is missing, also the source
    of a dataset that never ran."""
    sources = project.folder / "config/sources"
    shutil.copy(sources / "motif_primer.yaml", sources / "never_fetched.yaml")
    task = project.folder / "config/tasks/motif_primer.yaml"
    never = "    datasets:\n      never: {title: Never run, sources: [never_fetched], parameters: {format: primer}}\n"
    task.write_text(task.read_text().replace("    datasets:\n", never, 1))
    kept = f"{RESULTS}/motif_primer/planted/kmer_logistic/seed1/run.json"
    project.snakemake(*CHEAP, "--", kept)
    two = ("--config", "tasks=[motif_primer,estrogen_receptor]", "seeds=1", "partial=true")
    project.snakemake(*two)
    ledger = read_rows(project.folder / RESULTS / "ledger.csv")
    done = {row["method"] for row in ledger if row["status"] == "ok"}
    missing = {row["method"] for row in ledger if row["status"] == "missing"}
    assert done == {"kmer_logistic"} and missing >= {"primer_cnn", "best_word", "er_metabolomics"}
    text = (project.folder / RESULTS / "scoreboard.txt").read_text()
    assert "5-mer logistic regression" in text and "it was not run to its end" in text
    page = (project.folder / RESULTS / "provenance.html").read_text()
    assert "Not fetched" in page.split("never_fetched: ")[1]
    project.snakemake(*two, "--report", "report.html")
    assert "Scoreboard" in (project.folder / "report.html").read_text()


@pytest.mark.workflow
@pytest.mark.parametrize(("scale", "memory"), [("quick", 4000), ("full", 16000)])
def test_scoring_and_drawing_get_three_attempts_with_twice_the_memory(project, scale, memory):
    """Stand-ins for what has been prepared, trained and scored; each of the three commands fails."""
    for name in ("score", "interpret", "interpret_task"):
        (project.folder / f"workflow/scripts/{name}.py").write_text("raise MemoryError")
    results, dataset = project.folder / f"results/{scale}", {"quick": "planted", "full": "primer"}[scale]
    run = results / f"motif_primer/{dataset}/primer_cnn/seed1"
    (run / "model").mkdir(parents=True)
    (results / "promoters").mkdir()
    for path in [run / name for name in ("run.json", "predictions.npz", "history.csv")]:
        path.touch()
    for name in ("scores.csv", "per_output.csv"):
        (results / "promoters" / name).touch()
    facts = results / f"motif_primer/{dataset}/data/split1/dataset.json"
    facts.parent.mkdir(parents=True)
    facts.touch()
    os.utime(facts, (1, 1))
    wanted = [run / "figures", results / "motif_primer/scores.csv", results / "promoters/figures"]
    words = ("--config", f"scale={scale}", "tasks=[motif_primer,promoters]", "seeds=1", "partial=true")
    words += ("--rerun-triggers", "mtime", "--", *(path.relative_to(project.folder) for path in wanted))
    said = project.snakemake(*words, check=False).stderr
    for rule in ("score", "interpret", "interpret_task"):
        asked = re.findall(rf"^(?:local)?rule {rule}:.*?mem_mb=(\d+)", said, re.MULTILINE | re.DOTALL)
        assert [int(one) for one in asked] == [memory, 2 * memory, 4 * memory], rule
