"""Published bundles: files of the same formats, small; what was put in comes out, in bounded memory, or is named."""

import tracemalloc

import h5py
import numpy as np
import pytest
from scipy import io

from deepbio.core import task
from deepbio.core.catalog import Catalog
from deepbio.core.data import read_facts, read_split, save_dataset
from deepbio.core.files import BadInput
from deepbio.domains.dna import bundles

FULL = Catalog({"scale": "full"})
FEATURES = {"DNase": 2, "TF": 3}
SIZES = {"train": 70, "valid": 12, "test": 20}
LENGTH = 30


def windows(rng, samples, length=LENGTH):
    """Codes with some unknown bases, and labels."""
    return rng.integers(0, 5, (samples, length)).astype(np.uint8), rng.integers(0, 2, (samples, 5)).astype(np.uint8)


def one_hot(codes, order):
    """(n, 4, length) uint8, rows in the order of `order`; an unknown base is a column of zeros."""
    return np.stack([codes == "ACGT".index(base) for base in order], axis=1).astype(np.uint8)


def write_mat73(path, **arrays):
    """As MATLAB 7.3 does: HDF5, all axes in reverse, in chunks."""
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            chunks = (*array.shape[:0:-1], min(16, len(array)))
            file.create_dataset(name, data=np.ascontiguousarray(array.T), chunks=chunks, compression="gzip")


@pytest.fixture
def deepsea(tmp_path):
    """A folder with the three files, and what they hold: split → (codes, labels)."""
    rng = np.random.default_rng(0)
    held = {name: windows(rng, samples) for name, samples in SIZES.items()}
    for name, (codes, y) in held.items():
        write = write_mat73 if name == "train" else lambda path, **arrays: io.savemat(path, arrays, do_compression=True)
        write(tmp_path / f"{name}.mat", **{f"{name}xdata": one_hot(codes, "AGCT"), f"{name}data": y})
    return tmp_path, held


@pytest.fixture
def basset(tmp_path):
    rng = np.random.default_rng(1)
    held = {name: windows(rng, samples) for name, samples in SIZES.items()}
    with h5py.File(tmp_path / "sites.h5", "w") as file:
        file["target_labels"] = np.array([f"cell {i}" for i in range(5)]).astype("S")
        for name, (codes, y) in held.items():
            x = one_hot(codes, "ACGT").astype(np.float16)
            x[(codes == 4)[:, None].repeat(4, axis=1)] = 0.25  # how the published script writes an unknown base
            file[f"{name}_in"], file[f"{name}_out"] = x[:, :, None], y
    return tmp_path, held


def prepare(name, dataset, folder, **parameters):
    facts = FULL.dataset(name, dataset)
    facts["parameters"] = facts["parameters"] | parameters
    return task.prepare(name, dataset, facts, {"source": folder}, 1)


def small_deepsea(folder, **parameters):
    return prepare("chromatin_profiles", "deepsea_919", folder, **({"features": FEATURES} | parameters))


def small_basset(folder):
    return prepare("chromatin_accessibility", "basset_164", folder, file="sites.h5")


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_deepsea_comes_out_as_it_was_put_in(deepsea, monkeypatch, rows):
    monkeypatch.setattr(bundles, "BLOCK", rows * 4 * LENGTH)
    folder, held = deepsea
    splits = small_deepsea(folder)
    for name, (codes, y) in held.items():
        np.testing.assert_array_equal(splits[name]["codes"], codes)
        np.testing.assert_array_equal(splits[name].y, y)
        assert splits[name].context["features"] == ["DNase 1", "DNase 2", "TF 1", "TF 2", "TF 3"]
    other = small_deepsea(folder, bases="ACGT")["test"]["codes"]
    np.testing.assert_array_equal(other, np.array([0, 2, 1, 3, 4])[held["test"][0]])


def test_basset_comes_out_as_it_was_put_in(basset):
    folder, held = basset
    splits = small_basset(folder)
    for name, (codes, y) in held.items():
        np.testing.assert_array_equal(splits[name]["codes"], codes)
        np.testing.assert_array_equal(splits[name].y, y)
    assert splits["test"].context["features"][4] == "cell 4"


def test_stored_and_read_it_is_the_same(deepsea, tmp_path):
    splits = small_deepsea(deepsea[0])
    save_dataset(tmp_path / "data", splits, {"task": "chromatin_profiles"})
    for name, split in splits.items():
        assert read_split(tmp_path / "data", name).digest() == split.digest()
    assert read_facts(tmp_path / "data")["splits"]["train"]["arrays"]["y"] == ["uint8", [70, 5]]


def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch):
    rng, block, length = np.random.default_rng(0), 2**18, 200
    sizes = {"train": 6000, "valid": 100, "test": 100}
    for name, samples in sizes.items():
        codes, y = windows(rng, samples, length)
        write_mat73(tmp_path / f"{name}.mat", **{f"{name}xdata": one_hot(codes, "AGCT"), f"{name}data": y})
    bytes_stored = 4 * length * sizes["train"]
    assert bytes_stored > 15 * block
    monkeypatch.setattr(bundles, "BLOCK", block)
    small_deepsea(tmp_path)  # what is imported on the way does not count
    tracemalloc.start()
    splits = small_deepsea(tmp_path)
    save_dataset(tmp_path / "data", splits, {"task": "chromatin_profiles"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * block < bytes_stored / 2
    np.testing.assert_array_equal(splits["test"]["codes"], codes)


def rewrite(path, name, array):
    with h5py.File(path, "a") as file:
        del file[name]
        if array is not None:
            file[name] = array


def test_what_is_wrong_with_an_hdf5_file_is_named(basset):
    folder, held = basset
    path = folder / "sites.h5"
    y = held["valid"][1].astype(np.float32)
    y[3, 2] = np.nan
    rewrite(path, "valid_out", y)
    with pytest.raises(BadInput, match=r"sites.h5: 'valid_out': record 4, feature 3: nan is neither 0 nor 1"):
        small_basset(folder)
    rewrite(path, "valid_out", held["valid"][1][:-1])
    with pytest.raises(BadInput, match=r"sites.h5: 'valid_out' has 11 records of 5, not 12 of 5"):
        small_basset(folder)
    rewrite(path, "valid_in", np.zeros((12, 5, LENGTH), np.uint8))
    with pytest.raises(BadInput, match=r"sites.h5: 'valid_in' has shape \(12, 5, 30\), not \(samples, 4, length\)"):
        small_basset(folder)
    rewrite(path, "valid_in", None)
    with pytest.raises(BadInput, match=r"sites.h5: no array 'valid_in'; there are target_labels, test_in"):
        small_basset(folder)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(BadInput, match="sites.h5: 'target_labels': damaged file"):
        small_basset(folder)


@pytest.mark.parametrize(
    ("column", "shown"),
    [([1, 0, 1, 0], r"\[1, 0, 1, 0\]"), ([0, 2, 0, 0], r"\[0, 2, 0, 0\]"), ([1, 255, 0, 0], r"\[1, 255, 0, 0\]")],
)
def test_a_column_that_is_not_one_hot_is_named(deepsea, monkeypatch, column, shown):
    monkeypatch.setattr(bundles, "BLOCK", 16 * 4 * LENGTH)
    folder, held = deepsea
    x = one_hot(held["train"][0], "AGCT")
    x[40, :, 6] = column
    write_mat73(folder / "train.mat", trainxdata=x, traindata=held["train"][1])
    with pytest.raises(BadInput, match=rf"train.mat: 'trainxdata': record 41, position 7: {shown} is no one-hot"):
        small_deepsea(folder)


def test_what_is_wrong_with_a_mat_file_is_named(deepsea):
    folder, held = deepsea
    with pytest.raises(BadInput, match="order of bases"):
        small_deepsea(folder, bases="AGCC")
    with pytest.raises(BadInput, match=r"train.mat: 'traindata' has 70 records of 5, not 70 of 919"):
        prepare("chromatin_profiles", "deepsea_919", folder)
    whole = (folder / "test.mat").read_bytes()
    (folder / "test.mat").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="test.mat: neither HDF5 nor a whole .mat file"):
        small_deepsea(folder)
    io.savemat(folder / "test.mat", {"testdata": held["test"][1]})
    with pytest.raises(BadInput, match="test.mat: no array 'testxdata'; there are testdata"):
        small_deepsea(folder)
    (folder / "test.mat").unlink()
    with pytest.raises(BadInput, match="test.mat: no such file"):
        small_deepsea(folder)
