"""Bags of cells: pooling by hand, consensus of filters, bags drawn evenly, readers, and what is recovered."""

import numpy as np
import pytest
import torch
from support import CATALOG, fit, parameters_of

from deepbio.core import kind, method, task
from deepbio.core.data import Ragged, Split
from deepbio.core.files import BadInput
from deepbio.domains.cells import fcs, simulated
from deepbio.learning import bags
from deepbio.methods.cellcnn import Network, pooled
from deepbio.tasks import cell_subsets


def test_pooling_goes_from_the_maximum_to_the_mean():
    responses = torch.tensor([[0.0, 5], [4, 1], [2, 3], [6, 3]])[None]
    assert pooled(responses, 0.01).tolist() == [[6, 5]]
    assert pooled(responses, 50).tolist() == [[5, 4]]
    assert pooled(responses, 74).tolist() == [[5, 4]]  # two cells and not three
    assert pooled(responses, 100).tolist() == [[3, 3]]


def test_the_order_of_cells_does_not_matter():
    torch.manual_seed(0)
    network = Network(5, 4, 20, 0.5, {"kind": "binary", "outputs": 1}).eval()
    cells = torch.randn(3, 40, 5)
    shuffled = cells[:, torch.randperm(40)]
    torch.testing.assert_close(network({"cells": cells}), network({"cells": shuffled}))
    weight = network.output.weight
    torch.testing.assert_close(network.effects(), (weight[1] - weight[0]).detach())


def test_bags_are_drawn_evenly_and_from_one_sample_each():
    y, offsets = np.array([0, 1, 1, 0, 0.0]), np.array([0, 10, 30, 45, 50, 80])
    rows, labels = bags.draw(y, offsets, 12, 6, np.random.default_rng(0))
    assert rows.shape == (24, 6) and np.bincount(labels.astype(int)).tolist() == [12, 12]
    sample = np.searchsorted(offsets, rows, side="right") - 1
    assert (sample == sample[:, :1]).all() and (y[sample[:, 0]] == labels).all()
    assert np.bincount(sample[:, 0]).tolist() == [4, 6, 6, 4, 4]


def test_filters_of_several_runs_agree(tmp_path):
    model = method.create("cellcnn", "listed", parameters_of("cellcnn"))
    model.shape = {"column_mean": [0.0] * 3, "kind": "binary", "outputs": 1, "best": [0, 1]}
    model.shape["runs"] = [{"accuracy": value} for value in (1, 1, 0.97, 0.5)]
    model.network = torch.nn.ModuleList(Network(3, 2, 20, 0, model.shape) for _ in range(4))
    common, lone = torch.tensor([1.0, 0, -1]), torch.eye(3)
    with torch.no_grad():
        for run, one in enumerate(model.network):
            one.filters.bias.zero_()
            one.filters.weight[0] = common * (1 + run) + 0.01 * run
            # The others point elsewhere each; the run of low accuracy repeats the first one's.
            one.filters.weight[1] = torch.stack([-lone[0], lone[1], -lone[1], -lone[0]])[run]
    found = model.consensus()
    assert len(found) == 1 and found[0][1] == 0 and found[0][0] in (0, 1, 2)


def test_the_planted_subset_is_recovered(tmp_path):
    splits = kind.small_problem("cell_bag", "binary", 40)
    model, _ = fit("cellcnn", splits, tmp_path)
    found = model.predict(splits["test"].inputs())
    scores = cell_subsets.score(splits["test"], found, ["accuracy"])
    assert scores["accuracy"] > 0.85 and scores["subset_auprc"] > 0.8
    assert scores["subset_precision"] > 0.6 and scores["subset_recall"] > 0.4
    model.save(tmp_path)
    back = method.create("cellcnn", "listed", {})
    back.load(tmp_path)
    np.testing.assert_array_equal(back.predict(splits["test"].inputs())["selected"], found["selected"])
    assert [one.percent for one in back.network] == [one.percent for one in model.network]


def test_scores_of_cells_by_hand():
    cells = Ragged.join([np.zeros((3, 1), np.float32), np.zeros((2, 1), np.float32)])
    inside = Ragged(np.array([1, 0, 1, 1, 0], bool), cells.offsets)
    test = Split({"cells": cells, "y_cells": inside, "y": np.array([1.0, 0])})
    predictions = {"y": np.array([[0.9], [0.2]]), "response": np.array([3, 2, 1, 9, 9.0])}
    predictions["selected"] = np.array([True, True, False, True, True])
    found = cell_subsets.score(test, predictions, ["accuracy"])
    # Of the sample of label 1 alone: the first and the third cell are of the subset.
    assert found == {
        "accuracy": 1,
        "subset_auprc": pytest.approx((1 + 2 / 3) / 2),
        "subset_precision": 0.5,
        "subset_recall": 0.5,
    }
    del predictions["response"]
    assert cell_subsets.score(test, predictions, ["accuracy"]) == {"accuracy": 1}


def test_the_subset_is_rare_in_samples_without_it():
    labels = np.array([0, 1] * 10)
    x, planted = simulated.planted_bags(*(np.random.default_rng(i) for i in (0, 1)), labels, 2000, 6, 3, 0.05)
    assert planted[labels == 1].mean() == pytest.approx(0.05, abs=0.01)
    assert planted[labels == 0].mean() == pytest.approx(0.005, abs=0.003)
    raised = (x[planted].mean(axis=0) - x[~planted].mean(axis=0)) > 1
    assert raised.sum() >= 2


def test_matrix_and_clusters_by_hand(tmp_path):
    cells = Ragged.join([np.array([[1.0, 2], [3, 4]]), np.array([[5.0, 5]])])
    found = kind.load("cell_bag").matrix(Split({"cells": cells}), {})
    np.testing.assert_allclose(found, [[2, 3, 1, 1], [5, 5, 0, 0]])
    model = method.create("cluster_frequencies", "baseline", {})
    model.clusters = {"mean": [0, 0], "std": [1, 1], "centres": [[0, 0], [3, 4], [5, 5]]}
    np.testing.assert_allclose(model.features(Split({"cells": cells})), [[0.5, 0.5, 0], [0, 0, 1]])


def test_samples_are_in_one_part():
    facts = CATALOG.dataset("cell_subsets", "planted")
    facts = facts | {"parameters": facts["parameters"] | {"cells": 30}}
    one, other = (task.prepare("cell_subsets", "planted", facts, {}, seed) for seed in (1, 2))
    names = [set(split["group"].tolist()) for split in one.values()]
    assert sum(map(len, names)) == len(set.union(*names)) == 60
    assert all(0.4 < split.y.mean() < 0.6 for split in one.values())
    assert set(one["test"].inputs().arrays) == {"cells"}
    assert set(one["test"]["group"].tolist()) != set(other["test"]["group"].tolist())


def write_fcs(path, events, names, order="4,3,2,1"):
    """An FCS 3.0 file of 32-bit floats."""
    data = np.asarray(events, ">f4" if order == "4,3,2,1" else "<f4").tobytes()
    facts = {"$BYTEORD": order, "$DATATYPE": "F", "$MODE": "L", "$PAR": len(names), "$TOT": len(events)}
    facts |= {"$NEXTDATA": 0, "$BEGINANALYSIS": 0, "$ENDANALYSIS": 0, "$BEGINSTEXT": 0, "$ENDSTEXT": 0}
    for number, name in enumerate(names, 1):
        facts |= {f"$P{number}N": f"FL{number}", f"$P{number}B": 32, f"$P{number}E": "0,0", f"$P{number}R": 1024}
        facts |= {f"$P{number}S": name} if name else {}
    begin = 1024
    facts |= {"$BEGINDATA": begin, "$ENDDATA": begin + len(data) - 1}
    text = "/" + "/".join(f"{key}/{value}" for key, value in facts.items()) + "/"
    places = [58, 58 + len(text) - 1, begin, begin + len(data) - 1, 0, 0]
    head = "FCS3.0    " + "".join(f"{place:>8}" for place in places)
    path.write_bytes((head + text).encode().ljust(begin) + data)


@pytest.mark.parametrize("order", ["4,3,2,1", "1,2,3,4"])
def test_fcs_files_are_read_and_damaged_ones_named(tmp_path, order):
    events = np.array([[1.5, 20], [3, 400], [0, 1]])
    write_fcs(tmp_path / "a.fcs", events, ["CD3", ""], order)
    found, names = fcs.read_fcs(tmp_path / "a.fcs")
    np.testing.assert_allclose(found, events)
    assert names == ["CD3", "FL2"]
    whole = (tmp_path / "a.fcs").read_bytes()
    for number, damaged in enumerate((b"", whole[:300], b"no FCS" + whole[6:], whole[:1030])):
        (tmp_path / f"b{number}.fcs").write_bytes(damaged)
        with pytest.raises(BadInput, match=f"b{number}.fcs"):
            fcs.read_fcs(tmp_path / f"b{number}.fcs")


def test_leukaemia_files_with_the_authors_split(tmp_path):
    folder = tmp_path / "flowcap2_aml"
    folder.mkdir()
    rng, lines = np.random.default_rng(0), ["fcsName,Label,dataset"]
    for number in range(12):
        write_fcs(folder / f"s{number}.fcs", rng.uniform(0, 900, (20, 2)), ["CD3", "CD4"])
        lines.append(f"s{number}.fcs,{('aml', 'normal')[number % 2]},{'test' if number < 4 else 'train'}")
    (folder / "fcs_info.csv").write_text("\n".join(lines))
    parameters = {"format": "aml", "files": "x", "valid_fraction": 0.25, "classes": ["normal", "leukaemia"]}
    found = cell_subsets.prepare({"x": tmp_path}, parameters, 1)
    assert sorted(found["test"]["group"].tolist()) == [b"s0.fcs", b"s1.fcs", b"s2.fcs", b"s3.fcs"]
    assert len(found["valid"]) == 2 and found["valid"].y.sum() == 1 and found["train"].context["features"][0] == "CD3"
    assert found["test"]["cells"].values.min() >= 0  # values below 1 have the logarithm 0
    (folder / "fcs_info.csv").write_text("\n".join([*lines[:2], "s1.fcs,ill,test"]))
    with pytest.raises(BadInput, match="fcs_info.csv:3: 'ill', 'test'"):
        cell_subsets.prepare({"x": tmp_path}, parameters, 1)


def test_bags_of_text_have_markers_in_rows(tmp_path):
    folder = tmp_path / "nk_cmv"
    folder.mkdir()
    for part, numbers in (("train", range(8)), ("valid", (0, 2))):
        (folder / f"y_{part}.txt").write_text("".join(f"{n % 2}.0\n" for n in range(8)))
        for number in numbers:
            np.savetxt(folder / f"X_{part}_{number}.txt", np.arange(6).reshape(2, 3) + number)
    parameters = {"format": "nk", "files": "x", "valid_fraction": 0.25, "classes": ["-", "+"]}
    parameters |= {"train": list(range(8)), "valid": [0, 2]}
    found = cell_subsets.prepare({"x": tmp_path}, parameters, 1)
    assert found["test"]["group"].tolist() == [b"valid0", b"valid2"]
    np.testing.assert_array_equal(found["test"]["cells"].values[:3], [[0, 3], [1, 4], [2, 5]])
