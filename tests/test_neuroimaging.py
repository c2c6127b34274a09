"""What is special to brain tables and the deep belief network: joining, what is taken out, machines, figures."""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from support import fit, parameters_of

from deepbio.core import method, tables, task
from deepbio.core.catalog import Catalog
from deepbio.core.data import NAMES
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.figures import brain as figures
from deepbio.learning import pretraining
from deepbio.learning.training import FitResult
from deepbio.methods.neuroimaging_dbn import learners
from deepbio.tasks import neuroimaging

SITES = ("NORTH", "EAST", "SOUTH", "WEST", "FAR")
PARAMETERS = {
    "format": "freesurfer",
    "label": "diagnosis",
    "people": "people.csv",
    "tables": {"aseg.tsv": "volume", "lh.tsv": "thickness"},
    "size": "Brain",
    "without": ["Brain"],
    "remove": ["site", "age"],
    "folds": 5,
    "shuffle": 1,
}


def make_tables(folder, people=60):
    """Three small files of people, who stand in another order in the phenotypes; values as they were written."""
    rng = np.random.default_rng(3)
    names = [f"P{i:03d}" for i in range(people)]
    volumes = np.c_[rng.uniform(50, 60, (people, 2)), rng.uniform(900, 1100, people)]
    thickness = rng.uniform(2, 3, people)
    lines = [
        "Measure:volume\tA\tB\tBrain",
        *("\t".join([n, *map(str, v)]) for n, v in zip(names, volumes, strict=True)),
    ]
    (folder / "aseg.tsv").write_text("\n".join(lines) + "\n")
    lines = ["lh.aparc.thickness\tlh_insula_thickness", *(f"{n}\t{v}" for n, v in zip(names, thickness, strict=True))]
    (folder / "lh.tsv").write_text("\n".join(lines) + "\n")
    lines = ["SITE_ID,FILE_ID,DX_GROUP,AGE_AT_SCAN,SEX", "NORTH,no_filename,1,10,1", "NORTH,no_filename,2,10,1"]
    for i in reversed(range(people)):
        lines.append(f"{SITES[i % 5]},{names[i]},{1 + i // 5 % 2},{8 + i % 7},{1 + i // 10 % 2}")
    (folder / "people.csv").write_text("\n".join(lines) + "\n")
    return volumes, thickness


def edit(path, old, new):
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


# ---- the tables


def test_tables_are_joined_and_volumes_are_shares_of_the_brain(tmp_path):
    volumes, thickness = make_tables(tmp_path)
    found = neuroimaging._freesurfer(tmp_path, PARAMETERS)
    assert found.features == ["A", "B", "lh_insula_thickness"]
    np.testing.assert_allclose(found.x, np.c_[volumes[:, :2] / volumes[:, 2:], thickness])
    assert found.site.tolist() == [SITES[i % 5] for i in range(60)]
    np.testing.assert_array_equal(found.age, [8 + i % 7 for i in range(60)])
    np.testing.assert_array_equal(found.y, [1 - i // 5 % 2 for i in range(60)])  # 1 is autism, 2 control
    sex = neuroimaging._freesurfer(tmp_path, PARAMETERS | {"label": "sex", "size": None})
    np.testing.assert_array_equal(sex.y, [i // 10 % 2 for i in range(60)])
    np.testing.assert_allclose(sex.x[:, :2], volumes[:, :2])
    assert (neuroimaging._freesurfer(tmp_path, PARAMETERS | {"label": "age"}).y == found.age).all()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("aseg.tsv", "P003\t", "P003\tx", "aseg.tsv:5: column 'A'"),
        ("lh.tsv", "P004", "Q004", "lh.tsv:6: other people than in aseg.tsv"),
        ("people.csv", "NORTH,P055,2", "NORTH,P055,3", "column 'DX_GROUP': '3' is none of 1, 2"),
        ("people.csv", "NORTH,P055,2,14", "NORTH,P055,2,-9999", "column 'AGE_AT_SCAN': an age in years is needed"),
        ("people.csv", "P055", "Q055", "no row of P055"),
        ("people.csv", "P054", "P055", "P055 stands twice"),
        ("people.csv", "FILE_ID", "FILE", "no column 'FILE_ID'"),
    ],
)
def test_what_is_wrong_in_a_table_is_named(tmp_path, file, old, new, message):
    make_tables(tmp_path)
    edit(tmp_path / file, old, new)
    with pytest.raises(BadInput, match=message):
        neuroimaging.prepare({"abide": tmp_path}, PARAMETERS, 1)


def test_volume_that_divides_must_be_there(tmp_path):
    volumes, _ = make_tables(tmp_path)
    with pytest.raises(BadInput, match="no table has a column 'Head'"):
        neuroimaging.prepare({"abide": tmp_path}, PARAMETERS | {"size": "Head"}, 1)
    edit(tmp_path / "aseg.tsv", str(volumes[2, 2]), "0")
    with pytest.raises(BadInput, match="aseg.tsv:4: column 'Brain': a volume above 0 is needed"):
        neuroimaging.prepare({"abide": tmp_path}, PARAMETERS, 1)


def test_every_site_is_tested_once_and_never_trained_on_with_it(tmp_path):
    make_tables(tmp_path)
    tested = []
    for split in range(1, 6):
        parts = neuroimaging.prepare({"abide": tmp_path}, PARAMETERS, split)
        sites = [set(parts[name]["group"].tolist()) for name in NAMES]
        assert not (sites[0] & sites[1] or sites[0] & sites[2] or sites[1] & sites[2])
        tested += sites[2]
    assert sorted(tested) == sorted(name.encode() for name in SITES)


def test_samples_of_one_scanner_are_in_one_fold(tmp_path):
    """FAR and WEST become two samples of one site."""
    make_tables(tmp_path)
    text = (tmp_path / "people.csv").read_text().replace("FAR,", "PLACE_1,").replace("WEST,", "PLACE_2,")
    (tmp_path / "people.csv").write_text(text)
    for split in range(1, 5):
        parts = neuroimaging.prepare({"abide": tmp_path}, PARAMETERS | {"folds": 4}, split)
        held = {name: set(parts[name]["group"].tolist()) for name in NAMES}
        assert sum(b"PLACE" in sites for sites in held.values()) == 1
        assert [len(parts[name]) for name in NAMES if b"PLACE" in held[name]][0] >= 24


# ---- what is taken out


def test_site_and_age_are_gone_from_training_people_and_held_out_ones_change_nothing():
    rng = np.random.default_rng(1)
    site = np.repeat(["a", "b", "c", "d"], 50)
    age = rng.uniform(7, 40, 200)
    x = rng.standard_normal((200, 3)) + np.arange(4).repeat(50)[:, None] + np.log(age)[:, None] * [1, -2, 0]
    people = neuroimaging.People(x, ["one", "two", "three"], site, age, np.zeros(200))
    fit_rows = site != "d"
    known = neuroimaging.covariates(people, ["site", "age"], fit_rows)
    clean = neuroimaging.residuals(x, known, fit_rows)
    own = np.array([clean[site == one].mean(axis=0) for one in "abc"])
    np.testing.assert_allclose(own - own.mean(axis=0), 0, atol=1e-9)
    assert all(abs(np.corrcoef(clean[fit_rows, i], np.log(age[fit_rows]))[0, 1]) < 1e-6 for i in range(3))
    # A site that was not trained on keeps its offset; its ages are taken out with the slope of the others.
    assert clean[site == "d"].mean() > clean[fit_rows].mean() + 1
    assert abs(np.corrcoef(clean[site == "d", 1], np.log(age[site == "d"]))[0, 1]) < 0.3
    other = x.copy()
    other[~fit_rows] += 100
    np.testing.assert_array_equal(neuroimaging.residuals(other, known, fit_rows)[fit_rows], clean[fit_rows])
    assert neuroimaging.covariates(people, [], fit_rows).shape == (200, 0)
    np.testing.assert_allclose(neuroimaging.residuals(x, np.empty((200, 0)), fit_rows), x)


def test_features_are_scaled_by_training_people(tmp_path):
    make_tables(tmp_path)
    parts = neuroimaging.prepare({"abide": tmp_path}, PARAMETERS, 2)
    np.testing.assert_allclose(parts["train"]["x"].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(parts["train"]["x"].std(axis=0), 1, atol=1e-6)
    assert abs(parts["test"]["x"].mean(axis=0)).max() > 1e-3


def test_simulated_difference_lies_in_the_planted_regions():
    facts = Catalog({"scale": "quick"}).dataset("neuroimaging", "simulated_brains")
    parts = task.prepare("neuroimaging", "simulated_brains", facts, {}, 1)
    x, y = parts["train"]["x"], parts["train"].y
    names = parts["train"].context["features"]
    planted = np.isin(names, parts["train"].context["planted"])
    gap = x[y == 0].mean(axis=0) - x[y == 1].mean(axis=0)
    assert planted.sum() == 24 and gap[planted].mean() > 0.2 > 0.1 > abs(gap[~planted].mean())


def test_unknown_region_is_named():
    parameters = Catalog({"scale": "quick"}).dataset("neuroimaging", "simulated_brains")["parameters"]
    with pytest.raises(BadInput, match="affected: no region 'thumb'"):
        neuroimaging.prepare({}, parameters | {"affected": ["insula", "thumb"]}, 1)


def test_sites_of_one_class_are_dealt_apart():
    site = np.repeat(np.arange(20), 10)
    mixed = site < 15
    fold = tables.deal(site, mixed, 5, np.random.default_rng(1))
    assert [len(set(site[(fold == k) & ~mixed])) for k in range(5)] == [1] * 5


# ---- the network


def test_a_machine_follows_the_gradient_of_contrastive_divergence():
    """With hidden units that are sure, nothing is left to chance and the gradient can be written out."""
    layer = torch.nn.Linear(2, 1)
    layer.weight.data[:] = torch.tensor([[1.0, -2.0]])
    layer.bias.data[:] = 50.0
    machine = pretraining.Machine(layer, gaussian=True)
    machine.visible.data[:] = torch.tensor([0.5, 0.0])
    data = torch.tensor([[1.0, 0.0], [3.0, 1.0]])
    error = machine.diverge(data, l1=0.1)
    rebuilt = torch.tensor([[1.5, -2.0]]).expand(2, 2)  # visible biases and the weights of the unit that is on
    assert float(error) == pytest.approx(float((rebuilt - data).square().mean()))
    torch.testing.assert_close(machine.visible.grad, (rebuilt - data).mean(0))
    torch.testing.assert_close(layer.weight.grad, (rebuilt - data).mean(0)[None] + 0.1 * torch.tensor([[1.0, -1.0]]))
    torch.testing.assert_close(layer.bias.grad, torch.zeros(1))


def test_machines_learn_to_rebuild_and_do_without_labels(tmp_path):
    splits = small_problem("table", "binary")
    model, job = fit("neuroimaging_dbn", splits, tmp_path / "one")
    for number in (1, 2, 3):
        losses = [row["valid_loss"] for row in job.history if row["phase"] == f"machine{number}"]
        assert losses[-1] < losses[0]
    shuffled = {name: split.take(np.arange(len(split))) for name, split in splits.items()}
    for split in shuffled.values():
        split.arrays["y"] = 1 - split.y
    _, other = fit("neuroimaging_dbn", shuffled, tmp_path / "two")
    machines = [[row for row in one.history if row["phase"].startswith("machine")] for one in (job, other)]
    assert machines[0] and machines[0] == machines[1]
    assert model.count_parameters() == 20 * 50 + 50 + 2550 + 5100 + 202


def test_variants_have_fewer_layers_or_no_machines(tmp_path):
    splits = small_problem("table", "binary")
    for name, layers, machines in (("depth0", 0, 0), ("depth1", 1, 1), ("depth2", 2, 2), ("no_pretraining", 3, 0)):
        model, job = fit(f"neuroimaging_dbn-{name}", splits, tmp_path / name)
        phases = {"final" if row["phase"].startswith("final") else row["phase"] for row in job.history}
        assert len(model.network.layers) == layers
        assert phases == {"search0", "final", *(f"machine{i + 1}" for i in range(machines))}


def test_with_and_without_machines_the_same_settings_are_tried(tmp_path):
    splits = small_problem("table", "binary")
    tried = {}
    for name in ("neuroimaging_dbn", "neuroimaging_dbn-no_pretraining"):
        facts = Catalog({"scale": "standard"}).parameters(name, "neuroimaging", "diagnosis")
        facts["pretraining"] |= {"epochs": 1}
        model = method.create(name, "listed", facts)
        settings, network = [], model.build(facts, model.describe(splits["train"]))

        def tune(start, setting, *rest, settings=settings, network=network):
            settings.append(setting)
            return network, FitResult(1, None, [{"valid_loss": 0.5}])

        tried[name] = settings

        model.tune = tune
        model.fit(splits["train"], splits["valid"], Job(1, tmp_path / name))
    with_machines, without = tried.values()
    assert with_machines == without and len(without) == 9  # eight of the search, and the best to its end


def test_a_dead_final_training_is_begun_anew(tmp_path):
    """With a planted death: the layers' weights of the first one are zero, and its rate keeps them there."""
    splits = small_problem("table", "binary")
    model = method.create("neuroimaging_dbn-no_pretraining", "listed", parameters_of("neuroimaging_dbn-no_pretraining"))
    tune = model.tune

    def planted(start, setting, *rest):
        if rest[-1] == "final":
            weights = model.build(model.parameters, model.shape).state_dict()
            start = {name: torch.zeros_like(weight) for name, weight in weights.items() if name != "scale"}
            setting = setting | {"learning_rate": 0.0}
        return tune(start, setting, *rest)

    model.tune = planted
    job = Job(1, tmp_path)
    model.fit(splits["train"], splits["valid"], job)
    assert job.restarts == 1 and {row["phase"] for row in job.history} >= {"final", "final1"}


def test_simple_learners_read_the_last_layer_and_are_scored(tmp_path):
    splits = small_problem("table", "binary")
    model = method.create("neuroimaging_dbn", "listed", parameters_of("neuroimaging_dbn") | {"learners": True})
    model.fit(splits["train"], splits["valid"], Job(1, tmp_path))
    test = splits["test"]
    made = model.predict(test.inputs())
    assert set(made) == {"y", "y_svm", "y_linear", "y_knn"}
    values = neuroimaging.score(test, made, ["auroc"], splits["train"])
    calls = {name: model.learners[name].predict(model.levels(test)[-1]) for name in ("svm", "linear", "knn")}
    for name, called in calls.items():
        assert values[f"f1_{name}"] > 0.7
        assert values[f"f1_{name}"] == pytest.approx(f1_score(np.asarray(test.y).ravel(), called))
    assert neuroimaging.score(test, {"y": made["y"]}, ["auroc"], splits["train"]) == {"auroc": values["auroc"]}
    model.save(tmp_path)
    back = method.create("neuroimaging_dbn", "listed", {})
    back.load(tmp_path)
    for name, values in back.predict(test.inputs()).items():
        np.testing.assert_array_equal(values, made[name])


def test_far_values_are_cut():
    shape = {"column_mean": [0.0], "column_std": [1.0], "kind": "binary", "outputs": 1}
    model = method.create("neuroimaging_dbn", "listed", parameters_of("neuroimaging_dbn"))
    network = model.build(model.parameters, shape)
    assert network.standardise(torch.tensor([[-90.0], [2.0], [90.0]])).flatten().tolist() == [-5, 2, 5]


# ---- figures


def test_columns_are_told_by_measure_and_hemisphere():
    assert figures.group("lh_insula_thickness") == ("cortical thickness", "left")
    assert figures.group("rh_insula_volume") == ("cortical volume", "right")
    assert figures.group("Left-Hippocampus") == ("other volume", "left")
    assert figures.group("lhCorticalWhiteMatterVol") == ("other volume", "left")
    assert figures.group("3rd-Ventricle") == ("other volume", "both")
    assert [figures.region(name) for name in ("rh_insula_volume", "Right-Putamen")] == ["insula", "Putamen"]


def test_depth_is_scored_on_held_out_people():
    splits = small_problem("table", "binary")
    train, held = splits["train"], splits["test"]
    blank = np.zeros((len(train), 3)), np.zeros((len(held), 3))
    found = figures.depths(
        [train["x"], blank[0]],
        train.y,
        [held["x"], blank[1]],
        np.asarray(held.y, float),
        "binary",
        lambda: learners("binary"),
    )
    scores = {(depth, name): value for depth, name, metric, value in found if metric == "auroc"}
    assert all(scores[0, name] > 0.75 for name in figures.TITLES)
    assert all(scores[1, name] == 0.5 for name in figures.TITLES)


def test_the_paper_s_table_is_drawn_of_test_people(tmp_path):
    train = small_problem("table", "binary")["train"]
    found = {"f1": [0.6, 0.7], "f1_svm": [0.5, 0.6], "f1_linear": [0.4, 0.5], "f1_knn": [0.3, 0.4]}
    runs = {"Network": {"role": "listed", "scores": found}, "Ridge": {"role": "baseline", "scores": {"f1": [0.5]}}}
    neuroimaging.interpret(train, runs, tmp_path / "one")
    table = (tmp_path / "one_learners.csv").read_text().splitlines()
    assert len(table) == 6 and "Network,F1 of SVM on the last layer,0.55,2" in table
