"""The shared parts: data on disk, tables, search, saliency, projections."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
import torch

from deepbio.core import tables
from deepbio.core.data import Ragged, Split, concatenate, read_split, save_dataset
from deepbio.core.files import BadInput, atomic, digest
from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.core.task import Parameters, check
from deepbio.figures import style
from deepbio.learning import layers, search


def small_split(**context):
    ragged = Ragged.join([np.array([1, 2]), np.array([3]), np.array([], int), np.array([4, 5, 6])])
    arrays = {"x": np.arange(8.0).reshape(4, 2), "r": ragged, "y": np.array([0, 1, np.nan, 1])}
    return Split({**arrays, "group": np.array([b"a", b"b", b"c", b"d"])}, context)


# ---- files and data


def test_atomic_leaves_the_old_file_when_the_block_fails(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_digest_sees_value_type_and_shape_but_not_the_order_of_keys():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    x = np.arange(6)
    assert len({digest(x), digest(x.reshape(2, 3)), digest(x.astype(float)), digest(x + 1)}) == 4


def test_dataset_comes_back_from_disk_as_memory_maps(tmp_path):
    graph = np.eye(3)
    splits = {name: small_split(names=["u", "v"], graph=graph) for name in ("train", "valid", "test")}
    save_dataset(tmp_path / "d", splits, {"task": "t"})
    back = read_split(tmp_path / "d", "valid")
    assert isinstance(back["x"], np.memmap) and back.context["names"] == ["u", "v"]
    np.testing.assert_array_equal(back.context["graph"], graph)
    np.testing.assert_array_equal(back["r"].take([3, 0]).values, [4, 5, 6, 1, 2])
    assert back.digest() == splits["valid"].digest()


def test_split_takes_joins_and_hides():
    split = small_split()
    assert set(split.inputs().arrays) == {"x", "r"}
    part = split.take(np.array([False, True, False, True]))
    np.testing.assert_array_equal(part["r"].values, [3, 4, 5, 6])
    assert concatenate(part, split)["r"].lengths.tolist() == [1, 3, 2, 1, 0, 3]
    with pytest.raises(BadInput, match="same number of samples"):
        Split({"x": np.zeros(3), "y": np.zeros(4)})
    with pytest.raises(BadInput, match="Python objects"):
        Split({"x": np.array(["a", None], dtype=object)})


def test_leak_between_splits_is_an_error():
    splits = small_problem("table", "binary", 20)
    check(splits, "here")
    splits["valid"] = splits["train"].take(np.arange(4))
    with pytest.raises(BadInput, match="4 groups are in both train and valid"):
        check(splits, "here")


def test_a_parameter_that_a_dataset_does_not_give_is_named():
    given = Parameters("tasks/one.yaml: dataset two", {"length": 5, "inner": {"depth": 2}})
    assert given["length"] == 5 and given.get("window") is None and given["inner"]["depth"] == 2
    with pytest.raises(BadInput, match="tasks/one.yaml: dataset two: parameter 'window' is missing; given are: length"):
        given["window"]
    with pytest.raises(BadInput, match="parameter 'width' is missing; given are: depth"):
        given["inner"]["width"]


# ---- tables


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", ":3: 1 columns in place of 2"),
        ("", ":1: the file is empty"),
        ('a,b\n"1,2\n', ":2: unexpected end of data"),
    ],
)
def test_bad_csv_is_named_with_its_line(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        tables.read_csv(path)
    assert f"{path}{message}" in str(caught.value)


def test_what_is_no_number_is_named(tmp_path):
    (tmp_path / "f.csv").write_text('a,c\n1,"1"\n\n"two\nlines", \n3,x\n')
    table = tables.read_csv(tmp_path / "f.csv")
    assert table.lines == [2, 4, 6] and table.column("a") == ["1", "two\nlines", "3"]
    with pytest.raises(BadInput, match="f.csv:6: column 'c': 'x' is no number"):
        table.numbers("c")
    assert np.isnan(tables.number(" ", "c", "here"))
    for text in ("inf", "-inf", "1e400", "1e39", "1_000", "1,5", "0x10"):
        with pytest.raises(BadInput, match=f"here: column 'c': '{re.escape(text)}' is"):
            tables.number(text, "c", "here")
    for text, value in (("1.0", 1), (" 0", 0), ("1e0", 1)):
        assert tables.binary(text, "c", "here") == value
    for text in ("2", "", "0.5", "yes"):
        with pytest.raises(BadInput, match="here: column 'c'"):
            tables.binary(text, "c", "here")


def test_pickles_that_could_run_code_are_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("ran",)

    path = tmp_path / "evil.pickle"
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(BadInput, match="builtins.print"):
        tables.read_frame(path)


def test_stratified_parts_keep_the_classes():
    labels = np.repeat([0, 1], [60, 40])
    part = tables.stratified(labels, (0.2, 0.3, 0.5), np.random.default_rng(0))
    for number, size in enumerate((20, 30, 50)):
        assert (part == number).sum() == size and labels[part == number].mean() == pytest.approx(0.4)


# ---- search


def test_search_ranges_and_memory(tmp_path):
    space = {
        "a": {"choice": [1, 2]},
        "b": {"uniform": [0, 1]},
        "c": {"log_uniform": [1e-4, 1]},
        "d": {"integer": [3, 5]},
        "e": 9,
    }
    rng = np.random.default_rng(0)
    drawn = pd.DataFrame([search.draw(space, rng) for _ in range(500)])
    assert set(drawn["a"]) == {1, 2} and set(drawn["d"]) == {3, 4, 5} and set(drawn["e"]) == {9}
    assert 0.005 < drawn["c"].median() < 0.02 and drawn["b"].between(0, 1).all()
    calls = []

    def evaluate(setting, name):
        calls.append(name)
        return {"loss": abs(setting["b"] - 0.5)}

    first = search.random_search(space, 8, evaluate, Job(1, tmp_path))
    again = search.random_search(space, 8, evaluate, Job(1, tmp_path))
    assert first == again and len(calls) == 8
    assert search.random_search(space, 8, evaluate, Job(2, tmp_path / "other")).setting != first.setting


def test_saliency_is_the_gradient_times_the_input():
    from deepbio.core import method
    from deepbio.core.kind import small_problem
    from deepbio.figures import interpretation

    torch.manual_seed(3)
    model = method.create("deepmotif", "listed", {})
    settings = {"network": "cnn_rnn", "kernels": 8, "widths": [9, 5, 3], "units": 4, "dropout": 0.5}
    network = model.build(settings, {"kind": "binary", "outputs": 1, "length": 60}).double().eval()
    codes = small_problem("sequence", "binary", 4)["test"]["codes"][:1]
    found = interpretation.saliency(network, codes)[0]
    x = network.one_hot(torch.from_numpy(codes)).double()
    step = 1e-5
    with torch.no_grad():
        for position in range(0, 60, 7):
            base = int(codes[0, position])
            up, down = x.clone(), x.clone()
            up[0, base, position] += step
            down[0, base, position] -= step
            slope = float(network.score(up) - network.score(down)) / (2 * step)
            assert found[position] == pytest.approx(slope, rel=1e-4, abs=1e-9)


def test_a_baseline_may_learn_from_some_of_the_samples(tmp_path):
    from deepbio.core import method
    from deepbio.core.kind import small_problem

    splits = small_problem("sequence", "binary", 200)
    for split in splits.values():
        never = np.zeros_like(split.y)
        split.arrays["y"] = np.stack([split.y, never, never + 1], axis=1)
    parameters = {"k": 3, "penalty": [1, 100], "folds": 0}
    found = {}
    for most in (None, 50, 200):
        model = method.create("kmer_logistic", "baseline", parameters | {"most_samples": most})
        model.fit(splits["train"], splits["valid"], Job(1, tmp_path))
        model.save(tmp_path)
        model.load(tmp_path)
        found[most] = model.predict(splits["test"].inputs())["y"]
        assert found[most].shape == (200, 3) and (found[most][:, 1:] == [0, 1]).all()
    assert (found[None] == found[200]).all() and not (found[None][:, 0] == found[50][:, 0]).all()


def test_components_are_those_of_the_fitted_rows():
    x = np.random.default_rng(0).standard_normal((50, 300))
    place, share = style.components(x, x[:7])
    _, values, axes = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(place), np.abs((x[:7] - x.mean(axis=0)) @ axes[:2].T), atol=1e-6)
    np.testing.assert_allclose(share, values[:2] ** 2 / (values**2).sum())


def test_first_weights_are_within_glorots_bounds():
    network = layers.glorot(torch.nn.Sequential(torch.nn.Conv1d(4, 50, 10), torch.nn.ReLU(), torch.nn.Linear(300, 200)))
    for layer, fans in ((network[0], 40 + 500), (network[2], 300 + 200)):
        bound, weight = (6 / fans) ** 0.5, layer.weight.detach()
        assert 0.99 * bound < weight.abs().max() <= bound and not layer.bias.detach().any()
        assert float(weight.std()) == pytest.approx(bound / 3**0.5, rel=0.05)


@pytest.mark.parametrize(("count", "most", "shape"), [(1, 3, (1, 1)), (3, 3, (1, 3)), (7, 3, (3, 3)), (2, 4, (1, 2))])
def test_panels_lie_in_lines_and_the_surplus_is_hidden(count, most, shape):
    figure, axes = style.panels(count, most, (2, 1.5), (1, 0.5))
    assert len(axes) == count and len(figure.axes) == shape[0] * shape[1]
    assert [axis.get_visible() for axis in figure.axes] == [True] * count + [False] * (len(figure.axes) - count)
    assert figure.get_size_inches() == pytest.approx([2 * shape[1] + 1, 1.5 * shape[0] + 0.5])
    style.plt.close(figure)
