"""Expression inference: its data, its linear baselines and D-GEX's own loss, against cases worked by hand."""

import numpy as np
import pytest
import torch
from support import fit

from deepbio.core import method
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.domains.expression import matrices
from deepbio.methods import dgex
from deepbio.tasks import expression_inference, expression_phenotypes


def test_simulated_genes_are_standardised_by_training_samples_alone():
    parameters = {"format": "simulated", "samples": 300, "landmarks": 20, "targets": 15, "states": 4, "noise": 0.3}
    parameters |= {"valid_fraction": 0.2, "test_fraction": 0.2}
    splits = expression_inference.prepare({}, parameters, 1)
    train, test = splits["train"], splits["test"]
    assert train["x"].shape[1] == 20 and train.y.shape[1] == 15 and len(train.context["features"]) == 15
    np.testing.assert_allclose(train["x"].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(train.y.std(axis=0), 1, atol=1e-5)
    assert np.abs(test.y.mean(axis=0)).max() > 1e-3
    assert not np.intersect1d(train["group"], test["group"]).size


def test_a_gene_is_the_mean_of_its_probe_sets(tmp_path):
    path = tmp_path / "map.txt"
    path.write_text("A\tE1\tp1\nB\tE2\tp2 p3\nB\tE3\tp4\n")
    genes = matrices.read_probes(path)
    assert list(genes) == ["A", "B (E2)", "B (E3)"]
    levels = np.array([[1.0, 2, 4, 8], [0, 0, 2, 6]])
    found = matrices.gene_levels(levels, ["p1", "p2", "p3", "p4"], genes, "here")
    np.testing.assert_array_equal(found, [[1, 3, 8], [0, 1, 6]])
    with pytest.raises(BadInput, match="here: no probe set of gene 'A': p1"):
        matrices.gene_levels(levels, ["q", "p2", "p3", "p4"], genes, "here")
    path.write_text("A\tE1\n")
    with pytest.raises(BadInput, match="map.txt:1: symbol"):
        matrices.read_probes(path)


def test_quantiles_are_those_of_the_given_rows():
    found = matrices.quantile_normalise(np.array([[5.0, 1, 9]]), np.array([[0.0, 1, 2], [2, 3, 4]]))
    np.testing.assert_array_equal(found, [[2, 1, 3]])


def test_regulons_have_a_size():
    names, member = matrices.regulons([("r", "a"), ("r", "b"), ("r", "z"), ("s", "a"), ("r", "b")], ["a", "b"], 2, 9)
    assert names == ["r"] and member.tolist() == [[1, 1]]


def fitted(name, splits, tmp_path, **parameters):
    model = method.create(name, "baseline", parameters)
    model.fit(splits["train"], splits["valid"], Job(1, tmp_path))
    return model


def test_least_squares_finds_a_line(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 3))
    y = x @ [[1.0, 0], [2, 0], [0, -1]] + [5, 1]
    split = Split({"x": x, "y": y}, {"output": "regression"})
    splits = {"train": split, "valid": split}
    model = fitted("linear_regression", splits, tmp_path, penalty=[0])
    np.testing.assert_allclose(model.predict(split)["y"], y, atol=1e-4)
    ridge = fitted("ridge_regression", splits, tmp_path, penalty=[1e9])
    np.testing.assert_allclose(ridge.predict(split)["y"], np.tile(y.mean(axis=0), (40, 1)), atol=1e-4)
    assert fitted("ridge_regression", splits, tmp_path, penalty=[1e9, 1e-6]).facts == {"chosen": 1e-6}


def test_nearest_genes_average_the_landmarks_that_are_alike(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 4))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    split = Split({"x": x, "y": 3 * x[:, [2]] + 7}, {"output": "regression"})
    model = fitted("nearest_genes", {"train": split, "valid": split}, tmp_path, neighbours=[1, 4])
    assert model.facts["neighbours"] == 1
    np.testing.assert_allclose(model.predict(split)["y"], split.y, atol=1e-5)


def test_the_loss_is_summed_over_targets_and_halves_share_nothing(tmp_path):
    splits = small_problem("expression", "regression")
    model, _ = fit("dgex", splits, tmp_path)
    model.shape["mean"], model.shape["spread"] = [0.0] * 12, [2.0] * 12
    output, y = torch.zeros(2, 12), torch.full((2, 12), 2.0)
    y[1, 3] = float("nan")
    assert float(model.loss_of(output, {"y": y})) == pytest.approx((12 + 11) / 2)
    network = dgex.Network(5, 7, 2, [4, 3], 0.0, 1e-4)
    network({"x": torch.randn(6, 5)})[:, :4].sum().backward()
    assert network.parts[0].output.weight.grad.any() and not network.parts[1].output.weight.grad.any()
    slow, fast = model.groups(model.network)
    assert fast["lr"] == 3 * slow["lr"]
    assert sum(p.numel() for group in (slow, fast) for p in group["params"]) == model.count_parameters()


def test_pearson_within_a_tissue_ignores_the_tissue():
    y = np.array([[0.0], [0.1], [0.2], [9.0], [9.1], [9.2]])
    test = Split({"y": y, "y_tissue": np.repeat([0, 1], 3).astype(np.int16)}, {})
    p = np.array([[0.2], [0.1], [0.0], [9.2], [9.1], [9.0]])
    found = expression_inference.score(test, {"y": p}, ["pearson"])
    assert found["pearson"] > 0.99 and found["pearson_within"] == pytest.approx(-1)


@pytest.fixture
def tumours(tmp_path, monkeypatch):
    """Twenty breast and ten colon tumours, two arrays each: six probes, one a gene."""
    xarray = pytest.importorskip("xarray")
    tissue = ["breast"] * 40 + ["colon"] * 20
    levels = np.random.default_rng(0).integers(1, 99, (60, 6)).astype(float)
    arrays = xarray.DataArray(levels, dims=("array", "probe"), coords={"probe": list("abcdef")})
    (tmp_path / "map_lm.txt").write_text("A\tE1\ta\nB\tE2\tb\n")
    (tmp_path / "map_tg.txt").write_text("C\tE3\tc\nD\tE4\td\nE\tE5\te\nF\tE6\tf\n")
    monkeypatch.setattr(matrices, "read_r", lambda path: {"chowdary": {"x": arrays, "y": tissue}})
    return {"human_expression": tmp_path}, tissue


def test_both_arrays_of_a_tumour_are_in_one_part(tumours):
    sources, tissue = tumours
    inference = expression_inference.prepare(
        sources, {"format": "tumours", "valid_fraction": 0.2, "test_fraction": 0.2}, 1
    )
    parameters = {"format": "tumours", "series": "s", "series_id": "s", "targets": 2, "most_genes": 6}
    phenotypes = expression_phenotypes.prepare(sources, parameters | {"size": 40, "test": 20}, 1)
    for splits, sizes in ((inference, (36, 12, 12)), (phenotypes, (30, 10, 20))):
        assert tuple(len(split) for split in splits.values()) == sizes
        for split in splits.values():
            names, count = np.unique(split["group"], return_counts=True)
            assert (count == 2).all()
            share = np.mean([name.startswith(b"breast") for name in names])
            assert share == pytest.approx(2 / 3, abs=0.15)


def test_arrays_of_a_tumour_that_are_not_neighbours_are_refused(tumours):
    sources, tissue = tumours
    tissue[39], tissue[40] = tissue[40], tissue[39]
    with pytest.raises(BadInput, match="the two arrays of a tumour do not follow each other"):
        matrices.read_tumours(sources["human_expression"])


def test_conditions_of_a_project_are_in_one_part(tmp_path):
    samples = [f"s{i}" for i in range(120)]  # twenty projects of three conditions, with two replicates each
    levels = np.random.default_rng(0).standard_normal((12, 120))
    rows = [[f"b{gene}", *map(str, row)] for gene, row in enumerate(levels)]
    (tmp_path / "log_tpm.csv").write_text("".join(",".join(row) + "\n" for row in [["", *samples], *rows]))
    about = [["", "project", "condition"], *([f"s{i}", f"p{i // 6}", f"c{i // 2 % 3}"] for i in range(120))]
    (tmp_path / "sample_table.csv").write_text("".join(",".join(row) + "\n" for row in about))
    (tmp_path / "gene_table.csv").write_text(",operon\n" + "".join(f"b{gene},\n" for gene in range(12)))
    parameters = {"format": "compendium", "landmarks": 4, "targets": 5, "valid_fraction": 0.2, "test_fraction": 0.2}
    splits = expression_inference.prepare({"pymodulon": tmp_path}, parameters, 1)
    found = []
    for split in splits.values():
        names, count = np.unique(split["group"], return_counts=True)
        assert (count == 6).all()
        found += names.tolist()
    assert sorted(found) == sorted(f"p{i}".encode() for i in range(20))
