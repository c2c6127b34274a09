"""Readers of genomes, intervals and record files: every form is read alike, and a wrong one is named."""

import codecs
import gzip
import os
import zlib

import pysam
import pytest
import zstandard
from reader_files import fasta, refuses

from deepbio.domains.dna import genome, sequences, tfrecord
from deepbio.domains.dna.reference import read_reference

GENOME = b">chr1 made for a test\nACGTACGTAC\nGGGTTTRACC\n>chr2\nTTTTTTTTTT\n"


def contents(path):
    with genome.open_genome(path) as opened:
        return {name: sequences.decode(genome.chromosome_codes(opened, name)) for name in list(opened.keys())}


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress, lambda raw: codecs.BOM_UTF8 + raw])
def test_a_genome_is_read_whatever_its_form(tmp_path, pack):
    path = fasta(tmp_path, pack(GENOME))
    assert contents(path) == {"chr1": "ACGTACGTACGGGTTTNACC", "chr2": "TTTTTTTTTT"}
    assert read_reference(path, "chr1", 8, 13).text == "ACGGG"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GENOME + b">chr1\nACGT\n", "record 'chr1' stands twice"),
        (b">chr1\nAC\xe9T\n", "byte 0xe9"),
        (b">chr1\nACET\n", "'E' is no base"),
        (b"", "no FASTA record"),
    ],
)
def test_wrong_genomes_are_named(tmp_path, content, message):
    refuses(message, contents, fasta(tmp_path, content))


def test_a_genome_that_is_a_folder_is_named(tmp_path):
    refuses("a folder, not a file", contents, tmp_path)
    refuses("a folder, not a file", read_reference, tmp_path, "chr1", 0, 5)


def test_an_index_that_does_not_fit_its_genome_is_not_believed(tmp_path):
    path = fasta(tmp_path, GENOME)
    pysam.faidx(str(path))
    wanted = read_reference(path, "chr1", 0, 20).text
    old = (tmp_path / "g.fa.fai").read_text()
    path.write_bytes(b">chr1 made for one more test\n" + GENOME.partition(b"\n")[2])
    assert read_reference(path, "chr1", 0, 20).text == wanted  # older than the file
    later = path.stat().st_mtime + 60
    os.utime(tmp_path / "g.fa.fai", (later, later))
    assert read_reference(path, "chr1", 0, 20).text == wanted  # younger, but of another file
    assert (tmp_path / "g.fa.fai").read_text() == old


def test_a_genome_in_a_folder_that_cannot_be_written_to_needs_no_index(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir()
    path = fasta(folder, GENOME)
    folder.chmod(0o555)
    try:
        assert read_reference(path, "chr2", 0, 4).text == "TTTT"
        assert not (folder / "g.fa.fai").exists()
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chr1\t5", "b.bed:2: 2 columns where chrom, start, end are wanted"),
        ("chr1\t5\t5", "b.bed:2: 5 to 5 is no interval"),
        ("chr1\t-5\t5", "b.bed:2: '-5' is no coordinate"),
        ("chr1\t1e3\t2000", "b.bed:2: '1e3' is no coordinate"),
        ("chr1\t1.5\t9", "b.bed:2: '1.5' is no coordinate"),
        ("\t1\t9", "b.bed:2: the chromosome has no name"),
    ],
)
def test_wrong_intervals_are_named(tmp_path, line, message):
    (tmp_path / "b.bed").write_text(f"chr1\t1\t2\n{line}\n")
    refuses(message, genome.read_bed, tmp_path / "b.bed")


def test_a_mark_before_the_first_interval_loses_no_interval(tmp_path):
    (tmp_path / "b.bed").write_bytes(codecs.BOM_UTF8 + b"chr1\t1\t9\r\nchr2\t3\t8\r\n")
    assert genome.read_bed(tmp_path / "b.bed")["chrom"].tolist() == ["chr1", "chr2"]


def test_hidden_files_of_other_systems_are_no_peaks(tmp_path):
    (tmp_path / "GATA1_x.bed").write_text("chr1\t1\t9\n")
    (tmp_path / "._GATA1_x.bed").write_bytes(b"\0\5\x16\7")
    assert list(genome.read_peaks(tmp_path, "*.bed", {"chr1"})) == ["GATA1"]


@pytest.mark.parametrize("size", [120, 376, 50])
def test_a_record_file_is_not_taken_for_packed_by_the_length_of_its_first_record(tmp_path, size):
    def record(data):
        head = len(data).to_bytes(8, "little")
        check = [tfrecord.masked_crc(part).to_bytes(4, "little") for part in (head, data)]
        return head + check[0] + data + check[1]

    raw = record(b"a" * size) + record(b"b" * 7)
    for packed in (raw, zlib.compress(raw), gzip.compress(raw)):
        (tmp_path / "r.tfr").write_bytes(packed)
        assert [len(one) for one in tfrecord.records(tmp_path / "r.tfr")] == [size, 7]
