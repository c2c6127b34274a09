"""What is special in the ageing ensemble and its task: predictions out of fold, the stack, importance, bad tables."""

import math

import numpy as np
import pandas as pd
import pyreadr
import pytest
import torch
from sklearn.linear_model import ElasticNet

from deepbio.core.catalog import Catalog
from deepbio.core.config import merge
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.figures import clocks
from deepbio.learning import importance, training
from deepbio.methods import aging_ensemble
from deepbio.tasks import biological_age

PARAMETERS = Catalog({"scale": "quick"}).parameters("aging_ensemble", "biological_age", "nhanes_1999")
SMALL = merge(
    PARAMETERS, {"members": PARAMETERS["members"][:3], "folds": 3, "training": {"epochs": 3, "batch_size": 32}}
)


@pytest.fixture(scope="module")
def stacked(tmp_path_factory):
    """A fitted ensemble of three members, its splits, and what its elastic net was fitted on."""
    splits = small_problem("table", "regression")
    seen, fit_stack = [], aging_ensemble.fit_stack
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aging_ensemble, "fit_stack", lambda *words: seen.append(words) or fit_stack(*words))
        model = aging_ensemble.Method(SMALL)
        model.fit(splits["train"], splits["valid"], Job(1, tmp_path_factory.mktemp("stacked")))
    return model, splits, seen[0]


def test_held_out_predictions_know_nothing_of_their_fold(stacked, tmp_path, monkeypatch):
    """Labels and inputs of one fold are spoiled: what its own copy says of other samples stays the same."""
    model, splits, (_, _, fold, _) = stacked
    train = splits["train"]
    spoiled = Split({key: np.array(values) for key, values in train.arrays.items()}, train.context)
    spoiled["x"][fold == 1] = 3.0
    spoiled["y"][fold == 1] = 5.0
    form = SMALL["members"][0]

    def copies(split, folder):
        one = aging_ensemble.Method(SMALL)
        one.shape = model.shape  # the same standardisation for both
        return one.train_member(form, split, splits["valid"], fold, Job(1, folder), "member01")

    clean, other = copies(train, tmp_path / "clean"), copies(spoiled, tmp_path / "spoiled")
    batch = model.batch(splits["test"].inputs(), np.arange(len(splits["test"])))
    with torch.no_grad():
        same = [(clean.copy(k)(batch) - other.copy(k)(batch)).abs().max().item() for k in range(4)]
    assert same[1] == 0 and min(same[0], same[2], same[3]) > 0


def test_copies_are_trained_as_if_each_were_alone(stacked):
    """One step of two copies equals a step of each: neither statistics nor gradients are shared."""
    torch.manual_seed(0)
    both = aging_ensemble.Member(5, [8, 4], "prelu", 0.0, copies=2)
    alone = [both.copy(number).train() for number in range(2)]
    x, y = torch.randn(2, 16, 5), torch.randn(2, 16)
    model = aging_ensemble.Method({})
    model.loss(both.train(), {"x": x, "y": y}).backward()
    for number, one in enumerate(alone):
        model.loss(one, {"x": x[number], "y": y[number]}).backward()
        for (key, parameter), twin in zip(both.named_parameters(), one.parameters(), strict=True):
            torch.testing.assert_close(parameter.grad[[number]], twin.grad, msg=key)
        for key, value in one.named_buffers():
            torch.testing.assert_close(dict(both.named_buffers())[key][[number]], value)


def test_stack_is_the_elastic_net_on_held_out_predictions(stacked):
    model, splits, (held, y, fold, _) = stacked
    found = model.shape["stack"]
    expected = ElasticNet(alpha=found["alpha"], l1_ratio=found["l1_ratio"]).fit(held, y)
    np.testing.assert_allclose(found["weights"], expected.coef_, atol=1e-3)
    assert found["intercept"] == pytest.approx(expected.intercept_, abs=1e-3)
    assert sorted(np.bincount(fold)) == [53, 53, 54]
    said = model.predict(splits["test"].inputs())["y"].ravel()
    each = model.ask(model.network, splits["test"].inputs())
    np.testing.assert_allclose(said, each @ found["weights"] + found["intercept"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.shape["held_out_error"], np.abs(held - y[:, None]).mean(0))


def test_killed_between_members_goes_on(stacked, tmp_path, monkeypatch):
    """A finished member is not trained again, and the whole is the same as without the kill."""
    model, splits, _ = stacked
    fit, done = training.fit, []

    def fit_two(*words, **named):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(fit(*words, **named))

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "fit", fit_two)
        aging_ensemble.Method(SMALL).fit(splits["train"], splits["valid"], Job(1, tmp_path))
    again, job, steps = aging_ensemble.Method(SMALL), Job(1, tmp_path), []
    loss = again.loss
    again.loss = lambda *words: steps.append(words) or loss(*words)
    again.fit(splits["train"], splits["valid"], job)
    assert again.shape == model.shape
    assert len(steps) == 3 * math.ceil(len(splits["train"]) / 32)  # one member's epochs
    assert job.samples == 3 * 32 * len(steps)  # those of all members


def test_importance_finds_planted_columns():
    split = small_problem("table", "regression")["test"]
    change = importance.permutation(lambda s: {"y": s["x"][:, 0] + s["x"][:, 1] - s["x"][:, 2]}, split, "r2", 4)
    assert change.shape == (20, 4) and change[:3].min() > 0.2 and np.abs(change[3:]).max() < 1e-6
    rises = importance.permutation(lambda s: {"y": s["x"][:, 0] + s["x"][:, 1] - s["x"][:, 2]}, split, "mae", 4)
    assert rises[:3].min() > 0.2


def test_age_gap_is_free_of_age_and_survival_is_kaplan_meier_s():
    rng = np.random.default_rng(0)
    age = rng.uniform(20, 80, 300)
    gap = clocks.age_gap(age, 25 + 0.5 * age + rng.normal(0, 5, 300))
    assert abs(np.corrcoef(gap, age)[0, 1]) < 1e-9 and abs(gap.mean()) < 1e-9
    # Deaths at 1 and 3 of four people, one of whom leaves at 2.
    time, share = clocks.survival(np.array([1.0, 2, 3, 4]), np.array([1.0, 0, 1, 0]))
    np.testing.assert_allclose(time, [0, 1, 3])
    np.testing.assert_allclose(share, [1, 3 / 4, 3 / 8])


# ---- the task's tables

WAVES = {"format": "rda", "files": ["t.rda"], "train": [2005], "valid": [2003], "test": [2017], "below": 80}
WAVES |= {"markers": {"b": "B", "a": "A"}}


def people(**changes):
    """Twelve people of three waves, two markers; the last of each wave is too old, the third lacks a marker."""
    frame = pd.DataFrame(
        {
            "sampleID": [f"{year}_{i}" for year in (2003, 2005, 2017) for i in range(4)],
            "year": np.repeat([2003.0, 2005.0, 2017.0], 4),
            "gender": [1.0, 2.0, 1.0, 2.0] * 3,
            "age": [30.0, 79.0, 50.0, 80.0] * 3,
            "a": np.arange(12.0),
            "b": [1.0, 2.0, np.nan, 4.0] * 3,
            "lna": np.log1p(np.arange(12.0)),
            "kdm0": [31.0, 80.0, 52.0, 81.0] * 3,
            "status": [0.0, 1.0, 0.0, np.nan] * 3,
            "permth_int": [100.0, 20.0, 100.0, np.nan] * 3,
        }
    )
    return frame.assign(**changes)


def prepare(folder, frame):
    pyreadr.write_rdata(folder / "t.rda", frame, df_name="t")
    return biological_age.prepare({"table": folder}, WAVES, 1)


def test_waves_become_parts_of_complete_people_below_the_code(tmp_path):
    splits = prepare(tmp_path, people())
    assert [splits[part]["group"].tolist() for part in ("train", "valid", "test")] == [
        [f"{year}_{i}".encode() for i in range(2)] for year in (2005, 2003, 2017)
    ]
    assert splits["train"].context["features"] == ["A", "B", "Sex"]
    np.testing.assert_array_equal(splits["train"]["x"], [[4, 1, 0], [5, 2, 1]])
    np.testing.assert_array_equal(splits["valid"]["died"], [0, 1])
    assert "died" not in splits["train"] and "died" not in splits["test"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"age": [30.0] * 7 + [1e3] + [30.0] * 4}, "record 8 (person 2005_3): column 'age': 1000.0: no age"),
        ({"gender": [1.0] * 11 + [3.0]}, "record 12 (person 2017_3): column 'gender': 3.0: one of 1, 2"),
        ({"sampleID": ["x"] * 12}, "record 2 (person x): column 'sampleID': x: a person stands twice"),
        ({"a": [0.0, -1.0] + [1.0] * 10}, "record 2 (person 2003_1): column 'a': -1.0: no level"),
        ({"a": ["many"] * 12}, "column 'a' holds text"),
        ({"b": np.nan}, "nobody of the wave 2005 has all markers"),
    ],
)
def test_wrong_tables_are_named(tmp_path, changes, message):
    with pytest.raises(BadInput) as caught:
        prepare(tmp_path, people(**changes))
    assert message in str(caught.value) and str(tmp_path) in str(caught.value)


def test_missing_columns_and_damaged_files_are_named(tmp_path):
    with pytest.raises(BadInput, match="t.rda: no column 'age'"):
        prepare(tmp_path, people().drop(columns="age"))
    (tmp_path / "t.rda").write_bytes(b"not R")
    with pytest.raises(BadInput, match="t.rda: not an R data file"):
        biological_age.prepare({"table": tmp_path}, WAVES, 1)
    (tmp_path / "t.parquet").write_bytes(b"not parquet")
    with pytest.raises(BadInput, match="t.parquet: not a Parquet file"):
        biological_age.prepare({"table": tmp_path}, {**WAVES, "format": "parquet", "file": "t.parquet"}, 1)
