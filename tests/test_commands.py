"""The commands of workflow/scripts by hand: help, messages, and the whole way without Snakemake."""

import json
import shutil

import pytest
from support import ROOT, call

from deepbio.core.catalog import Catalog
from deepbio.core.data import save_dataset
from deepbio.core.files import read_json
from deepbio.core.kind import small_problem

SCRIPTS = ROOT / "workflow" / "scripts"
COMMANDS = sorted(path.name for path in SCRIPTS.glob("*.py"))


@pytest.mark.parametrize("script", COMMANDS)
def test_help_says_what_it_does(script):
    done = call(script, "--help")
    assert done.returncode == 0 and "usage:" in done.stdout and len(done.stdout.splitlines()) > 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fetch.py", "no_such"), "error: unknown source 'no_such'"),
        (("prepare.py", "no_such", "x", "--output", "o"), "error: unknown task 'no_such'"),
        (("prepare.py", "tf_binding", "no_such", "--output", "o"), "has at scale quick the datasets: oct4_mesc"),
        (("prepare.py", "tf_binding", "oct4_mesc", "--output", "o", "--resources", "none"), "run fetch.py janggu"),
        (("train.py", "deepbind", "--data", ".", "--output", "o", "--parameters", "{"), "not JSON"),
        (
            ("compare.py", "tf_binding", "--scores", ".", "--output", "o", "--settings", '{"scale": 1}'),
            "scale: 1 is not",
        ),
    ],
)
def test_mistakes_end_in_one_message(words, message):
    done = call(*words)
    assert done.returncode and message in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_train_by_hand_records_and_repeats(tmp_path):
    splits = small_problem("table", "binary")
    facts = {
        "task": "estrogen_receptor",
        "dataset": "gse1992_to_gse4335",
        "scale": "quick",
        "split": 1,
        "origin": "simulated",
    }
    save_dataset(tmp_path / "data", splits, facts)
    words = ["lda", "--data", tmp_path / "data", "--scratch", tmp_path / "scratch", "--parameters", "{}"]
    for name in ("one", "two"):
        assert call("train.py", *words, "--output", tmp_path / name).returncode == 0
    one, two = (read_json(tmp_path / name / "run.json") for name in ("one", "two"))
    assert one["status"] == "ok" and {**one, "seconds": 0} == {**two, "seconds": 0}
    assert one["preparation_seconds"] is None and one["restarts"] == 0
    assert {path.name for path in (tmp_path / "one").iterdir()} == {
        "model",
        "predictions.npz",
        "history.csv",
        "run.json",
    }


@pytest.mark.slow
def test_a_run_says_how_fast_its_data_were_prepared(tmp_path):
    data, facts = tmp_path / "results/data", []
    for _ in range(2):
        assert call("prepare.py", "chromatin_accessibility", "planted_sites", "--output", data).returncode == 0
        facts.append((data / "dataset.json").read_bytes())
    assert facts[0] == facts[1] and b"seconds" not in facts[0]
    assert {path.name for path in data.parent.iterdir()} == {"data"}
    words = ["mean_label", "--data", data, "--scratch", tmp_path / "scratch", "--parameters", "{}"]
    assert call("train.py", *words, "--output", tmp_path / "run").returncode == 0
    speed, run = read_json(data / "preparation.json"), read_json(tmp_path / "run/run.json")
    prepared = read_json(data / "dataset.json")["splits"].values()
    assert speed["samples"] == sum(part["samples"] for part in prepared) and speed["samples_per_second"] > 0
    assert run["preparation_seconds"] == speed["seconds"]
    assert run["preparation_samples_per_second"] == speed["samples_per_second"]


def test_the_overview_leaves_out_a_metric_without_an_upper_end(tmp_path, monkeypatch):
    """Of two datasets, the perfect control of the second is below the constant one, as a lift's may be."""
    import pandas as pd

    import summarize

    known, rows, drawn = Catalog({"scale": "quick"}), [], []
    for task, best in (("motif_primer", 1.0), ("tf_binding", 0.4)):
        dataset = known.datasets(task)[0]
        about = {"task": task, "dataset": dataset, "metric": known.dataset(task, dataset)["metrics"][0]}
        means = {"perfect": best, "constant": 0.5, "kmer_logistic": 0.6}
        rows += [about | {"method": name, "mean": mean, "higher_is_better": True} for name, mean in means.items()]
    monkeypatch.setattr(summarize.comparison, "glance", lambda table, *words: drawn.append(table))
    summarize.glance(known, pd.DataFrame(rows), tmp_path)
    assert drawn[0]["task"].tolist() == [known.tasks["motif_primer"]["title"]]
    assert drawn[0]["value"].tolist() == [pytest.approx(0.2)]


def test_costs_are_those_of_the_runs_at_hand(tmp_path):
    import pandas as pd

    import summarize

    there = ["train/a/x/net/seed1", "prepare/a/x/split1", "interpret/a/x/net/seed1", "score/a", "score/a/net"]
    others = ["train/a/x/guest/seed1", "train/b/y/net/seed1", "prepare/b/y/split1", "score/a/guest", "cross/a"]
    for seconds, name in enumerate([*there, *others]):
        path = tmp_path / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\tcpu_time\tmax_rss\n{seconds}\t-\t7.5\n")
    found = summarize.cost(tmp_path, pd.DataFrame({"task": ["a", "a"], "method": ["net", "base"]}))
    assert sorted(found["seconds"]) == [*range(len(there))]
    assert set(found["task"]) == {"a"} and set(found["method"].dropna()) == {"net"}
    assert set(found["stage"]) == {"train", "prepare", "interpret", "score"}


def part_of_reference(place, source, task, methods, value=0.25):
    """A results folder with what the reference has of some methods of a task, all numbers the same."""
    import pandas as pd

    source.mkdir()
    for name, column in (("scores", "value"), ("comparison", "mean"), ("ledger", "seconds"), ("cost", "seconds")):
        table = pd.read_csv(place / f"{name}.csv")
        mine = table[(table["task"] == task) & table["method"].isin(methods)]
        mine.assign(**{column: value}).drop(columns="commit", errors="ignore").to_csv(
            source / f"{name}.csv", index=False
        )


def test_reference_of_some_methods_leaves_the_others(tmp_path):
    import pandas as pd

    import reference
    from deepbio.core.catalog import Catalog

    place, source, known = tmp_path / "quick", tmp_path / "results", Catalog({"scale": "quick"})
    shutil.copytree(ROOT / "results" / "reference" / "quick", place)
    before = {name: pd.read_csv(place / f"{name}.csv") for name in reference.TABLES}
    part_of_reference(place, source, "tf_binding", ["ckn_seq", "best_pwm", "random", "constant", "perfect"])
    ledger = pd.read_csv(source / "ledger.csv")
    lost = before["ledger"].query("task == 'tf_binding' and method == 'danq'").assign(status="missing")
    pd.concat([ledger, lost[ledger.columns]]).to_csv(source / "ledger.csv", index=False)
    reference.renew(source, place, known, "f00")
    after = {name: pd.read_csv(place / f"{name}.csv") for name in reference.TABLES}
    new = "task == 'tf_binding' and method in ['ckn_seq', 'best_pwm', 'random', 'constant', 'perfect']"
    old = f"not ({new})"
    for name, table in before.items():
        untouched, now = (
            one.query(old).sort_values(list(table.columns[:7]), kind="stable", ignore_index=True)
            for one in (table, after[name])
        )
        pd.testing.assert_frame_equal(now[untouched.columns], untouched, rtol=1e-5)
        assert len(after[name]) == len(table)
    assert (after["scores"].query(new)["value"] == 0.25).all()
    assert (after["ledger"].query(new)["commit"] == "f00").all() and len(after["ledger"].query(new)) == 2
    assert (after["ledger"].query(old)["commit"].str.len() == 40).all()
    assert "0.250" in (place / "scoreboard.txt").read_text() and (place / "glance.svg").exists()
    unchanged = [
        (ROOT / "results" / "reference" / "quick" / file).read_bytes() == (place / file).read_bytes()
        for file in ("motif_primer.svg", "tf_binding.svg")
    ]
    assert unchanged == [True, False]


def test_reference_of_some_cells_of_the_cross_table_leaves_the_others(tmp_path):
    import pandas as pd

    import reference
    from deepbio.core.catalog import CROSS_TABLE, Catalog

    place, known = tmp_path / "quick", Catalog({"scale": "quick", **CROSS_TABLE})
    place.mkdir()
    head = "input,method,role,motif_primer/planted,tf_binding/{},mean_rank\n"
    rows = {
        "first": ["danq,listed,0.5,0.7,2", "deepbind,listed,0.6,0.8,1", "gone,listed,0.7,0.1,3"],
        "second": ["danq,listed,0.9,,1"],
    }
    for commit, lines in rows.items():
        source = tmp_path / commit
        source.mkdir()
        table = head.format("oct4_mesc") + "".join(f"sequence,{line}\n" for line in lines)
        (source / "cross.csv").write_text(table)
        reference.renew_cross(source, place, known, commit)
    table = pd.read_csv(place / "cross.csv", index_col="method")
    assert list(table.index) == ["danq", "deepbind"]
    assert table["motif_primer/planted"].to_dict() == {"danq": 0.9, "deepbind": 0.6}
    assert table["tf_binding/oct4_mesc"].to_dict() == {"danq": 0.7, "deepbind": 0.8}
    assert table["mean_rank"].to_dict() == {"danq": 1.5, "deepbind": 1.5}
    ledger = pd.read_csv(place / "cross_ledger.csv")
    assert len(ledger) == 4
    assert ledger.query("commit == 'second'")[["task", "method"]].to_numpy().tolist() == [["motif_primer", "danq"]]
    assert "Input: sequence" in (place / "cross.svg").read_text() and not (place / "cross.png").exists()


@pytest.mark.parametrize("scale", ["quick", "standard"])
def test_the_ledger_of_the_reference_has_each_run_that_is_scored(scale):
    import pandas as pd

    place, run = ROOT / "results" / "reference" / scale, ["task", "dataset", "method", "seed"]
    scores, ledger = pd.read_csv(place / "scores.csv"), pd.read_csv(place / "ledger.csv")
    scored = set(scores[scores["role"] != "control"][run].itertuples(index=False, name=None))
    # A control of a split is no run; a baseline that is shown as a control is one.
    controls = set(scores[scores["role"] == "control"][run].itertuples(index=False, name=None))
    finished = set(ledger[ledger["status"] == "ok"][run].itertuples(index=False, name=None))
    assert scored <= finished <= scored | controls


def test_reference_holds_runs_on_the_same_data_only(tmp_path):
    import pandas as pd

    import reference
    from deepbio.core.catalog import Catalog
    from deepbio.core.files import BadInput

    place, source = tmp_path / "quick", tmp_path / "results"
    shutil.copytree(ROOT / "results" / "reference" / "quick", place)
    part_of_reference(place, source, "tf_binding", ["ckn_seq"])
    pd.read_csv(source / "ledger.csv").assign(data_digest="other").to_csv(source / "ledger.csv", index=False)
    with pytest.raises(BadInput, match="tf_binding/oct4_mesc, split 1: .*deepbind.* saw other data"):
        reference.renew(source, place, Catalog({"scale": "quick"}), "f00")
    assert (place / "scores.csv").read_bytes() == (ROOT / "results" / "reference" / "quick" / "scores.csv").read_bytes()


def test_cross_table_ranks_within_a_kind_of_input(tmp_path):
    import pandas as pd

    # (task, dataset, method): the second method beats the first where both are; the third is in one field only.
    cells = {
        ("tf_binding", "oct4_mesc"): {"deepbind": 0.7, "danq": 0.8, "gkm_svm": 0.9},
        ("motif_primer", "planted"): {"deepbind": 0.6, "danq": 0.9},
        ("neuroimaging", "simulated_brains"): {"neuroimaging_dbn": 0.6, "ridge_logistic": 0.6},
    }
    for (task, dataset), values in cells.items():
        metric = {"motif_primer": "accuracy"}.get(task, "auroc")
        rows = [(task, dataset, method, "listed", 1, metric, value) for method, value in values.items()]
        rows.append((task, dataset, "random", "control", 1, metric, 0.99))
        (tmp_path / task).mkdir()
        columns = ["task", "dataset", "method", "role", "seed", "metric", "value"]
        pd.DataFrame(rows, columns=columns).to_csv(tmp_path / task / "scores.csv", index=False)
    settings = json.dumps({"cross": "only", "seeds": 1, "variants": False, "tasks": [task for task, _ in cells]})
    done = call("cross.py", "--settings", settings, "--output", tmp_path)
    assert not done.returncode, done.stderr
    table = pd.read_csv(tmp_path / "cross.csv")
    assert list(table["input"]) == ["sequence"] * 3 + ["table"] * 2
    ranks = dict(zip(table["method"], table["mean_rank"], strict=True))
    assert ranks == {"gkm_svm": 1, "danq": 2, "deepbind": 3, "neuroimaging_dbn": 1.5, "ridge_logistic": 1.5}
    assert table.set_index("method").loc["danq", "motif_primer/planted"] == 0.9
    assert (tmp_path / "cross.svg").read_text().count("Input: ") == 2


@pytest.mark.slow
def test_cross_table_of_nothing_is_an_error(tmp_path):
    done = call("cross.py", "--settings", json.dumps({"cross": "only", "methods": ["leap"]}), "--output", tmp_path)
    assert done.returncode == 1 and "no chosen method with `cross: true`" in done.stderr
