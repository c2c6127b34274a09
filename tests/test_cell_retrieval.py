"""Retrieval of cells against cases worked by hand, sets of genes, AnnData files, and the embedding's parts."""

import h5py
import numpy as np
import pytest
import torch
from support import fit, parameters_of

from deepbio.core import method
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.domains.expression import graphs, h5ad, retrieval
from deepbio.methods.scrna_nn import Denoiser, Network, SetLayer
from deepbio.tasks import cell_retrieval


def test_average_precision_of_a_case_worked_by_hand():
    distance = np.array([[3.0, 1, 2, 4], [1, 2, 3, 4], [1, 2, 3, 4]])
    relevant = np.array([[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]])
    found = retrieval.average_precision(distance, relevant)
    # The first query finds its cells at places 1 and 3, the second at place 4.
    np.testing.assert_allclose(found, [(1 + 2 / 3) / 2, 1 / 4, np.nan])


def test_average_precision_agrees_with_scikit_learn_where_distances_tie():
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(0)
    distance, relevant = rng.integers(0, 6, (20, 30)).astype(float), rng.random((20, 30)) < 0.3
    found = retrieval.average_precision(distance, relevant)
    expected = [average_precision_score(hit, -row) for hit, row in zip(relevant, distance, strict=True)]
    np.testing.assert_allclose(found, expected)
    everywhere = retrieval.average_precision(np.zeros((20, 30)), relevant)
    np.testing.assert_allclose(everywhere, relevant.mean(axis=1))


def test_the_published_precision_forgets_what_was_missed():
    distance = np.arange(6.0)[None]
    relevant = np.array([[1, 0, 0, 0, 1, 1]])
    # Of the three nearest cells one is a hit, at place 1.
    assert retrieval.precision_of_found(distance, relevant)[0] == 1
    assert retrieval.average_precision(distance, relevant)[0] == pytest.approx((1 + 2 / 5 + 3 / 6) / 3)
    assert retrieval.precision_of_found(distance, 1 - relevant[:, ::-1]).shape == (1,)
    assert retrieval.precision_of_found(np.arange(3.0)[None], np.array([[0, 0, 1]]))[0] == 0


def _test_split(unseen=()):
    number = np.array([0, 0, 1, 1, 0, 0, 1, 1.0])
    arrays = {"x": np.eye(8), "y": number, "y_query": np.repeat([1, 0], 4)}
    return Split(arrays, {"classes": ["a", "b"], "unseen": list(unseen)})


def test_scores_are_means_over_types_and_resamples_of_all_are_the_score():
    test = _test_split([1])
    code = np.array([0, 0, 1, 0, 0, 0, 1, 1.0])[:, None]  # the fourth cell asks among the wrong ones
    found = cell_retrieval.score(test, {"y": np.eye(2)[[0, 0, 1, 1] * 2], "code": code}, ["retrieval_map", "accuracy"])
    wrong = (1 / 2 * 2) / 2  # both cells of its type tie at the end
    assert found["map_seen"] == 1 and found["map_unseen"] == pytest.approx((1 + wrong) / 2)
    assert found["retrieval_map"] == pytest.approx((1 + (1 + wrong) / 2) / 2)
    assert found["accuracy"] == 1
    resampling = cell_retrieval.resampled(test, {"y": np.eye(2)[[0, 0, 1, 1] * 2], "code": code}, "retrieval_map")
    assert resampling.function(np.ones((1, 4)))[0] == pytest.approx(found["retrieval_map"])
    assert resampling.function(np.array([[1, 1, 2, 0.0]]))[0] == 1


def test_a_unit_of_a_set_sees_its_genes_alone():
    torch.manual_seed(0)
    layer = SetLayer(5, [0, 0, 1], [1, 3, 4])
    x = torch.randn(4, 5)
    made = layer(x)
    w = layer.weight.detach()
    torch.testing.assert_close(made[:, 0].detach(), w[0] * x[:, 1] + w[1] * x[:, 3])
    torch.testing.assert_close(made[:, 1].detach(), w[2] * x[:, 4])
    made.square().sum().backward()
    assert layer.weight.grad.shape == (3,) and layer.weight.grad.all()


def test_pretraining_changes_the_hidden_layers_and_needs_no_label(tmp_path):
    torch.manual_seed(0)
    network = Network(6, [4, 3], 2, {"unit": [0, 1], "gene": [2, 5]})
    assert [tuple(layer.weight.shape) for layer in network.layers] == [(4, 6), (3, 6)]
    assert Denoiser(network)(torch.randn(3, 6)).shape == (3, 6)
    splits = small_problem("expression", "multiclass", 60)
    parameters = parameters_of("scrna_nn") | {"pretraining": {"epochs": 5, "learning_rate": 0.01}}
    parameters["training"] = {**parameters["training"], "epochs": 1, "learning_rate": 0.0}
    made = {}
    for name, own in (("plain", {**parameters, "pretraining": None}), ("pretrained", parameters)):
        model = method.create("scrna_nn", "listed", own)
        splits["train"].arrays["y"] = splits["train"].y.copy()
        splits["train"].y[:20] = np.nan
        model.fit(splits["train"], splits["valid"], Job(1, tmp_path / name))
        made[name] = model.network.layers[0].weight.detach()
        phases = {row["phase"] for row in model_history(model, splits, tmp_path / f"{name}2", own)}
        assert ("pretraining" in phases) == (name == "pretrained")
    assert not torch.equal(made["plain"], made["pretrained"])


def model_history(model, splits, folder, parameters):
    job = Job(1, folder)
    method.create("scrna_nn", "listed", parameters).fit(splits["train"], splits["valid"], job)
    return job.history


def test_known_sets_are_found_to_matter(tmp_path):
    splits = small_problem("expression", "multiclass", 200)
    model, _ = fit("scrna_nn-sets", splits, tmp_path)
    effects = model.effects()
    assert effects.shape == (3, 6) and (effects[:, :3].argmax(axis=1) == np.arange(3)).all()


def test_partners_and_neighbourhoods_of_a_small_graph(tmp_path):
    rng = np.random.default_rng(0)
    base = rng.standard_normal((40, 2))
    x = np.column_stack([base[:, 0], -base[:, 0] + 0.1 * base[:, 1], base[:, 1], np.ones(40)])
    near = graphs.partners(x, 2)
    assert near[0, 0] == 1 and near[1, 0] == 0 and 3 not in near[:3]
    assert graphs.joined(np.array([[1], [0], [1]])).tolist() == [[0, 1], [1, 2]]
    path = tmp_path / "graph.adjlist"
    path.write_text("# a comment\nA B C X\nB C\nC\nD A # more\nX D\n")
    edges = graphs.read_adjacency(path, ["C", "A", "B", "D"])
    assert edges.tolist() == [[0, 1], [0, 2], [1, 2], [1, 3]]
    centres, member = graphs.neighbourhoods(edges, 4, 2, 2)
    assert centres.tolist() == [0, 1]
    assert member.tolist() == [[0, 0, 0, 1, 1, 1, 1], [0, 1, 2, 0, 1, 2, 3]]
    with pytest.raises(BadInput, match="no edge joins two of the 1 genes, such as 'Z'"):
        graphs.read_adjacency(path, ["Z"])


def write_h5ad(path, x, sparse=None, raw=None):
    with h5py.File(path, "w") as file:
        for name, values, columns in (("obs", ["c1", "c2", "c3"], True), ("var", ["g1", "g2"], False)):
            group = file.create_group(name)
            group.attrs["_index"] = "index"
            group["index"] = values
            if columns:
                group["type/categories"], group["type/codes"] = ["B", "T"], np.array([1, -1, 0], np.int8)
        if sparse:
            group = file.create_group("X")
            group.attrs["encoding-type"] = f"{sparse}_matrix"
            from scipy import sparse as forms

            made = {"csr": forms.csr_matrix, "csc": forms.csc_matrix}.get(sparse, forms.csr_matrix)(x)
            group["data"], group["indices"], group["indptr"] = made.data, made.indices, made.indptr
        else:
            file["X"] = x
        if raw is not None:
            file["raw/X"] = raw
            file["raw/var/index"] = ["g1", "g2"]
            file["raw/var"].attrs["_index"] = "index"


@pytest.mark.parametrize("form", [None, "csr", "csc"])
def test_an_anndata_file_is_read(tmp_path, form):
    x = np.array([[1.0, 0], [0, 2], [3, 0]])
    write_h5ad(tmp_path / "a.h5ad", x, form, raw=x + 1)
    found = h5ad.read_h5ad(tmp_path / "a.h5ad")
    assert found.x.tolist() == x.tolist() and found.samples == ["c1", "c2", "c3"] and found.genes == ["g1", "g2"]
    assert found.about == {"type": ["T", "", "B"]}
    assert h5ad.read_h5ad(tmp_path / "a.h5ad", raw=True).x.tolist() == (x + 1).tolist()


def test_a_damaged_anndata_file_is_named(tmp_path):
    path = tmp_path / "a.h5ad"
    path.write_bytes(b"no HDF5")
    with pytest.raises(BadInput, match="a.h5ad: not an .h5ad file"):
        h5ad.read_h5ad(path)
    write_h5ad(path, np.array([[1, np.nan], [0, 0], [0, 0]]))
    with pytest.raises(BadInput, match="sample 'c1', gene 'g2': nan is no finite number"):
        h5ad.read_h5ad(path)
    write_h5ad(path, np.zeros((2, 2)))
    with pytest.raises(BadInput, match=r"X has shape \(2, 2\); obs and var say \(3, 2\)"):
        h5ad.read_h5ad(path)
    write_h5ad(path, np.zeros((3, 2)), "coo")
    with pytest.raises(BadInput, match="X is coo_matrix; dense, csr_matrix or csc_matrix is expected"):
        h5ad.read_h5ad(path)


def test_genes_that_named_the_types_are_left_out(tmp_path, monkeypatch):
    import pandas as pd
    import xarray

    rng, genes, cells = np.random.default_rng(0), ["Sst", "Actb", "Pvalb", "Gad1"], [f"c{i}" for i in range(12)]
    table = xarray.DataArray(rng.poisson(5, (4, 12)), coords={"gene": genes, "cell": cells}, dims=("gene", "cell"))
    about = {"Sample_ID": cells, "Celltype": ["Sst_1", "Pvalb_2", "odd"] * 4, "Study_ID": ["a"] * 6 + ["b"] * 6}
    monkeypatch.setattr(cell_retrieval.matrices, "read_r", lambda path: {"data": table, "pheno": pd.DataFrame(about)})
    parameters = {"types": {"s": ["Sst"], "p": ["Pvalb"]}, "without": ["Sst", "Pvalb"]}
    levels, label, *_, left = cell_retrieval._studies({"scrna": tmp_path}, parameters)
    assert left == ["Actb", "Gad1"] and levels.shape == (8, 2) and set(label) == {"s", "p"}
    with pytest.raises(BadInput, match="no gene 'Xist'"):
        cell_retrieval._studies({"scrna": tmp_path}, parameters | {"without": ["Xist"]})
