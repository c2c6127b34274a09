"""The contract of kinds, over every kind that the configuration names."""

import sys
import types

import numpy as np
import pytest

from deepbio.core import data, kind, labels, method
from deepbio.core.config import ROOT, read_yaml
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.scoring import metrics

TASKS = [read_yaml(path) for path in sorted((ROOT / "config" / "tasks").glob("*.yaml"))]
METHODS = [read_yaml(path) for folder in ("methods", "baselines") for path in (ROOT / "config" / folder).glob("*.yaml")]
INPUTS = sorted({task["input"] for task in TASKS} | {one for method in METHODS for one in method["inputs"]})
OUTPUTS = sorted({task["output"] for task in TASKS} | {one for method in METHODS for one in method["outputs"]})


def test_every_kind_in_the_folder_is_named_by_the_configuration():
    assert sorted(kind.names()) == sorted([*INPUTS, *OUTPUTS])


@pytest.mark.parametrize("name", INPUTS)
def test_the_small_problem_of_a_kind_of_input_is_of_that_kind(name):
    one = kind.load(name)
    assert one.ROLE == "input" and one.TITLE and one.OUTPUTS
    for output in one.OUTPUTS:
        splits = kind.small_problem(name, output, 40)
        again = kind.small_problem(name, output, 40)
        for part in data.NAMES:
            kind.check(splits[part], part)
            assert splits[part].digest() == again[part].digest()
        assert not np.intersect1d(splits["train"]["group"], splits["test"]["group"]).size
        assert np.unique(splits["train"].y.astype(float)).size > 1


@pytest.mark.parametrize("name", INPUTS)
def test_a_split_that_is_not_of_its_kind_is_refused(name):
    one = kind.load(name)
    split = kind.small_problem(name, one.OUTPUTS[0], 20)["train"]
    array = next(key for key, expected in one.ARRAYS.items() if expected.required)
    lacking = data.Split({key: a for key, a in split.arrays.items() if key != array}, split.context)
    with pytest.raises(BadInput, match=f"here: no array '{array}'"):
        kind.check(lacking, "here")
    wrong = data.Split({**split.arrays, array: np.zeros((20, 2, 2, 2, 2), bool)}, split.context)
    with pytest.raises(BadInput, match=f"here: array '{array}'"):
        kind.check(wrong, "here")
    for key in one.CONTEXT:
        with pytest.raises(BadInput, match=f"here: the context has no '{key}'"):
            kind.check(data.Split(split.arrays, {k: v for k, v in split.context.items() if k != key}), "here")


@pytest.mark.parametrize("name", [name for name in INPUTS if hasattr(kind.load(name), "matrix")])
def test_a_matrix_has_a_row_of_numbers_for_each_sample(name):
    one = kind.load(name)
    split = kind.small_problem(name, one.OUTPUTS[0], 20)["train"]
    found = one.matrix(split.inputs(), {})
    assert found.shape[0] == 20 and found.shape[1] > 1 and found.dtype.kind in "fiu"


@pytest.mark.parametrize("name", OUTPUTS)
def test_controls_prove_what_a_kind_of_output_measures(name):
    one = kind.load(name)
    assert one.ROLE == "output" and one.TITLE
    assert one.CURVE in ("roc", "parity", None)
    assert one.LOSS in ("binary_cross_entropy", "cross_entropy", "squared_error", None)
    assert set(one.METRICS) <= metrics.METRICS.keys()
    assert all(method["outputs"] != [name] or one.METRICS or one.LOSS is None for method in METHODS)
    source = next(key for key in INPUTS if name in kind.load(key).OUTPUTS) if name != "multilabel" else "sequence"
    splits = kind.small_problem(source, "binary" if name == "multilabel" else name, 120)
    train_y, test_y = splits["train"].y, splits["test"].y
    guesses = {
        key: one.control(key, train_y, test_y, np.random.default_rng(1)) for key in ("perfect", "random", "constant")
    }
    for guess in guesses.values():
        assert len(guess) == len(labels.flat(test_y)) and np.isfinite(guess).all()
    for metric in one.METRICS[:1] if name != "ranking" else ():
        values = {key: metrics.evaluate([metric], test_y, guess)[metric] for key, guess in guesses.items()}
        sign = 1 if metrics.higher_is_better(metric) else -1
        assert sign * values["perfect"] > sign * values["random"]


@pytest.mark.parametrize(
    ("output", "label", "message"),
    [
        ("binary", 0.5, "0.5 is neither 0 nor 1"),
        ("regression", np.inf, "1 are infinite"),
        ("multiclass", 4, "no numbers of one of 4 classes"),
        ("multiclass", 1.5, "no numbers of one of 4 classes"),
    ],
)
def test_labels_that_are_none_are_refused(output, label, message):
    split = kind.small_problem("table", output, 20)["train"]
    split.arrays["y"] = split.y.copy()
    split.y[3] = label
    with pytest.raises(BadInput, match=f"here: labels of kind '{output}': .*{message}"):
        kind.check(split, "here")
    split.y[3] = np.nan
    kind.check(split, "here")


def test_an_unknown_kind_is_named_with_the_known_ones():
    with pytest.raises(BadInput, match="unknown kind 'tabel'; .* table"):
        kind.load("tabel")


def test_the_kind_of_the_documentation_works_as_it_stands(monkeypatch, tmp_path):
    blocks = (ROOT / "docs" / "adding-a-method.md").read_text().split("```python\n")
    code = next(block.split("```")[0] for block in blocks if 'ROLE = "input"' in block)
    module = types.ModuleType("deepbio.kinds.window_pair")
    exec(code, module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(kind, "names", lambda: ("binary", "window_pair"))
    splits = kind.small_problem("window_pair", "binary", 300)
    for part, split in splits.items():
        kind.check(split, part)
    forest = method.create("random_forest", "baseline", {"trees": 50})
    forest.fit(splits["train"], splits["valid"], Job(1, tmp_path))
    p = forest.predict(splits["test"].inputs())["y"]
    assert metrics.evaluate(["auroc"], splits["test"].y, p)["auroc"] > 0.8
