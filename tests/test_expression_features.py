"""Units by regulon, against cases worked by hand; tied autoencoders; baselines of units."""

from math import comb

import numpy as np
import pytest
import torch
from support import fit

from deepbio.core.data import Split
from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.domains.expression import clusters, enrichment
from deepbio.learning import pretraining
from deepbio.tasks import expression_features


def test_enrichment_of_a_case_worked_by_hand():
    sets = np.zeros((2, 10), bool)
    sets[0, :4] = True
    member = np.zeros((2, 10), np.uint8)
    member[0, [0, 1, 2, 7, 8]] = 1  # three of five among the set's four
    p = enrichment.p_values(sets, member)
    expected = (comb(5, 3) * comb(5, 1) + comb(5, 4)) / comb(10, 4)
    assert p[0, 0] == pytest.approx(expected) == pytest.approx(55 / 210)
    assert p[0, 1] == p[1, 0] == 1


def test_the_anr_node_of_the_paper_is_as_rich_as_printed():
    sets, member = np.zeros((1, 5549), bool), np.zeros((1, 5549), bool)
    sets[0, :276], member[0, 237 : 237 + 72] = True, True  # 39 in both
    assert enrichment.p_values(sets, member)[0, 0] == pytest.approx(8e-33, rel=0.1)


def test_false_discoveries_are_counted_over_all_tests():
    p = np.array([[0.01, 0.02], [0.04, 0.5]])
    # Limits by rank: .0125, .025, .0375, .05
    assert enrichment.significant(p).tolist() == [[True, True], [False, False]]


def test_high_weights_lie_beyond_two_deviations_on_either_side():
    weights = np.array([[0.0] * 48 + [5, -5], [1.0] * 50])
    found = enrichment.high_weight_sets(weights)
    assert found.shape == (4, 50) and found.sum() == 2
    assert found[0, 48] and found[2, 49]


def test_loadings_are_correlations():
    rng = np.random.default_rng(0)
    units, x = rng.standard_normal((30, 3)), rng.standard_normal((30, 5))
    units[:, 2] = 1
    found = enrichment.loadings(units, x)
    assert found[1, 2] == pytest.approx(np.corrcoef(units[:, 1], x[:, 2])[0, 1])
    assert (found[2] == 0).all()


def test_lift_of_clusters_worked_by_hand():
    member = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 0]])
    assert clusters.lift([0, 0, 1, 1, 0], member) == pytest.approx(1 / (2 / 6))
    assert clusters.lift([0, 1, 0, 1, 0], member) == 0
    assert clusters.lift([0, 0, 0, 0, 0], member) == pytest.approx(1)
    assert clusters.single([[1, 1], [0, 1], [0, 0]]).tolist() == [-1, 1, -1]
    found = clusters.describe(np.array([0, 0, 1, 1, 0]), member)
    assert found["cluster_ari"] == found["cluster_rand"] == found["cluster_nmi"] == 1


def test_average_precision_of_the_best_unit_and_sign():
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(0)
    weights, member = rng.standard_normal((3, 40)), rng.random((2, 40)) < 0.2
    found = enrichment.best_precision(weights, member)
    for row, value in zip(member, found, strict=True):
        assert value == pytest.approx(max(average_precision_score(row, w) for w in (*weights, *-weights)))


def test_units_without_weights_are_as_many_as_the_methods_have():
    rng = np.random.default_rng(0)
    x, units = rng.random((20, 90)), rng.random((20, 60))
    member = (np.arange(90) // 10 == np.arange(9)[:, None]).astype(np.uint8)
    test = Split({"x": x, "y": x[:, :9]}, {"input": "expression", "member": member, "regulators": list("abcdefghi")})
    found = [
        expression_features.score(test, {"y": one}, ["regulon_auprc"])["regulon_auprc"]
        for one in (units, units[:, :50], units[:, :30])
    ]
    assert found[0] == found[1] > found[2]


def test_training_samples_are_units_as_they_are(tmp_path):
    x = np.random.default_rng(0).random((8, 40))
    split = Split({"x": x, "y": x[:, :2]}, {"output": "representation"})
    model, _ = fit("sample_units", {"train": split, "valid": split}, tmp_path)
    found = model.predict(split)
    assert found["weights"].shape == (6, 40)
    drawn = [int(np.abs(x - x.mean(axis=0) - row).max(axis=1).argmin()) for row in found["weights"]]
    assert len(set(drawn)) == 6
    np.testing.assert_allclose(found["weights"], (x - x.mean(axis=0))[drawn], atol=1e-9)
    np.testing.assert_allclose(found["y"][drawn], np.eye(6), atol=1e-6)


def test_strains_are_told_apart_in_the_study_where_they_are_nearest():
    p = np.array([[0.0, 0], [0.2, 0], [1, 1], [1.2, 1], [0, 0], [0.2, 0.2], [0.5, 0], [0.7, 0.2]])
    strain, study = np.array([0, 0, 1, 1, 0, 0, 1, 1]), np.repeat([0, 1], 4)
    np.testing.assert_allclose(expression_features.separation(p, strain, study), [5, 0], atol=1e-6)


def test_controls_prove_the_share_of_regulators():
    split = small_problem("expression", "representation")["test"]
    score = {}
    for name, y in (("perfect", split.y), ("constant", np.zeros_like(split.y))):
        score[name] = expression_features.score(split, {"y": y}, ["regulators_covered", "regulon_auprc"])
    assert score["perfect"]["regulon_auprc"] > 0.99 and score["constant"]["regulon_auprc"] == 0
    assert score["perfect"]["regulators_covered"] == 1 and score["constant"]["regulators_covered"] == 0
    assert score["perfect"]["permuted_covered"] <= 0.2


def test_the_loss_of_a_tied_autoencoder_is_summed_over_genes():
    part = pretraining.TiedAutoencoder(torch.nn.Linear(4, 2)).eval()
    with torch.no_grad():
        part.layer.weight.zero_()
    x = torch.rand(3, 4)
    assert float(part.loss(x, 0.5)) == pytest.approx(4 * np.log(2), rel=1e-5)
    assert sum(p.numel() for p in part.parameters()) == 4 * 2 + 2 + 4


def test_corruption_sets_inputs_to_nothing_and_scales_no_other():
    torch.manual_seed(0)
    part, seen = pretraining.TiedAutoencoder(torch.nn.Linear(1000, 2), linear=True), []
    part.layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    part.train().loss(torch.ones(1, 1000), 0.3)
    assert set(seen[0].unique().tolist()) == {0.0, 1.0} and 0.25 < float((seen[0] == 0).float().mean()) < 0.35
    part.eval().loss(torch.ones(1, 1000), 0.3)
    assert (seen[1] == 1).all()


def test_layers_learn_in_turn(tmp_path):
    torch.manual_seed(1)
    layers = [torch.nn.Linear(6, 4), torch.nn.Linear(4, 3)]
    x, before = torch.rand(40, 6), [layer.weight.detach().clone() for layer in layers]
    job = Job(1, tmp_path)
    below = lambda number: x if number == 0 else torch.sigmoid(layers[0].cpu()(x))  # noqa: E731
    pretraining.train_denoising(layers, below, {"corruption": 0.1, "epochs": 15, "learning_rate": 0.05}, job)
    for number in (1, 2):
        losses = [row["train_loss"] for row in job.history if row["phase"] == f"denoising{number}"]
        assert losses[-1] < losses[0]
    assert not any(torch.equal(layer.weight, weight) for layer, weight in zip(layers, before, strict=True))


@pytest.mark.parametrize("name", ["pca_units", "nmf_units"])
def test_components_rebuild_what_they_span(tmp_path, name):
    rng = np.random.default_rng(0)
    x = rng.random((60, 6)) @ rng.random((6, 90))
    split = Split({"x": x, "y": x[:, :2]}, {"output": "representation"})
    model, _ = fit(name, {"train": split, "valid": split}, tmp_path)
    found = model.predict(split)
    rebuilt = found["y"] @ found["weights"] + model.arrays["mean"]
    assert np.abs(rebuilt - x).mean() < 0.02 * x.mean()
