"""Readers of BAM and CRAM files: depth, people, indices and genomes that do not belong to them."""

import os

import numpy as np
import pysam
from reader_files import fasta, refuses

from deepbio.domains.dna.reference import Reference
from deepbio.domains.variation import pileups

LEAST = {"mapping": 5, "base": 10, "reads": 2, "share_snp": 0.12, "share_indel": 0.12}


def reads(path, cigars, length=20000, groups=(), header_length=None, kind="wb", fasta=None):
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c", "LN": header_length or length}]}
    header["RG"] = [{"ID": one, "SM": one} for one in groups]
    with pysam.AlignmentFile(str(path), kind, header=header, reference_filename=fasta) as handle:
        for number, (start, cigar) in enumerate(cigars):
            one = pysam.AlignedSegment(handle.header)
            one.query_name, one.reference_id, one.reference_start, one.mapping_quality = f"r{number}", 0, start, 60
            one.cigartuples = cigar
            size = sum(count for op, count in cigar if op in (0, 1, 4))
            one.query_sequence, one.query_qualities = "A" * size, pysam.qualitystring_to_array("I" * size)
            if groups:
                one.set_tag("RG", groups[number % len(groups)])
            handle.write(one)
    pysam.index(str(path))
    return path


def reference(length=20000):
    return Reference("c", "A" * length)


def test_spliced_reads_take_the_memory_of_their_bases(tmp_path):
    path = reads(tmp_path / "s.bam", [(10 * i, [(0, 30), (3, 15000), (0, 30)]) for i in range(30)])
    found = pileups.read_reads(path, "c", 0, 20000, reference(), LEAST)
    assert len(found) == 60 and found.base.shape == (60, 30) and (np.diff(found.start) >= 0).all()
    part = pileups.read_reads(path, "c", 15000, 20000, reference(), LEAST)
    assert len(part) == 30 and part.start.min() >= 15000


def test_of_very_many_reads_the_same_ones_are_drawn(tmp_path):
    path = reads(tmp_path / "d.bam", [(i // 50, [(0, 40)]) for i in range(2000)])
    found = [pileups.read_reads(path, "c", 0, 100, reference(), LEAST, most=300) for _ in range(2)]
    assert len(found[0]) == 300 and (found[0].start == found[1].start).all()


def test_reads_of_another_genome_are_refused(tmp_path):
    path = reads(tmp_path / "o.bam", [(5, [(0, 30)])], header_length=21000)
    genome_file = fasta(tmp_path, b">c\n" + b"A" * 20000 + b"\n")
    refuses(
        "contig 'c' has 21000 bases in the header, and 20000",
        pileups.read_reads,
        path,
        "c",
        0,
        99,
        reference(),
        LEAST,
        genome_file,
    )


def test_reads_of_two_people_are_told_apart_or_refused(tmp_path):
    path = reads(tmp_path / "t.bam", [(5 + i, [(0, 30)]) for i in range(10)], groups=["p1", "p2"])
    refuses("reads of 2 people (p1, p2); name one of them", pileups.read_reads, path, "c", 0, 99, reference(), LEAST)
    assert len(pileups.read_reads(path, "c", 0, 99, reference(), LEAST, person="p2")) == 5
    assert pileups.people(path) == ["p1", "p2"]


def test_an_index_older_than_its_reads_is_made_anew(tmp_path):
    path = reads(tmp_path / "i.bam", [(5, [(0, 30)])])
    old = (tmp_path / "i.bam.bai").read_bytes()
    reads(path, [(15000 + i, [(0, 30)]) for i in range(40)])
    (tmp_path / "i.bam.bai").write_bytes(old)
    os.utime(tmp_path / "i.bam.bai", (1, 1))
    assert len(pileups.read_reads(path, "c", 14000, 16000, reference(), LEAST)) == 40


def test_cram_is_read_with_the_genome_that_it_was_made_with(tmp_path):
    genome_file = fasta(tmp_path, b">c\n" + b"A" * 20000 + b"\n")
    path = reads(tmp_path / "c.cram", [(5, [(0, 30)])] * 3, kind="wc", fasta=str(genome_file))
    assert len(pileups.read_reads(path, "c", 0, 99, reference(), LEAST, genome_file)) == 3
