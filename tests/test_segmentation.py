"""Segmentation: objects and metrics against cases worked by hand, queries, and the patch network on whole images."""

import numpy as np
import pytest
import torch
from PIL import Image
from support import fit, parameters_of

from deepbio.core import method
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.core.kind import small_problem
from deepbio.domains.cells import pictures, segmentation
from deepbio.figures.micrographs import labels_to
from deepbio.learning import pixels
from deepbio.methods import active_segmentation
from deepbio.tasks import cell_segmentation


def test_dice_and_objects_of_a_case_worked_by_hand():
    truth, found = np.zeros((1, 6, 8), int), np.zeros((1, 6, 8), int)
    truth[0, :2, :4], truth[0, 4:, :4] = 7, 3  # eight pixels each
    found[0, :2, :3], found[0, 4:, 3:] = 1, 2  # six of the first; two of the second and eight others
    assert segmentation.dice(truth, found) == pytest.approx(2 * 8 / (16 + 16))
    assert segmentation.matches(truth[0], found[0]) == (1, 2, 2)
    assert segmentation.object_f1(truth, found) == 0.5
    assert segmentation.object_f1(truth, truth[:, ::-1]) == 1  # numbers mean nothing
    assert segmentation.object_f1(truth, 0 * truth) == segmentation.dice(truth, 0 * truth) == 0
    assert segmentation.object_f1(0 * truth, 0 * truth) == 1
    half = np.zeros((4, 4), int)
    half[:2] = 1  # an IoU of a half is no match
    assert segmentation.matches(np.ones((4, 4), int), half) == (0, 1, 1)


def test_pixels_near_an_edge_are_boundary_and_touching_objects_have_one_between_them():
    mask = np.zeros((1, 9, 12), int)
    mask[0, 1:8, 1:6], mask[0, 1:8, 6:11] = 1, 2
    found = segmentation.pixel_classes(mask, 1)[0]
    assert (found[mask[0] == 0] == segmentation.EXTERIOR).all()
    assert (found[4, [1, 5, 6, 10]] == segmentation.BOUNDARY).all()
    assert (found[2:7, 2:5] == segmentation.INTERIOR).all() and (found[2:7, 7:10] == segmentation.INTERIOR).all()


def test_touching_objects_are_parted_where_interiors_are():
    mask = np.zeros((1, 16, 30), int)
    mask[0, 3:13, 4:15], mask[0, 3:13, 15:26] = 1, 2
    classes = segmentation.pixel_classes(mask, 2)
    probability = np.stack([0.9 * (classes == one) + 0.05 for one in range(3)], axis=1)
    found = segmentation.objects(probability, 0.5, 4)
    assert segmentation.object_f1(mask, found) == 1 and segmentation.dice(mask, found) == 1
    assert segmentation.objects(probability, 0.5, 1000).max() == 0
    lone = probability.copy()  # without an interior it is an object still
    lone[:, [1, 2]] = lone[:, [2, 1]]
    assert segmentation.objects(lone, 0.5, 4).max() >= 1


def test_touching_discs_are_parted_by_their_distance_to_the_background():
    down, across = np.mgrid[:24, :40]
    discs = [(down - 12) ** 2 + (across - middle) ** 2 < 64 for middle in (12.5, 26.5)]
    mask = np.where(discs[0] & (across < 20), 1, np.where(discs[1] & (across >= 20), 2, 0))[None]
    found = segmentation.parted_by_distance(mask > 0, 40)
    assert segmentation.object_f1(mask, found) == 1
    assert segmentation.parted_by_distance(mask > 0, 1000).max() == 0


def test_the_threshold_is_that_of_the_highest_dice():
    mask = np.zeros((1, 10, 10), int)
    mask[0, :4] = 1
    p = np.where(mask > 0, 0.47, 0.33)
    assert 0.33 < segmentation.best_threshold(p, mask) < 0.47
    assert segmentation.smallest_object(mask) == 8


def test_queries_are_the_highest_scores_that_lie_apart():
    score = np.zeros((2, 6, 6))
    score[0, 1, 1], score[0, 1, 2], score[1, 4, 4], score[0, 5, 5] = 9, 8, 7, 6
    found = pixels.choose(score, np.array([[0, 5, 4]]), 2, 2)
    assert found.tolist() == [[0, 1, 1], [1, 4, 4]]
    assert len(pixels.choose(score, np.empty((0, 3), int), 500, 1)) < 72
    classes = np.zeros((1, 20, 20), np.uint8)
    classes[0, :3], classes[0, 3] = 1, 2
    drawn = pixels.random_labels(classes, 5, 10, 2, np.random.default_rng(0))
    assert np.bincount(classes[tuple(drawn[:15].T)]).tolist() == [5, 5, 5]
    apart = np.hypot(*(drawn[15:, None, 1:] - drawn[None, :, 1:]).transpose(2, 0, 1))
    apart[np.arange(10), 15 + np.arange(10)] = np.inf
    assert apart.min() > 2


def test_a_patch_and_the_whole_image_give_the_same_and_maps_are_interpolated_between():
    torch.manual_seed(0)
    model = method.create("active_segmentation", "listed", parameters_of("active_segmentation") | {"stride": 2})
    network = model.build(model.parameters, {}).eval()
    image = np.random.default_rng(0).integers(0, 255, (1, 44, 52)).astype(np.uint8)
    split = Split({"image": image}, {"output": "mask"})
    whole = model.maps(split, network)
    assert whole.shape == (1, 3, 44, 52)
    np.testing.assert_allclose(whole.sum(axis=1), 1, atol=1e-5)
    x = active_segmentation.padded(image)
    for row, column in ((0, 0), (6, 10), (42, 50), (20, 34)):
        patch = pixels.windows(x, torch.tensor([[0, row, column]]), active_segmentation.WINDOW)
        with torch.no_grad():
            alone = network({"x": patch}).softmax(dim=1)[0, :, 0, 0].numpy()
        np.testing.assert_allclose(whole[0, :, row, column], alone, atol=1e-5)
    middle = pixels.enlarged(torch.tensor([[[[0.0, 4], [8, 12]]]]), 4, (7, 6))
    assert middle.shape == (1, 1, 7, 6) and middle[0, 0, 2, 0] == 4 and middle[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 4]
    assert middle[0, 0, 6].tolist() == middle[0, 0, 4].tolist()


def test_each_round_adds_the_labels_that_its_arm_asks_for(tmp_path):
    splits = small_problem("micrograph", "mask", 12)
    for name, asked in (("active_segmentation", "entropy"), ("active_segmentation-random", "random")):
        model, _ = fit(name, splits, tmp_path / asked, limits={"steps": 6})
        assert model.parameters["query"] == asked and len(model.network) == len(model.shape["labels"]) == 2
        first, last = model.shape["labels"]
        assert last - first == model.parameters["count"] and len(model.shape["places"]) == last
        found = model.predict(splits["test"].inputs())
        labels, dice = cell_segmentation.rounds(splits["test"], found)
        assert labels.tolist() == [first, last]
        scores = cell_segmentation.score(splits["test"], found, ["dice", "object_f1"])
        assert scores["labels"] == last and scores["dice_at_100"] == pytest.approx(dice[-1])
        assert scores["learning_area"] == pytest.approx(dice.mean())
    starts = [np.array(model.shape["places"][:first]) for model in (model,)]
    other, _ = fit("active_segmentation", splits, tmp_path / "again", limits={"steps": 6})
    assert np.array_equal(starts[0], other.shape["places"][:first])  # both arms begin alike


def test_the_score_is_that_of_the_resample_of_each_block_once():
    splits = small_problem("micrograph", "mask", 6)
    found = {"y": np.roll(splits["test"].y, 2, axis=2)}
    resampling = cell_segmentation.resampled(splits["test"], found, "dice")
    expected = cell_segmentation.score(splits["test"], found, ["dice"])["dice"]
    assert resampling.samples == 96 and resampling.function(np.ones((1, 96)))[0] == pytest.approx(expected)
    assert cell_segmentation.resampled(splits["test"], found, "object_f1") is None
    assert len(set(resampling.units)) == 96
    # Frames of one movie show the same cells, so that a block is drawn in all of them.
    frames = np.array([f"gowt10{i}" for i in range(6)]).astype("S")
    movie = Split(splits["test"].arrays | {"group": frames}, splits["test"].context)
    units = cell_segmentation.resampled(movie, found, "dice").units
    assert len(set(units)) == 16 and len(units) == 96


def test_labels_to_a_target_are_interpolated():
    at = np.array([0.2, 0.4, 0.6])
    assert labels_to(at, np.array([0.5, 0.7, 0.6]), 0.6) == pytest.approx(0.3)
    assert labels_to(at, np.array([0.5, 0.7, 0.6]), 0.4) == 0.2
    assert labels_to(at, np.array([0.5, 0.7, 0.6]), 0.8) is None


def test_pictures_are_read_in_grey_and_damaged_ones_named(tmp_path):
    grey = np.arange(20, dtype=np.uint8).reshape(4, 5)
    Image.fromarray(grey).save(tmp_path / "a.tif", compression="tiff_lzw")
    assert np.array_equal(pictures.read_picture(tmp_path / "a.tif"), grey)
    Image.fromarray(np.stack([0 * grey, grey, 0 * grey], axis=2)).save(tmp_path / "b.png")
    assert np.array_equal(pictures.read_picture(tmp_path / "b.png"), grey)
    numbers = grey.astype(np.uint16) * 1000
    Image.fromarray(numbers).save(tmp_path / "c.tif")
    assert np.array_equal(pictures.read_picture(tmp_path / "c.tif"), numbers)
    assert pictures.to_bytes(numbers).max() == 255 and pictures.to_bytes(numbers)[0, 1] == round(255 / 19)
    noise = np.random.default_rng(0).integers(0, 256, (40, 40)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "d.png")
    (tmp_path / "d.png").write_bytes((tmp_path / "d.png").read_bytes()[:700])
    with pytest.raises(BadInput, match="d.png: no readable picture"):
        pictures.read_picture(tmp_path / "d.png")


def test_an_image_and_a_mask_of_another_size_are_refused():
    with pytest.raises(BadInput, match="the image has"):
        cell_segmentation._pair(np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8), 1, True, "here")
    image, mask = cell_segmentation._pair(
        np.full((5, 4), 9, np.uint8), np.kron(np.eye(2), np.ones((3, 2)))[:5] * 255, 2, False, "here"
    )
    assert image.shape == mask.shape == (2, 2) and mask.max() == 2
