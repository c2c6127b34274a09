"""Readers of text and of tables meet real files: read rightly or refused with file and line, and nothing is lost."""

import bz2
import codecs
import gzip
import lzma
import zlib

import numpy as np
import pytest
import zstandard
from reader_files import bgzipped, refuses

from deepbio.core import tables, text
from deepbio.domains.chemistry import molecule_tables
from deepbio.tasks import tf_binding

LINES = ["first line", "zweite Zeile: Grüße", "", "last"]

PLAIN = "\n".join(LINES).encode()


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN,
        PLAIN + b"\n",
        codecs.BOM_UTF8 + PLAIN,
        PLAIN.decode().encode("utf-16"),
        PLAIN.decode().encode("utf-32"),
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.replace(b"\n", b"\r"),
        gzip.compress(PLAIN),
        gzip.compress(PLAIN[:9]) + gzip.compress(PLAIN[9:]),
        gzip.compress(codecs.BOM_UTF8 + PLAIN),
        zlib.compress(PLAIN),
        bz2.compress(PLAIN),
        lzma.compress(PLAIN),
        zstandard.compress(PLAIN[:9]) + zstandard.compress(PLAIN[9:]),
    ],
    ids="plain end bom utf16 utf32 crlf cr gzip joined packed_bom zlib bzip2 xz zstd".split(),
)
def test_text_is_read_whatever_its_form(tmp_path, raw):
    (tmp_path / "file").write_bytes(raw)  # the name says nothing
    found = list(text.lines(tmp_path / "file"))
    assert [line for _, line in found] == LINES and [number for number, _ in found] == [1, 2, 3, 4]


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, bz2.compress, lzma.compress, zstandard.compress, None])
@pytest.mark.parametrize("cut", [1, 4, 12])
def test_a_packed_file_that_is_cut_is_named(tmp_path, pack, cut):
    raw = pack(PLAIN * 50) if pack else bgzipped(tmp_path, PLAIN * 50)
    (tmp_path / "cut").write_bytes(raw[:-cut])
    refuses("cut: damaged file", lambda: list(text.lines(tmp_path / "cut")))


def test_a_bgzip_file_cut_between_two_blocks_is_named(tmp_path):
    (tmp_path / "cut").write_bytes(bgzipped(tmp_path, PLAIN)[:-28])
    refuses("cut: damaged file: the end block of bgzip is missing", lambda: list(text.lines(tmp_path / "cut")))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("Grüße".encode("latin1"), "bad:1: byte 0xfc is no UTF-8 text; save the file as UTF-8"),
        (b"a\r\nb\rc\n\xff", "bad:4: byte 0xff is no UTF-8 text"),
        (b"a\n" * 60000 + b"\xff\n", "bad:60001: byte 0xff"),
        (b"a\nb\0c\n", "bad:2: a NUL character"),
    ],
)
def test_what_is_no_text_is_named_with_its_line(tmp_path, raw, message):
    (tmp_path / "bad").write_bytes(raw)
    refuses(message, lambda: list(text.lines(tmp_path / "bad")))


def test_text_that_begins_like_a_packed_stream_is_text(tmp_path):
    (tmp_path / "file").write_text("x^2 + 1\nsecond\n")
    assert [line for _, line in text.lines(tmp_path / "file")] == ["x^2 + 1", "second"]


def test_what_cannot_be_opened_is_named(tmp_path):
    refuses("none: no such file", lambda: list(text.lines(tmp_path / "none")))
    refuses("a folder, not a file", lambda: list(text.lines(tmp_path)))


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst", ".bz2", ".xz"])
def test_what_is_written_is_packed_as_its_name_says(tmp_path, suffix):
    with text.writing(tmp_path / f"out.tsv{suffix}") as handle:
        handle.write("ä\tb\n")
    raw = (tmp_path / f"out.tsv{suffix}").read_bytes()
    assert raw.startswith(
        {"": "ä".encode(), ".gz": b"\x1f\x8b", ".zst": b"\x28\xb5", ".bz2": b"BZ", ".xz": b"\xfd7"}[suffix]
    )
    assert [line for _, line in text.lines(tmp_path / f"out.tsv{suffix}")] == ["ä\tb"]


def table(folder, content, **named):
    (folder / "t.csv").write_text(content)
    return tables.read_csv(folder / "t.csv", **named)


def test_rows_know_the_line_on_which_they_begin(tmp_path):
    read = table(tmp_path, 'a,b\n1,"two\nlines"\n\n3,x\n')
    assert read.lines == [2, 5] and read.column("b") == ["two\nlines", "x"]
    refuses("t.csv:5: column 'b': 'x' is no number", table(tmp_path, 'a,b\n1,"\n"\n\n3,x\n').numbers, "b")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1\n", "t.csv:2: 1 columns in place of 2"),
        ("a,b\n1,2\n\n1,2,3\n", "t.csv:4: 3 columns in place of 2"),
        ('a,b\n1,"2\n3,4\n', "t.csv:2: "),
        ("", "t.csv:1: the file is empty"),
        ("\n\n", "t.csv:1: the file is empty"),
    ],
)
def test_wrong_tables_are_named(tmp_path, content, message):
    refuses(message, table, tmp_path, content)


def test_a_column_that_stands_twice_is_refused_when_it_is_asked_for(tmp_path):
    read = table(tmp_path, "a,b,a\n1,2,3\n")
    assert read.column("b") == ["2"]
    refuses("t.csv:1: column 'a' stands 2 times", read.column, "a")


@pytest.mark.parametrize("value", ["1e400", "inf", "-Infinity", "1e39", "1_000", "1,5", "0x1A", "one"])
def test_labels_that_no_network_can_learn_are_refused_with_their_line(tmp_path, value):
    (tmp_path / "m.csv").write_text(f'smiles,y\nCCO,1\nCCN,"{value}"\n')
    parameters = {"format": "csv", "file": "m.csv", "column": "y"}
    refuses(f"m.csv:3: column 'y': '{value}' is", molecule_tables.read, tmp_path, parameters)


def test_labels_of_windows_are_numbers(tmp_path):
    def read(labels):
        (tmp_path / "s.fa").write_text("".join(f">chr{i + 1}:0-4\nACGT\n" for i in range(3)))
        (tmp_path / "s.target").write_text("".join(f"{label}\tx\n" for label in labels))
        parameters = {"files": ["s"], "valid_chromosomes": ["chr2"], "test_chromosomes": ["chr3"]}
        return tf_binding._zeng({"s": tmp_path}, parameters, None)

    found = read(["1.0", " 1", "0.0"])
    assert [float(found[part].y[0]) for part in ("train", "valid", "test")] == [1, 1, 0]
    refuses("s.target:2: column 'label': '2' is neither 0 nor 1", read, ["1", "2", "0"])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("-35.2\tACGTACGT", "p.txt:2: intensity '-35.2' has no logarithm"),
        ("0\tACGTACGT", "p.txt:2: intensity '0' has no logarithm"),
        ("\tACGTACGT", "p.txt:2: intensity '' has no logarithm"),
        ("5\tACGEACGT", "p.txt:2: 'E' is no base"),
        ("5\tACGTACG", "p.txt:2 has 7 bases, the first one has 8"),
    ],
)
def test_wrong_probes_are_named(tmp_path, row, message):
    (tmp_path / "p.txt").write_text(f"9\tACGTACGT\n{row}\n7\tACGTACGT\n")
    parameters = {"file": "p.txt", "variable_bases": 8, "fractions": [0.8, 0.1, 0.1]}
    refuses(message, tf_binding._pbm, {"s": tmp_path}, parameters, np.random.default_rng(1))
