"""Accessibility in an unseen sample: which samples and sites each split holds, and what is known of them."""

import numpy as np
import pytest

from deepbio.core.files import BadInput
from deepbio.tasks import pancancer_accessibility as task

NAMES = ["Ery", "pDC", "Mono", "NK"]


def pairs(turn, held_out="Mono"):
    """Make splits of 30 sites, ten for each split, in four samples; the first base of a site is its number."""
    rng = np.random.default_rng(3)
    opened, counts = rng.random((30, 4)) < 0.5, rng.poisson(50, (4, 20)).astype(float)
    codes = np.arange(30, dtype=np.uint8)[:, None]
    rows = {name: np.arange(10) + 10 * i for i, name in enumerate(("train", "valid", "test"))}
    group = np.repeat(["chr1", "chr2", "chr3"], 10)
    parameters = {"held_out": held_out, "genes": 8, "known_sites": 4}
    found = task._pairs(codes, opened, counts, NAMES, parameters, rows, group, np.random.default_rng(1), turn)
    return found, opened, counts


@pytest.mark.parametrize("held_out", NAMES)
def test_every_other_sample_is_that_of_validation_once(held_out):
    out, inner = NAMES.index(held_out), []
    for turn in (1, 2, 3):
        found, *_ = pairs(turn, held_out)
        seen = {name: set(split["sample"].tolist()) for name, split in found.items()}
        assert seen["test"] == {out} and len(seen["valid"]) == 1 and len(seen["train"]) == 2
        assert seen["train"] | seen["valid"] | seen["test"] == set(range(4))
        inner += seen["valid"]
    assert sorted([*inner, out]) == [0, 1, 2, 3]


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_held_out_samples_are_known_neither_by_label_nor_by_scale(turn):
    found, opened, counts = pairs(turn)
    kept, inner = found["train"]["sample"], found["valid"]["sample"][0]
    for split in found.values():
        assert np.isnan(split["open_in"][:, [2, inner]]).all()
        site, sample = split["codes"][:, 0], split["sample"]
        np.testing.assert_array_equal(split.y, opened[site, sample])
        assert np.isnan(split["open_in"][np.arange(len(site)), sample]).all()
    test = found["test"]
    new = test["known"] == 0
    assert np.isnan(test["open_in"][new]).all() and (test["codes"][new, 0] >= 20).all() and new.sum() == 10
    training = np.unique(kept)
    sites = test["codes"][~new, 0]
    np.testing.assert_array_equal(test["open_in"][~new][:, training], opened[sites][:, training])
    assert (sites < 10).all() and len(sites) == 4
    np.testing.assert_array_equal(test.context["expression"], task.expressed(counts, training, 8))
    np.testing.assert_allclose(test.context["expression"][training].mean(axis=0), 0, atol=1e-5)


def test_an_unknown_sample_is_named():
    with pytest.raises(BadInput, match="held_out: 'B' is none of Ery, pDC, Mono, NK"):
        pairs(1, "B")
