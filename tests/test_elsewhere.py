"""Use from elsewhere: as a module with a prefix, from another folder, with a configuration of one's own; messages."""

import shutil
import subprocess
import sys

import pytest
from support import ROOT

pytestmark = pytest.mark.workflow
MODULE = f"""
module deepbio:
    snakefile: "{ROOT}/workflow/Snakefile"
    config: {{config}}
    prefix: "bench"


use rule * from deepbio as deepbio_*


rule all:
    default_target: True
    input:
        rules.deepbio_all.input,
"""


def snakemake(folder, *words):
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_module_by_path_with_a_prefix_from_another_folder(tmp_path):
    (tmp_path / "Snakefile").write_text(MODULE.format(config='{"tasks": "motif_primer"}'))
    done = snakemake(tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    results = tmp_path / "bench/results/quick"
    assert "Best exact word" in (results / "scoreboard.txt").read_text()
    assert {path.parent.parent.name for path in results.rglob("run.json")} == {
        "best_word",
        "kmer_logistic",
        "primer_cnn",
    }
    assert not (tmp_path / "results").exists()


def test_own_data_run_from_a_module(tmp_path):
    """The YAML and its file lie beside the user's Snakefile; results lie below the prefix."""
    rows = [f"{row},{row % 7},{row % 5 + 3 * (row % 2)},{row % 2}" for row in range(60)]
    (tmp_path / "people.csv").write_text("\n".join(["id,age,marker,ill", *rows]) + "\n")
    (tmp_path / "people.yaml").write_text(
        "title: People\ninput: table\noutput: binary\nfile: people.csv\ncolumns: {id: id, label: ill}\nmethods: [lda]\n"
    )
    (tmp_path / "Snakefile").write_text(MODULE.format(config='{"own": "people.yaml"}'))
    done = snakemake(tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    found = list((tmp_path / "bench/results/quick/own_people").rglob("run.json"))
    assert [path.parent.parent.name for path in found] == ["lda"]
    assert "People" in (tmp_path / "bench/results/quick/scoreboard.txt").read_text()


def test_a_configuration_beside_the_user_s_snakefile_is_honoured(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    own = tmp_path / "config/config.yaml"
    own.write_text(own.read_text().replace("tasks: all ", "tasks: motif_primer "))
    task = tmp_path / "config/tasks/motif_primer.yaml"
    task.write_text(task.read_text().replace("      planted:\n", "      of_my_own:\n"))
    done = snakemake(tmp_path, "-n", "--snakefile", f"{ROOT}/Snakefile")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "motif_primer/of_my_own/" in done.stdout and "tf_binding" not in done.stdout


def test_a_wrong_key_is_blamed_on_the_file_that_holds_it(tmp_path):
    (tmp_path / "mine.yaml").write_text("seeds: 0\n")
    for words, place in [
        (["--configfile", "mine.yaml"], "mine.yaml: seeds: 0 is less than"),
        (["--config", "scale=huge"], "--config: scale: 'huge' is not one of"),
        (["--config", "scael=quick"], "--config: top level: "),
    ]:
        done = snakemake(tmp_path, "-n", "--snakefile", f"{ROOT}/Snakefile", *words)
        assert done.returncode and place in done.stdout + done.stderr, done.stderr[-2000:]


def test_unknown_targets_and_choices_without_a_run_say_what_there_is(tmp_path):
    def said(*words):
        done = snakemake(tmp_path, "-n", "--snakefile", f"{ROOT}/Snakefile", *words)
        assert done.returncode
        return done.stdout + done.stderr

    text = said("--", "no_such_target")
    assert "no target 'no_such_target'" in text and "motif_primer" in text and "deepbind" in text
    text = said("--config", "tasks=motif_primer", "methods=leap")
    assert "--config: nothing matches" in text and "leap" in text and "motif_primer" in text
