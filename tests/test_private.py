"""What is special to private synthetic records: the price of privacy, clipping, and metrics with known answers."""

import numpy as np
import pytest
import torch
from support import fit, parameters_of

from deepbio.baselines import private_copula
from deepbio.core import method
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.domains.clinic import synthetic
from deepbio.methods import sprint_gan
from deepbio.scoring import runs as scoring
from deepbio.tasks import private_clinical_data

PRIVACY = {"epsilon": 3.5, "delta": 1e-5, "noise": 1.0, "clip": 0.1, "choice": 0.05}


@pytest.fixture(scope="module")
def splits():
    return small_problem("arm", "generated", 800)


# ---- the price


def test_epsilon_is_that_of_opacus_step_by_step():
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    for _ in range(40):
        accountant.step(noise_multiplier=1.0, sample_rate=0.01)
    assert sprint_gan.spent(PRIVACY, 0.01, 40) == pytest.approx(accountant.get_epsilon(1e-5))
    assert sprint_gan.spent(PRIVACY, 0.01, 0) == 0


def test_noise_lowers_and_steps_raise_epsilon():
    values = [sprint_gan.spent(PRIVACY | {"noise": noise}, 0.02, 300) for noise in (0.8, 1, 2, 4)]
    assert values == sorted(values, reverse=True) and len(set(values)) == 4
    assert sprint_gan.spent(PRIVACY, 0.02, 300) < sprint_gan.spent(PRIVACY, 0.02, 301)


def test_steps_stop_before_the_budget_is_passed():
    steps = sprint_gan.affordable(PRIVACY, 0.02, 10**6, 2.0)
    assert sprint_gan.spent(PRIVACY, 0.02, steps) <= 2.0 < sprint_gan.spent(PRIVACY, 0.02, steps + 1)
    assert sprint_gan.affordable(PRIVACY, 0.02, 7, 2.0) == 7


def test_training_and_choice_together_stay_within_the_budget(splits, tmp_path):
    model, job = fit("sprint_gan", splits, tmp_path)
    found = model.predict(splits["test"].inputs())
    privacy, rate = model.parameters["privacy"], 40 / len(splits["train"])
    steps = job.history[-1]["step"]
    price = 2 * model.parameters["chosen"] * privacy["choice"]
    assert found["epsilon"] == pytest.approx(sprint_gan.spent(privacy, rate, steps) + price)
    assert found["epsilon"] <= privacy["epsilon"] and found["delta"] == privacy["delta"] < 1 / len(splits["train"])
    # Nothing that was computed from real people without noise is told.
    assert {key for row in job.history for key in row} == {"phase", "step", "generator_loss", "epsilon"}
    assert not {"accuracy", "centre", "spread", "mean"} & model.shape.keys()


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"delta": 0.01}, "delta 0.01 is not below 1 / 800"), ({"epsilon": 0.2}, "does not pay for")],
)
def test_a_budget_that_promises_nothing_is_refused(splits, tmp_path, changed, message):
    parameters = parameters_of("sprint_gan")
    parameters["privacy"] |= changed
    model = method.create("sprint_gan", "listed", parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(splits["train"], splits["valid"], Job(1, tmp_path))


# ---- the mechanism


def private_discriminator(clip, noise):
    """A method, a discriminator, and the gradient that one private step on some pairs leaves in it."""
    model = method.create("sprint_gan", "listed", parameters_of("sprint_gan"))
    model.parameters["privacy"] |= {"clip": clip, "noise": noise}
    model.parameters["discriminator"]["dropout"] = 0.0
    torch.manual_seed(1)
    network = model.build(model.parameters, {"variables": [{}] * 2, "visits": 3, "arms": 2}).discriminator
    step = model.private_step(network, torch.optim.SGD(network.parameters(), lr=1.0), size=1)
    return network, step


def moved(network, step, *pairs):
    before = torch.cat([p.detach().flatten().clone() for p in network.parameters()])
    step(*pairs)
    return before - torch.cat([p.detach().flatten() for p in network.parameters()])


def pairs(count):
    torch.manual_seed(2)
    return torch.randn(count, 2, 3), torch.arange(count) % 2, 3 * torch.randn(count, 2, 3), torch.ones(count).long()


def test_a_pair_is_clipped_as_a_whole():
    one = pairs(1)
    network, step = private_discriminator(clip=1e9, noise=0.0)
    free = moved(network, step, *one)
    network, step = private_discriminator(clip=1e-2, noise=0.0)
    held = moved(network, step, *one)
    assert held.norm() == pytest.approx(1e-2, rel=1e-2) and free.norm() > 0.5
    # Parameters are near one, so a small step has lost digits in them.
    assert torch.cosine_similarity(free, held, dim=0) > 0.999


def test_one_person_more_changes_the_sum_by_no_more_than_the_clip():
    many = pairs(9)
    network, step = private_discriminator(clip=0.05, noise=0.0)
    with_all = moved(network, step, *many)
    network, step = private_discriminator(clip=0.05, noise=0.0)
    with_one_less = moved(network, step, *(x[:8] for x in many))
    assert 0 < (with_all - with_one_less).norm() <= 0.05 * 1.001
    assert with_all.norm() <= 9 * 0.05 * 1.001


def test_an_empty_sample_still_gets_its_noise():
    network, step = private_discriminator(clip=0.1, noise=2.0)
    change = moved(network, step, *pairs(0))
    assert change.std().item() == pytest.approx(0.2, rel=0.05)


def test_both_networks_learn_and_the_generator_sees_no_real_person(splits, tmp_path, monkeypatch):
    """Other people of the same number, and the same discriminator's steps: the same generator."""
    seen = []

    def blind(self, discriminator, optimizer, size):
        def step(real, arm, made, asked):
            seen.append(len(real))
            with torch.no_grad():
                for parameter in discriminator.parameters():
                    parameter += 1e-3

        return step

    monkeypatch.setattr(sprint_gan.Method, "private_step", blind)
    monkeypatch.setattr(sprint_gan.Method, "choose_epochs", lambda self, files, train, job: [len(files) - 1])
    found = []
    for number in range(2):
        train = splits["train"].take(np.arange(400) + 400 * number)
        model = method.create("sprint_gan", "listed", parameters_of("sprint_gan"))
        folder = tmp_path / str(number)
        folder.mkdir()
        model.fit(train, splits["valid"], Job(1, folder))
        found.append(model.network.state_dict())
    # Poisson samples of one size each: how many people a sample has is the same for the same seed.
    assert seen[: len(seen) // 2] == seen[len(seen) // 2 :] and len(set(seen)) > 3
    first = method.create("sprint_gan", "listed", parameters_of("sprint_gan"))
    job = Job(1, tmp_path)
    job.seed_torch("build")
    start = first.build(first.parameters, first.describe(splits["train"])).generator.state_dict()
    for key, value in found[0].items():
        assert value.equal(found[1][key]) and not value.equal(start[key.removeprefix("0.")]), key


def test_epochs_are_chosen_well_and_noise_is_laplace():
    accuracy = [0.5, 0.9, 0.7, 0.8]
    rng = np.random.default_rng(0)
    assert sprint_gan.choose(accuracy, 3, 1000, None, rng) == [1, 3, 2]
    assert sprint_gan.choose(accuracy, 9, 1000, None, rng) == [1, 3, 2, 0]
    sure = [sprint_gan.choose(accuracy, 1, 1000, 1.0, rng)[0] for _ in range(200)]
    unsure = [sprint_gan.choose(accuracy, 1, 1000, 1e-4, rng)[0] for _ in range(200)]
    assert set(sure) == {1} and len(set(unsure)) == 4


# ---- metrics


def test_copies_are_close_and_known_and_shuffled_columns_lose_their_correlations(splits):
    members, fresh = splits["train"].y, splits["test"].y
    copied = synthetic.privacy(members, members, fresh)
    assert copied["closest_record_gap"] == 1 and copied["membership_gap"] > 0.49
    new = synthetic.privacy(splits["valid"].y, members, fresh)
    assert new["closest_record_gap"] < 0.1 and new["membership_gap"] < 0.05
    assert synthetic.correlation_of_correlations(members, members) == pytest.approx(1)
    shuffled = np.random.default_rng(1).permuted(members, axis=0)
    assert np.abs(synthetic.correlations(shuffled)[np.triu_indices(6, 1)]).max() < 0.15
    assert abs(synthetic.correlation_of_correlations(shuffled, members)) < 0.6  # fifteen pairs
    assert synthetic.correlation_of_correlations(np.ones((50, 6)), members) == 0


def test_too_far_is_no_better_than_too_close_and_an_attack_below_chance_is_one():
    members = np.array([[0.0], [0], [16], [16]])  # their standard deviation is 8, so that no distance is rounded
    fresh = members + 2
    gaps = [synthetic.privacy(members + offset, members, fresh)["closest_record_gap"] for offset in (0, 1, 2, 4)]
    assert gaps == pytest.approx([1, 0.5, 0, 0.5])
    told = [synthetic.privacy(people, members, fresh)["membership_gap"] for people in (members, fresh, members + 1)]
    assert told == pytest.approx([0.5, 0.5, 0])
    assert synthetic.privacy(members, members, members) == {"closest_record_gap": 0, "membership_gap": 0}
    facts = [private_clinical_data.METRICS[name] for name in ("closest_record_gap", "membership_gap")]
    assert not any(one.higher_is_better for one in facts)


def test_classifiers_learn_from_synthetic_people_alone(splits):
    test = splits["test"]
    wanted = ["forest_auroc", "logistic_auroc", "correlation_of_correlations"]
    order = np.argsort(splits["train"]["arm"], kind="stable")
    real = np.empty_like(test.y)
    real[np.argsort(test["arm"], kind="stable")] = splits["train"].y[order]
    found = scoring.score("private_clinical_data", test, {"y": real}, wanted)
    assert found.keys() == set(wanted) and found["forest_auroc"] > 0.9 and found["logistic_auroc"] > 0.9
    turned = real.copy()
    turned[test["arm"] == 0], turned[test["arm"] == 1] = real[test["arm"] == 1], real[test["arm"] == 0]
    assert scoring.score("private_clinical_data", test, {"y": turned}, wanted)["forest_auroc"] < 0.1
    told = {"y": real, "epsilon": np.float64(2.0), "delta": np.float64(1e-5)}
    found = scoring.score("private_clinical_data", test, told, wanted, splits["train"])
    assert found["epsilon"] == 2 and found["delta"] == 1e-5 and found["closest_record_gap"] == 1


def test_correlations_resampled_once_each_are_those_of_the_people(splits):
    test, made = splits["test"], splits["train"].y[: len(splits["test"])]
    counts = np.ones((1, len(test)), int)
    found = synthetic.resampled_correlations(made, test.y, counts)
    assert found == pytest.approx([synthetic.correlation_of_correlations(made, test.y)])


def test_a_private_copula_pays_with_its_budget(splits):
    """A large budget gives back the correlations, a tiny one gives noise; the price is that of the definition."""
    rho = private_copula.concentrated(3.5, 1e-5)
    assert rho + 2 * np.sqrt(rho * np.log(1e5)) == pytest.approx(3.5)
    found = {}
    for epsilon in (1e4, 1e-3):
        model = private_copula.Method({"epsilon": epsilon, "delta": 1e-5, "bins": 40, "clip": 1.5})
        model.fit(splits["train"], splits["valid"], Job(1, None))
        made = model.predict(splits["test"])
        assert made["epsilon"] == epsilon and np.isfinite(made["y"]).all()
        found[epsilon] = synthetic.correlation_of_correlations(made["y"], splits["test"].y)
    assert found[1e4] > 0.8 > 0.5 > abs(found[1e-3])


# ---- sources


def test_people_without_a_visit_or_outside_the_range_are_noticed(tmp_path):
    people, values = private_clinical_data.assemble(
        "here", ["a", "a", "b", "b"], [1, 2, 1, 3], np.arange(8.0).reshape(4, 2), [1, 2]
    )
    assert list(people) == ["a", "b"] and np.isnan(values[1, :, 1]).all()
    np.testing.assert_array_equal(values[0], [[0, 2], [1, 3]])
    with pytest.raises(BadInput, match="here: person a has visit 1 twice"):
        private_clinical_data.assemble("here", ["a", "a"], [1, 1], np.zeros((2, 1)), [1])


def trial(folder, baseline="MASKID,INTENSIVE\ns1,0\ns2,1\ns3,1\ns4,0\n", bp=None):
    rows = [f"s{i},{visit},{120 + i},80,2" for i in (1, 2, 3, 4) for visit in ("RZ", "1M")]
    (folder / "baseline.csv").write_text(baseline)
    (folder / "bp.csv").write_text(bp or "\n".join(["MASKID,VISITCODE,SBP,DBP,N_BPCLASSES", *rows, "s4,2M,,,"]) + "\n")
    facts = {"unit": "mmHg", "centre": 0, "spread": 1, "low": 0, "high": 200, "whole": True}
    names = ("systolic", "diastolic", "drug classes")
    parameters = {"format": "trial", "counts": [2, 1], "classes": ["standard", "intensive"], "visits": ["RZ", "1M"]}
    parameters |= {"variables": [{"name": name, **facts} for name in names]}
    return private_clinical_data.prepare({"sprint_trial": folder}, parameters, 1)


def test_tables_of_a_trial_are_read_in_the_order_of_people(tmp_path):
    found = trial(tmp_path)
    assert [list(found[part]["group"]) for part in found] == [[b"s1", b"s2"], [b"s3"], [b"s4"]]
    np.testing.assert_array_equal(found["train"].y[1], [122, 122, 80, 80, 2, 2])
    np.testing.assert_array_equal(found["train"]["arm"], [0, 1])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"baseline": "MASKID,INTENSIVE\ns1,2\n"}, "baseline.csv:2: column 'INTENSIVE': '2' is neither"),
        ({"baseline": "MASKID,INTENSIVE\ns1,1\n"}, "bp.csv:4: person s2 is not in baseline.csv"),
        ({"bp": "MASKID,VISITCODE,SBP,DBP,N_BPCLASSES\ns1,RZ,x,1,1\n"}, "bp.csv:2: column 'SBP': 'x' is no number"),
        (
            {"bp": "MASKID,VISITCODE,SBP,DBP,N_BPCLASSES\n" + "".join(f"s1,{v},900,1,1\n" for v in ("RZ", "1M"))},
            "person s1, visit RZ: systolic 900 lies outside 0 to 200",
        ),
    ],
)
def test_wrong_tables_are_named(tmp_path, changed, message):
    with pytest.raises(BadInput, match=message):
        trial(tmp_path, **changed)


def test_a_file_that_is_no_r_data_is_named(tmp_path):
    (tmp_path / "framingham.rda").write_text("no R data")
    with pytest.raises(BadInput, match="framingham.rda: no R data"):
        private_clinical_data._framingham({"a": tmp_path}, {"variables": []}, None)
