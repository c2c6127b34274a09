"""The contract, over every method and baseline that has a file.

A method is fitted on a small problem of each kind that its YAML names, with the quick scale's parameters made
smaller still. Known exceptions stand in EXCEPTIONS with their reason.
"""

import numpy as np
import pytest
import torch
from conftest import METRICS, killed, make_splits

from deepbio.core import data, labels, method, task
from deepbio.core.catalog import Catalog, base
from deepbio.core.config import merge
from deepbio.core.job import Job
from deepbio.learning.network import trained
from deepbio.scoring import metrics

CATALOG = Catalog({"scale": "quick"})
# (test, method): reason
EXCEPTIONS = {
    ("beats_random", "mean_label"): "says the mean of the labels: it is the line that others must cross",
    ("beats_random", "base_composition"): "a planted word leaves the share of each base nearly as it is",
    ("beats_random", "deepsea"): "three convolutions under plain gradient descent need thousands of windows",
    ("beats_random", "zeng_cnn-local"): "flattened positions need more than a few hundred windows",
    ("beats_random", "deepmotif-rnn"): "an LSTM over bases, without motifs, needs thousands of windows to begin",
    ("beats_random", "zeng_cnn-layers3"): "three layers of 128 kernels overfit a few hundred windows",
    ("beats_random", "best_pwm"): "chooses among JASPAR's matrices; none of them is the planted word alone",
    ("gradient", "sprint_gan"): "its two networks have a loss each; tests/test_private.py sees both of them learn",
    ("gradient", "sprint_gan-open"): "as the private one",
    ("gradient", "drugan_aae-dosed"): "as without concentrations",
    ("gradient", "drugan_aae"): "its parts have a loss each; tests/test_fingerprints.py sees all of them learn",
    ("loss", "drugan_aae"): "adversaries' losses need not fall; tests/test_fingerprints.py sees the others fall",
    ("loss", "sprint_gan"): "adversaries' losses need not fall",
    ("loss", "reinvent"): "an agent's loss is that of its own strings; tests/test_generation.py sees its score rise",
    ("loss", "organ"): "a reward need not rise in few rounds; tests/test_generation.py sees that it does",
}
# Kind of input whose task has a score of its own: that task, and the metric that beats chance.
HOMES = {
    "arm": ("private_clinical_data", "forest_auroc"),
    "molecule_set": ("molecule_generation", "validity"),
    "molecule_episode": ("low_data_toxicity", "auroc"),
}
# method: (samples, what is changed in its parameters, reason)
NEEDS = {
    "aging_ensemble": (
        160,
        {"members": CATALOG.methods["aging_ensemble"]["hyperparameters"]["members"][::3], "training": {"epochs": 8}},
        "seven of the 21 networks show all activations",
    ),
    "basset": (160, {"training": {"epochs": 12}}, "the five epochs of the quick scale are few steps on so few windows"),
    "deeperbind": (480, {"training": {"epochs": 30}}, "five detectors before two LSTMs learn slowly"),
    "deepmotif": (480, {"training": {"epochs": 15}}, "half of everything is dropped out"),
    "chemical_vae": (
        480,
        {"training": {"epochs": 20}, "anneal": {"centre": 12}},
        "writing from a place is learned slowly",
    ),
    "drugan_aae": (160, {"training": {"epochs": 5, "steps": 100}}, "a round has four steps of networks"),
    "danq": (480, {"training": {"epochs": 30}}, "an LSTM and a dense layer under dropout"),
    "expecto": (480, {}, "its chromatin network has six convolutions"),
    "primer_cnn": (480, {}, "its flattened positions must each see the word"),
    "support_forest": (40, {}, "a forest grows for every episode"),
    "support_graph_conv": (40, {}, "a network is trained for every episode"),
    "sprint_gan": (800, {"training": {"batch_size": 40}}, "privacy is cheap only among many people"),
    "zeng_cnn": (
        480,
        {"training": {"epochs": 20}, "search": {"trials": 1, "space": {"dropout": 0.1, "epsilon": 1e-6, "rho": 0.9}}},
        "Adadelta starts slowly, and slower still with the other values of its search",
    ),
}


# Parameters as large as a method needs to learn something, and as it needs to be trained at all.
SMALL = {"trials": 2, "folds": 2, "finals": 1, "steps": 150, "epochs": 20, "samples": 160, "batch_size": 16}
SMALL |= {"kernels": 32, "students": 64, "filters": 64, "trees": 10}
SHORT = {"epochs": 3, "steps": 30, "trees": 3}


def smaller(value, limits, key=""):
    """Parameters of which none is above its limit."""
    if isinstance(value, dict):
        return {name: smaller(inner, limits, name) for name, inner in value.items()}
    return min(value, limits[key]) if key in limits and isinstance(value, int) else value


def cases(variants=False, outputs=None):
    """Method, kind of input and of output, all of them or the first `outputs`; variants, which share their method's
    code, with one output and on demand."""
    for name, facts in CATALOG.methods.items():
        kinds = [output for output in facts["outputs"] if output in METRICS]
        is_variant = CATALOG.roles[name] == "variant"
        if variants or not is_variant:
            for kind in facts["inputs"]:
                for output in kinds[: 1 if is_variant else outputs]:
                    yield pytest.param(name, kind, output, id=f"{name}-{kind}-{output}")


def parameters_of(name):
    """The quick parameters of a method, or of a variant, on the first dataset that the method runs on."""
    run = next(run for run in CATALOG.runs(method=base(name)))
    return merge(smaller(CATALOG.parameters(name, run.task, run.dataset), SMALL), NEEDS.get(base(name), (0, {}))[1])


def fit(name, splits, folder, seed=1, limits=None, **job):
    model = method.create(name, CATALOG.roles[name], smaller(parameters_of(name), limits or {}))
    folder.mkdir(parents=True, exist_ok=True)
    work = Job(seed, folder, **job)
    model.fit(splits["train"], splits["valid"], work)
    return model, work


def splits_for(name, kind, output):
    return make_splits(kind, output, NEEDS.get(base(name), (160,))[0])


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Each case fitted once for all tests that only look."""
    cache = {}

    def get(name, kind, output):
        key = (name, kind, output)
        if key not in cache:
            splits = splits_for(name, kind, output)
            cache[key] = (splits, *fit(name, splits, tmp_path_factory.mktemp(name)))
        return cache[key]

    return get


def predict(model, split):
    return model.predict(split.inputs())["y"]


@pytest.mark.parametrize(("name", "kind", "output"), cases(variants=True))
def test_predictions_have_the_labels_shape_and_range(fitted, name, kind, output):
    splits, model, _ = fitted(name, kind, output)
    p = predict(model, splits["test"])
    assert len(p) == len(splits["test"]) and np.isfinite(p).all()
    if output == "multiclass":
        assert p.shape == (len(p), len(splits["test"].context["classes"]))
        np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    else:
        assert labels.columns(p).shape == labels.columns(splits["test"].y).shape
    if output in ("binary", "multiclass"):
        assert p.min() >= 0 and p.max() <= 1
    part = splits["test"].take(np.arange(5))
    np.testing.assert_allclose(predict(model, part).ravel(), p[:5].ravel(), rtol=1e-4, atol=1e-5)


def assert_beats_random(kind, output, splits, p):
    """The predictions `p` of the test split are better than a random guess's by three standard errors."""
    if kind in HOMES:
        home, metric = HOMES[kind]
        found = task.score(home, splits["test"], {"y": p}, [metric], splits["train"])
    else:
        metric = {"binary": "auroc", "regression": "spearman", "multiclass": "accuracy"}[output]
        found = metrics.evaluate([metric], splits["test"].y, p)
    # Of 160 samples; of validity, what such a guess gets once in a while.
    chance = {"auroc": 0.5 + 3 * 0.046, "forest_auroc": 0.5 + 3 * 0.046, "spearman": 3 * 0.079, "validity": 0.3}
    chance["accuracy"] = 0.25 + 3 * 0.034  # of four classes
    assert found[metric] > chance[metric]


@pytest.mark.parametrize(("name", "kind", "output"), cases(variants=True))
def test_beats_the_random_control(fitted, name, kind, output):
    if ("beats_random", name) in EXCEPTIONS:
        pytest.skip(EXCEPTIONS["beats_random", name])
    splits, model, _ = fitted(name, kind, output)
    assert_beats_random(kind, output, splits, predict(model, splits["test"]))


@pytest.mark.parametrize(("name", "kind", "output"), cases())
def test_saved_and_loaded_is_the_same(fitted, tmp_path, name, kind, output):
    splits, model, _ = fitted(name, kind, output)
    model.save(tmp_path)
    back = method.create(name, CATALOG.roles[name], {})
    back.load(tmp_path)
    np.testing.assert_array_equal(predict(back, splits["test"]), predict(model, splits["test"]))
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".json", ".safetensors", ".skops")]


@pytest.mark.parametrize(("name", "kind", "output"), cases(outputs=1))
def test_seed_decides(tmp_path, name, kind, output):
    splits = splits_for(name, kind, output)
    models = [fit(name, splits, tmp_path / str(run), seed, SHORT)[0] for run, seed in enumerate((1, 1, 2))]
    one, again, other = (predict(model, splits["test"]) for model in models)
    np.testing.assert_array_equal(one, again)
    assert np.array_equal(one, other) == CATALOG.methods[name].get("deterministic", False)


def networks(variants=False, outputs=None):
    for case in cases(variants, outputs):
        if hasattr(method.create(case.values[0], CATALOG.roles[case.values[0]], {}), "build"):
            yield case


@pytest.mark.parametrize(("name", "kind", "output"), networks(variants=True))
def test_gradient_reaches_every_parameter(fitted, name, kind, output):
    if ("gradient", name) in EXCEPTIONS:
        pytest.skip(EXCEPTIONS["gradient", name])
    splits, model, _ = fitted(name, kind, output)
    train = splits["train"]
    torch.manual_seed(1)
    network = model.build(model.parameters, model.shape).train()
    model.loss(network, model.batch(train, np.arange(len(train)))).backward()
    learned = {key: p.grad for key, p in network.named_parameters() if p.requires_grad}
    assert [key for key, gradient in learned.items() if gradient is None or not gradient.any()] == []


@pytest.mark.parametrize(("name", "kind", "output"), networks())
def test_loss_falls(fitted, name, kind, output):
    if ("loss", name) in EXCEPTIONS:
        pytest.skip(EXCEPTIONS["loss", name])
    _, _, job = fitted(name, kind, output)
    phases = {row["phase"]: [r["train_loss"] for r in job.history if r["phase"] == row["phase"]] for row in job.history}
    last = list(phases.values())[-1]
    assert min(last[1:]) < last[0]


def fit_and_kill(monkeypatch, name, splits, folder, **job):
    """Fit with a checkpoint after every step, and die at the 25th."""
    with killed(monkeypatch, 25):
        fit(name, splits, folder, checkpoint_seconds=0, **job)


@pytest.mark.parametrize(("name", "kind", "output"), networks(outputs=1))
def test_resumed_training_equals_uninterrupted(fitted, tmp_path, monkeypatch, name, kind, output):
    splits, model, _ = fitted(name, kind, output)
    fit_and_kill(monkeypatch, name, splits, tmp_path / "job")
    resumed, _ = fit(name, splits, tmp_path / "job")
    for key, value in model.network.state_dict().items():
        assert value.equal(resumed.network.state_dict()[key]), key


def known_weights():
    for name, facts in CATALOG.methods.items():
        for configuration, count in facts.get("weights", {}).items():
            yield pytest.param(name, configuration, count, id=f"{name}-{configuration}")


# The configuration that a paper's network is counted for; what is not named here is the paper's default.
CONFIGURATIONS = {
    ("neural_fingerprint", "example"): (
        {"fingerprint_length": 50, "depth": 4, "width": 20, "hidden": 100, "init_scale": 1.0},
        {"outputs": 1},
    ),
    ("deepsea", "features919"): ({}, {"outputs": 919, "kind": "multilabel", "length": 1000}),
    ("danq", "features919"): ({}, {"outputs": 919, "kind": "multilabel", "length": 1000}),
    ("expecto", "Beluga"): ({}, {"outputs": 2002}),
    ("diet_networks", "histogram"): ({}, {"sites": 315345, "outputs": 26}),
    ("diet_networks", "histogram_no_reconstruction"): ({"reconstruction": 0}, {"sites": 315345, "outputs": 26}),
    ("diet_networks", "raw_2070_people"): (
        {"embedding": "raw", "auxiliary": []},
        {"sites": 315345, "outputs": 26, "people": 2070},
    ),
    ("mlp", "sites315345"): ({}, {"sites": 315345, "outputs": 26}),
    ("evonet", "statistics345"): ({}, {"statistics": 345, "outputs": 7}),
    ("ckn_seq", "CKN128"): ({}, {"outputs": 1}),
    ("sprint_gan", "SPRINT"): ({}, {"variables": [{}] * 3, "visits": 12, "arms": 2}),
    ("one_shot", "IterRefLSTM"): ({}, {}),
    ("one_shot", "AttnLSTM"): ({"refinement": "attention"}, {}),
    ("one_shot", "Siamese"): ({"refinement": "none"}, {}),
    ("primer_cnn", "notebook"): ({}, {"outputs": 1, "kind": "binary", "length": 50}),
    ("deeperbind", "CNN_LSTM"): ({}, {"outputs": 1, "kind": "regression", "length": 35}),
    ("deepmotif", "CNN"): ({"network": "cnn"}, {"outputs": 1, "kind": "binary", "length": 101}),
    ("zeng_cnn", "template"): ({"dropout": 0.5}, {"outputs": 1, "kind": "binary", "length": 101}),
    ("drugan_aae", "MACCS"): ({}, {"bits": 166}),
    ("leap", "fly"): ({}, {"parts": 32}),
    ("leap", "mouse"): ({}, {"parts": 17}),
    ("deepvariant", "InceptionV3"): ({}, {"channels": 3, "outputs": 1000}),
    **{
        ("neuroimaging_dbn", f"features{n}"): (
            {},
            {"outputs": 1, "kind": "binary", "centre": [0.0] * n, "scale": [1.0] * n},
        )
        for n in (178, 193)
    },
    ("spindle", "dense_64_100_10"): ({}, {"outputs": 10, "columns": 64, "low": 0, "span": 16}),
    ("float_network", "dense_64_100_10"): ({}, {"outputs": 10, "columns": 64, "low": 0, "span": 16}),
    ("deepbind", "M1"): ({"hidden": 0, "dropout": 0, "motif_scale": 1e-3}, {"outputs": 1}),
    ("deepbind", "M2"): ({"hidden": 32, "dropout": 0, "motif_scale": 1e-3}, {"outputs": 1}),
}


@pytest.mark.parametrize(("name", "configuration", "count"), known_weights())
def test_weight_count_is_the_paper_s(name, configuration, count):
    changed, shape = CONFIGURATIONS[name, configuration]
    parameters = CATALOG.methods[name]["hyperparameters"] | changed
    model = method.create(name, CATALOG.roles[name], parameters)
    assert trained(model.build(model.parameters, shape)) == count


@pytest.mark.parametrize("name", sorted({run.method for run in CATALOG.interpreted()}))
def test_interpretation_draws_and_writes(fitted, tmp_path, name):
    kind = CATALOG.methods[name]["inputs"][0]
    splits, model, _ = fitted(name, kind, CATALOG.methods[name]["outputs"][0])
    method.interpret(model, splits.get, tmp_path)
    drawn = {path.suffix for path in tmp_path.iterdir()}
    assert {".svg", ".png", ".csv"} <= drawn
    for path in tmp_path.glob("*.svg"):
        assert path.stat().st_size > 1000 and "simulated" in path.read_text(), path.name


def test_split_without_labels_is_all_that_predict_sees():
    splits = make_splits("table", "binary")
    assert set(splits["test"].inputs().arrays) == {"x"}
    assert isinstance(splits["test"], data.Split)
