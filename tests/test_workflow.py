"""Real snakemake in a copy of the project: targets, reruns, failures, kills, report, the documented example."""

import csv
import re
import signal
import subprocess
import sys
import time

import pytest
from support import ROOT

from deepbio.core.catalog import Catalog
from deepbio.core.files import read_json


def read_rows(path):
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle))


pytestmark = pytest.mark.workflow
ONE = ("--config", "tasks=estrogen_receptor", "seeds=1")
CHEAP = ("--config", "tasks=motif_primer", "seeds=1")  # needs no source


def test_bare_dry_run_lists_every_stage(project):
    text, catalog = project.snakemake("-n").stdout, Catalog()
    tasks = catalog.selected_tasks
    splits = {(run.task, run.dataset, catalog.split_of(run.task, run.dataset, run.seed)) for run in catalog.runs()}
    wanted = {"prepare": len(splits), "train": len(catalog.runs()), "interpret": len(catalog.interpreted())}
    wanted |= {"score": len(tasks), "compare": len(tasks), "summarize": 1, "default": 1}
    sources = {source for run in catalog.runs() for source in catalog.dataset(run.task, run.dataset)["sources"]}
    wanted["fetch"] = sum(not (project.folder / f"resources/{source}.json").exists() for source in sources)
    found = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE)}
    assert {rule: found.get(rule, 0) for rule in wanted} == wanted


@pytest.mark.parametrize("scale", ["standard", "full"])
def test_every_other_scale_can_be_planned(project, scale):
    done = project.snakemake("-n", "--configfile", f"config/{scale}.yaml")
    assert "train" in done.stdout


def test_a_target_for_each_task_method_and_for_fetching(project):
    catalog = Catalog()
    project.snakemake(*catalog.selected_tasks, *catalog.selected_methods, "fetch_all", "-n")


def test_settings_on_the_command_line(project):
    jobs = [out for rule, out in project.planned("--config", "seeds=3", "tasks=tf_binding") if rule == "train"]
    assert any("deepbind/seed3/" in out for out in jobs) and not any("kmer_logistic/seed2/" in out for out in jobs)
    assert not any("molecule_properties" in out for out in jobs)


def test_wrong_configuration_is_one_message(project):
    done = project.snakemake("-n", "--config", "tasks=no_such", check=False)
    assert done.returncode and "tasks: unknown id 'no_such'" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_everything_is_there(finished):
    results = finished.folder / "results" / "quick"
    rows = read_rows(results / "scores.csv")
    assert list(rows[0]) == "scale task dataset method role seed metric value higher_is_better origin".split()
    assert {row["role"] for row in rows} == {"listed", "baseline", "control"}
    catalog = Catalog({"tasks": "estrogen_receptor", "seeds": 1})
    assert {(r["dataset"], r["method"]) for r in rows if r["role"] != "control"} == {
        (run.dataset, run.method) for run in catalog.runs()
    }
    run = read_json(
        results / "estrogen_receptor" / catalog.datasets("estrogen_receptor")[0] / "er_metabolomics/seed1/run.json"
    )
    assert run["status"] == "ok" and run["weights"] > 0 and run["samples_per_second"] > 0
    assert run.keys() >= {"parameters", "versions", "data_digest", "code_digest", "device", "train_samples"}
    for name in ("comparison.svg", "comparison.png", "comparison.csv", "curves.svg"):
        assert (results / "estrogen_receptor" / name).stat().st_size > 500
    for name in ("ledger.csv", "cost.csv", "scoreboard.txt", "scoreboard.html", "provenance.html", "glance.svg"):
        assert (results / name).stat().st_size > 200
    assert "sha-256" in (results / "provenance.html").read_text().lower()
    assert "real" in (results / "estrogen_receptor" / "comparison.csv").read_text()


def test_nothing_is_done_twice_and_touch_reruns_nothing(finished):
    assert finished.planned(*ONE) == []
    for path in (finished.folder / "workflow").rglob("*.py"):
        path.touch()
    for path in (finished.folder / "config").rglob("*.yaml"):
        path.touch()
    for path in (finished.folder / "results").rglob("dataset.json"):
        path.touch()
    assert finished.planned(*ONE) == []


def test_an_edit_reruns_exactly_its_jobs(finished):
    path = finished.folder / "workflow/scripts/deepbio/baselines/lda.py"
    text = path.read_text()
    path.write_text(text + "\nCHANGED = 1\n")
    try:
        jobs = finished.planned(*ONE)
    finally:
        path.write_text(text)
    trained = {out.split("/")[4] for rule, out in jobs if rule == "train"}
    assert trained == {"lda"}
    assert not [out for rule, out in jobs if rule in ("fetch", "prepare", "interpret")]
    assert {rule for rule, _ in jobs} >= {"train", "score"}


def test_a_changed_hyper_parameter_reruns_its_method_only(finished):
    path = finished.folder / "config/baselines/svm.yaml"
    text = path.read_text()
    path.write_text(text.replace("folds: 5", "folds: 4"))
    try:
        assert path.read_text() != text
        trained = {out.split("/")[4] for rule, out in finished.planned(*ONE) if rule == "train"}
    finally:
        path.write_text(text)
    assert trained == {"svm"}


def test_report_is_made_offline(finished):
    report = finished.folder / "report.html"
    finished.snakemake(*ONE, "--report", report)
    text = report.read_text()
    assert "Scoreboard" in text and "Provenance" in text and "Oestrogen" in text


BROKEN = """
class Method:
    def __init__(self, parameters):
        pass

    def fit(self, train, valid, job):
        raise ValueError("no such luck")
"""


def test_a_method_that_raises_is_reported_and_the_rest_goes_on(project):
    (project.folder / "workflow/scripts/deepbio/baselines/best_word.py").write_text(BROKEN)
    project.snakemake(*CHEAP)
    results = project.folder / "results/quick"
    ledger = read_rows(results / "ledger.csv")
    failed = [row for row in ledger if row["status"] == "failed"]
    assert {row["method"] for row in failed} == {"best_word"}
    assert {row["method"] for row in ledger if row["status"] == "ok"} == {"primer_cnn", "kmer_logistic"}
    assert all(row["reason"] == "ValueError: no such luck" for row in failed)
    assert "no such luck" in (results / "scoreboard.txt").read_text()
    assert "no such luck" in (results / "scoreboard.html").read_text()
    stopped = project.snakemake(*CHEAP, "on_failure=stop", "--forcerun", "train", check=False)
    assert stopped.returncode and "ValueError: no such luck" in stopped.stderr
    assert "Trying to restart job" not in stopped.stderr


def test_a_missing_source_fails_its_task_alone(project):
    source = project.folder / "config/sources/datamol.yaml"
    source.write_text(source.read_text().replace("datamol==0.13.0", "datamol==0.0.0.1"))
    (project.folder / "resources").unlink()
    (project.folder / "resources").mkdir()
    both = ("--config", "tasks=[motif_primer,molecule_properties]", "seeds=1", "methods=primer_cnn")
    done = project.snakemake(*both, check=False)
    assert done.returncode
    assert "source 'datamol'" in done.stderr and "mirror=" in done.stderr
    assert (project.folder / "results/quick/motif_primer/comparison.csv").exists()
    assert not (project.folder / "results/quick/molecule_properties/comparison.csv").exists()


def test_killed_training_goes_on_to_equal_weights(finished, tmp_path):
    """kill -9 in the middle of training, then the same command: the weights of an uninterrupted run, bit for bit."""
    catalog = Catalog()
    dataset = catalog.datasets("estrogen_receptor")[0]
    prepared = finished.folder / f"results/quick/estrogen_receptor/{dataset}/data/split1"
    command = [sys.executable, str(ROOT / "workflow/scripts/train.py"), "er_metabolomics", "--data", str(prepared)]
    command += ["--checkpoint-seconds", "0.05"]

    def run(name):
        words = [*command, "--output", str(tmp_path / name), "--scratch", str(tmp_path / f"{name}-scratch")]
        return subprocess.Popen(words, stderr=subprocess.PIPE, text=True)

    assert run("whole").wait() == 0
    killed = run("killed")
    deadline = time.monotonic() + 120
    while not list((tmp_path / "killed-scratch").glob("*/*.pt")) and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed/run.json").exists(), "the run ended before it was killed"
    assert list((tmp_path / "killed-scratch").glob("*/*.pt"))
    again = run("killed")
    assert again.wait() == 0 and "goes on at step" in again.stderr.read()
    model = "model/model.safetensors"
    assert (tmp_path / "whole" / model).read_bytes() == (tmp_path / "killed" / model).read_bytes()
    assert not list((tmp_path / "killed-scratch").glob("*/*.pt"))


def test_documented_example_works_to_the_letter(project):
    """Writes the two files of docs/adding-a-method.md and runs its command."""
    text = (ROOT / "docs/adding-a-method.md").read_text()
    files = re.findall(r"^## \d\. [^\n]*: `([^`]+)`\n\n```\w+\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(files) == 2
    for name, content in files:
        (project.folder / name).write_text(content)
    command = re.search(r"^```bash\n(snakemake .*?)\n```", text, re.MULTILINE).group(1).split()
    assert command[:3] == ["snakemake", "--cores", "2"]
    project.snakemake(*command[3:], "--config", "seeds=1")
    scores = project.folder / "results/quick/biological_age/one_method/self_normalizing/scores.csv"
    rows = [row for row in read_rows(scores) if row["metric"] == "mae"]
    assert {"self_normalizing", "elastic_net", "perfect"} <= {row["method"] for row in rows}
    error = {row["method"]: float(row["value"]) for row in rows}
    assert error["self_normalizing"] < 0.9 * error["constant"]


def test_a_training_asks_for_what_the_scale_of_its_settings_needs(project):
    asked = {}
    for scale in ("quick", "full"):
        plan = project.snakemake("-n", "--config", "tasks=motif_primer", f"method_scale={scale}").stdout
        asked[scale] = {int(one) for one in re.findall(r"rule train:.*?mem_mb=(\d+)", plan, re.DOTALL)}
    assert max(asked["quick"]) < min(asked["full"])


def test_results_can_be_put_elsewhere(project, tmp_path):
    done = project.snakemake("-n", "--directory", tmp_path / "elsewhere", "--workflow-profile", "profiles/default")
    assert "train" in done.stdout
