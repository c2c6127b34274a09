"""A user's own data: the YAML that names it, and the command that checks and guesses it."""

import pytest
from own_files import molecules, refused, screen, table, windows, write
from support import CATALOG, call

from deepbio.core import own
from deepbio.core.catalog import Catalog
from deepbio.core.files import BadInput


def test_wrong_yaml_names_the_file_and_the_key(tmp_path):
    for facts, message in [
        ({"input": "molecul"}, "mine.yaml: input: 'molecul' is no kind"),
        ({"output": "multi"}, "mine.yaml: output: 'multi' is not one of"),
        ({"output": "generated"}, "mine.yaml: output: molecules have no 'generated'"),
        ({"file": "none.csv"}, "mine.yaml: file: no such file"),
        ({"colums": {}}, "'colums' was unexpected"),
        ({"split": {"fractions": [0.5, 0.2, 0.2]}}, "mine.yaml: split.fractions"),
        (
            {"columns": {"smiles": "SMILES", "label": "blocked"}},
            "no column 'SMILES'; columns are: id, Structure, blocked",
        ),
        ({"columns": {"smiles": "Structure", "label": "hit"}}, "columns.label: no column 'hit'"),
        ({"columns": {"smiles": "Structure"}}, "which holds the label?"),
        ({"positive": "maybe"}, "positive: no label is 'maybe'; they are: no, yes"),
        ({"split": {"by": "group"}}, "say columns: {group: NAME}"),
        ({"split": {"by": "chromosome"}}, "has no coordinates"),
    ]:
        assert message in refused(screen(tmp_path, **facts)), message


def test_all_that_fits_runs_and_what_is_named_must_fit(tmp_path):
    known = Catalog({"own": str(screen(tmp_path))})
    assert known.selected_tasks == ["own_mine"]
    names = known.competitors("own_mine", own.DATASET)
    assert {"neural_fingerprint", "ecfp_linear", "ecfp_net", "random_forest"} == set(names)
    known = Catalog({"own": str(screen(tmp_path, methods=["ecfp_linear"]))})
    assert known.competitors("own_mine", own.DATASET) == ["ecfp_linear"]
    for methods, message in [(["leap"], "leap takes animal_frame"), (["nobody"], "unknown method 'nobody'")]:
        with pytest.raises(BadInput, match=message):
            Catalog({"own": str(screen(tmp_path, methods=methods))})


def test_effort_is_the_scale_of_the_settings_and_not_of_the_folder(tmp_path):
    fast, normal = (Catalog({"own": str(screen(tmp_path, effort=effort))}) for effort in ("fast", "normal"))
    place = ("neural_fingerprint", "own_mine", own.DATASET)
    assert fast.parameters(*place)["training"]["steps"] < normal.parameters(*place)["training"]["steps"]
    assert fast.results == normal.results


def test_a_folder_of_yaml_files_is_as_many_tasks_and_others_may_be_named_beside_them(tmp_path):
    (tmp_path / "more").mkdir()
    screen(tmp_path)
    screen(tmp_path).rename(tmp_path / "Second screen.yaml")
    screen(tmp_path)
    assert Catalog({"own": str(tmp_path)}).selected_tasks == ["own_mine", "own_second_screen"]
    both = Catalog({"own": str(tmp_path / "mine.yaml"), "tasks": "own_mine,motif_primer"})
    assert both.selected_tasks == ["motif_primer", "own_mine"]
    assert not Catalog({}).own and "own_mine" not in CATALOG.tasks


def test_a_name_of_a_file_may_hold_blanks(tmp_path):
    folder = tmp_path / "own dir, two"
    folder.mkdir()
    path = screen(folder)
    assert own.files_of(str(path)) == own.files_of("own dir, two/mine.yaml", tmp_path) == [path]
    assert own.files_of(str(folder)) == [path]
    assert Catalog({"own": str(path)}).selected_tasks == ["own_mine"]
    several = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    assert own.files_of("a.yaml, b.yaml", tmp_path) == own.files_of("a.yaml b.yaml", tmp_path) == several


def test_files_within_a_folder_are_watched_as_the_folder_is(tmp_path):
    folder = tmp_path / "frames"
    (folder / "more").mkdir(parents=True)
    for name in ("b.png", "a.png"):
        (folder / name).write_bytes(b"")
    (tmp_path / "points.csv").write_text("id,x_x,x_y\na.png,1,2\n")
    facts = {"input": "animal_frame", "output": "regression", "file": "frames", "labels": "points.csv"}
    known = Catalog({"own": str(write(tmp_path, **facts))})
    found = own.watched(known.dataset("own_mine", own.DATASET))
    assert found == [str(path) for path in (folder, folder / "a.png", folder / "b.png", tmp_path / "points.csv")]
    # They are inputs of a job and no word of its command, which may not be as long as some thousand names.
    assert known.preparation("own_mine", own.DATASET)["own"]["files"] == [found[0], found[-1]]
    assert own.watched(known.dataset("motif_primer", known.datasets("motif_primer")[0])) == []


def test_check_tells_and_init_guesses_what_check_takes(tmp_path):

    path = screen(tmp_path)
    done = call("own.py", "--check", path)
    assert done.returncode == 0, done.stderr
    for words in (
        f"{len(molecules(80))} samples of molecules",
        "methods and baselines run",
        "neural_fingerprint (listed): 1 run",
        "take no molecule",
        "estimated time",
    ):
        assert words in done.stdout, done.stdout
    table(tmp_path)
    (tmp_path / "seqs.csv").write_text(
        "window,score\n" + "\n".join(f"{text},{n / 3:.2f}" for n, text in enumerate(windows(20)))
    )
    for name, lines in {
        "screen.csv": ("input: molecule", "output: binary", "smiles: Structure", "label: blocked", "positive: yes"),
        "t.csv": ("input: table", "output: binary", "label: state", "positive: well"),
        "seqs.csv": ("input: sequence", "output: regression", "sequence: window", "label: score"),
    }.items():
        done = call("own.py", "--init", tmp_path / name)
        assert done.returncode == 0, done.stderr
        made = tmp_path / f"{name.split('.')[0]}.yaml"
        assert all(line in made.read_text().replace("'", "") for line in lines), made.read_text()
        done = call("own.py", "--check", made)
        assert done.returncode == 0, done.stderr
    assert "exists already" in call("own.py", "--init", tmp_path / "t.csv").stderr
