"""Language models of SMILES and the task that scores generated molecules."""

import numpy as np
import pytest
import torch
from generators import SYMBOLS, changed, game, run
from support import fit

from deepbio.core.kind import small_problem
from deepbio.domains.chemistry import molecule_sets, molecules
from deepbio.domains.chemistry.smiles import END
from deepbio.figures import style
from deepbio.learning.smiles_network import LanguageModel
from deepbio.scoring import runs as scoring
from deepbio.tasks import molecule_generation


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


def test_valid_letters_at_random_do_not_win():
    """Chains of C, N and O at random are all valid, distinct and new, but their properties are others."""
    splits = small_problem("molecule_set", "generated")
    test, train, rng = splits["test"], splits["train"], np.random.default_rng(0)
    letters = np.array(["".join(rng.choice(list("CNO"), rng.integers(20, 31))) for _ in range(len(test))]).astype("S")
    noise = scoring.score("molecule_generation", test, {"y": letters}, [], train)
    truth = scoring.score("molecule_generation", test, {"y": test.y}, [], train)
    assert noise["valid_unique_novel"] == 1 and noise["alike_new"] < 0.5
    assert truth["alike_new"] == pytest.approx(truth["valid_unique_novel"])
    resampling = scoring.resampled("molecule_generation", test, {"y": letters}, "alike_new", train)
    assert resampling.function(np.ones((1, len(test))))[0] == pytest.approx(noise["alike_new"])


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
