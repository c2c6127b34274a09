"""What a network on a table goes by: importances, hidden nodes, correlated features."""

import csv

import numpy as np
import pytest
import torch

from deepbio.figures import table as figures
from deepbio.methods import er_metabolomics


def network(activation, hidden=(3, 2)):
    """A method with three copies of a network for five features, of which only the last one predicts."""
    model = er_metabolomics.Method({})
    torch.manual_seed(0)
    model.network = er_metabolomics.Stack(
        [0.5] * 5, [2.0] * 5, list(hidden), activation, input_dropout=0, hidden_dropout=0, l1=0, l2=0, copies=3
    ).eval()
    return model


@pytest.mark.parametrize("activation", ["rectifier", "tanh", "maxout"])
@pytest.mark.parametrize("hidden", [(3, 2), (4,)])
def test_slopes_and_effects_of_nodes_are_derivatives(activation, hidden):
    model = network(activation, hidden)
    x = np.random.default_rng(0).standard_normal((40, 5)).astype(np.float32)
    levels, slopes, effect = model.first_nodes(x)
    assert levels.shape == (40, hidden[0]) and slopes.shape == (5, hidden[0]) and effect.shape == (hidden[0],)
    step = 1e-2  # of one standard deviation
    for feature in range(5):
        up, down = x.copy(), x.copy()
        up[:, feature] += step
        down[:, feature] -= step
        found = (model.first_nodes(up)[0] - model.first_nodes(down)[0]).mean(0) / step  # the spread is 2
        np.testing.assert_allclose(found, slopes[feature], atol=0.05)
    # Behind one hidden layer the log odds move by the effects of the nodes, each moved by its slope.
    with torch.no_grad():
        first, second = (model.network({"x": torch.from_numpy(x + move)})[-1] for move in (-step, step))
    moved = float(((second - first) @ torch.tensor([-1.0, 1.0])).mean()) / step
    if len(hidden) == 1:
        # `moved` is by two steps in the columns' own unit, of which the spread is two.
        assert moved == pytest.approx(float((slopes.sum(0) * effect / levels.std(0)).sum()), abs=0.05)


def test_gedeon_looks_at_the_network_that_predicts():
    model = network("rectifier")
    with torch.no_grad():
        for matrix in model.network.matrices:
            matrix[:-1] = 100 * torch.rand_like(matrix[:-1])
        model.network.matrices[0][-1] = torch.tensor([4.0, 1, 1, 1, 1])[:, None].expand(5, 3)
    np.testing.assert_allclose(model.gedeon_importance(), [1, 0.25, 0.25, 0.25, 0.25], rtol=1e-6)


def blocks():
    """60 samples of two blocks of correlated columns, the second with one turned round, and five of noise."""
    rng = np.random.default_rng(1)
    one, other = rng.standard_normal((2, 60, 1))
    x = np.concatenate([one + 0.3 * rng.standard_normal((60, 4)), other + 0.3 * rng.standard_normal((60, 3))], axis=1)
    x[:, 6] *= -1
    return np.concatenate([x, rng.standard_normal((60, 5))], axis=1)


def test_clusters_are_the_planted_blocks():
    close, order, cluster = figures.clusters(blocks())
    assert cluster.tolist() == [0] * 4 + [1] * 3 + [-1] * 5
    assert close[4, 5] > 0.5 and close[4, 6] < -0.5
    places = np.argsort(order)
    assert np.ptp(places[:4]) == 3 and np.ptp(places[4:7]) == 2  # neighbours on the circle


def test_nodes_are_told_by_their_effect_and_stand_for_clusters(monkeypatch):
    x = blocks()
    monkeypatch.setattr(figures, "STRONGEST", 4)
    slopes = np.full((12, 2), 0.01)
    slopes[:4, 1] = 1, -2, 1, 1
    y = (x[:, 0] > 0).astype(float)
    rows = figures.node_rows(
        np.stack([x[:, 11], x[:, 0]], 1),
        slopes,
        np.array([0.1, -3]),
        figures.clusters(x)[2],
        list("abcdefghijkl"),
        y,
    )
    assert [row["node"] for row in rows] == [1, 0]
    assert rows[0]["cluster"] == 1 and rows[0]["q"] < 0.05 < 0.5 and rows[0]["auroc"] == 1
    assert rows[0]["features"][0] == ("b", -2)


def read(path):
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle))


def test_tables_say_every_measure_and_rank(tmp_path):
    names, rng = [f"m{i}" for i in range(12)], np.random.default_rng(0)
    change = np.arange(12)[:, None] + 0.1 * rng.standard_normal((12, 3))
    figures.draw_importance(change, names, "auroc", "t", "simulated", tmp_path, {"other": np.arange(12.0)}, shown=4)
    rows = read(tmp_path / "importance.csv")
    assert list(rows[0]) == ["feature", "auroc_loss", "auroc_loss_sd", "other"]
    assert [row["feature"] for row in rows[:3]] == ["m11", "m10", "m9"] and rows[0]["other"] == "11"
    measures = {"up": np.arange(12.0), "down": np.arange(12.0)[::-1] ** 2}
    figures.draw_compared(measures, names, ["m5"], 3, "t", "simulated", tmp_path / "compared")
    rows = {row["feature"]: row for row in read(tmp_path / "compared.csv")}
    assert rows["m5"]["named"] == "1" and rows["m11"]["rank, up"] == "1" and rows["m11"]["rank, down"] == "12"
    assert (tmp_path / "compared.png").stat().st_size > 1000
    close, order, cluster = figures.clusters(blocks())
    path = tmp_path / "network"
    figures.draw_network(close, order, cluster, np.ones(12), names, ["m11"], 6, "column", "simulated", path)
    edges = read(tmp_path / "network.csv")
    assert {(row["feature"], row["other"]) for row in edges} >= {("m1", "m0"), ("m6", "m4")}
