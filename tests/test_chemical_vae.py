"""The chemical autoencoder: decoding, properties of the latent space, and the search in it."""

import numpy as np
import pytest
import torch
from support import fit, parameters_of

from deepbio.core.kind import small_problem
from deepbio.core.method import create
from deepbio.domains.chemistry import molecule_search, molecules
from deepbio.figures import molecule as figures
from deepbio.methods import chemical_vae


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory):
    splits = small_problem("molecule_set", "generated", 480)
    model, _ = fit("chemical_vae", splits, tmp_path_factory.mktemp("vae"))
    return model, splits


@pytest.mark.slow
def test_what_is_written_is_what_teacher_forcing_thinks_likeliest(autoencoder):
    """The last layer reads its own symbols when it writes, and the given ones otherwise: one network."""
    model, _ = autoencoder
    torch.manual_seed(5)
    places = torch.randn(40, model.parameters["latent"])
    with torch.no_grad():
        codes = model.network.write(places, temperature=1e-4)
        again = model.network.decode(places, codes).argmax(2)
    assert (codes == again).float().mean() > 0.99


@pytest.mark.slow
def test_one_place_is_written_alike_alone_and_among_others(autoencoder):
    model, splits = autoencoder
    places, predicted = model.places(model.encoded(splits["test"]))
    assert model.written(places[:3], 1) == model.written(places, 1)[:3]
    np.testing.assert_allclose(model.predict(splits["test"])["y_properties"], predicted)


def test_properties_are_told_from_the_latent_space(autoencoder):
    model, splits = autoencoder
    truth, predicted = np.asarray(splits["test"]["y_properties"]), model.predict(splits["test"])["y_properties"]
    assert min(np.corrcoef(truth[:, i], predicted[:, i])[0, 1] for i in range(truth.shape[1])) > 0.5


def test_what_cannot_be_read_counts_as_not_written_back(autoencoder):
    model, splits = autoencoder
    test = splits["test"].take(np.arange(2))
    test.arrays["smiles"] = np.array([b"C" * 99, b"CBr"])
    assert not model.encoded(test)["codes"].any()
    assert "y_properties" not in test.inputs() and "y" not in test.inputs()


def test_strings_around_a_molecule_are_counted_by_their_distance():
    """A decoder that gives the molecule back within half the spread of the codes, and nonsense beyond."""
    valid = small_problem("molecule_set", "generated", 60)["valid"]
    texts = molecules.texts(valid["smiles"])
    model = create("chemical_vae", "listed", {})
    model.shape = {"samples": 3}
    latent = np.random.default_rng(1).standard_normal((len(texts), 5))
    reach = 0.5 * molecule_search.spread(latent)

    def written(codes, seed):
        gap = np.linalg.norm(codes[:, None] - latent, axis=2)
        return [texts[i] if near < reach + 1e-3 else "C(" for i, near in zip(gap.argmin(1), gap.min(1), strict=True)]

    model.written = written
    distance, share, same, near = np.array(model.around(valid, latent), float).T
    assert distance[0] == 0 and (np.diff(distance) > 0).all()
    assert (share[distance <= 0.5] == 1).all() and share[-1] < 0.5
    assert same[0] == near[0] == 1 and (same <= share).all() and same[-1] < 0.2


def test_without_joint_training_properties_shape_no_latent_code():
    splits = small_problem("molecule_set", "generated", 60)
    for joint in (True, False):
        model = create("chemical_vae", "listed", parameters_of("chemical_vae") | {"joint": joint, "mix": 1.0})
        model.shape = model.describe(splits["train"])
        model.begin(0)
        torch.manual_seed(1)
        network = model.build(model.parameters, model.shape)
        model.loss(network, model.batch(splits["train"], np.arange(60))).backward()
        assert network.properties[0].weight.grad.any()
        assert (network.mean.weight.grad is not None and bool(network.mean.weight.grad.any())) == joint


def test_every_search_tries_as_often(autoencoder):
    model = autoencoder[0]
    found, count = model.shape["found"], model.parameters["search"]["starts"]
    for name in figures.SEARCHES:
        assert len(found[name]["smiles"]) == len(found[name]["reached"]) == count
    kept = [value for value in found["genetic"]["reached"] if value is not None]
    assert kept and found["known"] == sorted(found["known"])


def test_a_process_leads_up_and_random_steps_as_far():
    rng = np.random.default_rng(0)
    places = rng.standard_normal((200, 3))
    process = molecule_search.fitted(places, -np.square(places - [1, 0, 0]).sum(1))
    starts = np.array([[-1.5, 0, 0], [0, 1.5, 0.0]])
    way = molecule_search.climb(process, starts, 0.1, 10)
    predicted = process.predict(way.reshape(-1, 3)).reshape(10, 2)
    assert (np.diff(predicted, axis=0) > 0).all()
    step = 1e-4 * np.eye(3)
    slope = [(process.predict(starts[:1] + d) - process.predict(starts[:1] - d))[0] for d in step]
    first = (way[0] - starts)[0]
    assert first @ slope / np.linalg.norm(first) / np.linalg.norm(slope) > 0.999
    far = np.linalg.norm(molecule_search.wander(starts, 0.1, 10, rng) - starts, axis=2)
    np.testing.assert_allclose(far, np.repeat(np.arange(1, 11)[:, None] * 0.1, 2, axis=1))


def test_bred_strings_replace_no_better_parent():
    def judge(texts):
        return np.array([text.count("C") if text else np.nan for text in texts], float)

    made = molecule_search.breed(["O", "CO"], 200, ["C", "O"], judge, np.random.default_rng(1))
    assert len(made) == 200 and max(judge(made[-1])) > 10


def test_the_way_between_two_places_is_an_arc():
    one, other = np.array([2.0, 0.0]), np.array([0.0, 2.0])
    way = chemical_vae.slerp(one, other, np.array([0, 0.5, 1]))
    np.testing.assert_allclose(way, [[2, 0], [2**0.5, 2**0.5], [0, 2]], atol=1e-12)


def test_the_published_last_layer_mixes_shares_of_the_symbols_by_its_gates():
    layer = chemical_vae.Shares(2, 3, dropout=0.5).eval()
    rng = torch.Generator().manual_seed(0)
    for weight in layer.parameters():
        weight.data = torch.randn(weight.shape, generator=rng)
    context, before = torch.randn(2, 4, 2, generator=rng), torch.eye(3)[torch.randint(3, (2, 4), generator=rng)]
    found, last = layer(context, before)
    # By hand, for the first two steps of one string, in numpy.
    weight = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    state = np.zeros(3)
    for step in range(2):
        read = weight["read.weight"] @ context[1, step].numpy() + weight["read.bias"]
        gates = [
            np.clip(0.2 * (read[at : at + 3] + weight[name] @ state) + 0.5, 0, 1)
            for at, name in ((0, "update.weight"), (3, "reset.weight"))
        ]
        candidate = (
            read[6:]
            + weight["state.weight"] @ (gates[1] * state)
            + weight["symbol.weight"] @ (gates[1] * before[1, step].numpy())
        )
        share = np.exp(candidate) / np.exp(candidate).sum()
        state = gates[0] * state + (1 - gates[0]) * share
        np.testing.assert_allclose(np.exp(found[1, step].detach().numpy()), state / state.sum(), rtol=1e-4)
    # Step by step with the state handed on, as a string is written, and with what is left out in training.
    stepped = None
    for step in range(4):
        one, stepped = layer(context[:, step : step + 1], before[:, step : step + 1], stepped)
        torch.testing.assert_close(one[:, 0], found[:, step])
    torch.testing.assert_close(stepped, last)
    assert not torch.equal(layer.train()(context, before)[0], found)
