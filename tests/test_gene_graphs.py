"""Convolution on a graph of genes: its sums by hand, pooling, random neighbours, and samples drawn evenly."""

import numpy as np
import torch
from support import fit

from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.domains.expression import graphs
from deepbio.figures import gene_graphs as figures
from deepbio.methods.gene_graph_conv import GraphLayer, Network
from deepbio.tasks import expression_phenotypes


def test_a_layer_sums_neighbours_by_the_normalised_adjacency():
    layer = GraphLayer(1, 2, 3, [0], [1])  # a gene without neighbours beside a pair
    with torch.no_grad():
        for part in (layer.near, layer.own):
            part.weight.fill_(1)
            part.bias.zero_()
    x = torch.tensor([[2.0], [4], [5]])[:, :, None]
    made = layer(x)[:, 0]
    # The pair has degree two each, with the self-loops.
    torch.testing.assert_close(made[:, 0], torch.tensor([3.0, 3, 5]))
    torch.testing.assert_close(made[:, 1], torch.tensor([2.0, 4, 5]))


def test_order_of_genes_does_not_matter_when_the_graph_is_turned_with_them():
    torch.manual_seed(0)
    edges = np.array([[0, 1], [1, 2], [3, 4]])
    turn = np.array([3, 0, 4, 1, 2])  # gene i becomes gene turn[i]

    def layers(edges):
        return {"1": {"source": edges[:, 0].tolist(), "target": edges[:, 1].tolist(), "kept": [0, 1, 2, 3, 4]}}

    first = Network(5, 0, 4, 0, layers(edges), {"kind": "regression", "outputs": 1})
    other = Network(5, 0, 4, 0, layers(turn[edges]), {"kind": "regression", "outputs": 1})
    x = torch.randn(3, 5)
    other.load_state_dict(first.state_dict())
    one = first.layers[0](x.T[:, :, None])
    torch.testing.assert_close(other.layers[0](x[:, np.argsort(turn)].T[:, :, None])[turn], one)


def test_clusters_follow_the_graph_and_pooled_graphs_keep_its_bridges():
    blocks = np.array([[a, b] for start in (0, 4) for a in range(start, start + 4) for b in range(a + 1, start + 4)])
    edges = np.concatenate([blocks, [[3, 4]]])
    number = graphs.clusters(edges, 8, 2)
    assert number.tolist() == [0] * 4 + [1] * 4
    assert graphs.merged(edges, number).tolist() == [[0, 1]]
    assert graphs.merged(blocks, number).shape == (0, 2)


def test_pooling_keeps_the_first_gene_of_each_cluster(tmp_path):
    splits = small_problem("expression", "binary", 40)
    model, _ = fit("gene_graph_conv", splits, tmp_path, limits={"epochs": 1})
    first, second = model.shape["layers"]["1"], model.shape["layers"]["2"]
    assert len(first["kept"]) == 45 and len(second["kept"]) == 22 and first["kept"][0] == 0
    assert max(second["source"] + second["target"]) < 45
    assert len(first["source"]) == len(splits["train"].context["edges"])


def test_random_neighbours_keep_the_degrees_and_move_the_edges(tmp_path):
    splits = small_problem("expression", "binary", 40)
    known, random = (
        fit(name, splits, tmp_path / name, limits={"epochs": 1})[0]
        for name in ("gene_graph_conv", "gene_graph_conv-random_graph")
    )
    assert known.parameters["graph"] == "known" and random.parameters["graph"] == "random"
    one, other = (model.edges(splits["train"], Job(1, tmp_path)) for model in (known, random))
    assert not np.array_equal(np.sort(one, axis=1), np.sort(other, axis=1))
    degrees = [np.sort(graphs.degrees(edges, 90)) for edges in (one, other)]
    assert np.array_equal(*degrees)


def test_without_a_known_graph_partners_in_training_are_joined(tmp_path):
    splits = small_problem("expression", "binary", 80)
    for split in splits.values():
        split.context.pop("edges", None)
    model, _ = fit("gene_graph_conv", splits, tmp_path, limits={"epochs": 1})
    edges = model.edges(splits["train"], Job(1, tmp_path))
    inside = edges[(edges < 60).all(axis=1)]
    assert (inside[:, 0] // 10 == inside[:, 1] // 10).mean() > 0.9


def test_samples_are_drawn_evenly_over_the_strata():
    strata = np.repeat([0, 1, 1], 20)
    order = expression_phenotypes._evenly(strata, np.random.default_rng(0))
    assert sorted(order) == list(range(60))
    for start in range(0, 60, 12):
        assert abs(strata[order[start : start + 12]].sum() - 8) <= 1


def test_hidden_genes_say_nothing_of_themselves():
    x = np.random.default_rng(0).standard_normal((30, 8))
    x[:, 5] = 0
    train = np.arange(30) < 20
    hidden, y, names = expression_phenotypes._own_levels(x, list("abcdefgh"), train, 3)
    columns = ["abcdefgh".index(name) for name in names]
    assert len(names) == 3 and "f" not in names and (hidden[:, columns] == 1).all()
    assert np.array_equal(y, x[:, columns] > x[train][:, columns].mean(axis=0))
    others = np.setdiff1d(np.arange(8), columns)
    assert np.array_equal(hidden[:, others], x[:, others])


def test_curves_by_size_gather_the_tables_of_their_series(tmp_path):
    for size, value in ((20, 0.6), (40, 0.8)):
        context = {"series": "here", "series_id": "here", "size": size, "origin": "real"}
        runs = {"one": {"role": "listed", "scores": {"auroc": [value, value + 0.1]}}}
        figures.draw_sizes(runs, context, tmp_path / f"d{size}")
    other = {"series": "there", "series_id": "there", "size": 10, "origin": "real"}
    figures.draw_sizes({"one": {"role": "listed", "scores": {"auroc": [0.1]}}}, other, tmp_path / "e")
    assert (tmp_path / "sizes_here.svg").exists() and (tmp_path / "sizes_there.svg").exists()
    assert len((tmp_path / "d40_auroc.csv").read_text().splitlines()) == 3
