"""What is special to DCell and its task: the network against one written term by term, topology files, splits."""

import math

import numpy as np
import pytest
import torch
from support import fit
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from deepbio.baselines import ontotype_forest
from deepbio.core.data import NAMES
from deepbio.core.files import BadInput
from deepbio.core.kind import small_problem
from deepbio.domains.genes.ontology import Ontology, read_pairs, read_topology
from deepbio.figures import ontology as figures
from deepbio.kinds import deletions
from deepbio.methods import dcell
from deepbio.tasks import genotype_growth


def random_ontology(terms, genes, layers, rng, per_gene=2):
    """Terms in layers of nearly equal size below a root, each under one or two terms of the layer above."""
    layer = np.r_[0, 1 + np.arange(terms - 1) % (layers - 1)]
    edges = []
    for child in range(1, terms):
        above = np.flatnonzero(layer == layer[child] - 1)
        edges += [(parent, child) for parent in rng.choice(above, min(len(above), 2), replace=False)]
    annotations = [(term, gene) for gene in range(genes) for term in rng.choice(terms, per_gene, replace=False)]
    annotations += [(term, rng.integers(genes)) for term in range(terms)]
    names = [f"t{i}" for i in range(terms)], [f"g{i}" for i in range(genes)]
    return Ontology(*names, np.array(edges), np.unique(annotations, axis=0))


@pytest.fixture
def network():
    """An ontology, sizes of its terms, and a network in which the units of terms differ in number."""
    rng = np.random.default_rng(1)
    ontology = random_ontology(23, 30, 5, rng)
    units = rng.integers(2, 9, 23).tolist()
    torch.manual_seed(1)
    return ontology, units, dcell.Hierarchy(ontology, units, 1.0)


def term_by_term(net, ontology, units, x):
    """Phenotype and heads by a loop over terms, from the equations of the paper and the network's weights."""
    states, heads, weights = {}, {}, {}
    for level, terms in zip(net.levels, net.terms, strict=True):
        w = u = 0
        for number, term in enumerate(terms):
            children = [child for parent, child in ontology.edges.tolist() if parent == term]
            genes = [gene for at, gene in ontology.annotations.tolist() if at == term]
            inputs = sum(units[child] for child in children) + len(genes)
            weights[term] = (level, number, slice(w, w + units[term] * inputs), slice(u, u + units[term]), inputs)
            w, u = w + units[term] * inputs, u + units[term]
    done = []

    def state(term):
        if term in states:
            return states[term]
        children = [child for parent, child in ontology.edges.tolist() if parent == term]
        genes = [gene for at, gene in ontology.annotations.tolist() if at == term]
        seen = torch.cat([*(state(child) for child in children), x[:, genes]], dim=1)
        level, number, own, rows, inputs = weights[term]
        hidden = torch.tanh(seen @ level.weight[own].view(units[term], inputs).T + level.bias[rows])
        states[term] = F.batch_norm(hidden, None, None, level.norm.weight[rows], level.norm.bias[rows], training=True)
        if hasattr(level, "head"):
            heads[term] = torch.tanh(hidden @ level.head[rows] + level.head_bias[number])
        done.append(term)
        return states[term]

    output = net.out(state(ontology.root()))
    return output, heads, states


def test_batched_network_equals_one_computed_term_by_term(network):
    ontology, units, net = network
    x = (torch.rand(50, 30) < 0.2).float()
    output, heads, values = net.train().run({"x": x})
    expected, said, states = term_by_term(net, ontology, units, x)
    torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-5)
    order = [term for terms in net.terms for term in terms][:-1]
    torch.testing.assert_close(heads, torch.stack([said[term] for term in order]), rtol=1e-4, atol=1e-5)
    for term, (level, rows) in net.place.items():
        found = values[level][rows.start : rows.stop].T
        torch.testing.assert_close(found, states[term], rtol=1e-4, atol=1e-4)


def test_gradients_equal_those_of_the_network_term_by_term(network):
    ontology, units, net = network
    x, y = (torch.rand(50, 30) < 0.2).float(), torch.randn(50)
    parameters = [p for p in net.train().parameters() if p.requires_grad]
    output, heads, _ = net.run({"x": x})
    found = torch.autograd.grad(F.mse_loss(output[:, 0], y) + (heads - y).square().mean(1).sum(), parameters)
    output, said, _ = term_by_term(net, ontology, units, x)
    loss = F.mse_loss(output[:, 0], y) + sum(F.mse_loss(head, y) for head in said.values())
    for one, other in zip(found, torch.autograd.grad(loss, parameters), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


class Count(TorchDispatchMode):
    calls = 0

    def __torch_dispatch__(self, function, types, words=(), named=None):
        self.calls += 1
        return function(*words, **(named or {}))


def calls(net, genes):
    """Torch operations of one step, forward and backward."""
    with Count() as count:
        output, heads, _ = net.run({"x": torch.ones(4, genes)})
        (output.sum() + heads.sum()).backward()
    return count.calls


def test_number_of_operations_does_not_grow_with_the_number_of_terms():
    found = []
    for terms in (41, 401):
        # Sizes of terms are alike in both, so that only the number of terms differs.
        ontology = random_ontology(terms, 3 * terms, 4, np.random.default_rng(2))
        net = dcell.Hierarchy(ontology, [6] * terms, 1.0)
        found.append((calls(net, 3 * terms), len(net.levels)))
    (few, small), (many, large) = found
    # Ten times as many terms fall into a few more classes of size, the root's above all.
    assert large <= small + 4 and many < 1.6 * few


def test_padding_stays_within_a_factor_of_the_weights():
    ontology = random_ontology(401, 1500, 6, np.random.default_rng(3), per_gene=4)
    units = [max(20, math.ceil(0.3 * n)) for n in ontology.members().sum(1)]
    net = dcell.Hierarchy(ontology, units, 1.0)
    padded = sum(math.prod(level.size) for level in net.levels)
    assert padded < 6 * sum(level.weight.numel() for level in net.levels)


def test_weights_are_those_of_the_ontology_and_no_more(network):
    ontology, units, net = network
    inputs = np.zeros(len(units), int)
    np.add.at(inputs, ontology.edges[:, 0], np.array(units)[ontology.edges[:, 1]])
    np.add.at(inputs, ontology.annotations[:, 0], 1)
    linear = int((np.array(units) * (inputs + 1)).sum())
    heads = sum(units) - units[ontology.root()] + len(units) - 1
    root = units[ontology.root()] + 1
    assert sum(p.numel() for p in net.parameters()) == linear + 2 * sum(units) + heads + root


def test_a_gene_tells_only_the_terms_above_it(network):
    ontology, _, net = network
    members = ontology.members()
    x = (torch.rand(6, 30) < 0.2).float()
    net.eval()
    _, heads, before = net.run({"x": x})
    for gene in range(30):
        other = x.clone()
        other[:, gene] = 1 - other[:, gene]
        _, _, after = net.run({"x": other})
        for term, (level, rows) in net.place.items():
            same = torch.equal(before[level][rows.start : rows.stop], after[level][rows.start : rows.stop])
            assert same != bool(members[term, gene])


def test_units_are_the_papers(tmp_path):
    splits = small_problem("deletions", "regression")
    model = dcell.Method({"wiring": "ontology", "least_units": 3, "unit_share": 0.3})
    shape = model.describe(splits["train"])
    assert shape["units"] == [5, 3, 3, 3, 3, 3, 3]  # 16, 8, 8 and four times 4 genes: a ceiling of 4.8, 2.4, 1.2
    model.parameters["wiring"] = "connected"
    shape = model.describe(splits["train"])
    assert shape["units"] == [12, 6, 5] and len(shape["annotations"]) == 3 * 16


def test_permuted_ontology_keeps_the_hierarchy():
    ontology = random_ontology(23, 30, 5, np.random.default_rng(1))
    other = ontology.permuted(np.random.default_rng(2))
    np.testing.assert_array_equal(ontology.edges, other.edges)
    np.testing.assert_array_equal(ontology.members().sum(1), other.members().sum(1))
    assert (ontology.members() != other.members()).any()


# ---- topology files

SOUND = ["ROOT: a 3", "GENES: g1", "TERMS: b c", "ROOT: b 1", "GENES: g2", "TERMS:", "ROOT: c 1", "GENES: g3", "TERMS:"]


def topology(folder, lines):
    path = folder / "topology"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_topology_is_read(tmp_path):
    ontology = read_topology(topology(tmp_path, SOUND))
    assert ontology.terms == ["a", "b", "c"] and ontology.genes == ["g1", "g2", "g3"] and ontology.root() == 0
    np.testing.assert_array_equal(ontology.members(), [[1, 1, 1], [0, 1, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("line", "text", "place", "message"),
    [
        (2, "TERMS: b d", 3, "term d, a child of a, is unknown"),
        (5, "TERMS: a", 1, "no root"),
        (2, "TERMS: b", 7, "two roots: neither a nor c"),
        (0, "ROOT: a 4", 1, "contains 3 genes, not 4"),
        (0, "ROOT: a", 1, "a term and its number"),
        (3, "ROOT: a 1", 4, "a second time"),
        (4, "TERMS: g2", 5, "'GENES:' was expected"),
        (7, "GENES:", 7, "neither genes nor children"),
    ],
)
def test_malformed_topology_says_file_and_line(tmp_path, line, text, place, message):
    lines = [*SOUND[:line], text, *SOUND[line + 1 :]]
    with pytest.raises(BadInput, match=rf"topology:{place}: .*{message}"):
        read_topology(topology(tmp_path, lines))


def test_cycle_says_file_and_line(tmp_path):
    lines = [*SOUND[:5], "TERMS: c", *SOUND[6:8], "TERMS: b"]
    with pytest.raises(BadInput, match=r"topology:4: cycle: term b is below itself"):
        read_topology(topology(tmp_path, lines))
    with pytest.raises(BadInput, match=r"topology:10: the file ends within a term"):
        read_topology(topology(tmp_path, [*SOUND, "ROOT: d 1"]))


@pytest.mark.parametrize(
    ("lines", "place", "message"),
    [
        (["r\ta\tdefault", "a\tg1\tgene", "b\tg1\tgene"], 3, "two roots: neither r nor b"),
        (["r\ta\tdefault", "a\tr\tdefault", "a\tg1\tgene"], 1, "no root"),
        (["r\ta\tdefault", "a\tb\tdefault", "b\ta\tdefault", "a\tg1\tgene"], 1, "cycle: term a"),
        (["r\ta\tdefault", "a\tg9\tgene"], 2, "gene g9 is not among the genes"),
        (["r\ta\tdefault"], 1, "term a has neither genes nor children"),
        (["r a default"], 1, "was expected"),
    ],
)
def test_malformed_pairs_say_file_and_line(tmp_path, lines, place, message):
    with pytest.raises(BadInput, match=rf"topology:{place}: .*{message}"):
        read_pairs(topology(tmp_path, lines), ["g1", "g2"])


# ---- the task

SIMULATED = {"complexes": 2, "pathways": 2, "genes": 6, "masking": 0.5, "buffering": 0.5, "single": 0.05, "noise": 0.02}


def simulated(split):
    parameters = {"format": "simulated", "simulation": SIMULATED, "split": split}
    return genotype_growth.prepare({}, {**parameters, "valid_fraction": 0.25, "test_fraction": 0.25}, 1)


def test_no_pair_and_with_new_genes_no_gene_is_in_two_parts():
    splits = simulated("new_genes")
    genes = {name: set(np.flatnonzero(splits[name]["x"].any(0))) for name in NAMES}
    assert not genes["train"] & genes["valid"] and not (genes["train"] | genes["valid"]) & genes["test"]
    splits = simulated("pairs")
    pairs = {name: {row.tobytes() for row in splits[name]["x"]} for name in NAMES}
    assert not pairs["train"] & pairs["valid"] and not (pairs["train"] | pairs["valid"]) & pairs["test"]
    assert all((splits[name]["x"].sum(1) == 2).all() for name in NAMES)


def authors(folder, train, test, split="authors"):
    """The splits of a small topology with the given rows."""
    topology(folder, SOUND)
    (folder / "train").write_text("\n".join(train) + "\n")
    (folder / "test").write_text("\n".join(test) + "\n")
    parameters = {"format": "double_deletions", "topology": "topology", "train": "train", "test": "test"}
    fractions = {"valid_fraction": 0.5, "test_fraction": 0}
    return genotype_growth.prepare({"dcell": folder}, {**parameters, "split": split, **fractions}, 1)


def test_the_authors_test_pairs_stay_apart(tmp_path):
    splits = authors(tmp_path, ["2 g1 g2 -0.1", "2 g3 g1 0.2"], ["2 g2 g3 0.5"])
    assert [len(splits[name]) for name in NAMES] == [1, 1, 1]
    np.testing.assert_array_equal(splits["test"]["x"], [[0, 1, 1]])
    assert splits["test"].y == np.float32(0.5) and splits["test"]["group"] == b"g2 g3"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2 g1 g9 0.1", "gene g9 is not in the topology"),
        ("2 g1 g2 -2.0", "is no interaction score"),
        ("2 g1 g2 x", "is no number"),
        ("2 g1 g1 0.1", "one gene"),
        ("2 g3 g1 0.1", "repeated"),
        ("1 g1 0.1", "was expected"),
    ],
)
def test_malformed_pairs_of_genes_say_file_and_line(tmp_path, row, message):
    with pytest.raises(BadInput, match=rf"train:2: .*{message}"):
        authors(tmp_path, ["2 g1 g3 -0.1", row], ["2 g2 g3 0.5"])


def test_simulated_scores_follow_the_hierarchy():
    ontology, pairs, y = genotype_growth.simulate(**{**SIMULATED, "single": 0, "noise": 0})
    members = ontology.members()
    shared = members[:, pairs[:, 0]] & members[:, pairs[:, 1]]
    pathway, compound = shared[3:].any(0), shared[1:3].any(0)
    assert (y[pathway] > 0).all() and (y[compound & ~pathway] < 0).all() and (y[~compound] == 0).all()


def test_ontotype_counts_the_deleted_genes_of_each_term():
    split = simulated("pairs")["train"]
    split.context["input"] = "deletions"
    counts = ontotype_forest.Method({}).features(split)
    assert counts.shape == (len(split), 7) and (counts[:, 0] == 2).all()
    np.testing.assert_array_equal(counts[:, 3:].sum(1), 2)
    np.testing.assert_array_equal(deletions.matrix(split, {}), split["x"])


# ---- figures


def test_figures_exist_and_the_wild_type_has_no_change(tmp_path):
    splits = small_problem("deletions", "regression", 240)
    model, _ = fit("dcell", splits, tmp_path / "job")
    model.interpret(splits["valid"], tmp_path / "figures", splits["train"])
    found = {path.name for path in (tmp_path / "figures").iterdir()}
    drawn = {f"{name}.{form}" for name in ("hierarchy", "rlipp", "parity", "states") for form in ("svg", "png")}
    assert drawn | {"hierarchy.csv", "rlipp.csv"} <= found
    rows = [line.split(",") for line in (tmp_path / "figures" / "hierarchy.csv").read_text().splitlines()[1:]]
    # Terms without a gene of the genotype say what they say of the wild type.
    assert {float(change) for _, change, held in rows if held == "0"} == {0}
    assert any(float(change) for _, change, held in rows if held == "1")


def test_relative_power_is_the_gain_over_what_a_term_sees(tmp_path):
    splits = small_problem("deletions", "regression", 600)
    model, _ = fit("dcell", splits, tmp_path)
    rows = {row[0]: row for row in model.relative_power(splits["train"], splits["test"])}
    # Two pathways of a complex buffer each other, which the complex knows.
    for term in (1, 2):
        assert rows[term][2] > 0.4
        assert rows[term][4] == pytest.approx((rows[term][2] - rows[term][3]) / rows[term][3])
    held = np.asarray(splits["test"]["x"])[:, :4].any(1)
    assert rows[3][1] == held.sum()


def test_places_of_a_drawing_are_apart():
    ontology = random_ontology(23, 30, 5, np.random.default_rng(1))
    x, y = figures.places(ontology)
    assert all(y[parent] > y[child] for parent, child in ontology.edges)
    assert y[ontology.root()] == 0 and len(set(zip(x.tolist(), y.tolist(), strict=True))) > 15


def test_pairs_are_resampled_by_both_of_their_genes():
    splits = small_problem("deletions", "regression")
    test, rng = splits["test"], np.random.default_rng(0)
    p = test.y + 0.1 * rng.standard_normal(test.y.shape)
    found = genotype_growth.resampled(test, {"y": p}, "pearson")
    assert found.samples == 16 and set(found.units) <= set(test.context["features"])
    whole = found.function(np.ones((1, 16)))[0]
    assert whole == pytest.approx(np.corrcoef(test.y.ravel(), p.ravel())[0, 1])
    # Without its first gene, the pairs that hold it are gone, and a gene that is drawn twice counts twice.
    drawn = np.ones(16)
    drawn[0], drawn[1] = 0, 2
    pairs = np.nonzero(np.asarray(test["x"]))[1].reshape(-1, 2)
    rows = np.repeat(np.arange(len(pairs)), drawn[pairs].prod(axis=1).astype(int))
    expected = np.corrcoef(test.y.ravel()[rows], p.ravel()[rows])[0, 1]
    assert found.function(drawn[None])[0] == pytest.approx(expected)
