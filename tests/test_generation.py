"""Language models of SMILES: their likelihoods, how they finish strings, and what reinforcement changes."""

import numpy as np
import pytest
import torch
from support import fit, parameters_of

from deepbio.core.catalog import Catalog
from deepbio.core.config import merge
from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.core.method import create
from deepbio.domains.chemistry import molecule_search, molecule_sets, molecules
from deepbio.domains.chemistry.smiles import END, Vocabulary
from deepbio.figures import molecule as figures
from deepbio.figures import style
from deepbio.kinds import molecule_set
from deepbio.learning.smiles_network import LanguageModel
from deepbio.methods import chemical_vae, organ, reinvent
from deepbio.scoring import runs as scoring
from deepbio.tasks import molecule_generation

CATALOG = Catalog({"scale": "quick"})

SYMBOLS = Vocabulary(molecule_set.SYMBOLS)


@pytest.fixture(scope="module")
def writer():
    torch.manual_seed(3)
    return LanguageModel(3, 4, 8, 2)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_likelihoods_of_all_strings_add_up_to_one(cell):
    """Of two symbols and three places: each string once, with its end where there is room."""
    torch.manual_seed(1)
    network = LanguageModel(2, 4, 8, 1, cell)
    grid = torch.cartesian_prod(*[torch.arange(3)] * 3)
    ended = (grid == END).cumsum(1) > 0
    strings = torch.unique(torch.where(ended, END, grid), dim=0)
    assert len(strings) == 1 + 2 + 4 + 8
    assert network.log_likelihood(strings).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_strings_come_as_often_as_their_likelihood_says(writer):
    torch.manual_seed(2)
    codes = writer.write(20000, 2)
    strings, counts = torch.unique(codes, dim=0, return_counts=True)
    expected = writer.log_likelihood(strings).exp() * len(codes)
    assert len(strings) == 13
    np.testing.assert_allclose(counts, expected.detach(), atol=4 * np.sqrt(len(codes) / 4))
    assert ((codes[:, 0] != END) | (codes[:, 1] == END)).all()  # nothing after the end


def test_a_begun_string_is_kept_and_finished(writer):
    torch.manual_seed(4)
    forced = torch.tensor([[1, 2, 3, 1], [2, 2, END, END], [3, END, END, END]])
    given = torch.tensor([3, 2, 0])
    codes = writer.write(3, 4, forced, given)
    assert codes[0, :3].tolist() == [1, 2, 3] and codes[1, :2].tolist() == [2, 2]
    whole = writer.write(3, 4, forced, torch.full((3,), 4))
    assert whole.equal(forced)


def changed(name, **agent):
    return merge(parameters_of(name), agent)


def run(name, parameters, folder, samples=160):
    module = {"reinvent": reinvent, "organ": organ}[name]
    model, job = module.Method(parameters), Job(1, folder)
    splits = small_problem("molecule_set", "generated", samples)
    folder.mkdir(exist_ok=True)
    model.fit(splits["train"], splits["valid"], job)
    return model, job, splits


@pytest.mark.slow
def test_agents_reach_their_objective_and_the_prior_stays(tmp_path):
    """Half of the training molecules have sulphur or none; the agent learns to leave it out."""
    agent = {"objectives": ["sulphur_free"], "steps": 60, "batch_size": 64, "learning_rate": 5e-3, "replay": 4}
    model, job, splits = run("reinvent", changed("reinvent", agent=agent), tmp_path / "job")
    found = scoring.score("molecule_generation", splits["test"], model.predict(splits["test"]), [], splits["train"])
    assert found["sulphur_free"] < 0.8 < 0.95 < found["sulphur_free_agent"]
    assert found["sulphur_free_agent_validity"] > 0.5
    assert [stage["step"] for stage in model.progress["sulphur_free"]["stages"]] == [0, 14, 29, 44, 59]


def test_augmented_likelihood_by_hand(tmp_path):
    """With sigma 0 and no term against likely strings an agent that is the prior stays as it is."""
    agent = {"objectives": ["sulphur_free"], "steps": 3, "sigma": 0, "likely": 0}
    model, _, _ = run("reinvent", changed("reinvent", agent=agent), tmp_path / "job")
    for one, other in zip(model.network.parameters(), model.agents["sulphur_free"].parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_randomised_molecules_are_the_same_ones_written_anew():
    splits = small_problem("molecule_set", "generated")
    model = reinvent.Method(parameters_of("reinvent"))
    model.shape = model.describe(splits["train"])
    codes = np.array(splits["train"].y)
    model.renewal(splits["train"], codes, Job(1, None))(0)
    truth = molecules.texts(splits["train"]["smiles"])
    written = SYMBOLS.decode(codes)
    assert np.mean([one != other for one, other in zip(written, truth, strict=True)]) > 0.5
    np.testing.assert_array_equal(molecule_sets.describe(written).smiles, molecule_sets.describe(truth).smiles)


def test_memory_keeps_the_best_of_distinct_strings():
    memory = reinvent.Memory(3, 2)
    memory.add(torch.tensor([[1, 1], [1, 2], [1, 1]]), np.array([0.1, 0.9, 0.1]))
    memory.add(torch.tensor([[2, 2], [3, 3], [1, 2]]), np.array([0.5, 0.0, 0.9]))
    assert memory.codes.tolist() == [[1, 2], [2, 2], [1, 1]]
    codes, score = memory.draw(2, np.random.default_rng(0))
    assert len(codes) == len(score) == 2


def test_guide_is_scored_on_what_was_kept_from_it():
    """Of two actives that were held out one is generated by the agent, and none by the prior."""
    texts = ["CCO", "CCN", "CCC", "CCS"]
    context = {"labelled": np.array(texts, "S"), "labels": np.array([1, 1, 0, 1]), "held": np.array([1, 1, 1, 0])}
    made, agent = molecule_sets.describe(["CCS", "C(", "CO", "N"]), molecule_sets.describe(["OCC", "CCC", "C(", "S"])
    guess = {"guide_held": np.array([0.9, 0.4, 0.6])}
    guess |= {"guide_prior": np.array([0.9, 0.0, 0.2, 0.3]), "guide_agent": np.array([0.9, 0.8, 0.0, 0.1])}
    found = molecule_generation.guided(context, guess, made, agent)
    assert found == {
        "guide_auroc": 0.5,
        "d2_active_guide": pytest.approx(1 / 3),
        "actives_recovered": 0.0,
        "d2_active_agent_guide": pytest.approx(2 / 3),
        "actives_recovered_agent": 0.5,
    }
    assert molecule_generation.guided(context, {}, made, agent) == {}


def test_a_reduced_prior_learns_from_no_active(tmp_path, monkeypatch):
    splits, seen = small_problem("molecule_set", "generated", 60), []
    actives = np.concatenate([np.unique(np.asarray(splits[name]["smiles"]))[:5] for name in ("train", "valid")])
    for split in splits.values():
        split.context = {**split.context, "actives": actives}
    monkeypatch.setattr(
        reinvent.Method, "train_network", lambda self, parameters, *both, **_: (seen.append(both), None)
    )
    for reduced in (False, True):
        model = reinvent.Method(changed("reinvent", agent={"objectives": []}) | {"reduced": reduced})
        model.fit(splits["train"], splits["valid"], Job(1, tmp_path))
    for part, whole in zip(seen[1][:2], (splits["train"], splits["valid"]), strict=True):
        kept = np.asarray(part["smiles"])
        assert not np.isin(kept, actives).any() and len(kept) == (~np.isin(whole["smiles"], actives)).sum() < len(whole)
    assert len(seen[0][0]) == len(splits["train"])


def labelled_files(folder):
    """A file of molecules to learn from, one with activities, and one of potencies for the judge."""
    rings = ["c1ccccc1", "c1ccncc1", "C1CCCCC1", "c1ccsc1", "C1CCNCC1", "c1ccoc1", "C1CCOC1", "C1CCC1"]
    texts = [f"{ring}{'C' * i}O" for ring in rings for i in range(1, 11)]
    (folder / "all.smi").write_text("\n".join(f"{ring}{'C' * i}N" for ring in rings for i in range(1, 11)) + "\n")
    rows = [f"{text},{int('n' in text or 'N' in text)}" for text in texts]
    (folder / "d2.csv").write_text("\n".join(["canonical,activity", *rows]) + "\n")
    rows = [f"{text[:-1]}F,{8 if i % 3 == 0 else 4}" for i, text in enumerate(texts)]
    (folder / "chembl.csv").write_text("\n".join(["smiles,D2", *rows]) + "\n")


def test_whole_scaffolds_with_known_activity_are_kept_from_the_classifier(tmp_path):
    labelled_files(tmp_path)
    parameters = {
        "files": [{"source": "a", "file": "all.smi"}],
        "heavy_atoms": [3, 40],
        "elements": ["C", "N", "O", "S", "F"],
        "length": 40,
        "valid_fraction": 0.2,
        "test_fraction": 0.2,
        "labelled": {
            "source": "a",
            "file": "d2.csv",
            "column": "canonical",
            "label": "activity",
            "inactive": 60,
            "held": 0.5,
        },
        "judge": {
            "files": [{"source": "a", "file": "chembl.csv", "column": "smiles", "value": "D2"}],
            "threshold": 6,
            "cost": 1,
        },
    }
    context = molecule_generation.prepare({"a": tmp_path}, parameters, 1)["train"].context
    held = context["held"] == 1
    texts = molecules.texts(context["labelled"])
    scaffold = molecule_sets.describe(texts).scaffolds
    assert 0 < held.sum() < len(held) and not np.intersect1d(scaffold[held], scaffold[~held]).size
    own = {text for text, label in zip(texts, context["labels"], strict=True) if label}
    assert own < set(molecules.texts(context["actives"])) and len(context["actives"]) == len(own) + 27
    assert 0 <= context["judge_auroc"] <= 1


@pytest.mark.slow
def test_activity_is_learned_and_judged_on_other_molecules(tmp_path):
    """The classifier of the agent tells phenyl rings; the judge is a context array of weights."""
    splits = small_problem("molecule_set", "generated")
    texts = np.array([f"{'c1ccccc1' if i % 2 else 'C' * (i % 5 + 1)}CC{'O' * (i % 3 > 0)}" for i in range(60)])
    made = molecule_sets.describe(["c1ccccc1", "CCC"])
    weights = np.unpackbits(made.fingerprints, axis=1).astype(np.float32)
    facts = {"labelled": texts.astype("S"), "labels": (np.arange(60) % 2).astype(np.uint8)}
    facts["held"] = (np.arange(60) >= 48).astype(np.uint8)
    facts |= {"judge": np.append(weights[0] - weights[1], 0).astype(np.float32)}
    for split in splits.values():
        split.context = {**split.context, **facts}
    agent = {"objectives": ["d2_active"], "steps": 120, "batch_size": 64, "learning_rate": 2e-3, "sigma": 200}
    model, job = reinvent.Method(changed("reinvent", agent=agent)), Job(1, tmp_path / "job")
    model.fit(splits["train"], splits["valid"], job)
    found = scoring.score("molecule_generation", splits["test"], model.predict(splits["test"]), [], splits["train"])
    assert found["d2_active_agent"] > found["d2_active"] + 0.2
    assert found["d2_active_agent_guide"] > found["d2_active_guide"] + 0.2 and found["guide_auroc"] > 0.9
    ((title, symbols, prior, agent),) = model.tokens()
    assert title == "active at D2" and len(symbols) == len(prior) == len(agent)
    codes = torch.from_numpy(SYMBOLS.encode(["".join(symbols[:-1])], splits["train"].y.shape[1]).astype(np.int64))
    for network, values in ((model.network, prior), (model.agents["d2_active"], agent)):
        with torch.no_grad():
            assert float(network.log_likelihood(codes)) == pytest.approx(sum(values), abs=1e-4)
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    back = reinvent.Method({})
    back.load(tmp_path / "model")
    with molecule_sets.Reader() as reader:
        seen = reader.screen(["c1ccccc1CCO", "CCCC", "C1"])
    np.testing.assert_allclose(back.scores("d2_active", seen), model.scores("d2_active", seen))
    assert back.scores("d2_active", seen)[0] > 0.5 > back.scores("d2_active", seen)[1]
    assert back.scores("d2_active", seen)[2] == 0


def game(**facts):
    usual = {"objective": "solubility", "rounds": 25, "batch_size": 32, "rollouts": 2, "stride": 8}
    return {**usual, "learning_rate": 0.01, **facts}


@pytest.mark.slow
def test_reinforcement_raises_the_objective(tmp_path):
    parameters = changed("organ", game=game(mix=0.0), training={"epochs": 12})
    model, job, splits = run("organ", parameters, tmp_path / "job")
    before = scoring.score(
        "molecule_generation", splits["test"], {"y": np.asarray(splits["test"].y)}, [], splits["train"]
    )
    after = scoring.score("molecule_generation", splits["test"], model.predict(splits["test"]), [], splits["train"])
    assert after["logp"] > before["logp"] + 0.3
    assert model.progress[-1]["objective"] > model.progress[0]["objective"]


def test_rewards_follow_mix_copies_and_ends(tmp_path):
    """A reward is the objective alone at mix 0, shared among copies, and 0 for what is no molecule."""
    model, _, splits = run("organ", changed("organ", reinforced=False, game=game(mix=0.0)), tmp_path / "job")
    codes = torch.from_numpy(SYMBOLS.encode(["CCO", "CCO", "CCC", "C("], 32).astype(np.int64))
    model.memory = {}
    with molecule_sets.Reader() as reader:
        reward, objective, valid = model.judged(codes, 4, np.zeros(4, int), None, reader)
        found, means = model.rewards(codes, model.network, None, reader)
    logp = molecule_sets.describe(["CCO", "CCC"]).properties[:, 0]
    wanted = np.clip((logp + 2.12) / (6.04 + 2.12), 0, 1)
    np.testing.assert_allclose(reward, [wanted[0] * 3 / 8, wanted[0] * 3 / 8, wanted[1] * 3 / 4, 0], rtol=1e-5)
    assert valid.tolist() == [True, True, True, False] and objective[3] == 0
    # The end of a string is rewarded with the string's own reward.
    np.testing.assert_allclose(found[[0, 2], [3, 3]], reward[[0, 2]], rtol=1e-5)
    assert means["valid"] == 0.75


def test_copies_share_a_reward_within_their_group_only():
    """Two groups: copies count within each, and so does the share of distinct strings."""
    texts, groups = ["a", "a", "b", "c", "a", "d"], np.array([0, 0, 0, 0, 1, 1])
    np.testing.assert_allclose(organ.uniqueness(texts, groups), [3 / 8, 3 / 8, 3 / 4, 3 / 4, 1, 1])


def test_the_wasserstein_reward_is_a_probability(tmp_path):
    """A score of a thousand rewards a string no more than certainty does."""
    model, _, _ = run(
        "organ", changed("organ", reinforced=False, game=game(mix=1.0, wasserstein=True)), tmp_path / "job"
    )
    codes = torch.from_numpy(SYMBOLS.encode(["CCO", "CCC"], 32).astype(np.int64))
    model.memory = {}
    judge = organ.Discriminator(len(SYMBOLS), 32, 8, {"1": 4}, 0.0)
    torch.nn.init.constant_(judge.head.bias, 1000.0)
    with molecule_sets.Reader() as reader:
        reward, _, _ = model.judged(codes, 2, np.zeros(2, int), judge, reader)
    np.testing.assert_allclose(reward.detach(), 1)


def test_gain_is_measured_against_the_likelihood_model(tmp_path):
    model, _, splits = run("organ", changed("organ", game=game(mix=0.0, rounds=2)), tmp_path / "job")
    model.network = model.prior
    found = scoring.score("molecule_generation", splits["test"], model.predict(splits["test"]), [], splits["train"])
    assert found["qed_gain"] == 0
    for one, other in zip(model.prior.parameters(), model.network.parameters(), strict=True):
        assert one.equal(other)


def test_neither_copies_nor_repeats_are_new():
    """Of six strings one is invalid, one known, two are one molecule, and two are new."""
    made = molecule_sets.describe(["C(", "CCO", "CCC", "C(C)C", "CCN", "c1ccccc1"])
    assert molecule_sets.is_new(made, ["CCO"]).tolist() == [False, False, True, False, True, True]
    assert molecule_sets.valid_unique_novel(made, ["CCO"]) == 0.5


def test_the_slower_copy_follows():
    fast, slow = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    wanted = 0.8 * slow.weight.detach() + 0.2 * fast.weight.detach()
    organ.follow(slow, fast, 0.8)
    torch.testing.assert_close(slow.weight.detach(), wanted)


@pytest.mark.parametrize("clip", [False, True])
def test_discriminator_tells_real_from_made(clip):
    torch.manual_seed(1)
    judge = organ.Discriminator(5, 12, 8, {"1": 8, "3": 8, "20": 4, "2": 0}, 0.0)
    assert len(judge.convolutions) == 2  # wider than the strings, and without filters, are left out
    real, made = torch.randint(1, 3, (64, 12)), torch.randint(3, 6, (64, 12))
    method = organ.Method({"game": {"wasserstein": clip}, "discriminator": {"l2": 0.0}})
    optimizer = torch.optim.Adam(judge.parameters(), lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        method.adversarial(judge, judge(real), judge(made)).backward()
        optimizer.step()
    assert judge(real).mean() > judge(made).mean() + 1


def test_molecules_of_a_split_are_known_to_no_other():
    splits = small_problem("molecule_set", "generated")
    assert molecules.texts(splits["train"]["smiles"]) == SYMBOLS.decode(splits["train"].y)


def test_known_generators_in_the_task_s_own_score():
    splits = small_problem("molecule_set", "generated")
    test, train = splits["test"], splits["train"]
    copied = scoring.score("molecule_generation", test, {"y": np.asarray(train.y)}, [], train)
    assert copied["validity"] == 1 and copied["novelty"] == 0
    nonsense = scoring.score("molecule_generation", test, {"y": np.full(test.y.shape, 2.0)}, [], train)
    assert nonsense["validity"] == 0 and nonsense["uniqueness"] == 0
    texts = scoring.score("molecule_generation", test, {"y": np.array([b"CCO", b"C(", b"OCC"])}, [], train)
    assert texts["validity"] == pytest.approx(2 / 3) and texts["uniqueness"] == 0.5


def test_contract_of_a_reader_holds_for_a_method(tmp_path):
    splits = small_problem("molecule_set", "generated", 64)
    model, _ = fit("organ-mle", splits, tmp_path / "job")
    made = model.predict(splits["test"])["y"]
    np.testing.assert_array_equal(model.predict(splits["test"].take(np.arange(3)))["y"], made[:3])


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


def test_agents_stand_beside_their_prior(tmp_path):
    splits, rng = small_problem("molecule_set", "generated", 60), np.random.default_rng(4)
    codes = np.asarray(splits["test"].y)
    written = {"validity": [0.5, 0.7], "internal_diversity": [0.8, 0.8], "sulphur_free": [0.6, 0.8]}
    led = written | {"sulphur_free_agent": [0.9, 1.0], "sulphur_free_agent_validity": [0.6], "logp_mae": [0.2]}
    runs = {
        "Agents": {"role": "listed", "scores": led, "y": codes},
        "Chain": {"role": "baseline", "scores": written, "y": rng.permutation(codes)},
    }
    sides, measures = molecule_generation.beside_priors(runs)
    assert list(sides) == ["Agents: prior", "Agents: agents", "Chain"]
    assert measures == ["sulphur_free_agent", "sulphur_free_agent_validity"]
    assert sides["Agents: prior"]["scores"] == {measures[0]: [0.6, 0.8], measures[1]: [0.5, 0.7]}
    assert sides["Chain"]["scores"] == sides["Agents: prior"]["scores"]
    molecule_generation.interpret(splits["train"], runs, tmp_path / "set")
    shown = (tmp_path / "set_agents.csv").read_text()
    assert "Agents: agents,share without sulphur, agent,0.95,2" in shown.replace('"', "")
    assert "Agents: prior,share without sulphur, agent,0.7,2" in shown.replace('"', "")
    assert "Chain" not in (tmp_path / "set_properties.csv").read_text()  # it tells no properties
    assert (tmp_path / "set_molecules.svg").exists()


def test_latent_spaces_of_several_networks_are_drawn_together(tmp_path):
    splits = small_problem("molecule_set", "generated", 60)
    test = splits["test"]
    facts = {"role": "listed", "scores": {"validity": [0.5]}, "y": np.asarray(test.y), "smiles": test["smiles"]}
    codes = np.random.default_rng(1).standard_normal((len(test), 4))
    runs = {"Joint": facts | {"y_latent": codes}, "Apart": facts | {"y_latent": codes}, "Other": facts}
    molecule_generation.interpret(splits["train"], runs, tmp_path / "set")
    rows = (tmp_path / "set_latent.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * len(test) and {row.split(",")[0] for row in rows[1:]} == {"Joint", "Apart"}
    assert (tmp_path / "set_latent.svg").exists()


def test_a_figure_of_quantities_that_nobody_has_is_not_drawn(tmp_path):
    style.quantities({"A": {"role": "listed", "scores": {}}}, {"auroc": "AUROC"}, "", "real", tmp_path / "none")
    assert not list(tmp_path.iterdir())
