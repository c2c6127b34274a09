"""Alignment of batches of cells: distances against hand-computed cases, the map, the denoiser, readers and figures."""

import numpy as np
import pytest
import torch
from support import CATALOG, parameters_of

from deepbio.baselines import combat
from deepbio.core import kind, task
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.domains.cells import mmd, samples, simulated
from deepbio.learning import denoising
from deepbio.learning.distribution_matching import ResidualMap, biased_mmd, match
from deepbio.tasks import batch_correction

# ---- the distance


def by_hand(a, b, distance):
    """The kernel of two cells as the authors write it."""
    square = ((np.asarray(a, float) - b) ** 2).sum()
    return sum(3 * np.exp(-square / scale**2) for scale in (distance / 2, distance, 2 * distance))


def test_the_kernel_is_the_sum_over_three_scales():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((4, 3)), rng.standard_normal((5, 3))
    wanted = [[by_hand(x, y, 0.7) for y in b] for x in a]
    np.testing.assert_allclose(mmd.kernel(a, b, 0.7), wanted)
    assert mmd.kernel(a, a, 0.7)[1, 1] == pytest.approx(9)


def test_the_loss_compares_every_cell_with_itself():
    a, b, m = np.array([[0.0], [1.0]]), np.array([[2.0]]), 1.0
    inside = (2 * 9 + 2 * by_hand(a[0], a[1], m)) / 4
    across = (by_hand(a[0], b[0], m) + by_hand(a[1], b[0], m)) / 2
    wanted = np.sqrt(inside + 9 - 2 * across)
    assert float(biased_mmd(torch.tensor(a), torch.tensor(b), m)) == pytest.approx(wanted)


def test_the_distance_is_what_1000_cells_are_expected_to_give():
    """The authors' biased estimate, drawn often, has the square of the distance as its mean."""
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((1500, 4)), rng.standard_normal((1200, 4)) + 0.3
    m = 1.2
    drawn = []
    for _ in range(20):
        one, other = (x[rng.choice(len(x), 1000, replace=False)] for x in (a, b))
        whole = [mmd.kernel(x, y, m).mean() for x, y in ((one, one), (other, other), (one, other))]
        drawn.append(whole[0] + whole[1] - 2 * whole[2])
    assert mmd.mmd(a, b, m) ** 2 == pytest.approx(np.mean(drawn), rel=0.03)
    # Of one distribution it is near the floor, however many cells there are.
    for count in (150, 1500):
        same = np.mean([mmd.mmd(*rng.standard_normal((2, count, 4)), m) ** 2 for _ in range(12)]) ** 0.5
        assert same == pytest.approx(mmd.floor(mmd.inner_mean(a, m)), abs=0.03)


def test_resamples_never_compare_a_cell_with_itself():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((30, 2)), rng.standard_normal((20, 2)) + 1
    function = mmd.weighted(a, b, 0.8)
    assert function(np.ones((1, 50)))[0] == pytest.approx(mmd.mmd(a, b, 0.8))
    counts = rng.multinomial(50, np.full(50, 0.02), 300).astype(float)
    assert np.mean(function(counts) ** 2) == pytest.approx(mmd.mmd(a, b, 0.8) ** 2, rel=0.05)


def test_the_scale_is_that_of_neighbours():
    line = np.arange(30, dtype=float)[:, None]
    # Two neighbours of a cell of a line are 1 away, but for the ends.
    assert mmd.neighbour_distance(line, np.random.default_rng(0), neighbours=2) == 1
    assert mmd.neighbour_distance(np.zeros((10, 2)), np.random.default_rng(0)) == 1e-6


# ---- what is compared beside it


def test_ks_distance_and_label_transfer_by_hand():
    one, other = np.array([[0.0, 1], [1, 2], [2, 3], [3, 4]]), np.array([[0.0, 11], [1, 12], [5, 13], [6, 14]])
    np.testing.assert_allclose(samples.ks_distances(one, other), [0.5, 1])
    # Two rare cells near (1, 1) outweigh three of the many cells among five neighbours.
    many, rare = np.zeros((18, 2)), np.ones((2, 2))
    cells, labels = np.concatenate([many, rare]), np.repeat([0, 1], [18, 2])
    called = samples.transfer_labels(cells, labels, np.array([[0.9, 0.9], [0.0, 0.0]]), 5)
    assert called.tolist() == [1, 0]
    assert samples.balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])) == pytest.approx((2 / 3 + 1) / 2)


# ---- methods


def test_the_map_begins_as_the_identity_and_without_skips_does_not():
    torch.manual_seed(0)
    x = torch.randn(50, 6)
    assert (ResidualMap(6, 5, 3)(x) - x).abs().max() < 1e-3
    assert (ResidualMap(6, 5, 3, initial_std=None, skip=False)(x) - x).abs().max() > 0.5


def test_a_shift_is_undone(tmp_path):
    rng = np.random.default_rng(0)
    target, source = rng.standard_normal((400, 3)), rng.standard_normal((400, 3)) + [1.5, 0, 0]
    target, source = target.astype(np.float32), source.astype(np.float32)
    torch.manual_seed(0)
    network = ResidualMap(3, 10, 2, momentum=0.2)
    settings = {"optimizer": "rmsprop", "learning_rate": 5e-3, "batch_size": 200, "epochs": 40}
    match(network, source[:300], target[:300], (source[300:], target[300:]), 0.8, 0.01, settings, Job(1, tmp_path))
    with torch.no_grad():
        moved = network.eval()(torch.from_numpy(source)).numpy()
    assert mmd.mmd(moved, target, 0.8) < 0.5 * mmd.mmd(source, target, 0.8)


def test_the_denoiser_fills_in_what_is_missing(tmp_path):
    rng = np.random.default_rng(0)
    whole = (2 + rng.standard_normal((600, 1)) * np.array([1.0, 0.8, 0.6, 0.9])).astype(np.float32)
    holes = whole.copy()
    holes[np.arange(600), rng.integers(0, 4, 600)] = 0
    settings = {"penalty": 1e-4, "training": {"epochs": 60, "batch_size": 32}}
    layers = denoising.learn(whole[:500], whole[500:], settings, Job(1, tmp_path))
    found = denoising.apply(layers, holes)
    assert np.mean((found - whole) ** 2) < 0.4 * np.mean((holes - whole) ** 2)
    assert [np.shape(weight) for weight, _ in layers] == [(25, 4), (25, 25), (4, 25)]


def test_only_cells_with_few_zeros_are_learned_from():
    cells = np.ones((60, 5), np.float32)
    cells[20:40, :1] = 0
    cells[40:, :2] = 0
    assert len(denoising._with_few_zeros(cells)) == 40
    cells[:, :2] = 0
    cells[30:, :3] = 0
    assert len(denoising._with_few_zeros(cells)) == 30  # the fewest there are


def test_combat_shrinks_towards_all_markers():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((50, 40)) * 1.5 + 0.7 + 0.1 * rng.standard_normal(40)
    shift, variance = combat.shrink(z)
    assert shift.std() < z.mean(axis=0).std() and variance.std() < z.var(axis=0).std()
    assert shift.mean() == pytest.approx(z.mean(), abs=0.02) and variance.mean() == pytest.approx(1.5**2, abs=0.15)
    # With very many cells there is nothing to shrink.
    many = rng.standard_normal((40000, 3)) * [1, 2, 3] + [0, 1, 2]
    np.testing.assert_allclose(combat.shrink(many)[0], many.mean(axis=0), atol=0.01)


@pytest.mark.parametrize(("name", "best"), [("moment_matching", 1e-4), ("quantile_matching", 0.2)])
def test_a_change_of_scale_is_undone(name, best, tmp_path):
    from deepbio.core import method

    splits = kind.small_problem("cells", "aligned", 600)
    for split in splits.values():
        split.context["denoise"] = False
        source = split["sample"] == 0
        split.arrays["x"] = split["x"].copy()
        split.arrays["x"][source] = 3 + 2 * split["x"][~source][: source.sum()]
    model = method.create(name, "baseline", parameters_of(name))
    model.fit(splits["train"], splits["valid"], Job(1, tmp_path))
    p, source = model.predict(splits["train"].inputs())["y"], splits["train"]["sample"] == 0
    assert samples.ks_distances(p[source], p[~source]).max() < 0.03
    assert np.abs(p[source] - p[~source]).mean() < best


# ---- the task


def simulated_splits(seed=1):
    facts = CATALOG.dataset("batch_correction", "shifted_types")
    facts = facts | {"parameters": facts["parameters"] | {"cells": 300}}
    return task.prepare("batch_correction", "shifted_types", facts, {}, seed)


def test_cells_are_in_one_part_and_labels_hidden():
    one, again, other = simulated_splits(1), simulated_splits(1), simulated_splits(2)
    cells = [set(split["group"].tolist()) for split in one.values()]
    assert sum(map(len, cells)) == len(set.union(*cells)) == 600
    assert one["test"].digest() == again["test"].digest() != other["test"].digest()
    assert set(one["test"].inputs().arrays) == {"x", "sample"}
    test = one["test"]
    assert np.isnan(test.y[test["sample"] == 0]).all() and (test.y == test["x"])[test["sample"] == 1].all()


def test_scores_of_cells_whose_truth_is_known():
    test = simulated_splits()["test"]
    wanted = ["mmd", "marker_ks", "correlation_distance"]
    before = np.asarray(test["x"])
    exact = batch_correction.score(test, {"y": np.asarray(test["y_truth"]), "before": before}, wanted)
    nothing = batch_correction.score(test, {"y": before, "before": before}, wanted)
    assert exact["cell_error"] == pytest.approx(0, abs=1e-5) and nothing["cell_error"] > 0.3
    assert exact["mmd"] < 0.5 * nothing["mmd"] and nothing["mmd"] == pytest.approx(nothing["mmd_before"])
    assert exact["mmd_within_types"] < 0.5 * nothing["mmd_within_types"] and exact["label_transfer"] > 0.95
    with pytest.raises(ValueError, match="finite numbers"):
        batch_correction.score(test, {"y": before[:, :3]}, wanted)
    resampling = batch_correction.resampled(test, {"y": before}, "mmd")
    assert resampling.function(np.ones((1, len(test))))[0] == pytest.approx(nothing["mmd"], rel=1e-3)
    assert batch_correction.resampled(test, {"y": before}, "marker_ks") is None


def test_files_of_cells_and_what_is_wrong_with_them(tmp_path):
    (tmp_path / "a.csv").write_text("0,1.5\n2,3\n")
    np.testing.assert_array_equal(samples.read_intensities(tmp_path / "a.csv"), [[0, 1.5], [2, 3]])
    np.testing.assert_allclose(samples.logarithm(np.array([[-1.0, 0]])), [[np.log(2), 0]])
    (tmp_path / "b.csv").write_text("x,y\n0,1.5\n2,\n")
    with pytest.raises(BadInput, match="b.csv:3: column 'y' is empty"):
        samples.read_intensities(tmp_path / "b.csv", header=True)
    (tmp_path / "labels.csv").write_text("0\n1\n")
    assert samples.read_labels(tmp_path / "labels.csv", 2).tolist() == [0, 1]
    with pytest.raises(BadInput, match="labels.csv: 2 lines"):
        samples.read_labels(tmp_path / "labels.csv", 3)


def test_types_are_shifted_each_by_itself():
    x, batch, number, truth = simulated.two_batches(np.random.default_rng(0), 500, 6, [[1, 1], [3, 1]], 1)
    assert (x[batch == 1] == truth[batch == 1]).all()
    shift = [(x - truth)[(batch == 0) & (number == one)].mean(axis=0) for one in (0, 1)]
    assert np.abs(shift[0] - shift[1]).max() > 0.3
    assert (number[batch == 1] == 0).mean() > 0.65 > (number[batch == 0] == 0).mean()


def test_a_half_known_cell_is_refused():
    aligned = kind.load("aligned")
    y = np.array([[1.0, 2], [np.nan, np.nan]])
    assert aligned.check(y, {}) is None
    y[1, 0] = 1
    assert aligned.check(y, {}) == "a cell is known in some markers only"
    assert aligned.check(y[0], {}).endswith("not numbers (cells, markers)")
