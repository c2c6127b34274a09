"""Own expression, cells and micrographs: what is read of each form, and the message for what cannot be."""

import h5py
import numpy as np
import pytest
from own_files import predicted, prepared, refused, sizes, trained, write
from PIL import Image
from support import call

from deepbio.core import kind, records
from deepbio.core.files import BadInput
from deepbio.core.records import Given

GENES = ["TP53", "ESR1", "GATA3", "MKI67"]


def levels(count=30):
    return np.random.default_rng(0).normal(5, 2, (count, 4)).round(3)


def read(name, path, known=None, **said):
    """All records of a file by a kind's reader."""
    files = path if isinstance(path, dict) else {path.name: path}
    return list(kind.load(name).read(Given(files, said.pop("columns", {}), said, ""), known))


# ---- expression


def expression(folder, form):
    """One matrix as a table with genes in columns, in rows, or as AnnData, and its YAML."""
    x = levels()
    labels = [f"s{i}\t{'high' if row[1] > 5 else 'low'}" for i, row in enumerate(x)]
    (folder / "samples.tsv").write_text("\n".join(["sample\tgrade", *labels]) + "\n")
    facts = {"input": "expression", "output": "binary", "positive": "high", "labels": "samples.tsv"}
    facts |= {"columns": {"label": "grade", "id": "sample"}}
    if form == "columns":
        rows = [f"s{i},{','.join(map(str, row))}" for i, row in enumerate(x)]
        (folder / "x.csv").write_text("\n".join([f"sample,{','.join(GENES)}", *rows]))
        return write(folder, file="x.csv", **facts)
    if form == "rows":
        rows = [f"{gene}\t" + "\t".join(map(str, row)) for gene, row in zip(GENES, x.T, strict=True)]
        (folder / "x.tsv").write_text("\n".join(["gene\t" + "\t".join(f"s{i}" for i in range(30)), *rows]))
        return write(folder, file="x.tsv", **facts)
    with h5py.File(folder / "x.h5ad", "w") as file:
        file["X"] = x
        for name, names in (("obs", [f"s{i}" for i in range(30)]), ("var", GENES)):
            file[f"{name}/_index"] = names
            file[name].attrs["_index"] = "_index"
        file["obs/grade"] = [label.split("\t")[1] for label in labels]
        file["obs/depth"] = np.arange(30.0)  # a number about a sample is no gene
    facts.pop("labels")
    return write(folder, file="x.h5ad", **(facts | {"columns": {"label": "grade"}}))


def test_expression_is_the_same_with_genes_in_columns_in_rows_and_as_anndata(tmp_path):
    found = {}
    for form in ("columns", "rows", "h5ad"):
        (tmp_path / form).mkdir()
        splits, told = prepared(expression(tmp_path / form, form))
        assert splits["train"].context["genes"] == GENES and "4 genes" in told and sum(sizes(splits)) == 30
        found[form] = {
            tuple(row): label for split in splits.values() for row, label in zip(split["x"], split.y, strict=True)
        }
    assert found["columns"] == found["rows"] == found["h5ad"]
    assert all(label == (row[1] > 5) for row, label in found["rows"].items())


@pytest.mark.parametrize("form", ["columns", "rows", "h5ad"])
def test_new_samples_are_read_by_the_genes_of_the_model(tmp_path, form):
    expression(tmp_path, form)
    path = next(path for path in tmp_path.iterdir() if path.name.startswith("x."))
    known = {"genes": ["GATA3", "TP53"], "fill": [0.0, 0.0]}
    found = read("expression", path, known)
    assert len(found) == 30 and found[3].id in ("s3", "4") and set(found[3].arrays) == {"x"}
    np.testing.assert_allclose(records.stack(found)["x"], levels()[:, [2, 0]], rtol=1e-6)
    with pytest.raises(BadInput, match="BRCA1"):
        read("expression", path, {"genes": ["TP53", "GATA3", "BRCA1"]})


def test_wrong_and_missing_levels_in_rows_are_named(tmp_path):
    path = expression(tmp_path, "rows")
    file = tmp_path / "x.tsv"
    lines = file.read_text().splitlines()
    lines[1] = lines[1].replace("\t", "\toops\t", 1).rsplit("\t", 1)[0]
    lines[2] = lines[2].split("\t", 2)[0] + "\tNA\t" + lines[2].split("\t", 2)[2]
    file.write_text("\n".join(lines))
    splits, told = prepared(path)
    assert sum(sizes(splits)) == 29 and "gene 'TP53': 'oops' is no number: x.tsv:column 2 (s0)" in told
    assert "1 records are left out" in told
    one = read("expression", file, {"genes": GENES[1:]})
    assert one[0].problem == "gene 'ESR1' is empty" and not one[1].problem
    filled = read("expression", file, {"genes": GENES[1:], "fill": [7.0, 7, 7]})
    assert filled[0].arrays["x"][0] == 7
    file.write_text("\n".join([*lines, lines[3]]))
    assert "gene 'GATA3' stands twice" in refused(path)
    file.write_text("\n".join([*lines[:3], lines[3] + "\t1"]))
    assert "x.tsv:4" in refused(path)


def test_genes_of_a_model_for_profiles_are_rows_standardised_over_its_conditions(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("gene,c,a,b\nlexA,3,1,2\nrecA,x,1,2\n")
    found = read("gene_profiles", path, {"conditions": ["a", "b", "c"]}, columns={"id": "gene"})
    deviation = 1 / np.std([1, 2, 3]) / 6
    np.testing.assert_allclose(found[0].arrays["x"], [0.5 - deviation, 0.5, 0.5 + deviation], atol=1e-6)
    assert found[0].id == "lexA" and found[1].problem == "column 'c': 'x' is no number"


# ---- cells


def write_fcs(path, events, names):
    """A minimal FCS 3.0 file of 32-bit numbers."""
    import flowio

    with open(path, "wb") as handle:
        flowio.create_fcs(handle, events.ravel().tolist(), names)


def gated(folder, count=40):
    """Two samples of cells as tables, with the gate of each cell in the first."""
    rng = np.random.default_rng(1)
    for name in ("one", "two"):
        rows = [f"{'B' if n % 2 else 'T'},{a:.3f},{b:.3f}" for n, (a, b) in enumerate(rng.normal(3, 1, (count, 2)))]
        (folder / f"{name}.csv").write_text("\n".join(["gate,CD3,CD19", *rows]))
    return {"input": "cells", "output": "multiclass", "file": ["one.csv", "two.csv"], "columns": {"label": "gate"}}


def test_cells_of_several_files_are_samples_of_which_the_first_is_the_reference(tmp_path):
    splits, told = prepared(write(tmp_path, **gated(tmp_path)))
    context = splits["train"].context
    assert context["features"] == ["CD3", "CD19"] and context["samples"] == ["one", "two"]
    assert context["reference"] == 0 and context["classes"] == ["B", "T"] and sum(sizes(splits)) == 80
    assert "cells of each sample: one 40, two 40" in told
    assert set(splits["train"]["sample"]) == {0, 1}
    (tmp_path / "two.csv").write_text("gate,CD3,CD20\nB,1,2\nT,2,3\n")
    assert "other markers than one.csv" in refused(write(tmp_path, **gated_again(tmp_path)))


def gated_again(folder):
    return {"input": "cells", "output": "multiclass", "file": ["one.csv", "two.csv"], "columns": {"label": "gate"}}


def test_cells_of_an_fcs_file_become_logarithms_for_a_model(tmp_path):
    events = np.array([[0.0, 100, 7], [-9, 3, 8]])
    write_fcs(tmp_path / "new.fcs", events, ["CD19", "CD3", "time"])
    known = {"features": ["CD3", "CD19"], "samples": ["one", "two"], "reference": 1}
    found = read("cells", tmp_path / "new.fcs", known)
    np.testing.assert_allclose(records.stack(found)["x"], np.log1p([[100, 0], [3, 9]]), rtol=1e-5)
    assert [int(record.arrays["sample"]) for record in found] == [1, 1]
    assert found[0].note == "sample 'new' was not in training" and found[1].id == "new.fcs:event 2"
    with pytest.raises(BadInput, match="no marker 'CD4'; there are: CD19, CD3, time"):
        read("cells", tmp_path / "new.fcs", known | {"features": ["CD4"]})
    (tmp_path / "bad.fcs").write_bytes(b"FCS3.0 and no more")
    with pytest.raises(BadInput, match="bad.fcs: no FCS file"):
        read("cells", tmp_path / "bad.fcs", known)


def test_a_folder_for_each_label_holds_bags_of_cells(tmp_path):
    rng = np.random.default_rng(2)
    for name in ("ill", "healthy"):
        (tmp_path / name).mkdir()
        for number in range(10):
            write_fcs(tmp_path / name / f"{name}{number}.fcs", rng.uniform(1, 50, (5 + number, 2)), ["CD3", "CD4"])
    (tmp_path / "ill" / "cut.fcs").write_bytes(b"FCS3.0")
    (tmp_path / "ill" / "other.csv").write_text("CD3,CD8\n1,2\n")
    (tmp_path / "ill" / "words.csv").write_text("CD3,CD4\n1,many\n")
    facts = {"input": "cell_bag", "output": "binary", "file": {"ill": "ill", "healthy": "healthy"}, "positive": "ill"}
    splits, told = prepared(write(tmp_path, **facts))
    assert sum(sizes(splits)) == 20 and splits["train"].context["features"] == ["CD3", "CD4"]
    lengths = np.concatenate([np.diff(split["cells"].offsets) for split in splits.values()])
    assert sorted(lengths) == sorted([*range(5, 15)] * 2)
    assert "no FCS file" in told and "no marker 'CD4'; there are: CD3, CD8" in told and "'many' is no number" in told
    assert all(len(np.unique(split.y)) == 2 for split in splits.values())
    matrix = kind.load("cell_bag").matrix(splits["test"], {})
    assert matrix.shape == (sizes(splits)[2], 4) and matrix.max() < np.log1p(50) + 1e-6
    one = read("cell_bag", tmp_path / "ill" / "ill3.fcs", {"features": ["CD4"]})
    assert one[0].arrays["cells"].values.shape == (8, 1) and one[0].id == "ill3"


# ---- micrographs


def pictures(folder, count=12):
    rng = np.random.default_rng(3)
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for number in range(count):
        mask = np.zeros((24, 30), np.uint8)
        mask[3:9, 3:9], mask[14:20, 15:25] = 255, 255
        image = (rng.normal(20, 3, mask.shape) + mask / 3).clip(0, 255).astype(np.uint8)
        Image.fromarray(image).save(folder / "images" / f"a{number:02}.png")
        Image.fromarray(mask).save(folder / "masks" / f"a{number:02}.tif")
    return {"input": "micrograph", "output": "mask", "file": {"image": "images", "mask": "masks"}}


def test_pictures_and_masks_go_together_by_name(tmp_path):
    path = write(tmp_path, **pictures(tmp_path))
    splits, told = prepared(path)
    assert sum(sizes(splits)) == 12 and "24 objects in the masks" in told
    train = splits["train"]
    assert train["image"].dtype == np.uint8 and train["image"].shape[1:] == (24, 30)
    assert train.y.dtype == np.uint16 and np.unique(train.y[0]).tolist() == [0, 1, 2]
    assert train.context["boundary"] == 2
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(tmp_path / "images" / "a03.png")
    Image.fromarray(np.zeros((24, 31), np.uint8)).save(tmp_path / "masks" / "a05.tif")
    (tmp_path / "images" / "a07.png").write_bytes(b"no picture")
    splits, told = prepared(path)
    assert sum(sizes(splits)) == 9 and "a picture of 5 x 5 pixels, not 24 x 30: images/a03.png" in told
    assert "a mask of 24 x 31 pixels, not 24 x 30: images/a05.png" in told and "no readable picture" in told
    (tmp_path / "masks" / "a00.tif").unlink()
    assert "11 masks for 12 images" in refused(path)
    assert "say file: {image: FOLDER, mask: FOLDER}" in refused(
        write(tmp_path, **(pictures_facts() | {"file": "images"}))
    )


def pictures_facts():
    return {"input": "micrograph", "output": "mask"}


def test_pictures_of_another_size_than_in_training_are_read_for_a_model(tmp_path):
    numbers = np.random.default_rng(0).integers(0, 4000, (10, 12)).astype(np.uint16)
    Image.fromarray(numbers).save(tmp_path / "new.tif")
    found = read("micrograph", tmp_path / "new.tif", {"shapes": {"image": [24, 30]}, "boundary": 2})
    assert found[0].arrays["image"].shape == (10, 12) and found[0].arrays["image"].max() == 255
    with pytest.raises(BadInput, match="no picture; known are"):
        (tmp_path / "empty").mkdir()
        read("micrograph", tmp_path / "empty", {})


def test_masks_of_new_pictures_are_pictures_beside_the_table(tmp_path):
    run = trained(tmp_path, write(tmp_path, **pictures(tmp_path)), "otsu")
    new = tmp_path / "new"
    new.mkdir()
    for number in (1, 2):
        (new / f"b{number}.png").write_bytes((tmp_path / "images" / f"a0{number}.png").read_bytes())
    (new / "c.png").write_bytes(b"no picture")
    rows = predicted(run, new, status=3)
    assert [row["id"] for row in rows] == ["b1.png", "b2.png", "c.png"] and "no readable picture" in rows[2]["note"]
    assert rows[0]["objects"] == "2" and rows[0]["file"] == "predictions_masks/b1_mask.png"
    with Image.open(tmp_path / rows[0]["file"]) as picture:
        found = np.asarray(picture)
    truth = np.asarray(Image.open(tmp_path / "masks" / "a01.tif"))
    assert np.unique(found).tolist() == [0, 1, 2] and np.mean((found > 0) == (truth > 0)) > 0.97
    assert float(rows[0]["foreground"]) == pytest.approx(np.mean(found > 0), rel=1e-4)


def test_each_mask_has_a_file_of_its_own_and_takes_none_s_place(tmp_path):
    run = trained(tmp_path, write(tmp_path, **pictures(tmp_path)), "otsu")
    new = tmp_path / "new"
    new.mkdir()
    for place, name in enumerate(("a.1.png", "a.2.png", "b.png", "b.tif", "B_2.bmp")):
        with Image.open(tmp_path / "images" / f"a0{place}.png") as picture:
            picture.save(new / name)
    (tmp_path / "b_mask.png").write_bytes(b"a mask of the user's")
    rows = predicted(run, new)
    names = {row["id"]: row["file"].removeprefix("predictions_masks/") for row in rows}
    assert names["a.1.png"] == "a.1_mask.png" and names["a.2.png"] == "a.2_mask.png"
    assert {names["b.png"], names["b.tif"], names["B_2.bmp"]} == {"b_mask.png", "b_3_mask.png", "B_2_mask.png"}
    for place, name in enumerate(("a.1.png", "a.2.png", "b.png", "b.tif", "B_2.bmp")):
        truth = np.asarray(Image.open(tmp_path / "masks" / f"a0{place}.tif"))
        found = np.asarray(Image.open(tmp_path / "predictions_masks" / names[name]))
        assert np.mean((found > 0) == (truth > 0)) > 0.97, name
    assert (tmp_path / "b_mask.png").read_bytes() == b"a mask of the user's"
    before = (tmp_path / "predictions.tsv").read_bytes()
    predicted(run, new, status=1)
    assert (tmp_path / "predictions.tsv").read_bytes() == before
    images = np.stack([np.asarray(Image.open(tmp_path / "images" / f"a0{n}.png")) for n in range(3)])
    np.savez(tmp_path / "new.npz", image=images, id=np.array(["x", "x", "../x"]))
    done = call("predict.py", run, "--input", tmp_path / "new.npz", "--output", tmp_path / "out" / "more.tsv.gz")
    assert done.returncode == 0, done.stderr
    found = sorted(path.name for path in (tmp_path / "out" / "more_masks").iterdir())
    assert found == [".._x_mask.png", "x_2_mask.png", "x_mask.png"]
