"""What is special to Diet Networks and genetic ancestry: embeddings, predicted weights, classes, figures."""

import numpy as np
import pytest
import torch
from support import fit, parameters_of

from deepbio.core import method
from deepbio.core.data import NAMES
from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.domains.variation import genotypes
from deepbio.figures import ancestry as figures
from deepbio.learning.network import trained
from deepbio.methods import diet_networks
from deepbio.scoring import metrics
from deepbio.tasks import genetic_ancestry


@pytest.fixture(scope="module")
def splits():
    return small_problem("genotype", "multiclass")


def untrained(splits, name="diet_networks"):
    """A method at its network's initial weights."""
    role = "variant" if "-" in name else "listed"
    model = method.create(name, role, parameters_of(name))
    model.shape = model.describe(splits["train"])
    model.known = model.learn(splits["train"])
    torch.manual_seed(1)
    model.network = model.build(model.parameters, model.shape).train()
    return model


@pytest.mark.parametrize("limit, bounded", [(1.0, True), (None, False)])
def test_incoming_weights_are_limited_in_training_where_it_is_asked_for(splits, limit, bounded):
    model = untrained(splits)
    model.parameters["max_norm"] = limit
    linear = [module for module in model.network.modules() if isinstance(module, torch.nn.Linear)]
    for module in linear:
        module.weight.data *= 50
    model.loss(model.network, model.batch(splits["train"], np.arange(20)))
    norms = [float(module.weight.detach().norm(dim=1).max()) for module in linear]
    assert linear and all((norm <= 1 + 1e-5) == bounded for norm in norms)


# ---- embeddings and predicted weights


def test_moments_and_histogram_are_those_of_the_known_genotypes():
    x = np.array([[0, 2, -1], [1, 2, -1], [2, 2, 0], [1, 2, 1]], np.int8)
    counts = torch.from_numpy(genotypes.class_counts(x, np.array([0, 0, 1, 1]), 2)).float()
    np.testing.assert_array_equal(counts[:, :, 0], [[1, 1, 0], [0, 1, 1]])
    centre, scale = diet_networks.moments(counts)
    np.testing.assert_allclose(centre, [1, 2, 0.5])
    np.testing.assert_allclose(scale, [1 / np.std([0, 1, 2, 1]), 0, 2], rtol=1e-6)
    found = diet_networks.histogram(counts)
    assert found.shape == (3, 6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=0)[[0, 1, 2, 3, 4, 5]], 1, rtol=1e-6)
    # Shares of 0, 1, 2 copies in the first class; nobody of it is known at the third site.
    np.testing.assert_allclose(found[:, 2] * np.linalg.norm([0, 1, 0]), [0, 1, 0])
    np.testing.assert_allclose(found[:, 1], [1, 0, 0])


@pytest.mark.parametrize("name", ["diet_networks", "diet_networks-raw"])
def test_held_out_people_change_no_embedding_and_no_weight(splits, tmp_path, name):
    """The test people are not even at hand; other genotypes of validation people change what is kept, not what an
    epoch makes of the training people."""
    model = untrained(splits, name)
    other = {key: split.take(np.arange(len(split))) for key, split in splits.items()}
    for part in ("valid", "test"):
        other[part].arrays["x"] = 2 - np.abs(other[part]["x"])
        other[part].arrays["y"] = np.roll(other[part].y, 1)
    again = untrained(other, name)
    for one, two in zip(model.known[:3], again.known[:3], strict=True):
        assert one.equal(two)
    found = []
    for number, these in enumerate((splits, other)):
        parameters = parameters_of(name)
        parameters["training"] |= {"epochs": 2, "keep": "last", "patience": None}
        one = method.create(name, "listed" if "-" not in name else "variant", parameters)
        folder = tmp_path / str(number)
        folder.mkdir()
        one.fit(these["train"], these["valid"], Job(1, folder))
        found.append(one.network.state_dict())
    assert all(found[0][key].equal(found[1][key]) for key in found[0])
    changed = splits["train"].take(np.arange(len(splits["train"])))
    changed.arrays["x"][:30] = 0
    assert not untrained({**splits, "train": changed}, name).known[2].equal(model.known[2])


@pytest.mark.parametrize("name", ["diet_networks", "diet_networks-raw"])
def test_fat_weights_are_predicted_and_none_is_free(splits, name):
    model = untrained(splits, name)
    network, train = model.network, splits["train"]
    sites = train["x"].shape[1]
    assert not any(sites in parameter.shape for parameter in network.parameters())
    model.loss(network, model.batch(train, np.arange(len(train)))).backward()
    for part in (network.encode, network.decode):
        assert all(parameter.grad.abs().sum() > 0 for parameter in part.parameters())
    # Another embedding of one SNP makes another row of weights, and leaves the other rows as they are.
    before = network.weights(network.embedded()).detach().clone()
    network.embedding[3] += 1
    after = network.weights(network.embedded()).detach()
    assert (before != after).any(dim=1).nonzero().flatten().tolist() == [3]


def test_number_of_free_weights_does_not_grow_with_sites():
    shape = {"outputs": 26, "people": 1502}
    count = {}
    for name in ("diet_networks", "diet_networks-no_reconstruction", "diet_networks-raw"):
        model = method.create(name, "variant" if "-" in name else "listed", parameters_of(name))
        count[name] = {trained(model.build(model.parameters, shape | {"sites": n})) for n in (50, 500)}
    assert count["diet_networks"] == {49226} and count["diet_networks-no_reconstruction"] == {31226}
    assert count["diet_networks-raw"] == {1502 * 100 + 100 + 2 * 10100 + 13226}
    mlp = method.create("mlp", "baseline", parameters_of("mlp"))
    assert [trained(mlp.build(mlp.parameters, shape | {"sites": n})) for n in (50, 500)] == [18226, 63226]


def test_weights_from_the_others_know_nothing_of_the_batch(splits):
    train = splits["train"]
    parameters = parameters_of("diet_networks") | {"others": True}
    index = np.arange(0, len(train), 3)
    rest = train.take(np.setdiff1d(np.arange(len(train)), index))
    model = method.create("diet_networks", "listed", parameters)
    model.shape = model.describe(train)
    model.known = model.learn(train)
    network = model.build(parameters, model.shape)
    batch = model.batch(train, index)
    counts = genotypes.class_counts(rest["x"], np.asarray(rest.y).ravel(), model.shape["outputs"])
    assert network.count(batch).sum() + counts.sum() == network.counts.sum()
    wanted = network.encode(diet_networks.histogram(torch.from_numpy(counts).float()))
    torch.testing.assert_close(network.weights(network.embedded(batch)), wanted)
    assert not torch.allclose(network.weights(network.embedded()), wanted)
    everybody = model.batch(train, np.arange(len(train)))
    torch.testing.assert_close(network.weights(network.embedded(everybody)), network.weights(network.embedded()))
    # Only while it is trained; nor does a network that leaves nobody out keep the counts.
    network.eval()
    loss = float(model.loss(network, batch).detach())
    network.counts = None
    assert float(model.loss(network, batch).detach()) == loss
    assert untrained(splits).network.counts is None


def test_validation_people_are_learned_from_where_it_says_so(splits, tmp_path):
    predicted = {}
    for name in ("diet_networks", "diet_networks-more_people"):
        other = {key: split.take(np.arange(len(split))) for key, split in splits.items()}
        model, job = fit(name, other, tmp_path / name)
        assert ("valid_accuracy" in job.history[-1]) == (name == "diet_networks")
        before = model.network.fat.clone()
        other["valid"].arrays["y"] = np.roll(other["valid"].y, 1)
        again, _ = fit(name, other, tmp_path / f"{name} again")
        predicted[name] = (model.known[0].clone(), bool((again.network.fat != before).any()))
    both = np.concatenate([splits[key]["x"] for key in ("train", "valid")]).astype(float)
    mean = np.nanmean(np.where(both < 0, np.nan, both), axis=0)
    np.testing.assert_allclose(predicted["diet_networks-more_people"][0], mean, rtol=1e-5)
    assert predicted["diet_networks-more_people"][1]


def test_settled_weights_predict_what_the_auxiliary_network_did(splits):
    model = untrained(splits)
    model.network.eval()
    before = model.predict(splits["test"].inputs())["y"]
    model.network.settle()
    assert model.network.embedding is None
    np.testing.assert_array_equal(model.predict(splits["test"].inputs())["y"], before)


def test_reconstruction_is_counted_over_all_sites(splits):
    model = untrained(splits)
    model.network.eval()
    batch = model.batch(splits["train"], np.arange(20))
    with torch.no_grad():
        x = model.network.standardise(batch["x"])
        assert (x[batch["x"] < 0] == 0).all()
        predicted = model.network.embedded()
        encode, decode = model.network.weights(predicted), model.network.decode(predicted)
        rebuilt = torch.relu(x @ encode + model.network.bias) @ decode.T
        wanted = model.loss_of(model.network(batch), batch) + 10 * (rebuilt - x).square().mean()
        assert float(model.loss(model.network, batch)) == pytest.approx(float(wanted), rel=1e-5)


def test_diet_tells_populations(splits, tmp_path):
    model, _ = fit("diet_networks", splits, tmp_path)
    p = model.predict(splits["test"].inputs())["y"]
    assert metrics.evaluate(["accuracy"], splits["test"].y, p)["accuracy"] > 0.5
    assert genetic_ancestry.continent_accuracy(splits["test"].y, p, [0, 0, 1, 1]) > 0.7


# ---- classes


def test_a_class_that_no_training_person_has_is_never_predicted(splits, tmp_path):
    few = {name: split.take(np.asarray(split.y) != 2) for name, split in splits.items()}
    model, _ = fit("pca_logistic", few, tmp_path)
    p = model.predict(splits["test"].inputs())["y"]
    assert p.shape[1] == 4 and (p[:, 2] == 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)


# ---- figures


def test_names_stand_clear_of_each_other_and_near_their_places():
    np.testing.assert_allclose(figures.apart([0.1, 0.5, 0.9], 0.2), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(figures.apart([0.5, 0.5, 0.5, 0.95], 0.1), [0.4, 0.5, 0.6, 0.95])
    assert len(figures.apart([], 0.1)) == 0


def test_weights_stand_beside_accuracy(tmp_path):
    runs = {
        "diet": {"role": "listed", "weights": 500, "scores": {"accuracy": [0.5, 0.7]}},
        "plain": {"role": "baseline", "weights": 50000, "scores": {"accuracy": [0.6]}},
        "rule": {"role": "baseline", "weights": None, "scores": {"accuracy": [0.1]}},
    }
    figures.weights_and_scores(runs, "accuracy", "simulated", tmp_path / "data")
    table = (tmp_path / "data_weights.csv").read_text().split()
    assert table == ["method,role,weights,accuracy", "diet,listed,500,0.6", "plain,baseline,50000,0.6"]
    assert (tmp_path / "data_weights.png").stat().st_size > 1000 and len(NAMES) == 3
