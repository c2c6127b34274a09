"""Loops: windows, coordinates from distances, scores, and the adversaries' losses."""

import numpy as np
import pytest
import torch

from deepbio.baselines import mean_distance_loop, nearest_loop, straight_loop
from deepbio.core import kind
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.protein import loops, structure
from deepbio.methods import loop_gan
from deepbio.tasks import protein_loops


def chain(x):
    empty = np.zeros(0)
    return structure.Chain("A", np.zeros(len(x), np.uint8), [str(i + 1) for i in range(len(x))], x, x, x, empty, empty)


def helix(count, turn=1.7, rise=1.5, radius=2.3):
    step = np.arange(count)
    return np.stack([radius * np.cos(turn * step), radius * np.sin(turn * step), rise * step], axis=1)


def test_runs_of_a_state_and_gaps_of_a_chain():
    states = np.array([2, 2, 0, 2, 2, 2, 1, 2])
    assert loops.runs(states, 2, 2, 3) == [(0, 2), (3, 3)]
    x = helix(20)
    assert loops.whole(chain(x), 5, 6) and not loops.whole(chain(x), 2, 6) and not loops.whole(chain(x), 12, 6)
    x[9:] += 3
    assert not loops.whole(chain(x), 5, 6) and loops.whole(chain(x), 12, 5)


def test_a_window_hides_the_loop_and_marks_the_ends():
    one = loops.window(chain(helix(12)), 4, 4, 16)
    assert one["missing"].tolist() == [0] * 6 + [1] * 4 + [0] * 6
    assert one["present"].tolist() == [0, 0] + [1] * 4 + [0] * 4 + [1] * 4 + [0, 0]
    assert not one["trace"][one["present"] == 0].any() and np.isnan(one["y"][one["missing"] == 0]).all()
    near = loops.anchors(one["missing"], one["present"])
    assert near.tolist() == [3, 4, 5, 10, 11, 12]
    np.testing.assert_allclose(one["trace"][near].mean(axis=0), 0, atol=1e-5)


def test_true_distances_place_the_loop_where_it_was():
    one = loops.window(chain(helix(26)), 9, 8, 24)
    whole = np.where(one["missing"][:, None] > 0, np.nan_to_num(one["y"]), one["trace"])
    there = one["missing"] + one["present"]
    table = loops.matrices(whole[None], there[None])[0]
    found = loops.place(table, one["trace"], one["missing"], one["present"])
    loop = one["missing"] > 0
    assert structure.rmsd(found[loop], one["y"][loop]) < 0.2  # neighbours become 3.8 Å apart
    assert np.isnan(found[~loop]).all()


def test_scores_of_a_loop_by_hand():
    splits = kind.small_problem("loop_window", "loop", 4)
    test = splits["test"]
    off = np.nan_to_num(test.y) + np.array([3.0, 0, 4.0])
    found = protein_loops.score(test, {"y": off}, ["rmsd"])
    assert found["rmsd"] == pytest.approx(5, rel=1e-5) and found["median_rmsd"] == pytest.approx(5, rel=1e-5)
    exact = protein_loops.score(test, {"y": np.nan_to_num(test.y)}, ["rmsd"])
    assert exact["rmsd"] == 0 and exact["distance_mae"] == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(
        protein_loops.resampled(test, {"y": off}, "rmsd").function(np.ones((1, 4))), 5, rtol=1e-5
    )


def test_simple_loops(tmp_path):
    splits = kind.small_problem("loop_window", "loop", 40)
    for module in (straight_loop, mean_distance_loop, nearest_loop):
        model = module.Method({})
        model.fit(splits["train"], splits["valid"], None)
        assert np.isfinite(model.predict(splits["test"].inputs())["y"]).all()
    line = straight_loop.Method({})
    trace = np.zeros((1, 5, 3), np.float32)
    trace[0, 4] = [8, 0, 0]
    split = Split({"trace": trace, "missing": np.array([[0, 1, 1, 1, 0]], np.uint8)}, {})
    np.testing.assert_allclose(line.predict(split)["y"][0, 1:4, 0], [2, 4, 6])
    near = nearest_loop.Method({})
    near.fit(splits["train"], splits["train"], None)
    same = protein_loops.score(splits["train"], near.predict(splits["train"].inputs()), ["rmsd"])
    assert same["rmsd"] < 1e-3  # it finds itself


def test_the_discriminators_loss_leaves_the_generator_alone():
    splits = kind.small_problem("loop_window", "loop", 20)
    model = loop_gan.Method({"widths": [8, 16], "bottleneck": 8, "adversarial": 0.001})
    model.shape = model.describe(splits["train"])
    torch.manual_seed(0)
    network = model.build(model.parameters, model.shape)
    batch = model.batch(splits["train"], np.arange(20))
    whole, made = model.painted(network, batch)
    torch.testing.assert_close(made, made.transpose(1, 2))
    outside = batch["band"] == 0
    torch.testing.assert_close(whole[outside], batch["x"][:, 0][outside])
    model.losses(network, batch)[2].backward()
    assert all(p.grad is None for p in network.generator.parameters())
    assert all(p.grad is not None for p in network.discriminator.parameters())


def test_loops_of_a_user_are_named_by_their_residues(tmp_path):
    from deepbio.core.records import Given
    from deepbio.kinds import loop_window

    line = "ATOM  {:5d}  CA  ALA A{:4d}    {:8.3f}{:8.3f}{:8.3f}  1.00 10.00           C\n"
    text = "".join(line.format(i + 1, i + 1, *row) for i, row in enumerate(helix(30)))
    (tmp_path / "a.pdb").write_text(text)
    rows = ["structure,chain,first,last", "a.pdb,A,12,17", "a.pdb,A,12,99", "a.pdb,B,12,17", "a.pdb,A,1,4"]
    (tmp_path / "loops.csv").write_text("\n".join(rows) + "\n")
    found = list(loop_window.read(Given({"loops.csv": tmp_path / "loops.csv"}, {}, {})))
    assert found[0].problem == "" and found[0].arrays["missing"].sum() == 6
    assert found[1].problem == "residue 12 or 99 is not in chain A" and "no chain 'B'" in found[2].problem
    assert found[3].problem.startswith("no loop of 1 to 26 residues")


def test_a_benchmark_that_does_not_fit_its_files_is_named(tmp_path):
    (tmp_path / "loop_definitions.json").write_text(
        '{"a": {"chainID": "A", "StartResidueID": " 5 ", "EndResidueID": " 99 "}, "b": {"chainID": "A"}}'
    )
    line = "ATOM  {:5d}  CA  ALA A{:4d}    {:8.3f}{:8.3f}{:8.3f}  1.00 10.00           C\n"
    (tmp_path / "a.pdb").write_text("".join(line.format(i + 1, i + 1, *row) for i, row in enumerate(helix(20))))
    with pytest.raises(BadInput, match="loop_definitions.json: a: residue 5 or 99 is not in chain A of a.pdb"):
        protein_loops._benchmark(tmp_path, 32)
