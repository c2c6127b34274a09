"""The pages of docs/ as a user follows them: their commands run as they stand, on small files."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from own_files import genome, molecules, table, variants
from own_places import places_of_elements_and_sites
from support import ROOT, Project


def blocks(form, page="your-own-data"):
    """What stands in the code blocks of one language of a page."""
    return re.findall(rf"```{form}\n(.*?)```", (ROOT / f"docs/{page}.md").read_text(), re.DOTALL)


def small_files(folder):
    """The files that the page speaks of."""
    rows = [f"m{n},{text},{'yes' if 'O' in text else 'no'}" for n, text in enumerate(molecules(120))]
    (folder / "screen.csv").write_text("\n".join(["compound,Structure,blocked", *rows]))
    (folder / "new.csv").write_text("compound,Structure\na,CCO\nb,C1CC\n")
    (folder / "library.smi").write_text("\n".join(molecules(120)))
    genome(folder)
    (folder / "g.fa").rename(folder / "genome.fa")
    places = np.random.default_rng(0).integers(200, 5700, (5, 12))
    (folder / "peaks.bed").write_text("".join(f"chr{n + 1}\t{a}\t{a + 100}\n" for n in range(5) for a in places[n]))
    table(folder)
    made = (folder / "t.csv").read_text().replace("id,a,b,c,sex,state,family", "patient,a,b,c,sex,responds,family")
    made = made.replace("sick", "yes").replace("well", "no").replace("oops", "1.5")
    (folder / "t.csv").unlink()
    (folder / "patients.csv").write_text(made)
    variants(folder, people=60)
    places_of_elements_and_sites(folder)
    (folder / "v.vcf").rename(folder / "people.vcf")
    (folder / "people.tsv").write_text((folder / "p.tsv").read_text().replace("pop\n", "population\n", 1))


@pytest.mark.workflow
@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_page_runs_as_it_stands(tmp_path):
    small_files(tmp_path)
    (tmp_path / "deepbio-bench").symlink_to(ROOT)
    names = ("screen", "peaks", "pairs", "calls", "starts", "patients", "people", "library")
    for name, text in zip(names, blocks("yaml"), strict=True):
        (tmp_path / f"{name}.yaml").write_text(text)
    commands = "".join(blocks("bash")).splitlines()
    assert len(commands) == 12
    for line in commands:
        done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True)
        expected = 3 if "--input new.csv" in line else 0
        assert done.returncode == expected, f"{line}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    written = ("predictions", "peaks", "pairs", "calls_predicted", "starts", "patients", "people_predicted")
    for name in (*(f"{one}.tsv" for one in written), "new_molecules.tsv"):
        assert len((tmp_path / name).read_text().splitlines()) > 2
    results = tmp_path / "results/quick"
    assert "perfect" in (results / "scoreboard.txt").read_text() and (results / "own_screen/comparison.svg").exists()
    assert "| accuracy |" in (tmp_path / "model/README.md").read_text()
    # The log of `prepare` has what --check says; an edit of the data reruns what depends on it.
    assert "samples of molecules" in next((results / "logs/prepare/own_screen").rglob("*.log")).read_text()
    command = [
        "snakemake",
        "--snakefile",
        "deepbio-bench/Snakefile",
        "--cores",
        "1",
        "-n",
        "--config",
        "own=screen.yaml",
    ]
    quiet = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert not quiet.returncode and not {"rule prepare:", "rule train:"} & set(quiet.stdout.splitlines())
    (tmp_path / "screen.csv").write_text((tmp_path / "screen.csv").read_text().replace("m3,", "m3b,"))
    edited = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "rule prepare:" in edited.stdout.splitlines()


@pytest.mark.workflow
def test_a_method_of_one_s_own_is_ranked_beside_the_others(tmp_path):
    project = Project(tmp_path)
    mine = tmp_path / "my_methods"
    mine.mkdir()
    code, facts = (blocks(form, "adding-a-method")[0] for form in ("python", "yaml"))
    (mine / "mine.py").write_text(code)
    (mine / "mine.yaml").write_text(facts)
    words = ["--config", "own_methods=my_methods", "methods=mine", "tasks=biological_age"]
    project.snakemake(*words)
    results = tmp_path / "results/quick"
    assert "Self-normalising network [listed]" in (results / "scoreboard.txt").read_text()
    run = next((results / "biological_age").glob("*/mine/seed1"))
    assert '"status": "ok"' in (run / "run.json").read_text()
    (mine / "mine.py").write_text(code.replace("width**-0.5", "0.5 * width**-0.5"))
    planned = project.planned(*words)
    assert [output for rule, output in planned if rule == "train"] and all(
        "/mine/" in o for r, o in planned if r == "train"
    )
    shutil.rmtree(mine)
    done = project.snakemake("-n", *words, check=False)
    assert "no method (a .yaml and a .py file" in done.stdout + done.stderr
