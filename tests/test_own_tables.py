"""A user's own tables, expression matrices, genotypes and frames."""

import time

import numpy as np
import pytest
from own_files import prepared, refused, sizes, table, variants, write

from deepbio.core import own, own_parts, records
from deepbio.kinds import table as tables


def test_columns_of_words_and_cells_that_are_no_numbers(tmp_path):
    facts = table(tmp_path) | {"columns": {"label": "state", "group": "family"}}
    splits, told = prepared(write(tmp_path, **facts))
    assert (
        splits["train"].context["features"] == ["a", "b", "c"] and "columns that hold words are left out: sex" in told
    )
    assert "column 'a': 'oops' is no number: t.csv:4 (p2)" in told and "1 gaps are filled" in told
    assert "parted by group" in told and sum(sizes(splits)) == 59
    assert not any(np.isnan(split["x"]).any() for split in splits.values())
    said = write(tmp_path, **(facts | {"columns": {"label": "state", "features": ["a", "d"]}}))
    assert "no column 'd'" in refused(said)


def test_expression_from_h5ad_dense_and_sparse(tmp_path):
    import h5py
    from scipy import sparse

    x = np.random.default_rng(0).poisson(1.0, (40, 5)).astype(np.float32)
    digests = []
    for form in ("dense", "sparse"):
        with h5py.File(tmp_path / "cells.h5ad", "w") as file:
            if form == "dense":
                file["X"] = x
            else:
                group, matrix = file.create_group("X"), sparse.csr_matrix(x)
                group.attrs["encoding-type"] = "csr_matrix"
                for key in ("data", "indices", "indptr"):
                    group[key] = getattr(matrix, key)
            for name, names in (("obs", [f"c{n}" for n in range(40)]), ("var", [f"g{n}" for n in range(5)])):
                group = file.create_group(name)
                group["_index"] = names
                group.attrs["_index"] = "_index"
            kinds = file["obs"].create_group("type")
            kinds["categories"], kinds["codes"] = ["B", "T"], (x[:, 0] > 0).astype(np.int8)
        facts = {"input": "table", "output": "multiclass", "file": "cells.h5ad", "columns": {"label": "type"}}
        splits, _ = prepared(write(tmp_path, **facts))
        assert splits["train"].context["classes"] == ["B", "T"] and len(splits["train"].context["features"]) == 5
        digests.append(splits["train"].digest())
    assert digests[0] == digests[1]


def test_multi_allelic_records_and_deletions_are_left_out_and_no_call_is_unknown(tmp_path):
    cells = "\t".join(["0/1"] * 29 + ["./."])
    more = [
        f"1\t900\t.\tA\tG,T\t.\t.\t.\tGT\t{cells}",
        f"1\t901\t.\tAC\tA\t.\t.\t.\tGT\t{cells}",
        f"1\t902\t.\tC\tT\t.\t.\t.\tGT\t{cells}",
    ]
    splits, told = prepared(write(tmp_path, **variants(tmp_path, more=more)))
    assert "41 biallelic SNPs; 2 other records are left out" in told
    x = np.concatenate([split["x"] for split in splits.values()])
    assert (x == -1).sum() == 1 and set(np.unique(x)) == {-1, 0, 1, 2}
    haploid = [f"1\t903\t.\tC\tT\t.\t.\t.\tGT\t{chr(9).join(['1'] * 30)}"]
    assert "person p0: 1 alleles; two are expected" in refused(write(tmp_path, **variants(tmp_path, more=haploid)))


def test_sites_are_chosen_by_training_people_alone(tmp_path):
    facts = variants(tmp_path)
    first, _ = prepared(write(tmp_path, **facts))
    held = {row.tobytes() for row in first["test"]["x"]}
    assert held and len(first["train"].context["sites"]) == first["train"]["x"].shape[1]
    seen = first["train"]["x"].astype(float)
    share = seen.mean(axis=0) / 2
    assert (np.minimum(share, 1 - share) >= 0.05).all()


def test_frames_and_their_points(tmp_path):
    from skimage import io

    (tmp_path / "frames").mkdir()
    rng = np.random.default_rng(0)
    for n in range(40):
        io.imsave(
            tmp_path / f"frames/f{n:02}.png", rng.integers(0, 255, (16, 20), dtype=np.uint8), check_contrast=False
        )
    io.imsave(tmp_path / "frames/f40.png", rng.integers(0, 255, (8, 8), dtype=np.uint8), check_contrast=False)
    (tmp_path / "frames/f41.png").write_bytes(b"no picture")
    rows = [f"f{n:02}.png,{n % 20},{n % 16},," for n in range(42)]
    (tmp_path / "points.csv").write_text("\n".join(["id,left_x,left_y,right_x,right_y", *rows]))
    facts = {"input": "animal_frame", "output": "regression", "file": "frames", "labels": "points.csv"}
    splits, told = prepared(write(tmp_path, **facts))
    assert splits["train"].y.shape[1:] == (2, 2) and splits["train"].context["mirrored"] == [1, 0]
    assert "a picture of 8 x 8 pixels, not 16 x 20" in told and "no picture: " in told and "parted by blocks" in told


def test_a_frame_that_stands_in_several_stretches_is_in_one_part(tmp_path):
    from skimage import io

    (tmp_path / "frames").mkdir()
    rng = np.random.default_rng(0)
    still = rng.integers(0, 255, (16, 20), dtype=np.uint8)
    for n in range(60):
        frame = still if n % 3 == 0 else rng.integers(0, 255, (16, 20), dtype=np.uint8)
        io.imsave(tmp_path / f"frames/f{n:02}.png", frame, check_contrast=False)
    rows = [f"f{n:02}.png,{n % 20},{n % 16}" for n in range(60)]
    (tmp_path / "points.csv").write_text("\n".join(["id,nose_x,nose_y", *rows]))
    facts = {"input": "animal_frame", "output": "regression", "file": "frames", "labels": "points.csv"}
    splits, told = prepared(write(tmp_path, **facts))
    found = {name: {row.tobytes() for row in np.asarray(split["image"])} for name, split in splits.items()}
    assert still.tobytes() in found["test"] and "parted by blocks" in told
    assert still.tobytes() not in found["train"] | found["valid"] and "are in a later part as well" in told


def test_chromosomes_that_hold_the_same_regions_are_no_parts(tmp_path):
    rows = [f"chr{n // 20},{n % 20 * 1000},{n % 20},{n % 20 % 3},{n % 2}" for n in range(60)]
    (tmp_path / "s.csv").write_text("\n".join(["chromosome,start,a,b,label", *rows]))
    told = refused(write(tmp_path, input="signal_table", output="binary", file="s.csv", columns={"label": "label"}))
    assert "by: chromosome: all samples of train are in a later part as well" in told


def test_a_table_of_many_columns_is_read_in_a_time_that_grows_as_they_do(tmp_path):
    count, path = 20_000, tmp_path / "wide.csv"
    names = ",".join(f"gene{n}" for n in range(count))
    path.write_text(f"id,{names},label\na{',1' * count},0\n")
    given = records.Given({"wide.csv": path}, {"label": "label"}, {}, "binary")
    began = time.process_time()
    (record,) = tables.read(given)
    assert time.process_time() - began < 1
    assert len(record.arrays["x"]) == count and record.fields == {"id": "a", "label": "0", "file": "wide.csv"}


def test_the_labels_of_the_whole_are_counted_once_while_groups_are_dealt(monkeypatch):
    rng, seen = np.random.default_rng(0), []
    y, mean = rng.integers(0, 2, (300, 4)).astype(float), np.nanmean
    monkeypatch.setattr(np, "nanmean", lambda x, **more: seen.append(len(x)) or mean(x, **more))
    part = own_parts.deal(np.arange(300) // 10, y, own.FRACTIONS, rng, "multilabel")
    assert seen.count(300) == 1 and len(seen) > 100
    assert np.bincount(part) / 300 == pytest.approx(own.FRACTIONS, abs=0.05)
