"""Metrics on known answers and controls, intervals over test samples, and the statistics of a comparison."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deepbio.core import kind, labels
from deepbio.core.catalog import Catalog
from deepbio.core.config import SCRIPTS
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.scoring import curves, intervals, metrics, runs, statistics
from deepbio.tasks import genetic_ancestry

POPULATIONS = {"GBR": "EUR", "TSI": "EUR", "CHB": "EAS", "YRI": "AFR"}
REGRESSION = ("pearson", "log_pearson", "strong_pearson", "spearman", "r2", "mse", "rmse", "mae", "within_10_years")
POINTS = ("pixel_error", "median_pixel_error", "pck_2px", "pck_10px")
BINARY = ("auroc", "auprc", "auprc_negative", "accuracy", "balanced_accuracy", "mcc", "f1", "log_loss")
CLASSES = ("accuracy", "balanced_accuracy", "log_loss")


def test_the_metrics_are_these():
    assert metrics.METRICS.keys() == {*REGRESSION, *POINTS, *BINARY}
    for output in ("binary", "multilabel", "regression", "multiclass", "ranking"):
        assert set(kind.load(output).METRICS) <= metrics.METRICS.keys()


@pytest.mark.parametrize("name", (*REGRESSION, *POINTS, *BINARY))
def test_perfect_is_the_best_and_constant_explains_nothing(name):
    rng = np.random.default_rng(1)
    wide = (*POINTS, "within_10_years")  # metrics with a width in them
    regression = name in (*REGRESSION, *POINTS)
    output = kind.load("regression" if regression else "binary")
    y = rng.standard_normal((300, 2)) if regression else (rng.random((300, 2)) < 0.3).astype(float)
    y *= 50 if name in wide else 1
    y[::7, 1] = np.nan
    guess = {
        c: metrics.evaluate([name], y, output.control(c, y, y, rng))[name] for c in ("perfect", "random", "constant")
    }
    better = (lambda a, b: a > b) if metrics.higher_is_better(name) else (lambda a, b: a < b)
    assert better(guess["perfect"], guess["random"]) and better(guess["perfect"], guess["constant"])
    ideal = 1.0 if metrics.higher_is_better(name) else 0.0
    assert guess["perfect"] == pytest.approx(ideal, abs=1e-5)
    chance = {"auroc": 0.5, "balanced_accuracy": 0.5, "mcc": 0, "pearson": 0, "log_pearson": 0, "spearman": 0}
    if name in chance:
        assert guess["constant"] == pytest.approx(chance[name])
        assert guess["random"] == pytest.approx(chance[name], abs=0.12)
    low, high = metrics.facts(name).bounds
    assert all(low <= value <= high for value in guess.values())


def problem(name, rng, shape):
    """Labels, some of them missing, and predictions with ties, of which a metric can be computed."""
    if name in (*REGRESSION, *POINTS):
        y = rng.standard_normal(shape) * (20 if name in (*POINTS, "within_10_years") else 1)
        p = np.round(0.5 * y + rng.standard_normal(shape) * (3 if name in POINTS else 1), 1)
    else:
        y = (rng.random(shape) < 0.4).astype(float)
        p = np.round(0.5 * rng.random(shape) + 0.3 * y, 1)
    y[rng.random(shape) < 0.1] = np.nan
    return y, p


@pytest.mark.parametrize(
    ("name", "axes"),
    # Points have two coordinates.
    [(name, axes) for name in (*REGRESSION, *BINARY) for axes in ((), (3,), (4, 2))]
    + [(name, (4, 2)) for name in POINTS],
    ids=str,
)
def test_a_metric_in_resamples_is_that_of_the_resampled_rows(name, axes):
    rng, n = np.random.default_rng(3), 60
    y, p = problem(name, rng, (n, *axes))
    drawn = next(intervals.counts(n, 6, seed=1))
    if axes == (3,) and name in BINARY:
        drawn[5] = np.where(y[:, 0] == 1, drawn[5], 0)  # the first output has one class only here
    found = intervals.resampled(name, y, p).function(drawn)
    for value, count in zip(found, drawn, strict=True):
        rows = np.repeat(np.arange(n), count.astype(int))
        assert value == pytest.approx(metrics.evaluate([name], y[rows], p[rows])[name], nan_ok=True)


@pytest.mark.parametrize("name", CLASSES)
def test_a_metric_of_classes_in_resamples_is_that_of_the_resampled_rows(name):
    rng = np.random.default_rng(3)
    y, p = rng.integers(0, 3, 60).astype(float), rng.dirichlet([1, 1, 1], 60)
    y[::9] = np.nan
    drawn = next(intervals.counts(60, 4, seed=1))
    for value, count in zip(intervals.resampled(name, y, p).function(drawn), drawn, strict=True):
        rows = np.repeat(np.arange(60), count.astype(int))
        assert value == pytest.approx(metrics.evaluate([name], y[rows], p[rows])[name])


def test_metrics_are_those_of_scikit_learn_and_scipy():
    """On scores with ties; the calls of the second problem are all the same."""
    from scipy import stats
    from sklearn import metrics as skl

    rng = np.random.default_rng(4)
    y = (rng.random(70) < 0.4).astype(float)
    for p in (np.round(0.4 * rng.random(70) + 0.4 * y, 1), np.round(0.5 * rng.random(70), 1)):
        called = p > 0.5
        wanted = {
            "auroc": skl.roc_auc_score(y, p),
            "auprc": skl.average_precision_score(y, p),
            "auprc_negative": skl.average_precision_score(1 - y, -p),
            "accuracy": skl.accuracy_score(y, called),
            "balanced_accuracy": skl.balanced_accuracy_score(y, called),
            "mcc": skl.matthews_corrcoef(y, called),
            "f1": skl.f1_score(y, called, zero_division=0),
            "log_loss": skl.log_loss(y, np.clip(p, 1e-7, 1 - 1e-7)),
        }
        assert wanted.keys() == set(BINARY)
        assert metrics.evaluate(BINARY, y, p) == pytest.approx(wanted)
    y, p = np.round(rng.standard_normal((2, 70)), 1)
    wanted = {
        "pearson": stats.pearsonr(y, p)[0],
        "spearman": stats.spearmanr(y, p)[0],
        "r2": skl.r2_score(y, p),
        "mse": skl.mean_squared_error(y, p),
        "rmse": skl.root_mean_squared_error(y, p),
        "mae": skl.mean_absolute_error(y, p),
    }
    assert metrics.evaluate(wanted, y, p) == pytest.approx(wanted)
    assert np.isnan(list(metrics.evaluate(BINARY, np.ones(5), rng.random(5)).values())).all()


def test_a_prediction_that_is_constant_stays_uncorrelated_in_resamples():
    y, p = np.random.default_rng(0).standard_normal(30), np.full(30, 0.1)
    for name in ("pearson", "spearman"):
        assert (intervals.resampled(name, y, p).function(next(intervals.counts(30, 5, seed=2))) == 0).all()


def test_bootstrap_covers_the_truth_and_pairing_narrows_a_difference():
    """The interval of a mean absolute error covers its expectation in 95 of 100 samples, and two methods with the same
    errors differ less by pairs than by themselves."""
    rng = np.random.default_rng(0)
    inside = 0
    for seed in range(200):
        low, high = intervals.bootstrap("mae", rng.standard_normal(80), np.zeros(80), seed, repeats=200)
        inside += low < np.sqrt(2 / np.pi) < high
    assert inside / 200 == pytest.approx(0.95, abs=0.05)
    y, hard = rng.standard_normal(200), rng.standard_normal(200)
    one, other = y + hard, y + 1.1 * hard
    draws = [intervals.draw(intervals.resampled("mae", y, p), 200, seed=1) for p in (one, other)]
    (low, high), (least, most) = intervals.percentiles(draws[1] - draws[0]), intervals.percentiles(draws[0])
    assert low > 0 and high - low < 0.3 * (most - least)


def test_samples_of_a_unit_are_drawn_together_and_alike_in_every_split():
    known = np.array(list("abcdefgh"))
    units = [np.array(list("aabbc")), np.array(list("cdea"))]
    one, other = (np.concatenate(list(intervals.counts(len(names), 300, 0, names, known))) for names in units)
    assert (one[:, 0] == one[:, 1]).all() and (one[:, 2] == one[:, 3]).all() and (one[:, 0] != one[:, 2]).any()
    assert (one[:, 4] == other[:, 0]).all() and (one[:, 0] == other[:, 3]).all()
    assert one.mean(axis=0) == pytest.approx(np.ones(5), abs=0.25)


def test_an_interval_of_whole_units_covers_the_truth():
    """Forty units of ten samples with nearly the same error: by samples, the interval is far too narrow."""
    rng, inside = np.random.default_rng(0), {"unit": 0, "sample": 0}
    names = np.repeat(np.arange(40), 10).astype(str)
    for seed in range(100):
        error = np.repeat(rng.standard_normal(40), 10) + 0.1 * rng.standard_normal(400)
        by_sample = intervals.share_of(error)
        for form, one in (("sample", by_sample), ("unit", replace(by_sample, units=names))):
            low, high = intervals.percentiles(intervals.draw(one, 200, seed))
            inside[form] += low < 0 < high
    assert inside["unit"] / 100 == pytest.approx(0.95, abs=0.06) and inside["sample"] < 60


def test_the_work_of_resampling_is_bounded():
    assert intervals.repeats_for(1000) == intervals.REPEATS and intervals.repeats_for(10**12) == intervals.LEAST
    assert [block.shape for block in intervals.counts(intervals.BLOCK, 2, 0)] == 2 * [(1, intervals.BLOCK)]
    assert np.isnan(intervals.percentiles(np.full(5, np.nan))).all()


def test_metrics_refuse_what_they_cannot_score():
    with pytest.raises(ValueError, match="shape"):
        metrics.evaluate(["mse"], np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="1 of 3 predictions are NaN"):
        metrics.evaluate(["mse"], np.zeros(3), np.array([0, np.nan, 1]))
    with pytest.raises(BadInput, match="unknown metric 'accuraccy'; the metrics of all tasks are: accuracy"):
        metrics.facts("accuraccy")
    with pytest.raises(BadInput, match="task 'genetic_ancestry' measures: accuracy, .*continent_accuracy"):
        metrics.facts("continents", "genetic_ancestry")
    assert metrics.title("continent_accuracy", "genetic_ancestry") == "accuracy over continents"


def test_tasks_measure_what_they_say_by_metrics_of_their_own():
    """No task's metric has the name of one of all tasks, and each that its YAML names is known."""
    for scale in ("quick", "standard", "full"):
        known = Catalog({"scale": scale})
        for task in known.tasks:
            for dataset in known.datasets(task):
                for name in known.dataset(task, dataset)["metrics"]:
                    assert metrics.facts(name, task).title
    own = {task: getattr(__import__(f"deepbio.tasks.{task}", fromlist=["x"]), "METRICS", {}) for task in known.tasks}
    assert own["variant_calling"].keys() > {"snp_f1", "genotype_concordance"}
    for facts in own.values():
        assert not facts.keys() & metrics.METRICS.keys()
        assert all(one.function is None and one.bounds[0] < one.bounds[1] for one in facts.values())


def test_metrics_are_computed_by_numpy_alone():
    """A network's job that monitors its loss pays for neither scikit-learn nor SciPy nor pandas."""
    code = "import sys, deepbio.scoring.runs, deepbio.scoring.statistics; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert not {"sklearn", "scipy", "pandas", "torch", "matplotlib"} & set(done.stdout.split())


def test_intervals_cover_the_truth():
    rng = np.random.default_rng(0)
    draws = rng.normal(3, 1, (2000, 5))
    bounds = np.array([statistics.mean_interval(row)[1:] for row in draws])
    assert ((bounds[:, 0] < 3) & (bounds[:, 1] > 3)).mean() == pytest.approx(0.95, abs=0.02)
    plain, resampled = statistics.mean_interval(draws[0]), statistics.resampled_interval(draws[0], 0.25)
    assert resampled[0] == pytest.approx(plain[0]) and resampled[1] < plain[1] < plain[2] < resampled[2]
    mean, low, high = statistics.mean_interval([0.5])
    assert mean == 0.5 and np.isnan(low) and np.isnan(high)


def test_paired_tests_need_six_datasets_and_find_a_clear_winner():
    rng = np.random.default_rng(0)
    base = rng.random(8)
    table = pd.DataFrame({"good": base + 0.2 + 0.01 * rng.random(8), "poor": base, "worse": base - 0.1})
    rows = {row["other"]: row for row in statistics.paired_tests(table, True)}
    assert rows.keys() == {"poor", "worse"} and rows["poor"]["best"] == "good"
    assert rows["poor"]["wins"] == 8 and rows["poor"]["p_holm"] == pytest.approx(2 * 2 / 2**8)
    assert statistics.paired_tests(table.iloc[:5], True) == []
    assert statistics.paired_tests(-table, False)[0]["best"] == "good"
    assert statistics.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


def test_labels_of_any_type_give_the_same_metrics():
    rng = np.random.default_rng(0)
    y, p = (rng.random((50, 3)) < 0.4).astype(np.uint8), rng.random((50, 3)).astype(np.float32)
    same = [metrics.evaluate(["auroc", "auprc"], one, p) for one in (y, y.astype(float), y.astype(bool))]
    assert same[0] == same[1] == same[2]
    missing = np.where(rng.random(y.shape) < 0.3, np.nan, y)
    np.testing.assert_allclose(labels.means(missing), np.nanmean(missing, axis=0))
    assert np.isnan(labels.means(np.full((4, 1), np.nan))).all()


def test_positives_are_those_with_the_highest_labels():
    from deepbio.figures.interpretation import positives

    for kind_of_number in (np.uint8, np.float32):
        split = Split({"y": np.array([0, 1, 0, 1], kind_of_number)[:, None], "codes": np.arange(4)[:, None]})
        assert positives(split)["codes"].ravel().tolist() == [1, 3]


def test_metrics_of_classes_with_known_answers():
    y = np.array([0, 0, 0, 1, 2, np.nan])
    p = np.eye(3)[[0, 0, 1, 1, 0, 2]] * 0.8 + 0.2 / 3
    found = metrics.evaluate(["accuracy", "balanced_accuracy", "log_loss"], y, p)
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert found["log_loss"] == pytest.approx(-(3 * np.log(0.8 + 0.2 / 3) + 2 * np.log(0.2 / 3)) / 5)
    assert genetic_ancestry.continent_accuracy(y, p, [0, 0, 1]) == pytest.approx(4 / 5)
    with pytest.raises(ValueError, match="classes 0 to 2, predictions of 2"):
        metrics.evaluate(["accuracy"], y, p[:, :2])
    with pytest.raises(ValueError, match="shape"):
        metrics.evaluate(["auroc"], y, p)


def test_controls_of_classes_prove_the_metrics():
    rng = np.random.default_rng(2)
    y = rng.choice(4, 800, p=[0.4, 0.3, 0.2, 0.1]).astype(float)
    guess = {c: kind.load("multiclass").control(c, y, y, rng) for c in ("perfect", "random", "constant")}
    found = {c: metrics.evaluate(CLASSES, y, p) for c, p in guess.items()}
    assert all(np.allclose(p.sum(axis=1), 1) for p in guess.values())
    assert found["perfect"] == pytest.approx({"accuracy": 1, "balanced_accuracy": 1, "log_loss": 0}, abs=1e-5)
    assert found["constant"]["accuracy"] == np.mean(y == 0) and found["constant"]["balanced_accuracy"] == 0.25
    assert found["random"]["accuracy"] == pytest.approx(0.25, abs=0.06)
    low, high = intervals.bootstrap("accuracy", y, guess["random"])
    assert low < found["random"]["accuracy"] < high and high - low < 0.1
    drawn = curves.curve("multiclass", y, guess["perfect"])
    assert (drawn.kind, drawn.reference) == ("line", "diagonal") and drawn.y[1:].min() == 1


def test_curves_are_what_scikit_learn_draws():
    from sklearn.metrics import roc_curve

    rng = np.random.default_rng(0)
    y = (rng.random(80) < 0.4).astype(float)
    p = np.round(0.3 * y + rng.random(80), 1)
    drawn = curves.roc(y, p)
    assert drawn.y == pytest.approx(np.interp(drawn.x, *roc_curve(y, p)[:2]))
    assert curves.roc(np.ones(5), rng.random(5)) is None
    parity = curves.curve("regression", np.arange(1000.0), np.zeros(1000))
    assert (parity.kind, parity.reference, len(parity.x)) == ("points", "identity", curves.SHOWN)
    within = curves.within(np.array([3.0, 0.5, 1.0, 9.0]), "t", "x", "loops", end=4, points=5)
    assert within.x.tolist() == [0, 1, 2, 3, 4] and within.y.tolist() == [0, 0.5, 0.5, 0.75, 0.75]
    with pytest.raises(ValueError, match="no curve is of kind 'roc'"):
        curves.Curve("roc", "t", "x", "y", np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match="a curve of 2 x has 3 y"):
        curves.Curve("line", "t", "x", "y", np.zeros(2), np.zeros(3))


def per_output(y, p, output, names, **context):
    split = Split({"y": y}, {"output": output, "metrics": names, **context})
    return runs.per_output(split, {"y": p}, names)


def test_every_output_is_scored_by_itself():
    rng = np.random.default_rng(0)
    y = (rng.random((50, 2)) < 0.4).astype(float)
    p = np.stack([y[:, 0], rng.random(50)], axis=1)
    rows = per_output(y, p, "multilabel", ["auroc"], features=["DNase", "CTCF"], output_groups=["open", "bound"])
    assert [(row["output"], row["group"], row["metric"]) for row in rows] == [
        ("DNase", "open", "auroc"),
        ("CTCF", "bound", "auroc"),
    ]
    assert [row["value"] for row in rows] == [metrics.evaluate(["auroc"], y[:, i], p[:, i])["auroc"] for i in (0, 1)]
    assert per_output(y[:, :1], p[:, :1], "binary", ["auroc"]) == []
    assert [row["output"] for row in per_output(y, p, "multilabel", ["auroc"])] == ["1", "2"]
    twice = per_output(y, p, "multilabel", ["auroc"], features=["CTCF", "CTCF"])
    assert [row["output"] for row in twice] == ["CTCF (1)", "CTCF (2)"]
    # Points are outputs of two numbers each, and classes are scored each against the rest.
    points = rng.standard_normal((20, 3, 2))
    rows = per_output(points, points + [3, 4], "regression", ["pixel_error"], features=["nose", "neck", "tail"])
    assert [(row["output"], row["value"]) for row in rows] == [
        (name, pytest.approx(5)) for name in ("nose", "neck", "tail")
    ]
    number = rng.integers(0, 3, 40).astype(float)
    rows = per_output(number, labels.one_hot(number, 3), "multiclass", ["accuracy"], classes=["a", "b", "c"])
    assert {(row["output"], row["metric"], row["value"]) for row in rows} == {
        (name, metric, 1.0) for name in "abc" for metric in ("auroc", "auprc")
    }
