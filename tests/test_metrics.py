"""Metrics on known answers and controls, and the statistics of a comparison."""

import numpy as np
import pandas as pd
import pytest

from deepbio.core.data import Split
from deepbio.scoring import metrics, statistics
from deepbio.tasks import genetic_ancestry

POPULATIONS = {"GBR": "EUR", "TSI": "EUR", "CHB": "EAS", "YRI": "AFR"}


@pytest.mark.parametrize("name", metrics.METRICS)
def test_perfect_is_the_best_and_constant_explains_nothing(name):
    rng = np.random.default_rng(1)
    wide = (*metrics.POINTS, "within_10_years")  # metrics with a width in them
    regression = name in ("pearson", "log_pearson", "strong_pearson", "spearman", "r2", "mse", "rmse", "mae", *wide)
    kind = "regression" if regression else "binary"
    y = rng.standard_normal((300, 2)) if regression else (rng.random((300, 2)) < 0.3).astype(float)
    y *= 50 if name in wide else 1
    y[::7, 1] = np.nan
    guess = {
        c: metrics.evaluate([name], y, metrics.control(kind, c, y, y, rng))[name]
        for c in ("perfect", "random", "constant")
    }
    better = (lambda a, b: a > b) if metrics.higher_is_better(name) else (lambda a, b: a < b)
    assert better(guess["perfect"], guess["random"]) and better(guess["perfect"], guess["constant"])
    ideal = 1.0 if metrics.higher_is_better(name) else 0.0
    assert guess["perfect"] == pytest.approx(ideal, abs=1e-5)
    chance = {"auroc": 0.5, "balanced_accuracy": 0.5, "mcc": 0, "pearson": 0, "log_pearson": 0, "spearman": 0}
    if name in chance:
        assert guess["constant"] == pytest.approx(chance[name])
        assert guess["random"] == pytest.approx(chance[name], abs=0.12)


def test_resampled_auroc_is_that_of_weighted_samples():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(3)
    y = (rng.random((60, 3)) < 0.4).astype(float)
    p = np.round(rng.random((60, 3)) + 0.3 * y, 1)  # with ties
    y[rng.random((60, 3)) < 0.1] = np.nan
    counts = rng.multinomial(60, np.full(60, 1 / 60), size=5)
    counts[4] = np.where(y[:, 0] == 1, counts[4], 0)  # the first output has one class only here
    known = ~np.isnan(y)
    for found, weight in zip(metrics._resampled_auroc(y, p, counts), counts, strict=True):
        wanted = [
            roc_auc_score(y[k, c], p[k, c], sample_weight=weight[k])
            for c, k in enumerate(known.T)
            if len(np.unique(y[k & (weight > 0), c])) == 2
        ]
        assert found == pytest.approx(np.mean(wanted))


def test_metrics_refuse_what_they_cannot_score():
    with pytest.raises(ValueError, match="shape"):
        metrics.evaluate(["mse"], np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="1 of 3 predictions are NaN"):
        metrics.evaluate(["mse"], np.zeros(3), np.array([0, np.nan, 1]))


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


def test_labels_of_any_type_give_the_same_metrics():
    rng = np.random.default_rng(0)
    y, p = (rng.random((50, 3)) < 0.4).astype(np.uint8), rng.random((50, 3)).astype(np.float32)
    same = [metrics.evaluate(["auroc", "auprc"], labels, p) for labels in (y, y.astype(float), y.astype(bool))]
    assert same[0] == same[1] == same[2]
    missing = np.where(rng.random(y.shape) < 0.3, np.nan, y)
    np.testing.assert_allclose(metrics.means(missing), np.nanmean(missing, axis=0))
    assert np.isnan(metrics.means(np.full((4, 1), np.nan))).all()


def test_positives_are_those_with_the_highest_labels():
    from deepbio.figures.interpretation import positives

    for kind in (np.uint8, np.float32):
        split = Split({"y": np.array([0, 1, 0, 1], kind)[:, None], "codes": np.arange(4)[:, None]})
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
    guess = {c: metrics.control("multiclass", c, y, y, rng) for c in ("perfect", "random", "constant")}
    names = ["accuracy", "balanced_accuracy", "log_loss"]
    found = {c: metrics.evaluate(names, y, p) for c, p in guess.items()}
    assert all(np.allclose(p.sum(axis=1), 1) for p in guess.values())
    assert found["perfect"] == pytest.approx({"accuracy": 1, "balanced_accuracy": 1, "log_loss": 0}, abs=1e-5)
    assert found["constant"]["accuracy"] == np.mean(y == 0) and found["constant"]["balanced_accuracy"] == 0.25
    assert found["random"]["accuracy"] == pytest.approx(0.25, abs=0.06)
    low, high = metrics.bootstrap("accuracy", y, guess["random"], rng)
    assert low < found["random"]["accuracy"] < high and high - low < 0.1
    name, x, height = metrics.curve("multiclass", y, guess["perfect"])
    assert name == "roc" and height[1:].min() == 1 and len(x) == len(height)
