"""One small run through profiles/slurm on a SLURM of this one machine (Debian's slurm-wlm and munge, root)."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from deepbio.core.files import read_json

SCRIPT = Path(__file__).parent / "slurm" / "one_machine.sh"
MISSING = [name for name in ("slurmctld", "slurmd", "munged") if not shutil.which(name)]
MISSING += [] if importlib.util.find_spec("snakemake_executor_plugin_slurm") else ["the slurm extra of pyproject.toml"]
MISSING += [] if os.geteuid() == 0 else ["root"]
MISSING += ["no SLURM of its own"] if Path("/etc/slurm/slurm.conf").exists() else []


@pytest.mark.workflow
@pytest.mark.long
@pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")
def test_a_run_is_submitted_with_its_resources(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run([SCRIPT, "start", folder], check=True)
    try:
        run = "results/quick/molecule_properties/freesolv/mean_label/seed1/run.json"
        other = "results/quick/motif_primer/planted/data/split1/dataset.json"
        words = [
            "--slurm-array-jobs",
            "prepare",
            "--workflow-profile",
            "profiles/slurm",
            "--slurm-status-command",
            "squeue",
            "--latency-wait",
            "5",
        ]
        words += ["--default-resources", "slurm_partition=main", "mem_mb=1000", "runtime=20"]
        words += ["--slurm-init-seconds-before-status-checks", "5", "--seconds-between-status-checks", "5"]
        done = project.snakemake(*words, "--config", "device=cpu", "--", run, other)
        assert read_json(project.folder / run)["status"] == "ok"
        assert "has been submitted with SLURM jobid" in done.stderr
        assert "Submitted array job" in done.stderr and (project.folder / other).exists()
        logs = list((project.folder / ".snakemake" / "slurm_logs").rglob("*.log"))
        text = (folder / "slurmctld.log").read_text()
        assert "_slurm_rpc_submit_batch_job" in text, logs
    finally:
        subprocess.run([SCRIPT, "stop", folder], check=True)
