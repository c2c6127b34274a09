"""A user's own molecules: tables and SDF files, scaffolds, labels, parts, and hostile rows."""

import gzip

import numpy as np
from own_files import molecules, prepared, refused, screen, sizes, write


def test_molecules_are_parted_by_scaffold_and_words_are_labels(tmp_path):
    splits, told = prepared(screen(tmp_path, split={"fractions": [0.6, 0.2, 0.2]}))
    assert "yes counts as 1, no as 0" in told and "parted by scaffold" in told
    for split in splits.values():
        assert [b"O" in text for text in split["smiles"]] == split.y.astype(bool).tolist() or b"o" in b"".join(
            split["smiles"]
        )
    assert sum(sizes(splits)) == len(molecules(80))


def test_repeats_draw_other_parts_and_the_same_seed_the_same(tmp_path):
    path = screen(tmp_path)
    one, other, again = (prepared(path, seed)[0]["test"]["smiles"].tolist() for seed in (1, 2, 1))
    assert one == again and one != other


def test_marks_ends_of_lines_quotes_and_packing_change_nothing(tmp_path):
    path = screen(tmp_path)
    plain = (tmp_path / "screen.csv").read_text()
    wanted = prepared(path)[0]["train"].digest()
    for text in (
        b"\xef\xbb\xbf" + plain.encode(),
        plain.replace("\n", "\r\n").encode(),
        plain.replace("m3,", '"m,3",').encode(),
        plain.replace(",", ";").encode(),
        gzip.compress(plain.encode()),
        plain.encode("utf-16"),
    ):
        (tmp_path / "screen.csv").write_bytes(text)
        assert prepared(path)[0]["train"].digest() == wanted


def test_what_cannot_be_read_is_left_out_with_its_reason_and_line(tmp_path):
    path = screen(tmp_path)
    table = tmp_path / "screen.csv"
    lines = table.read_text().splitlines()
    whole = len(lines) - 1
    lines[3] = "m2,C1CC,yes"
    lines[5] = "m4,,yes"
    lines[7] = lines[7].rsplit(",", 1)[0] + ","
    lines[9] = lines[9].rsplit(",", 1)[0] + ",NaN"
    lines[11] += ",one too many"
    table.write_text("\n".join(lines))
    splits, told = prepared(path)
    assert sum(sizes(splits)) == whole - 5
    assert "not a valid SMILES: 'C1CC': screen.csv:4 (m2)" in told
    assert "no smiles: screen.csv:6 (m4)" in told
    assert "no label: screen.csv:8" in told and "screen.csv:10" in told
    assert "4 columns in place of 3: screen.csv:12" in told


def test_salts_and_repeats_are_in_one_part_and_double_ids_are_told(tmp_path):
    path = screen(tmp_path)
    with open(tmp_path / "screen.csv", "a") as table:
        for text in molecules(80)[:20]:
            table.write(f"m0,{text}.[Na+].[Cl-],yes\n")
    splits, told = prepared(path)
    assert "1 ids stand more than once, such as m0" in told and "20 samples stand more than once, 40 in all" in told
    bare = [{text.split(b".")[0] for text in split["smiles"]} for split in splits.values()]
    assert not bare[0] & bare[1] and not bare[0] & bare[2] and not bare[1] & bare[2]


def test_one_class_and_nothing_left_are_errors(tmp_path):
    path = screen(tmp_path)
    table = tmp_path / "screen.csv"
    plain = table.read_text()
    table.write_text(plain.replace(",yes", ",no"))
    assert "all known labels are 0; two classes are needed" in refused(path)
    table.write_text(plain.split("\n")[0] + "\n")
    assert "no record can be used" in refused(path)
    table.write_text("")
    assert "screen.csv:1: the file is empty" in refused(path)
    table.write_text(plain.replace("Structure", "blocked"))
    assert "column 'blocked' stands 2 times" in refused(path)


def test_a_label_that_is_no_number_is_left_out_and_other_words_ask_which_is_one(tmp_path):
    path = screen(tmp_path, output="regression")
    table = tmp_path / "screen.csv"
    plain = table.read_text().replace(",yes", ",1.5").replace(",no", ",-2")
    table.write_text(plain.replace("-2\n", ">10\n", 1))
    splits, told = prepared(path)
    assert "label: column 'blocked': '>10' is no number" in told and sum(sizes(splits)) == len(molecules(80)) - 1
    path = screen(tmp_path)
    table.write_text(table.read_text().replace(",yes", ",blocks").replace(",no", ",opens"))
    assert "say which counts as 1: positive:" in refused(path)
    assert prepared(screen_positive(tmp_path, "blocks"))[0]["train"].y.max() == 1


def screen_positive(folder, word):
    kept = (folder / "screen.csv").read_text()
    path = screen(folder, positive=word)
    (folder / "screen.csv").write_text(kept)
    return path


def test_given_parts_are_kept_and_what_leaks_is_taken_out(tmp_path):
    path = screen(tmp_path, split={"by": "given"}, columns={"smiles": "Structure", "label": "blocked", "split": "part"})
    rows = molecules(80)
    words = ["train"] * 50 + ["valid"] * 10 + ["test"] * (len(rows) - 60)
    made = [
        f"{n},{text},{'yes' if 'O' in text else 'no'},{word}"
        for n, (text, word) in enumerate(zip(rows, words, strict=True))
    ]
    made.append(f"again,{rows[-1]}.Cl,no,train")
    (tmp_path / "screen.csv").write_text("\n".join(["id,Structure,blocked,part", *made]))
    splits, told = prepared(path)
    assert sizes(splits) == [50, 10, len(rows) - 60] and "are in a later part as well and are left out" in told
    (tmp_path / "screen.csv").write_text("\n".join(["id,Structure,blocked,part", *made]).replace("valid", "dunno"))
    assert "'dunno'; train, valid or test is expected" in refused(path)


def test_near_duplicates_across_a_random_split_are_counted(tmp_path):
    _, told = prepared(screen(tmp_path))
    assert "warning: " in told and "test samples are near-duplicates of training samples" in told


def test_sdf_records_and_their_properties(tmp_path):
    from rdkit import Chem

    blocks = [
        f"{Chem.MolToMolBlock(Chem.MolFromSmiles(text))}> <logS>\n{n / 10}\n\n$$$$\n"
        for n, text in enumerate(molecules(60))
    ]
    blocks[4] = "broken\n\n\nno counts here\nM  END\n$$$$\n"
    (tmp_path / "set.sdf").write_text("".join(blocks))
    facts = {"input": "molecule", "output": "regression", "file": "set.sdf", "columns": {"label": "logS"}}
    splits, told = prepared(write(tmp_path, **facts, split={"by": "random"}))
    assert sum(sizes(splits)) == len(molecules(60)) - 1 and "record 5" in told


def test_a_library_for_generators(tmp_path):
    (tmp_path / "set.smi").write_text("\n".join([*molecules(100), "CCO.Cl", molecules(100)[0], "C1CC"]))
    splits, told = prepared(
        write(tmp_path, input="molecule_set", output="generated", file="set.smi", split={"by": "random"})
    )
    assert "a molecule of several pieces" in told and "stands there already" in told and "not a valid SMILES" in told
    assert splits["train"].y.dtype == np.uint8 and "C" in splits["train"].context["symbols"]
