"""ORGAN: rewards of roll-outs, the discriminator and the copies that follow."""

import numpy as np
import pytest
import torch
from generators import SYMBOLS, changed, game, run

from deepbio.domains.chemistry import molecule_sets
from deepbio.methods import organ
from deepbio.scoring import runs as scoring


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


def test_copies_of_earlier_batches_count_where_they_are_remembered(tmp_path):
    """The second time, a string has half the reward; completions are compared with what was written, not counted."""
    settings = changed("organ", reinforced=False, game=game(mix=0.0, remember=True))
    model, _, _ = run("organ", settings, tmp_path / "job")
    codes = torch.from_numpy(SYMBOLS.encode(["CCO", "CCC", "CCN"], 32).astype(np.int64))
    model.memory, model.written = {}, organ.Written()
    with molecule_sets.Reader() as reader:
        first, *_ = model.judged(codes, 2, np.zeros(3, int), None, reader)
        restored = organ.Written()
        restored.load_state_dict(model.written.state_dict())
        model.written = restored
        second, *_ = model.judged(codes, 2, np.zeros(3, int), None, reader)
    np.testing.assert_allclose(second / first, [0.5, 0.5, 1], rtol=1e-6)


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
