"""From predictions to tables and sentences: scores, intervals, paired differences and comparisons of made-up runs."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import compare
import document
import score
from deepbio.core.catalog import Catalog, data_folder
from deepbio.core.config import SCRIPTS
from deepbio.core.data import Split, read_facts, save_dataset
from deepbio.core.files import write_json
from deepbio.figures import comparison, outputs
from deepbio.scoring import intervals
from deepbio.tasks import coverage_tracks

TASK, DATASET = "chromatin_profiles", "planted_motifs"
# How much each method's scores say of the labels, and the random share.
SKILL = {"deepsea": 1.2, "kmer_logistic": 0.8, "gkm_svm": 0.6, "base_composition": 0.0}


def call(script, *words):
    done = subprocess.run([sys.executable, str(SCRIPTS / script), *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder of a task whose runs are made up, scored and compared; noise is shared, as hard samples are."""
    folder = tmp_path_factory.mktemp("results")
    settings = {"scale": "quick", "seeds": 2, "results": str(folder), "methods": ["deepsea"], "tasks": [TASK]}
    known, rng = Catalog(settings), np.random.default_rng(5)
    y = (rng.random((300, 3)) < 0.3).astype(np.float32)
    context = {"input": "sequence", "output": "multilabel", "metrics": ["auroc", "auprc"], "origin": "simulated"}
    context |= {"task": TASK, "features": ["one", "two", "three"], "output_groups": ["a", "a", "b"]}
    splits = {
        name: Split({"codes": np.zeros((300, 8), np.uint8), "y": y, "group": np.arange(300).astype("S")}, context)
        for name in ("train", "valid", "test")
    }
    data = known.results / data_folder(TASK, DATASET, 1)
    save_dataset(data, splits, {"task": TASK, "dataset": DATASET, "scale": "quick", "split": 1, "origin": "simulated"})
    noise = rng.standard_normal(y.shape)
    for run in known.runs(TASK):
        own = 0.3 * np.random.default_rng(run.seed).standard_normal(y.shape)
        p = 1 / (1 + np.exp(-SKILL[run.method] * (2 * y - 1) - noise - own))
        facts = {"task": TASK, "dataset": DATASET, "method": run.method, "role": known.roles[run.method]}
        facts |= {"seed": run.seed, "split": 1, "status": "ok", "origin": "simulated", "scale": "quick", "weights": 10}
        # Of the two runs of the listed method, one had a dead training.
        facts |= {"restarts": int(run.method == "deepsea" and run.seed == 2)}
        write_json(known.results / run.folder / "run.json", facts | {"data_digest": read_facts(data)["digest"]})
        np.savez(known.results / run.folder / "predictions.npz", y=p.astype(np.float32))
    place = known.results / TASK
    words = [TASK, "--settings", json.dumps(settings), "--output", place]
    call("score.py", *words, "--bootstrap", 100)
    call("compare.py", *words, "--scores", place)
    return place


def read(folder, name, **wanted):
    table = pd.read_csv(folder / f"{name}.csv")
    for key, value in wanted.items():
        table = table[table[key] == value]
    return table


def test_dead_trainings_stand_beside_the_score(results):
    table = read(results, "comparison", metric="auroc").set_index("method")
    assert table["note"].dropna().to_dict() == {"deepsea": "1 dead in 2 runs"}
    assert "DeepSEA (1 dead in 2 runs)" in (results / "comparison.svg").read_text()


@pytest.mark.slow
def test_every_method_has_an_interval_over_test_samples(results):
    intervals = read(results, "intervals").set_index("method")
    assert set(intervals.index) == set(SKILL) and (intervals["samples"] == 300).all()
    means = read(results, "scores", metric="auroc").groupby("method")["value"].mean()
    for method in SKILL:
        assert intervals["low"][method] < means[method] < intervals["high"][method]


def test_differences_are_paired_with_the_best_baseline_and_the_best_method(results):
    paired = read(results, "paired").set_index(["method", "other"])
    assert set(paired.index) == {
        ("deepsea", "kmer_logistic"),
        ("kmer_logistic", "deepsea"),
        ("base_composition", "kmer_logistic"),
        ("base_composition", "deepsea"),
        ("gkm_svm", "kmer_logistic"),
        ("gkm_svm", "deepsea"),
    }
    ours = paired.loc["deepsea", "kmer_logistic"]
    means = read(results, "scores", metric="auroc").groupby("method")["value"].mean()
    assert ours["difference"] == pytest.approx(means["deepsea"] - means["kmer_logistic"], abs=1e-5)
    assert 0 < ours["low"] < ours["difference"] < ours["high"]
    # The noise is common to both, so that the difference is surer than that of two methods on samples of their own.
    widths = read(results, "intervals").set_index("method").eval("high - low")
    assert ours["high"] - ours["low"] < 0.8 * np.hypot(widths["deepsea"], widths["kmer_logistic"])


def tables_of(values):
    """What add_intervals makes of methods whose metric on each split is given, with draws close to it."""
    roles, rng = {"net": "listed"}, np.random.default_rng(0)
    about = {"scale": "quick", "task": TASK, "dataset": DATASET, "metric": "auroc", "higher_is_better": True}
    tables, draws = {"scores": [], "intervals": [], "paired": []}, {}
    for method, of_split in values.items():
        about |= {"method": method, "role": roles.get(method, "baseline")}
        # A task's own score may give other metrics before the primary one.
        tables["scores"] += [about | {"metric": "mcc"}, about | {"metric": "auroc"}]
        found = [(split, value) for split, value in enumerate(of_split, 1) if value is not None]
        draws[DATASET, method] = [
            score.Drawn("auroc", split, 10, value, value + 0.001 * rng.standard_normal(50)) for split, value in found
        ]
    score.add_intervals(tables, draws)
    return {(row["method"], row["other"]): row for row in tables["paired"]}


def test_two_methods_are_compared_on_the_splits_that_both_have():
    """The network failed on the split that is hard for all, and is worse on the others."""
    paired = tables_of({"net": (0.88, 0.88, None), "base": (0.90, 0.90, 0.50)})
    ours = paired["net", "base"]
    assert ours["difference"] == pytest.approx(-0.02) and ours["high"] < 0 and ours["samples"] == 20
    assert ours["metric"] == "auroc"
    assert ("base", "net") not in paired  # which is the best on what it has, but lacks a split


def test_a_split_on_which_the_metric_is_not_defined_is_left_out():
    paired = tables_of({"net": (0.88, np.nan), "base": (0.90, 0.50), "other": (0.80, 0.45)})
    assert paired["net", "base"]["difference"] == pytest.approx(-0.02)
    assert paired["other", "base"]["difference"] == pytest.approx(-0.075)


def test_baselines_that_were_not_run_are_named_and_those_that_run_no_longer_are_left_out():
    known, place = Catalog({"scale": "standard"}), ("tf_binding", "wt1_pbm")
    names = {name for name in known.competitors(*place) if known.roles[name] == "baseline"}
    rows = [{"method": name} for name in names - {"stranded_kmers"}]
    assert document.not_run(*place, rows, known) == f" (not run: {known.methods['stranded_kmers']['title']})"
    assert document.not_run(*place, [*rows, {"method": "stranded_kmers"}], known) == ""
    row = {"task": place[0], "dataset": place[1], "role": "baseline"}
    assert document.is_current(row | {"method": "stranded_kmers"}, known)
    assert not document.is_current(row | {"method": "elastic_net"}, known)
    assert document.is_current(row | {"method": "elastic_net", "role": "published"}, known)
    assert not document.is_current(row | {"dataset": "no longer there", "role": "listed"}, known)


def test_groups_are_drawn_where_each_split_has_some(tmp_path):
    """Twelve sites in all, of which the second split tests two, and then five."""
    for second, expected in ((2, None), (5, 12)):
        for split, sites in ((1, 12 - second), (2, second)):
            names = np.repeat(np.arange(sites) + 100 * split, 20).astype("S")
            codes, y = np.zeros((len(names), 8), np.uint8), np.arange(len(names)) % 2.0
            context = {"input": "sequence", "output": "binary", "metrics": ["auroc"], "origin": "simulated"}
            one = Split({"codes": codes, "y": y, "group": names}, context)
            folder = tmp_path / str(second) / data_folder(TASK, DATASET, split)
            save_dataset(folder, dict.fromkeys(("train", "valid", "test"), one), {"task": TASK})
        units = score.units_of(tmp_path / str(second), TASK, DATASET, [1, 2])
        assert (units is None) if expected is None else len(units) == expected


def test_an_interval_needs_a_value_in_nearly_all_resamples():
    draws = np.linspace(0, 1, 100)
    assert np.isfinite(intervals.percentiles(np.r_[draws, np.full(4, np.nan)])).all()
    assert np.isnan(intervals.percentiles(np.r_[draws, np.full(20, np.nan)])).all()


def test_the_comparison_holds_both_kinds_of_interval(results):
    table = read(results, "comparison", metric="auroc").set_index("method")
    ours, baseline, control = table.loc["deepsea"], table.loc["kmer_logistic"], table.loc["perfect"]
    assert (ours["interval"], ours["runs"], ours["against"]) == ("seeds", 2, "kmer_logistic")
    assert ours["low"] < ours["mean"] < ours["high"] and ours["sample_low"] < ours["mean"] < ours["sample_high"]
    assert ours["low"] != ours["sample_low"] and ours["difference_low"] > 0
    assert baseline["interval"] == "bootstrap" and baseline["low"] == baseline["sample_low"]
    assert pd.isna(baseline["against"]) and pd.isna(control["sample_low"])
    assert {path.name for path in results.glob("*.svg")} == {"comparison.svg", "curves.svg"}


def test_every_output_has_rows_of_its_own(results):
    rows = read(results, "per_output", method="deepsea", metric="auroc", seed=1)
    assert list(zip(rows["output"], rows["group"], strict=True)) == [("one", "a"), ("two", "a"), ("three", "b")]
    whole = read(results, "scores", method="deepsea", metric="auroc", seed=1)["value"].iloc[0]
    assert rows["value"].mean() == pytest.approx(whole, abs=1e-5)


def test_outputs_are_drawn_by_group_and_method_by_method(results, tmp_path):
    settings = {"scale": "quick", "seeds": 2, "results": str(results.parent.parent), "methods": ["deepsea"]}
    words = [TASK, "--settings", json.dumps(settings), "--scores", results / "scores.csv"]
    call("interpret_task.py", *words, "--output", tmp_path / "figures")
    names = {path.name for path in (tmp_path / "figures").glob("*.svg")}
    assert names == {f"{DATASET}_groups.svg", f"{DATASET}_outputs.svg"}
    rows = read(tmp_path / "figures", f"{DATASET}_groups", method="DeepSEA").set_index("group")
    assert rows["outputs"].to_dict() == {"all": 3, "a": 2, "b": 1}
    found = read(results, "per_output", method="deepsea", metric="auroc", group="a").groupby("output")["value"].mean()
    assert rows["median"]["a"] == pytest.approx(found.median(), rel=1e-4)
    assert rows["low"]["b"] == rows["median"]["b"] == rows["high"]["b"]


def test_the_best_systems_are_held_against_each_other_and_the_best_baseline():
    roles = {"one": "listed", "two": "listed", "poor": "listed", "svm": "baseline", "mean": "baseline"}
    values = {"one": 0.8, "two": 0.9, "poor": 0.1, "svm": 0.7, "mean": 0.5}
    values = {title: {"a": value, "b": value} for title, value in values.items()}
    assert outputs.pairs(values, roles, higher=True) == [("one", "two"), ("svm", "two")]
    assert outputs.pairs(values, roles, higher=False) == [("one", "poor"), ("mean", "poor")]
    assert outputs.pairs({"svm": values["svm"]}, roles, higher=True) == []


def test_what_is_only_shown_changes_no_data():
    split = Split({"y": np.zeros(2)}, {"bin": 5, "jaspar_groups": ["fungi"]})
    shown = Split(split.arrays, {"bin": 5, "jaspar_groups": ["vertebrates"], "output_groups": ["a"]})
    assert split.digest() == shown.digest() != Split(split.arrays, {"bin": 6}).digest()


def test_only_a_paired_interval_puts_a_system_above_a_baseline():
    baseline = {"method": "svm"}
    ours = {"against": "svm", "difference_low": "0.01", "difference_high": "0.2", "higher_is_better": "True"}
    assert document.standing(ours, baseline) == "above"
    assert document.standing(ours | {"higher_is_better": "False"}, baseline) == "below"
    assert document.standing(ours | {"difference_low": "-0.01"}, baseline) == "level"
    assert document.standing(ours | {"against": "lda"}, baseline) == "unpaired"
    assert document.standing({"mean": "0.9", "low": "0.8"}, {"mean": "0.1", "high": "0.2", **baseline}) == "unpaired"


def test_curves_of_all_kinds_are_drawn(tmp_path):
    x = np.linspace(0, 1, 5)
    shared = {"dataset_title": "d", "title": "t", "x_label": "a", "y_label": "b", "reference": "none", "series": ""}
    rows = [
        {**shared, "kind": kind, "label": label, "x": one, "y": one}
        for kind in ("line", "points")
        for label in ("m", "n")
        for one in x
    ]
    comparison.curves(pd.DataFrame(rows), "title", "simulated", tmp_path / "both")
    rows = [
        {**shared, "kind": "categories", "label": "m", "series": series, "x": name, "y": 0.5}
        for series in ("large", "small")
        for name in ("first", "second")
    ]
    comparison.curves(pd.DataFrame(rows), "title", "simulated", tmp_path / "categories")
    none = pd.DataFrame(columns=[*shared, "kind", "label", "x", "y"])
    comparison.curves(none, "title", "simulated", tmp_path / "none")
    assert {path.stem for path in tmp_path.glob("*.svg")} == {"both", "categories", "none"}


def test_curves_list_systems_before_baselines(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(comparison, "curves", lambda table, *_: drawn.append(table))
    rows = [(name, x) for name in ("kmer_logistic", "deepsea", "danq") for x in (0.5, 0.2)]
    table = pd.DataFrame(rows, columns=["method", "x"]).assign(dataset=DATASET, title="t")
    compare.draw_curves(Catalog({"scale": "quick"}), TASK, table, tmp_path)
    assert list(drawn[0]["method"].unique()) == ["danq", "deepsea", "kmer_logistic"]
    assert list(drawn[0]["x"]) == [0.5, 0.2] * 3  # the points of a curve stay as they were


@pytest.mark.parametrize(
    ("title", "assay"), [("CNhs13207+ CAGE:CD14-CD16+ monocytes", "CAGE"), ("ENCFF136DBS DNASE:HepG2", "DNASE")]
)
def test_tracks_are_grouped_by_their_assay(title, assay):
    assert coverage_tracks.assay(title) == assay


def test_the_database_of_a_dataset_is_that_of_its_organism():
    """Detectors of yeast are not named after human factors, and planted motifs are looked for where they came from."""
    for scale in ("quick", "standard"):
        known = Catalog({"scale": scale})
        for task, planted in (("chromatin_profiles", "fungi"), ("expression_from_sequence", "fungi")):
            for dataset in known.datasets(task):
                parameters = known.dataset(task, dataset)["parameters"]
                assert parameters["groups"] == [planted]


def test_sizes_of_splits_come_from_the_first_that_is_there(tmp_path):
    """The data of the first split are missing, as with `partial: true` after a run that ended early."""
    import compare

    known = Catalog({"scale": "standard", "results": str(tmp_path)})
    task, dataset = next(
        (task, dataset)
        for task in known.tasks
        for dataset in known.datasets(task)
        if known.dataset(task, dataset)["splits"] > 1
    )
    sizes = {"train": {"samples": 60}, "valid": {"samples": 20}, "test": {"samples": 40}}
    write_json(known.results / data_folder(task, dataset, 2) / "dataset.json", {"splits": sizes})
    assert compare.test_over_train(known, task, dataset) == 0.5
