"""Readers of a user's own files, kind by kind: what each cell becomes, and what is said of one that cannot be read."""

import numpy as np
import openpyxl
import pytest

from deepbio.core import kind, records
from deepbio.core.files import BadInput


def read(name, path, known, **options):
    return list(kind.load(name).read(records.Given({path.name: path}, {}, options), known))


def workbook(path, sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


# ---- workbooks


def test_a_workbook_is_a_table(tmp_path):
    """Whole numbers have no point, empty cells are empty, and an empty row is none."""
    rows = [["id", "dose", "note"], ["a", 1.0, None], [None, None, None], ["b", 2.5, True], ["c", None, "x, y"]]
    header, found = records.rows(workbook(tmp_path / "x.xlsx", {"empty": [], "data": rows}))
    assert header == ["id", "dose", "note"]
    assert [cells for _, cells, _ in found] == [["a", "1", ""], ["b", "2.5", "1"], ["c", "", "x, y"]]


def test_rows_of_a_workbook_know_their_number_and_what_lies_beside_them(tmp_path):
    path = workbook(tmp_path / "x.xlsx", {"data": [["id", "y"], ["a", 1], ["b", 2, "stray"]]})
    _, found = records.rows(path)
    assert [(where, problem) for where, _, problem in found] == [
        ("x.xlsx:row 2", ""),
        ("x.xlsx:row 3", "cells to the right of 2 columns"),
    ]


def test_a_workbook_that_cannot_be_read_is_named(tmp_path):
    two = workbook(tmp_path / "two.xlsx", {"first": [["id"], ["a"]], "second": [["id"], ["b"]]})
    with pytest.raises(BadInput, match=r"two\.xlsx: sheets first, second hold rows"):
        records.rows(two)
    (tmp_path / "text.xlsx").write_text("id,y\na,1\n")
    with pytest.raises(BadInput, match=r"text\.xlsx: not an Excel workbook"):
        records.rows(tmp_path / "text.xlsx")
    cut = tmp_path / "cut.xlsx"
    cut.write_bytes(two.read_bytes()[:-100])
    with pytest.raises(BadInput, match=r"cut\.xlsx: not an Excel workbook"):
        records.rows(cut)
    with pytest.raises(BadInput, match=r"empty\.xlsx:1: the file is empty"):
        records.rows(workbook(tmp_path / "empty.xlsx", {"nothing": []}))


# ---- kinds that are read for predictions


def test_deleted_genes_are_found_by_their_names(tmp_path):
    path = tmp_path / "strains.csv"
    path.write_text("id,genes\none,A;C\nnone,\nboth,C B\nbad,A;X\n")
    found = read("deletions", path, {"features": ["A", "B", "C"]})
    assert [record.id for record in found] == ["one", "none", "both", "bad"]
    assert [record.arrays["x"].tolist() for record in found[:3]] == [[1, 0, 1], [0, 0, 0], [0, 1, 1]]
    assert found[3].problem == "the model knows no gene 'X'"


def test_statistics_are_found_by_their_columns(tmp_path):
    path = tmp_path / "regions.tsv"
    path.write_text("region\tpi\tD\tother\nr1\t0.5\t-1\tx\nr2\t0.25\t\ty\n")
    found = read("region_statistics", path, {"features": ["D", "pi"]})
    assert found[0].arrays["x"].tolist() == [-1, 0.5]
    assert found[1].problem == "column 'D' is empty"
    with pytest.raises(BadInput, match="no column 'H12'"):
        read("region_statistics", path, {"features": ["H12"]})


def test_fingerprints_are_those_of_molecules_or_columns_of_bits(tmp_path):
    from rdkit import Chem
    from rdkit.Chem.rdMolDescriptors import GetMACCSKeysFingerprint

    path = tmp_path / "new.smi"
    path.write_text("CCO ethanol\nC1CC bad\n")
    found = read("fingerprint", path, {"features": [f"MACCS {i}" for i in range(1, 167)]})
    assert found[0].id == "ethanol" and found[1].problem
    expected = list(GetMACCSKeysFingerprint(Chem.MolFromSmiles("CCO")))[1:]
    assert found[0].arrays["x"].tolist() == expected and sum(expected) > 0
    (tmp_path / "bits.csv").write_text("b1,b0\n1,0\n")
    assert read("fingerprint", tmp_path / "bits.csv", {"features": ["b0", "b1"]})[0].arrays["x"].tolist() == [0, 1]
    with pytest.raises(BadInput, match="a column for each bit is wanted: b0, b2"):
        read("fingerprint", tmp_path / "bits.csv", {"features": ["b0", "b2"]})


@pytest.mark.parametrize("name", ["long_sequence", "gene_region"])
def test_windows_over_a_genome_follow_the_strand(name, tmp_path):
    (tmp_path / "genome.fa").write_text(">chr1\n" + "AACCGGTTAC" * 3 + "\n")
    path = tmp_path / "starts.bed"
    path.write_text("chr1\t10\t11\tg1\t0\t+\nchr1\t10\t11\tg2\t0\t-\nchr2\t1\t2\tg3\t0\t+\n")
    found = read(name, path, {"length": 8}, genome=tmp_path / "genome.fa")
    forward, reverse = (record.arrays["codes"] for record in found[:2])
    assert forward.tolist() == [3, 3, 0, 1, 0, 0, 1, 1]  # the start is the fifth base
    np.testing.assert_array_equal(reverse, 3 - forward[::-1])
    assert "chr2" in found[2].problem
