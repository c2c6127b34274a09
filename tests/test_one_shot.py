"""Episodes of a toxicity task, and networks that compare molecules with a support."""

import csv

import numpy as np
import pytest
import torch
from rdkit import Chem
from support import fit

from deepbio.baselines import assay_labels
from deepbio.core.data import NAMES, Split
from deepbio.core.files import BadInput
from deepbio.core.kind import small_problem
from deepbio.domains.chemistry import episodes, molecules
from deepbio.kinds import ranking
from deepbio.kinds.molecule_episode import MOLECULES
from deepbio.learning.graph_network import GraphConvolution, GraphLayer, convmol_batch, embed
from deepbio.methods import one_shot
from deepbio.scoring import metrics
from deepbio.scoring import runs as scoring
from deepbio.tasks import low_data_toxicity

SIZES = [[3, 3, 4], [1, 2, 2]]


def table(path, assays, molecules_=MOLECULES, seed=0, missing=0.2):
    """A table of random results, as the authors' files have it."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (len(molecules_), assays)).astype(object)
    labels[rng.random(labels.shape) < missing] = ""
    with open(path, "w", newline="") as handle:
        names = [f"assay {i}" for i in range(assays)]
        csv.writer(handle).writerows(
            [[*names, "mol_id", "smiles"]] + [[*r, "x", m] for r, m in zip(labels, molecules_, strict=True)]
        )
    return labels


def prepare(folder, seed=1, **facts):
    usual = {"file": "assays.csv", "folds": 4, "valid_assays": 2, "supports": SIZES, "episodes": 30, "queries": 20}
    return low_data_toxicity.prepare({"one": folder}, {**usual, "valid_queries": 20, **facts}, seed)


def assays_of(split):
    return list(dict.fromkeys(name.decode().removeprefix("assay ") for name in np.asarray(split["group"])))


def molecules_of(split):
    """SMILES of all molecules that the episodes of a split name."""
    numbers = np.unique(np.concatenate([np.ravel(split[key]) for key in ("actives", "inactives", "query")]))
    return molecules.texts(split.context["smiles"][numbers[numbers >= 0]])


@pytest.mark.parametrize(("assays", "trained", "tested"), [(12, 9, 3), (27, 21, 6), (17, 12, 5)])
def test_the_last_fold_of_assays_is_for_testing(tmp_path, assays, trained, tested):
    """As the paper counts them in Tox21, SIDER and MUV."""
    table(tmp_path / "assays.csv", assays)
    splits = prepare(tmp_path)
    found = {name: assays_of(splits[name]) for name in NAMES}
    assert found["train"] + found["valid"] == [str(i) for i in range(trained)]
    assert len(splits["train"]) == 30 * (trained - 2)  # the episodes of each training assay
    assert found["test"] == [str(i) for i in range(trained, trained + tested)]
    assert len(found["valid"]) == 2


def test_new_scaffolds_share_neither_assay_nor_scaffold(tmp_path):
    table(tmp_path / "assays.csv", 12)
    splits = prepare(tmp_path, scaffold={"valid_fraction": 0.25, "test_fraction": 0.35})
    found = [set(molecules.scaffolds([Chem.MolFromSmiles(text) for text in molecules_of(splits[n])])) for n in NAMES]
    assert all(found) and not (found[0] & found[1] or found[0] & found[2] or found[1] & found[2])
    shared = prepare(tmp_path)
    assert set(molecules_of(shared["train"])) & set(molecules_of(shared["test"]))


def test_new_scaffolds_are_those_of_salts_too(tmp_path):
    """A salt's counter-ion makes no new scaffold, and a molecule that cannot be uncharged stops nothing."""
    salts = [f"{text}.{('Cl', '[Na+].[Cl-]', 'Br')[i % 3]}" for i, text in enumerate(MOLECULES)]
    table(tmp_path / "assays.csv", 12, [*MOLECULES, *salts, "[SbH6+3]"])
    splits = prepare(tmp_path, scaffold={"valid_fraction": 0.25, "test_fraction": 0.35})
    found = [set(molecules.identity([Chem.MolFromSmiles(text) for text in molecules_of(splits[n])])) for n in NAMES]
    assert all(found) and not (found[0] & found[1] or found[0] & found[2] or found[1] & found[2])


def test_another_table_s_assays_are_all_for_testing(tmp_path):
    table(tmp_path / "assays.csv", 12)
    table(tmp_path / "other.csv", 3, MOLECULES[::2], seed=5)
    splits = prepare(tmp_path, test_file="other.csv")
    assert [len(splits[name]) for name in NAMES] == [10 * 30, 8, 3 * 6]
    assert assays_of(splits["train"]) == [str(i) for i in range(10)]
    canonical = {Chem.CanonSmiles(text) for text in MOLECULES[::2]}
    assert set(molecules_of(splits["test"])) <= canonical


def test_supports_are_fixed_and_are_not_asked_for(tmp_path):
    labels = table(tmp_path / "assays.csv", 12)
    texts, names, results = low_data_toxicity._table(tmp_path / "assays.csv", {}, None)
    assert len(texts) == len(set(texts)) and results.shape == (len(texts), 12) and names[0] == "assay 0"
    splits, again, other = prepare(tmp_path), prepare(tmp_path), prepare(tmp_path, seed=2)
    for name in NAMES:
        assert splits[name].digest() == again[name].digest() != other[name].digest()
    row_of = {text: row for row, text in enumerate(texts)}
    for split in splits.values():
        smiles = molecules.texts(split.context["smiles"])
        for row in range(len(split)):
            column = results[:, names.index(split["group"][row].decode())]
            known = {v: [i for i in split[key][row] if i >= 0] for v, key in ((1, "actives"), (0, "inactives"))}
            for value, members in known.items():
                assert [column[row_of[smiles[i]]] for i in members] == [value] * len(members)
            query, y = split["query"][row], split.y[row]
            taken = np.isin(query, known[0] + known[1])
            assert np.isnan(y[taken]).all() and np.isnan(y[query < 0]).all()
            asked = ~taken & (query >= 0)
            assert [column[row_of[smiles[i]]] for i in query[asked]] == y[asked].tolist()
            assert split["y_balance"][row] == pytest.approx((column == 0).sum() / (column == 1).sum())
    test = splits["test"]
    assert [tuple(size) for size in episodes.sizes(test)] == [(3, 3)] * 12 + [(1, 2)] * 6
    assert not np.isin(splits["train"]["query"], -1).any() and labels.shape[1] == 12
    assert "y_balance" not in test.inputs() and "y" not in test.inputs()


def test_molecules_that_stand_twice_are_one_and_disagreement_is_unknown():
    texts = np.array([b"CO", b"CC", b"CO", b"CO"])
    labels = np.array([[1, 1, np.nan], [0, 0, 0], [1, 0, np.nan], [np.nan, np.nan, np.nan]])
    found, merged = low_data_toxicity._merge(texts, labels)
    assert found == ["CO", "CC"]
    np.testing.assert_array_equal(merged, [[1, np.nan, np.nan], [0, 0, 0]])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2,,x,CC", "assays.csv:3: column 'assay 0': 2 is neither"),
        ("1,0,x,C1C", "assays.csv:3: not a valid SMILES"),
        ("1,CC", "assays.csv:3: 2 columns"),
    ],
)
def test_what_is_wrong_in_a_table_is_named(tmp_path, line, message):
    (tmp_path / "assays.csv").write_text(f"assay 0,assay 1,mol_id,smiles\n1,0,x,CO\n{line}\n")
    with pytest.raises(BadInput, match=message):
        prepare(tmp_path)


def test_an_assay_with_too_few_actives_is_named(tmp_path):
    table(tmp_path / "assays.csv", 12, MOLECULES[:6])
    with pytest.raises(BadInput, match="assay 'assay 0': . molecules of value"):
        prepare(tmp_path)


def test_score_is_the_mean_over_assays_and_supports_of_each_size():
    y = np.array([[1, 0, 1, np.nan], [1, 0, 0, 1], [1, 0, np.nan, np.nan]], np.float32)
    test = Split(
        {
            "actives": np.array([[0, 1], [0, 1], [0, -1]]),
            "inactives": np.array([[2], [2], [2]]),
            "query": np.zeros((3, 4), int),
            "y": y,
            "group": np.array([b"a", b"b", b"a"]),
        },
        {"output": "ranking"},
    )
    p = np.array([[0.9, 0.5, 0.1, 0], [0.9, 0.1, 0.1, 0.8], [0.1, 0.9, 0, 0]])
    found = low_data_toxicity.score(test, {"y": p}, ["auroc"])
    assert found == {"auroc": 0.75, "auroc_median": 0.75, "auroc_1_1": 0}
    assert [(one.series, one.x.tolist(), one.y.tolist()) for one in low_data_toxicity.curve(test, {"y": p})] == [
        ("2+/1−", ["a", "b"], [0.5, 1]),
        ("1+/1−", ["a"], [0]),
    ]


# ---- graphs


def test_features_of_convmol_by_hand():
    graph = molecules.graphs(np.array([b"C[NH3+]", b"C#C", b"[CH3]", b"[Ra]"]), "convmol")
    places = [np.flatnonzero(row).tolist() for row in graph.atoms.values]
    # Element; 44: degree; 55: implicit valence; 62: charge, radicals; 64: hybridisation; 69: aromatic; 70: hydrogens.
    assert places[0] == [0, 45, 58, 66, 73]
    assert places[1] == [1, 45, 55, 62, 66, 73]
    assert places[2] == [0, 45, 56, 64, 71]
    assert places[4] == [0, 44, 55, 63, 66, 73]
    assert places[5][0] == 43 and graph.atoms.values.shape == (6, 75)


def test_a_layer_by_hand():
    """Own weights and those of the sum of neighbours, by degree; then the maximum over an atom and its neighbours."""
    torch.manual_seed(3)
    layer = GraphLayer(75, 5)
    for bias in (layer.own_bias, layer.near_bias):
        torch.nn.init.normal_(bias)
    graphs = molecules.graphs(np.array([b"CC(N)O", b"C", b"c1ccccc1"]), "convmol")
    batch = convmol_batch(graphs, np.arange(3))
    x = batch["atoms"].float()
    with torch.no_grad():
        found = layer(x, batch["near"], batch["degrees"].tolist())
    degree = np.repeat(np.arange(11), batch["degrees"])
    ends = np.split(batch["near"].numpy(), np.cumsum(1 + degree)[:-1])
    assert [atom for atom, *_ in ends] == list(range(11))
    with torch.no_grad():
        out = []
        for atom, (d, near) in enumerate(zip(degree, ends, strict=True)):
            value = x[atom] @ layer.own[d] + layer.own_bias[d]
            if d:
                value = value + x[near[1:]].sum(0) @ layer.near[d - 1] + layer.near_bias[d - 1]
            out.append(torch.relu(value))
        out = torch.stack(out)
        wanted = torch.stack([out[near].amax(0) for near in ends])
    torch.testing.assert_close(found, wanted)


def test_a_molecule_s_vector_depends_on_no_company_and_no_order_of_atoms():
    torch.manual_seed(4)
    network = GraphConvolution()
    written = ["OCC(N)c1ccccc1", "c1ccccc1C(N)CO", "C", "CC(=O)Nc1ccc(Cl)cc1"]
    graphs = molecules.graphs(np.array(written).astype("S"), "convmol")
    vectors = embed(network, graphs, np.arange(4))
    torch.testing.assert_close(vectors[0], vectors[1])
    torch.testing.assert_close(embed(network, graphs, np.array([3]))[0], vectors[3])
    torch.testing.assert_close(embed(network, graphs, np.arange(4), size=1), vectors)
    assert vectors.shape == (4, 128) and vectors.abs().max() <= 1


# ---- refinement


@pytest.fixture
def vectors():
    torch.manual_seed(5)
    return torch.tanh(torch.randn(2, 6, 16)), torch.tanh(torch.randn(2, 9, 16))


def refinement(kind):
    torch.manual_seed(6)
    return one_shot.REFINEMENTS[kind](16, 3)


def test_attention_adds_up_to_one(vectors):
    support, query = vectors
    weights = one_shot.attention(query, support)
    assert weights.shape == (2, 9, 6)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 9))
    similarity = torch.nn.functional.cosine_similarity(query[1, 4], support[1], dim=-1)
    torch.testing.assert_close(weights[1, 4], similarity.softmax(0))


@pytest.mark.parametrize(("kind", "same"), [("none", True), ("iterative", True), ("attention", False)])
def test_what_the_order_of_the_support_changes(vectors, kind, same):
    """Iterative refinement puts the support's vectors in the new order and leaves the queries' as they are; the
    bidirectional LSTM of the attention network reads the support in its order."""
    support, query = vectors
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    with torch.no_grad():
        network = refinement(kind)
        one, other = network(support, query), network(support[:, order], query)
    assert torch.allclose(one[0][:, order], other[0], atol=1e-6) == same
    assert torch.allclose(one[1], other[1], atol=1e-6) == same


@pytest.mark.parametrize("kind", ["none", "iterative", "attention"])
def test_queries_and_episodes_do_not_see_each_other(vectors, kind):
    support, query = vectors
    network = refinement(kind)
    with torch.no_grad():
        whole, alone = network(support, query)[1], network(support[1:], query[1:, 2:3])[1]
    torch.testing.assert_close(alone[0, 0], whole[1, 2])


def test_a_refinement_of_one_step_by_hand(vectors):
    support, query = vectors
    torch.manual_seed(6)
    network = one_shot.Iterative(16, 1)
    with torch.no_grad():
        new_support, new_query = network(support, query)
        nothing = torch.zeros_like(query)
        step, _ = network.of_query(nothing, one_shot.attention(query, support), support, nothing)
    torch.testing.assert_close(new_query, query + step)
    assert not torch.allclose(new_support, support)
    assert network.of_query.bias[16:32].eq(1).all() and network.of_query.bias.sum() == 16


def test_a_cell_by_hand():
    """Weights of [state, what was read] and those of the state alone; gates of straight lines."""
    torch.manual_seed(8)
    cell = one_shot.Cell(4)
    hidden, memory = torch.randn(2, 3, 5, 4)
    rows, weights = torch.randn(3, 6, 4), torch.randn(3, 5, 6).softmax(-1)
    with torch.no_grad():
        found = cell(hidden, weights, rows, memory)
        both = torch.cat([hidden, weights @ rows], -1)
        let_in, keep, new, out = (both @ cell.read + hidden @ cell.state + cell.bias).chunk(4, -1)
    gates = [(0.2 * x + 0.5).clip(0, 1) for x in (let_in, keep, out)]
    wanted = gates[1] * memory + gates[0] * new.tanh()
    torch.testing.assert_close(found, (gates[2] * wanted.tanh(), wanted))


def test_probabilities_lie_between_those_of_the_farthest_labels():
    """Cosines lie within [-1, 1], so no weight is more than e² times another."""
    torch.manual_seed(7)
    network = one_shot.OneShot((8, 8, 8), 16, "none", 0)
    p = network.compare(torch.randn(1, 4, 16), torch.tensor([1.0, 0, 0, 0]), torch.randn(1, 50, 16))
    assert p.max() <= np.exp(2) / (np.exp(2) + 3) and p.min() >= 1 / (1 + 3 * np.exp(2))


def test_loss_weighs_the_classes_of_an_assay_alike():
    logits, y = torch.zeros(1, 4), torch.tensor([[1.0, 0, 0, float("nan")]])
    loss = one_shot.balanced_loss(logits, y, torch.tensor([2.0]))
    torch.testing.assert_close(loss, torch.tensor(4 * np.log(2), dtype=torch.float32))


def test_training_learns_to_compare(tmp_path):
    splits = small_problem("molecule_episode", "ranking")
    model, job = fit("one_shot", splits, tmp_path)
    found = metrics.evaluate(["auroc"], splits["test"].y.T, model.predict(splits["test"].inputs())["y"].T)["auroc"]
    model.network = model.build(model.parameters, model.shape)
    before = metrics.evaluate(["auroc"], splits["test"].y.T, model.predict(splits["test"].inputs())["y"].T)["auroc"]
    assert found > before + 0.1
    assert {"valid_auroc", "valid_loss"} <= job.history[0].keys()


def test_supports_of_one_batch_have_one_size():
    splits = small_problem("molecule_episode", "ranking", 8)
    splits["train"].arrays["actives"][0, -1] = -1
    assert sorted(map(len, episodes.by_size(splits["train"]))) == [1, 7]
    with pytest.raises(ValueError, match="one size"):
        episodes.support(splits["train"], np.arange(8))


def test_baselines_of_a_support_see_nothing_else(tmp_path):
    """An episode is ranked alike whatever else stands in the split, and whatever training episodes say."""
    splits = small_problem("molecule_episode", "ranking", 12)
    for name in ("support_forest", "support_graph_conv"):
        model, _ = fit(name, splits, tmp_path / name)
        whole = model.predict(splits["test"].inputs())["y"]
        np.testing.assert_array_equal(model.predict(splits["test"].take([7, 2]).inputs())["y"], whole[[7, 2]])


def test_labels_in_training_assays_by_hand():
    """A mean of what is above the assay's share of actives; an assay's molecule counts once, one of no assay is in the
    middle."""
    nan = np.nan
    train = Split(
        {
            "actives": np.array([[0, -1], [0, -1], [1, 3]]),
            "inactives": np.array([[1], [1], [0]]),
            "query": np.array([[2, -1], [2, 3], [2, -1]]),
            "y": np.array([[1, nan], [1, nan], [0, nan]], np.float32),
            "y_balance": np.array([1, 1, 3], np.float32),  # shares 1/2 and 1/4
            "group": np.array([b"a", b"a", b"b"]),
        },
        {"smiles": np.array([b"C", b"CC", b"CCC", b"CCCC", b"CO"])},
    )
    model = assay_labels.Method({})
    model.fit(train, train, None)
    assert model.facts["mean"] == {"C": 0.125, "CC": 0.125, "CCC": 0.125, "CCCC": 0.75}
    asked = Split({"query": np.array([[0, 1, 2, -1]])}, {"smiles": np.array([b"CCCC", b"CO", b"CC"])})
    np.testing.assert_allclose(model.predict(asked)["y"], [[0.875, 0.5, 0.5625, 0.5]])


def test_controls_of_rankings():
    splits = small_problem("molecule_episode", "ranking", 24)
    train, test = splits["train"], splits["test"]
    train.arrays["y"] = train.y[:, :7]  # other queries than those of testing
    found = {}
    for control in ("perfect", "random", "constant"):
        guess = ranking.control(control, train.y, test.y, np.random.default_rng(1))
        found[control] = scoring.score("low_data_toxicity", test, {"y": guess}, ["auroc"], train)["auroc"]
    assert found["perfect"] == 1 and found["constant"] == 0.5 and abs(found["random"] - 0.5) < 0.1
