"""LEAP and the animal-pose task: maps and their maxima, turning, missing parts, the reader of labelled frames."""

import numpy as np
import pytest
import torch
from scipy import io as matlab
from skimage import io

from deepbio.core import task
from deepbio.core.catalog import Catalog
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.core.kind import small_problem
from deepbio.core.method import create
from deepbio.learning import schedules
from deepbio.methods.leap import mirrored, peaks, render, rotated
from deepbio.scoring import metrics
from deepbio.tasks import animal_pose

HEAD = "scorer,me,me,me,me\nbodyparts,nose,nose,tail,tail\ncoords,x,y,x,y\n"
SKELETON = [["nose", "tail"]]


class Drawn(torch.nn.Module):
    """In place of the network's layers: reads a white pixel of the first part's place as its map."""

    def forward(self, x):
        return x.repeat(1, 2, 1, 1)


def model_of(downscale, height, width, **parameters):
    """LEAP for frames of a size, whose maps show where a frame is bright."""
    facts = {"filters": [4, 4, 4], "sigma": 1.5, "downscale": downscale, "rotation": 15, "mirror": True} | parameters
    model = create("leap", "listed", facts)
    y = np.full((1, 2, 2), 5, np.float32)
    context = {"output": "regression", "mirrored": [1, 0]}
    model.shape = model.describe(Split({"image": np.zeros((1, height, width), np.uint8), "y": y}, context))
    model.network = model.build(facts, model.shape)
    return model


@pytest.mark.parametrize("downscale", [1, 3])
def test_a_map_s_maximum_is_the_part_s_place_also_with_padding(downscale):
    height, width = 41, 50  # neither is a multiple of 4 or 12
    model = model_of(downscale, height, width)
    rng = np.random.default_rng(1)
    points = torch.tensor(rng.uniform([0, 0], [width - 1, height - 1], (40, 2)), dtype=torch.float32)
    size = model.network.size(torch.zeros(1, height, width))
    found = model.activate(render(model.to_map(points), size, 1.5)[:, None])[:, 0]
    assert (found - points).abs().max() <= downscale / 2 + 1e-4
    # Through the network's own padding and cropping, with layers that give back what they see.
    model.network.layers = Drawn()
    image = np.zeros((len(points), height, width), np.uint8)
    whole = points.round().long()
    image[np.arange(len(points)), whole[:, 1], whole[:, 0]] = 255
    maps = model.network({"image": torch.from_numpy(image)})
    assert list(maps.shape[2:]) == size
    within = (model.activate(maps)[:, 0] - whole).abs().max()
    assert within <= (downscale - 1) / 2 + (downscale > 1)


def test_what_padding_adds_is_never_predicted():
    model = model_of(4, 42, 50)
    p = model.predict(Split({"image": np.random.default_rng(0).integers(0, 255, (9, 42, 50), np.uint8)}))["y"]
    assert p.shape == (9, 2, 2) and (p[..., 0] <= 50 + 1.5).all() and (p[..., 1] <= 42 + 1.5).all()


@pytest.mark.parametrize("degrees", [-15, 7, 90])
def test_image_and_points_turn_alike(degrees):
    points = torch.tensor([[[20.0, 12.0], [30.0, 25.0]]])
    image = render(points[0], (40, 52), 2).sum(0)[None]
    turned, there = rotated(image, points, torch.tensor([np.radians(degrees)], dtype=torch.float32))
    wanted = render(there[0], (40, 52), 2).sum(0)
    assert (turned[0] - wanted).abs().max() < 0.08
    back, home = rotated(turned, there, -torch.tensor([np.radians(degrees)], dtype=torch.float32))
    assert torch.allclose(home, points, atol=1e-4)
    # Clockwise as displayed: what lies right of the middle goes down.
    right = torch.tensor([[[45.5, 19.5]]])
    assert rotated(image, right, torch.tensor([0.2]))[1][0, 0, 1] > 19.5


def test_a_mirrored_frame_exchanges_left_and_right():
    points = torch.tensor([[[10.0, 4.0], [12.0, 15.0]]])
    image = render(points[0], (20, 24), 1)[0][None]  # shows the left part alone
    flipped, there = mirrored(image, points, [1, 0])
    assert peaks(flipped[0]).tolist() == there[0, 1].tolist() == [10, 15]
    assert there[0, 0].tolist() == [12, 4]


def test_a_missing_part_gives_no_gradient():
    model = model_of(1, 20, 24)
    network = model.network.eval()
    batch = {"image": torch.randint(0, 255, (3, 20, 24), dtype=torch.uint8), "y": torch.full((3, 2, 2), 9.0)}
    batch["y"][:, 1] = torch.nan
    model.loss(network, batch).backward()
    last = network.layers[-1].weight.grad  # (in, parts, 3, 3)
    assert last[:, 0].any() and not last[:, 1].any()
    assert all(torch.isfinite(weight.grad).all() for weight in network.parameters())
    batch["y"][:] = torch.nan
    assert model.loss(network, batch) == 0


def test_augmentation_keeps_missing_parts_missing_and_mirrors_only_what_allows_it():
    model = model_of(1, 20, 24, rotation=0)
    batch = {"image": torch.randint(0, 255, (30, 20, 24), dtype=torch.uint8), "y": torch.full((30, 2, 2), 3.0)}
    batch["y"][:, 1] = torch.nan
    torch.manual_seed(1)
    left = torch.isnan(model.augment(batch)["y"]).any(-1)
    assert (left.sum(1) == 1).all() and left[:, 0].any() and left[:, 1].any()
    model.shape["mirrored"] = None
    same = model.augment(batch)
    assert torch.allclose(same["image"], batch["image"].float(), atol=1e-2)
    assert torch.isnan(same["y"][:, 1]).all()


def test_maps_find_spots_that_a_mean_pose_misses(tmp_path):
    from support import fit

    splits = small_problem("animal_frame", "regression")
    errors = {}
    for name in ("leap", "pose_unet", "mean_pose", "nearest_frame"):
        model, _ = fit(name, splits, tmp_path / name)
        guess = model.predict(splits["test"].inputs())["y"]
        errors[name] = metrics.evaluate(["pixel_error"], splits["test"].y, guess)["pixel_error"]
    assert max(errors["leap"], errors["pose_unet"]) < 1 < errors["nearest_frame"] < errors["mean_pose"]


def cost(network, frames):
    """Count a network's weights, and its multiplications for some frames."""
    total = [0]

    def count(layer, given, made):
        seen = given[0] if isinstance(layer, torch.nn.ConvTranspose2d) else made
        total[0] += layer.weight.numel() * seen.shape[2] * seen.shape[3]

    for layer in network.modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network({"image": frames})
    return sum(weight.numel() for weight in network.parameters()), total[0]


@pytest.mark.parametrize(
    ("scale", "dataset", "parts", "size"),
    [
        ("quick", "drawn_animals", 9, (40, 40)),
        ("standard", "running_mouse", 17, (396, 406)),
        ("full", "fly", 32, (192, 192)),
    ],
)
def test_the_u_net_costs_as_much_as_leap(scale, dataset, parts, size):
    catalog, found = Catalog({"scale": scale}), []
    for name, role in (("leap", "listed"), ("pose_unet", "baseline")):
        facts = catalog.parameters(name, "animal_pose", dataset)
        network = create(name, role, facts).build(facts, {"parts": parts})
        found.append(np.array(cost(network, torch.zeros(1, *size))))
        own = {"filters", "widths", "training"}
        found.append({key: value for key, value in facts.items() if key not in own})
        found.append({key: value for key, value in facts["training"].items() if key != "learning_rate"})
    np.testing.assert_allclose(found[3] / found[0], 1, atol=0.03)
    assert found[4] == found[1] and found[5] == found[2]  # all but the rate, which is its own


def test_the_u_net_s_maps_have_the_frame_s_size():
    facts = {"widths": [4, 4, 4], "downscale": 3, "sigma": 1.5, "rotation": 0, "mirror": False}
    network = create("pose_unet", "baseline", facts).build(facts, {"parts": 2})
    image = torch.zeros(1, 41, 50)
    assert list(network({"image": image}).shape) == [1, 2, 14, 17]


def test_point_metrics_take_both_coordinates_of_known_points():
    y = np.array([[[0, 0], [5, 5]], [[np.nan, np.nan], [1, 1]]])
    p = np.array([[[3, 4], [5, 5]], [[9, 9], [1, 13]]], float)
    found = metrics.evaluate(["pixel_error", "median_pixel_error", "pck_2px", "pck_10px", "mae"], y, p)
    assert found["pixel_error"] == pytest.approx(17 / 3) and found["median_pixel_error"] == 5
    assert found["pck_2px"] == pytest.approx(1 / 3) and found["pck_10px"] == pytest.approx(2 / 3)
    assert found["mae"] == pytest.approx((1 + 16 / 3) / 2)


def test_rate_falls_on_a_plateau():
    fall = lambda losses: schedules.plateau(losses, factor=0.1, plateau=3, gain=0.01, least=0.005)  # noqa: E731
    assert fall([]) == 1 and fall([1.0, 0.9, 0.895, 0.894]) == 1
    assert fall([1.0, 0.9, 0.895, 0.894, 0.893]) == pytest.approx(0.1)
    assert fall([1.0, 0.9, 0.895, 0.894, 0.8, 0.8, 0.8]) == 1
    assert fall([1.0] * 20) == 0.005


# ---- the task


@pytest.fixture
def folder(tmp_path):
    """Nine labelled frames of 20 by 30 pixels, in three of which the tail is not seen."""
    rows = []
    for i in range(9):
        image = np.zeros((20, 30), np.uint8)
        image[5 + i, 3 + 2 * i] = 200
        io.imsave(tmp_path / f"img{i}.png", image, check_contrast=False)
        rows.append(f"img{i}.png,{3 + 2 * i},{5 + i},{'' if i % 3 == 0 else 7},{'' if i % 3 == 0 else 8.5}")
    (tmp_path / "labels.csv").write_text(HEAD + "\n".join(rows) + "\n")
    return tmp_path


def prepare(folder, split=1, **changed):
    parameters = {"format": "frames", "table": "labels.csv", "blocks": 9, "test_blocks": 3, "skeleton": SKELETON}
    return animal_pose.prepare({"frames": folder}, parameters | changed, split)


def test_blocks_of_frame_order_are_tested_once_each(folder):
    tested = []
    for split in (1, 2, 3):
        found = prepare(folder, split)
        assert {name: len(part) for name, part in found.items()} == {"train": 5, "valid": 1, "test": 3}
        assert not np.intersect1d(found["train"]["group"], found["test"]["group"]).size
        tested.append(found["test"].y[:, 0, 1] - 5)
    assert np.concatenate(tested).tolist() == list(range(9))
    first = prepare(folder)["test"]
    assert first["image"].shape == (3, 20, 30) and np.isnan(first.y[0, 1]).all() and first.y[1, 1].tolist() == [7, 8.5]
    for image, y in zip(first["image"], first.y, strict=True):
        assert image[int(y[0, 1]), int(y[0, 0])] == 200
    assert first.context["features"] == ["nose", "tail"] and first.context["skeleton"] == [[0, 1]]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("scorer,me", "scorers,me", "the first lines are not headed scorer, bodyparts and coords"),
        ("coords,x,y,x,y", "coords,x,y,y,x", "labels.csv:3: the columns are not x and y"),
        ("img1.png,5,6,7,8.5", "img1.png,5,6,7", "labels.csv:5: 4 columns in place of 5"),
        ("img1.png,5,6,7,8.5", "img1.png,5,6,seven,8.5", "labels.csv:5: column 'tail x': 'seven' is no number"),
        ("img1.png,5,6,7,8.5", "img1.png,5,6,,8.5", "labels.csv:5: 'tail' has one coordinate without the other"),
        ("img1.png,5,6,7,8.5", "img1.png,5,6,70,8.5", "labels.csv:5: part 2 at [70.0, 8.5] lies outside the picture"),
        ("img1.png,5", "none.png,5", "labels.csv:5: "),
        ("nose,nose", "snout,snout", "labels.csv:2: no part nose; parts are: snout, tail"),
    ],
)
def test_mistakes_in_the_table_name_the_line(folder, old, new, said):
    path = folder / "labels.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BadInput) as caught:
        prepare(folder)
    assert said in str(caught.value) and "labels.csv" in str(caught.value)


def test_a_picture_of_another_size_or_kind_is_named(folder):
    io.imsave(folder / "img2.png", np.zeros((20, 31), np.uint8), check_contrast=False)
    with pytest.raises(BadInput, match=r"labels.csv:6: .*img2.png has \(20, 31\) pixels"):
        prepare(folder)
    (folder / "img2.png").write_bytes(b"no picture")
    with pytest.raises(BadInput, match=r"labels.csv:6: .*img2.png is no readable picture"):
        prepare(folder)


def test_boxes_turn_matlab_s_axes_and_count_from_one(tmp_path):
    import h5py

    box = np.zeros((10, 1, 30, 20), np.float32)  # as HDF5 shows MATLAB's (20, 30, 1, 10)
    positions = np.full((3, 2, 10), np.nan)
    for i in range(9):
        box[i, 0, 4 + i, 2 + i] = 1
        positions[0, :, i] = [5 + i, 3 + i]
    with h5py.File(tmp_path / "box.h5", "w") as file:
        file["box"] = box
    skeleton = {"nodes": np.array(["head", "wingL", "wingR"], object), "edges": np.array([[1, 2], [1, 3]])}
    matlab.savemat(tmp_path / "labels.mat", {"positions": positions, "skeleton": skeleton})
    parameters = {"format": "boxes", "images": "box.h5", "labels": "labels.mat", "fractions": [0.6, 0.1, 0.3]}
    found = animal_pose.prepare({"fly": tmp_path}, parameters, 1)
    assert sum(map(len, found.values())) == 9  # a frame without labels is left out
    for image, y in zip(found["train"]["image"], found["train"].y, strict=True):
        assert image[int(y[0, 1]), int(y[0, 0])] == 255
    assert found["test"].context["mirrored"] == [0, 2, 1] and found["test"].context["skeleton"] == [[0, 1], [0, 2]]
    (tmp_path / "labels.mat").write_bytes(b"none")
    with pytest.raises(BadInput, match="labels.mat: no MATLAB file"):
        animal_pose.prepare({"fly": tmp_path}, parameters, 1)


def test_drawn_animals_lie_inside_and_shine_where_they_are_labelled():
    catalog = Catalog({"scale": "quick"})
    splits = task.prepare("animal_pose", "drawn_animals", catalog.dataset("animal_pose", "drawn_animals"), {}, 1)
    train = splits["train"]
    assert train["image"].dtype == np.uint8 and train.y.shape[1:] == (9, 2)
    size = train["image"].shape[1]
    assert 0.05 < np.isnan(train.y).mean() < 0.2 and np.nanmin(train.y) >= 0 and np.nanmax(train.y) <= size - 1
    assert (np.isnan(train.y[..., 0]) == np.isnan(train.y[..., 1])).all()
    neck = np.nan_to_num(train.y[:, 1], nan=size / 2).round().astype(int)
    on_body = train["image"][np.arange(len(train)), neck[:, 1], neck[:, 0]]
    assert on_body.mean() > 2 * np.median(train["image"])
    assert train.context["mirrored"] == [0, 1, 2, 3, 4, 6, 5, 8, 7]
