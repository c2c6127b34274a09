"""What profiles/slurm submits, counted with a stand-in for sbatch: which jobs, and what each asks for."""

import re
import shutil
from pathlib import Path

import pytest
from support import Project

pytestmark = [pytest.mark.workflow, pytest.mark.long]
STUB = Path(__file__).parent / "slurm" / "stub" / "sbatch"
TASK = "genotype_growth"
# What is asked for on each of the task's two datasets: methods that gain from a GPU, a baseline that learns a single
# number, and another baseline.
GPU = {"dcell", "dcell-connected"}
PLAIN = {"mean_label"}
OTHERS = {"ridge_logistic"}
DATASETS = {"planted_pathways", "planted_new_genes"}
DUE = {(dataset, method) for dataset in DATASETS for method in GPU | PLAIN | OTHERS}
ATTEMPTS = 3


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A project in which the data of one task are prepared, so that all of its trainings are due."""
    project = Project(tmp_path_factory.mktemp("cluster"))
    project.snakemake("--until", "prepare", "--config", f"tasks={TASK}")
    profile = project.folder / "profiles/slurm/config.yaml"  # with its line on partitions in force
    profile.write_text(profile.read_text().replace("# slurm-partition-config:", "slurm-partition-config:"))
    return project


@pytest.fixture
def submissions(prepared, tmp_path, monkeypatch):
    """A function that calls snakemake with the stand-in; list of (method, attempt, words of sbatch)."""
    for name in ("sbatch", "sacct", "squeue", "scancel", "sinfo", "scontrol", "sacctmgr"):
        shutil.copy(STUB, tmp_path / name)
    folder = tmp_path / "submissions"
    folder.mkdir()
    monkeypatch.setenv("SUBMISSIONS", str(folder))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")  # without the nvidia-smi that a machine may have elsewhere

    def call(*words):
        quick = ["--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1"]
        quick += ["--latency-wait", "1", "--slurm-no-account"]
        wanted = [f"results/quick/{TASK}/{dataset}/{method}/seed1/run.json" for dataset, method in sorted(DUE)]
        done = prepared.snakemake(
            *words, *quick, "--slurm-status-command", "sacct", "--", *wanted, check=False, cores="all"
        )
        assert done.returncode, "the stand-in ran nothing, so the workflow cannot have ended well"
        found = {}
        for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns):
            dataset, method, asked = re.search(
                rf"--comment rule_train_wildcards_{TASK}_({'|'.join(DATASETS)})_(\S+)_1 (.*?) --wrap", path.read_text()
            ).groups()
            found.setdefault((dataset, method), []).append(asked)
        assert found, done.stderr[-4000:]
        return found

    return call


def amount(option, asked):
    """The number that an option of sbatch has in each attempt."""
    return [int(re.search(rf"(?:^| ){option}[ =](\d+)", one).group(1)) for one in asked]


def test_every_due_training_is_submitted_with_what_it_needs(submissions):
    """Any --config leaves the GPUs where they are: on a login node without one, `device: auto` asks for it too."""
    found = submissions("--workflow-profile", "profiles/slurm", "--config", f"tasks={TASK}")
    assert found.keys() == DUE
    for (_, method), asked in found.items():
        assert len(asked) == ATTEMPTS
        assert all(("--gpus=1" in one) == (method in GPU) for one in asked), method
        assert all("--requeue" in one for one in asked)
        assert all(f"-p {'gpu' if method in GPU else 'cpu'} " in one for one in asked), method
        memory, minutes = amount("--mem", asked), amount("-t", asked)
        assert [memory[0] * factor for factor in (1, 2, 4)] == memory
        assert [minutes[0] * factor for factor in (1, 2, 4)] == minutes
        if method in PLAIN:
            assert memory[0] <= 1000 and minutes[0] <= 10
        elif method in GPU:
            assert memory[0] >= 4000 and minutes[0] >= 60
