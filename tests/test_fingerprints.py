"""What is special to the autoencoder of fingerprints and its task: groups, measures with known answers, its parts."""

import copy
import math

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import MACCSkeys
from support import fit, parameters_of

from deepbio.core import method, tables
from deepbio.core.data import NAMES
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.domains.chemistry import fingerprints, molecules
from deepbio.kinds.molecule import PARTS, TAILS
from deepbio.learning.training import TrainingFailed
from deepbio.scoring import runs as scoring
from deepbio.tasks import anticancer_fingerprints


@pytest.fixture(scope="module")
def splits():
    return small_problem("fingerprint", "regression", 400)


@pytest.fixture(scope="module")
def fitted(splits, tmp_path_factory):
    return fit("drugan_aae", splits, tmp_path_factory.mktemp("aae"))


def untrained(splits):
    """A network at its initial weights, with concentrations drawn."""
    model = method.create("drugan_aae-dosed", "variant", parameters_of("drugan_aae-dosed"))
    model.shape = model.describe(splits["train"])
    torch.manual_seed(1)
    model.network = model.build(model.parameters, model.shape).train()
    return model


# ---- compounds and their parts


def test_samples_that_share_any_label_are_one_group():
    one, other = np.array(list("aabcde")), np.array(list("uvvwxx"))
    found = tables.linked(one, other)
    np.testing.assert_array_equal(found == found[0], [True, True, True, False, False, False])
    assert found[3] not in found[[0, 4]] and found[4] == found[5]


def test_fingerprints_are_rdkit_s_without_the_bit_that_is_never_set():
    found = [Chem.MolFromSmiles(text) for text in ("c1ccccc1O", "CCN", "C1CC1Cl")]
    expected = [[MACCSkeys.GenMACCSKeys(one).GetBit(bit) for bit in range(1, 167)] for one in found]
    np.testing.assert_array_equal(fingerprints.maccs(found), np.array(expected, int))


def screen(folder, rows=None, **changed):
    """Splits of a small screen; every molecule of PARTS and TAILS where no rows are given."""
    if rows is None:
        texts = [one + part + other for one in TAILS for part in PARTS for other in TAILS]
        rows = [f"{text},{i % 7 - 2}" for i, text in enumerate(texts)]
    (folder / "screen.csv").write_text("\n".join(["structure,z", *rows]) + "\n")
    parameters = {"format": "screen", "file": "screen.csv", "smiles": "structure", "activity": "z", "active": 2}
    parameters |= {"valid_fraction": 0.2, "test_fraction": 0.2, **changed}
    return anticancer_fingerprints.prepare({"source": folder}, parameters, 1)


def test_no_fingerprint_and_no_scaffold_is_in_two_parts(tmp_path):
    # One-ring scaffolds would hold everything together; two rings with a linker make many small ones.
    rings = ["c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CC1", "c1ccoc1", "C1CCNC1"]
    linkers = ["C", "CC", "O", "N", "S", "CO", "C(=O)"]
    texts = [
        f"{tail}{one}{link}{other}" for tail in ("", "C", "CC") for one in rings for link in linkers for other in rings
    ]
    splits = screen(tmp_path, [f"{text},{i % 7}" for i, text in enumerate(texts)])
    bits = {name: {row.tobytes() for row in splits[name]["x"]} for name in NAMES}
    parsed = [molecules.parse(text) for text in texts]
    keys = [row.tobytes() for row in fingerprints.maccs(parsed)]
    held = {
        name: {s for s, key in zip(molecules.scaffolds(parsed), keys, strict=True) if key in bits[name]}
        for name in NAMES
    }
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        assert bits[one] and bits[other] and not bits[one] & bits[other]
        assert not held[one] & held[other]
        assert not np.intersect1d(splits[one]["group"], splits[other]["group"]).size
    assert sum(map(len, splits.values())) == len(set(keys))
    # Only the figures need structures.
    assert "smiles" in splits["valid"] and "smiles" not in splits["train"] and "smiles" not in splits["test"]


def test_compounds_of_one_fingerprint_are_one_sample_with_their_mean_activity(tmp_path):
    chains = ["C" * length + "O" for length in range(8, 14)]
    others = [one + part for one in ("N", "O", "S", "Cl", "F", "Br") for part in ("CCC", "C=C", "C(C)C", "CC#C")]
    rows = [f"{text},{i}" for i, text in enumerate(chains)] + [f"{text},9" for text in others]
    splits = screen(tmp_path, [*rows, "not a molecule,3", "CCCl,"])
    found = dict(zip([row.tobytes() for s in splits.values() for row in s["x"]],
                     [y for s in splits.values() for y in s.y], strict=True))  # fmt: skip
    assert found[fingerprints.maccs([Chem.MolFromSmiles(chains[0])])[0].tobytes()] == 2.5
    assert splits["train"].context["unreadable"] == 1


@pytest.mark.parametrize(
    ("rows", "changed", "message"),
    [
        (["CC,x"], {}, "screen.csv:2: column 'z': 'x' is no number"),
        (["CC,1"], {"activity": "MCF7"}, "screen.csv:1: no column 'MCF7'"),
        (["??,1", "CC,"], {}, "screen.csv: no row has both a valid SMILES and a value in 'z'"),
        (["CC,1,2"], {}, "screen.csv:2: 3 columns in place of 2"),
    ],
)
def test_a_wrong_screen_is_named(tmp_path, rows, changed, message):
    with pytest.raises(BadInput) as caught:
        screen(tmp_path, rows, **changed)
    assert message in str(caught.value)


def test_planted_activity_is_the_sum_of_substructures(tmp_path):
    (tmp_path / "some.smi").write_text("CCO 1\nc1ccccc1O\t2\nCCCl 3\nbad( 4\n")
    parameters = {"file": "some.smi", "most": 4, "noise": 0.0, "planted": {"[OX2H]": 2.0, "c": -0.5}}
    _, texts, y, skipped = anticancer_fingerprints._planted({"source": tmp_path}, parameters, np.random.default_rng(1))
    assert dict(zip(texts, y, strict=True)) == {"CCO": 2.0, "c1ccccc1O": 1.5, "CCCl": 0.0} and skipped == 1
    with pytest.raises(BadInput, match="planted: not a valid SMARTS: '\\[Q'"):
        anticancer_fingerprints._planted(
            {"source": tmp_path}, parameters | {"planted": {"[Q": 1}}, np.random.default_rng(1)
        )


# ---- measures


def test_enrichment_of_known_rankings():
    active = np.arange(200) < 20
    score = -np.arange(200.0)
    assert fingerprints.top_enrichment(active, score) == pytest.approx(10)
    assert fingerprints.top_enrichment(active, -score) == 0
    assert fingerprints.top_enrichment(active, np.ones(200)) == pytest.approx(1)
    # Five are above all others, of which fifteen actives are tied with thirty-five inactive ones for five places.
    tied = np.where(np.arange(200) < 5, 2.0, np.where(np.arange(200) < 55, 1.0, 0.0))
    assert fingerprints.top_enrichment(active, tied) == pytest.approx((5 + 5 * 15 / 50) / 10 / 0.1)


def test_rebuilt_bits_are_held_against_the_most_usual_ones():
    rng = np.random.default_rng(0)
    known = rng.random((500, 12)) < np.linspace(0.1, 0.9, 12)
    perfect = fingerprints.rebuilt(known, known, known)
    assert perfect["bit_error"] == 0 and perfect["bit_error_saved"] == 1 and perfect["rebuilt_similarity"] == 1
    mean = np.tile(known.mean(axis=0), (500, 1))
    usual = fingerprints.rebuilt(known, mean, known)
    assert usual["bit_error_saved"] == 0 and 0 < usual["bit_error"] < 0.3
    p = known.mean(axis=0)
    assert usual["bit_cross_entropy"] == pytest.approx(np.mean(-p * np.log(p) - (1 - p) * np.log(1 - p)))
    assert fingerprints.rebuilt(known, 1 - known, known)["bit_error_saved"] < -1


def test_nearest_is_the_most_similar():
    library = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]], np.uint8)
    made = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 1]], np.uint8)
    place, similar = fingerprints.nearest(made, library)
    np.testing.assert_array_equal(place, [0, 2, 1])
    np.testing.assert_allclose(similar, [1, 0.75, 0.5])
    assert fingerprints.tanimoto(np.zeros((1, 4)), np.zeros((1, 4)))[0] == 1


def test_retrieval_counts_distinct_compounds():
    library, y = np.eye(6, dtype=np.uint8), np.array([0, 0, 0, 0, 1.0, 2.0])
    made = library[[0, 1, 5, 5, 5, 3]]
    wanted = np.array([0, 0, 0, 1, 1, 1])
    found = fingerprints.retrieved(made, wanted, library, y, y >= 1)
    assert found["neighbours"] == 2 and found["neighbour_enrichment"] == pytest.approx(0.5 / (2 / 6))
    assert found["neighbour_similarity"] == 1
    assert fingerprints.retrieved(made, wanted, library, np.zeros(6) + 1, y < 9)["neighbour_spearman"] == 0


def test_prior_match_knows_a_normal_distribution():
    rng = np.random.default_rng(0)
    normal = rng.standard_normal((2000, 4))
    near, shifted, narrow = (fingerprints.prior_match(x) for x in (normal, normal + 1, 0.2 * normal))
    assert near["prior_mmd"] < 0.03 and near["prior_ks"] < 0.03
    assert shifted["prior_mmd"] > 0.3 and shifted["prior_ks"] == pytest.approx(0.38, abs=0.03)
    assert narrow["prior_mmd"] > 0.3 and narrow["prior_ks"] > 0.3
    # The closed form of the expectations is what many draws give.
    other = rng.standard_normal((2000, 4))

    def kernel(a, b):
        return np.exp(-((a[:, None] - b) ** 2).sum(axis=2) / 8).mean()

    x = normal[:1000] + 1
    drawn = kernel(x, x) - 2 * kernel(x, other) + kernel(other, other)
    assert fingerprints.prior_match(x)["prior_mmd"] ** 2 == pytest.approx(drawn, rel=0.05)


def test_score_tells_what_a_method_gives(splits):
    test, train = splits["test"], splits["train"]
    wanted = ["pearson", "top_enrichment"]
    plain = scoring.score("anticancer_fingerprints", test, {"y": test.y[:, None]}, wanted, train)
    assert plain.keys() == set(wanted) and plain["pearson"] == pytest.approx(1)
    given = {"y": test.y, "y_rebuilt": test["x"].astype(float), "y_latent": np.zeros((len(test), 4)), "restarts": 3}
    given |= {"y_made": test["x"][:50], "wanted": test.y[:50]}
    found = scoring.score("anticancer_fingerprints", test, given, wanted, train)
    assert found["bit_error"] == 0 and found["restarts"] == 3 and found["prior_ks"] == 0.5
    assert found["neighbour_similarity"] == 1 and found["neighbour_spearman"] > 0.9


# ---- the network


def test_each_loss_moves_its_own_part_alone(splits):
    moved = {
        "discriminator": ["discriminator."],
        "encoder": ["encoder.trunk.", "encoder.place."],
        "manifold": ["encoder.trunk.", "encoder.place."],
        "regression": ["encoder.trunk.", "encoder.activity."],
        "autoencoder": ["encoder.", "decoder."],
    }
    for name, prefixes in moved.items():
        model = untrained(splits)
        x = torch.from_numpy(splits["train"]["x"]).float()
        y = torch.from_numpy(model.standardised(splits["train"].y))
        losses = {
            "discriminator": lambda m, x=x: m.discriminator_loss(x),
            "encoder": lambda m, x=x: m.encoder_loss(x),
            "manifold": lambda m, x=x: m.manifold_loss(x),
            "regression": lambda m, x=x, y=y: m.regression_loss(x, y),
            "autoencoder": lambda m, x=x: sum(m.autoencoder_losses(x).values()),
        }
        before = {key: p.detach().clone() for key, p in model.network.named_parameters()}
        optimizer = model.optimizers()[name]
        optimizer.zero_grad()
        losses[name](model).backward()
        optimizer.step()
        changed = {key for key, p in model.network.named_parameters() if not p.equal(before[key])}
        expected = {key for key in before if key.startswith(tuple(prefixes))}
        # What shifts all places alike does not reach a cosine of batch-normalised codes in every unit.
        assert changed <= expected and len(changed) >= len(expected) - 1, name


def test_losses_of_a_blind_discriminator_and_decoder_are_known(splits):
    model = untrained(splits)
    x = torch.from_numpy(splits["train"]["x"]).float()
    with torch.no_grad():
        for parameter in [*model.network.discriminator.parameters(), *model.network.decoder.parameters()]:
            parameter.zero_()
        assert model.discriminator_loss(x).item() == pytest.approx(math.log(2))
        assert model.encoder_loss(x).item() == pytest.approx(math.log(2))
        bits, dose = model.autoencoder_losses(x).values()
        assert bits.item() == pytest.approx(math.log(2))
        assert dose.item() == pytest.approx(5.82**2 + 1.68**2, rel=0.05)
        # Without the weight of the concentration a compound has one place at all of them.
        model.network.encoder.trunk[0].weight[:, -1] = 0
        assert model.manifold_loss(x).item() == pytest.approx(0, abs=1e-6)
        y = torch.full((len(x), 1), math.nan)
        y[:5] = 3.0
        for parameter in model.network.encoder.activity.parameters():
            parameter.zero_()
        assert model.regression_loss(x, y).item() == pytest.approx(9)


def test_concentrations_are_drawn_or_left_out(splits):
    dosed, plain = untrained(splits), method.create("drugan_aae", "listed", parameters_of("drugan_aae"))
    dosed.shape["seed"] = plain.shape["seed"] = 5
    x = torch.zeros(4000, 24)
    torch.manual_seed(1)
    for drawn in (dosed.doses(x), dosed.same_doses(x)):
        assert drawn.mean().item() == pytest.approx(-5.82, abs=0.1)
        assert drawn.std().item() == pytest.approx(1.68, abs=0.1)
    assert dosed.same_doses(x).equal(dosed.same_doses(x)) and not dosed.doses(x).equal(dosed.doses(x))
    assert not plain.doses(x).any() and not plain.same_doses(x).any()


def test_normalisation_at_test_time_is_that_of_all_training_compounds(fitted, splits):
    model, _ = fitted
    x = torch.from_numpy(splits["train"]["x"]).float()
    encoder = model.network.encoder
    with torch.no_grad():
        still = encoder(x, model.same_doses(x))[1]
        moving = copy.deepcopy(encoder).train()(x, model.same_doses(x))[1]
    torch.testing.assert_close(still, moving, rtol=0.02, atol=0.02)


def test_training_begins_anew_until_the_encoder_converges(splits, tmp_path, monkeypatch):
    model = method.create("drugan_aae", "listed", parameters_of("drugan_aae"))
    monkeypatch.setattr(model, "converged", lambda row: row["step"] == 60 and row["encoder_loss"] < wanted[0])
    wanted, drawn, build = [1e9], [], model.build

    def spy(parameters, shape):
        network = build(parameters, shape)
        drawn.append(network.encoder.place.weight.detach().clone())
        if len(drawn) < 3:
            wanted[0] = -1
        else:
            wanted[0] = 1e9
        return network

    monkeypatch.setattr(model, "build", spy)
    job = Job(1, tmp_path)
    model.fit(splits["train"], splits["valid"], job)
    assert model.shape["restarts"] == 2 == model.predict(splits["test"].inputs())["restarts"]
    assert len(drawn) == 3 and not drawn[0].equal(drawn[1]) and not drawn[1].equal(drawn[2])
    phases = [row["phase"] for row in job.history]
    epochs = model.parameters["pretraining"]["epochs"]
    assert phases.count("pretrain1") == phases.count("pretrain2") == epochs
    assert phases.count("pretrain3") == 2 < epochs  # over as soon as it has converged
    assert model.shape["course"] == job.history


def test_training_without_convergence_is_a_failure(splits, tmp_path):
    parameters = parameters_of("drugan_aae")
    parameters["pretraining"] |= {"converged": -1, "starts": 2, "epochs": 1, "steps": 3}
    model = method.create("drugan_aae", "listed", parameters)
    with pytest.raises(TrainingFailed, match="none of 2 starts"):
        model.fit(splits["train"], splits["valid"], Job(1, tmp_path))


def test_encoder_tries_no_more_often_than_allowed(splits, tmp_path, monkeypatch):
    parameters = parameters_of("drugan_aae")
    parameters["pretraining"] |= {"hard": -1, "moves": 4, "epochs": 1, "steps": 5, "least": 0, "converged": 1e9}
    parameters["training"] |= {"epochs": 1, "steps": 1}
    model = method.create("drugan_aae", "listed", parameters)
    calls, loss = [], model.encoder_loss
    monkeypatch.setattr(model, "encoder_loss", lambda bits: calls.append(1) or loss(bits))
    model.fit(splits["train"], splits["valid"], Job(1, tmp_path))
    assert len(calls) == 5 * 4 + 1


def test_parts_learn_and_the_planted_signal_is_found(fitted, splits):
    model, job = fitted
    rows = [row for row in job.history if row["phase"] == "fit"]
    for key in ("regression_loss", "bit_loss"):
        assert rows[-1][key] < 0.8 * rows[0][key], key
    assert abs(rows[-1]["discriminator_loss"] - math.log(2)) < 0.15
    found = model.predict(splits["test"].inputs())
    scores = scoring.score(
        "anticancer_fingerprints", splits["test"], found, ["pearson", "top_enrichment"], splits["train"]
    )
    assert scores["pearson"] > 0.8 and scores["bit_error_saved"] > 0.2
    assert scores["neighbour_spearman"] > 0.3 and scores["neighbour_enrichment"] > 1.3
    # A wish is a number of the labels' unit; what is made is bits.
    assert set(np.unique(found["y_made"])) <= {0, 1}
    levels = np.unique(found["wanted"])
    np.testing.assert_allclose(
        (levels - splits["train"].y.mean()) / splits["train"].y.std(), model.parameters["wanted"], atol=1e-4
    )


def test_figures_are_those_of_the_paper(fitted, splits, tmp_path):
    model, _ = fitted
    model.interpret(splits["valid"], tmp_path)
    names = ("latent", "losses", "neighbours", "leads", "bits")
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{n}.{form}" for n in names for form in ("svg", "png", "csv")
    }
    rows = tables.read_csv(tmp_path / "neighbours.csv").rows
    assert len(rows) == len(model.parameters["wanted"])
    rows = tables.read_csv(tmp_path / "losses.csv").rows
    assert [row[0] for row in rows] == [row["phase"] for row in model.shape["course"]]
    shown = {key: values for key, values in splits["valid"].arrays.items() if key != "smiles"}
    model.interpret(type(splits["valid"])(shown, splits["valid"].context), tmp_path / "without")
    assert not (tmp_path / "without" / "leads.png").exists()


# ---- the linear twin


def test_principal_bits_rebuild_and_make_what_is_asked_for(splits, tmp_path):
    model, _ = fit("principal_bits", splits, tmp_path)
    found = model.predict(splits["test"].inputs())
    place = model.place(splits["train"])
    np.testing.assert_allclose(np.cov(place.T), np.eye(5), atol=1e-5)
    scores = scoring.score("anticancer_fingerprints", splits["test"], found, ["pearson"], splits["train"])
    assert scores["bit_error_saved"] > 0.5 and scores["pearson"] > 0.7 and scores["neighbour_enrichment"] > 1.3
