"""Damaged files: one byte changed, cut at any place, another encoding, a huge field.

Every reader gives a value or a BadInput that names the file; never another error, a hang or a crash. The short form
runs a few dozen examples of each reader; `pytest -m fuzz tests/test_fuzz.py` runs two thousand.
"""

import gzip
import multiprocessing
import os
import struct
import traceback
import zlib
from functools import cache

import numpy as np
import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepbio.core import config, tables, text
from deepbio.core.files import BadInput, read_json
from deepbio.domains.chemistry import molecules
from deepbio.domains.dna import bundles, genome, sequences, tfrecord
from deepbio.domains.dna.reference import Reference, read_reference
from deepbio.domains.genes import ontology
from deepbio.domains.variation import genotypes, pileups, variants

HEAD = "##fileformat=VCFv4.2\n##contig=<ID=c,length=60>\n"
HEAD += '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n##INFO=<ID=AF,Number=A,Type=Float,Description="a">\n'
VCF = HEAD + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts0\ts1\n"
VCF += "".join(f"c\t{5 * i + 1}\t.\tA\tG\t9\tPASS\tAF=0.5\tGT\t0|1\t1|1\n" for i in range(8))
FASTA = ">c one\n" + "ACGTNRACGT\n" * 6 + ">d\nACGT\n"
CSV = 'smiles,y,note\nCCO,1.5,"a ""note"""\nc1ccccc1,-2,"two\nlines"\nCCN,,x\n'
BED = "track name=x\nc\t1\t20\tg\t0\t+\nc\t30\t40\th\t5\t-\n"
RULES = {"minor": 0.0, "spacing": 1, "window": 2, "r2": 1.1}
LEAST = {"mapping": 5, "base": 10, "reads": 2, "share_snp": 0.12, "share_indel": 0.12}


def molblock():
    from rdkit import Chem

    return Chem.MolToMolBlock(Chem.MolFromSmiles("c1ccccc1O"))


@cache
def record_file():
    found = b""
    # An Example whose feature "a" is the bytes ACGT, and one whose feature is another.
    for data in (b"\n\x0f\n\r\n\x01a\x12\x08\n\x06\n\x04ACGT", b"\n\x0f\n\r\n\x01b\x12\x08\n\x06\n\x04TTTT"):
        head = struct.pack("<Q", len(data))
        found += head + struct.pack("<I", tfrecord.masked_crc(head)) + data
        found += struct.pack("<I", tfrecord.masked_crc(data))
    return found


@cache
def bam_file(folder):
    path = str(folder / "whole.bam")
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c", "LN": 60}]}
    with pysam.AlignmentFile(path, "wb", header=header) as handle:
        for start in range(12):
            one = pysam.AlignedSegment(handle.header)
            one.query_name, one.reference_id, one.reference_start, one.mapping_quality = f"r{start}", 0, start, 60
            one.cigartuples = [(0, 10), (1, 1), (0, 9), (2, 2), (0, 5)]
            one.query_sequence, one.query_qualities = "ACGTA" * 5, pysam.qualitystring_to_array("I" * 25)
            handle.write(one)
    with open(path, "rb") as handle:
        return handle.read()


@cache
def rda_file(folder):
    import pandas as pd
    import pyreadr

    pyreadr.write_rdata(str(folder / "whole.rda"), pd.DataFrame({"a": [0.0, 1.0], "b": ["x", "y"]}), df_name="L")
    return (folder / "whole.rda").read_bytes()


@cache
def hdf5_file(folder):
    import h5py

    with h5py.File(folder / "whole.h5", "w") as handle:
        handle["x"] = np.eye(4, dtype=np.uint8)[np.arange(24).reshape(2, 12) % 4].transpose(0, 2, 1)
    return (folder / "whole.h5").read_bytes()


def read_genome(path):
    with genome.open_genome(path) as opened:
        return {name: genome.chromosome_codes(opened, name) for name in list(opened.keys())}


def read_bam(path):
    return pileups.read_reads(path, "c", 0, 60, Reference("c", "A" * 60), LEAST)


def read_rows(path):
    read = tables.read_csv(path)
    return [read.numbers("y"), *(read.column(name) for name in set(read.header))]


# Reader: the bytes of a whole file (of a folder to make it in), and how it is read.
READERS = {
    "text": (lambda folder: "a\nü\n".encode() * 9, lambda path: list(text.lines(path))),
    "gzip": (lambda folder: gzip.compress(b"a\nb\n" * 50), lambda path: list(text.lines(path))),
    "zlib": (lambda folder: zlib.compress(b"a\nb\n" * 50), lambda path: list(text.lines(path))),
    "csv": (lambda folder: CSV.encode(), read_rows),
    "json": (lambda folder: b'{"a": [1, 2.5, "x"], "b": null}', read_json),
    "yaml": (lambda folder: b"title: x\nlist: [1, 1e-3]\nmap: {a: b}\n", config.read_yaml),
    "windows": (
        lambda folder: b">c:1-5\nACGT\n>c:6-10\nTTGN\n",
        lambda path: sequences.encode(sequences.read_fasta(path)[1], path),
    ),
    "genome": (lambda folder: FASTA.encode(), read_genome),
    "indexed_genome": (lambda folder: FASTA.encode(), lambda path: read_reference(path, "c", 3, 40).text),
    "bed": (lambda folder: BED.encode(), lambda path: genome.read_bed(path, ["name", "strand"])),
    "vcf": (lambda folder: VCF.encode(), lambda path: [str(record) for _, record in variants.records(path)]),
    "genotypes": (
        lambda folder: VCF.encode(),
        lambda path: genotypes.read_vcf([path], ["s0", "s1"], np.ones(2, bool), RULES),
    ),
    "panel": (
        lambda folder: b"sample\tpop\tsuper_pop\nA\tGBR\tEUR\nB\tYRI\tAFR\n",
        lambda path: genotypes.read_panel(path, ["sample", "pop", "super_pop"], None),
    ),
    "bam": (bam_file, read_bam),
    "smi": (
        lambda folder: b"CCO x\nc1ccccc1\n\nCC(=O)[O-].[Na+]\n",
        lambda path: list(molecules.parse_all(*read_smi(path))),
    ),
    "sdf": (lambda folder: (molblock() + "> <y>\n1\n\n$$$$\n" + molblock() + "$$$$\n").encode(), molecules.read_sdf),
    "tfrecord": (lambda folder: record_file(), lambda path: list(tfrecord.examples(path))),
    "packed_tfrecord": (lambda folder: zlib.compress(record_file()), lambda path: list(tfrecord.records(path))),
    "hdf5": (hdf5_file, lambda path: bundles.codes(path, "x")),
    "rda": (rda_file, lambda path: genotypes._frames(path, "L")),
    "ontology": (
        lambda folder: b"ROOT: r 2\nGENES: a\nTERMS: t\nROOT: t 1\nGENES: b\nTERMS: \n",
        ontology.read_topology,
    ),
}


def read_smi(path):
    found, lines = molecules.read_smi(path)
    return found, path, lines


@st.composite
def damage(draw):
    """How a file is damaged: a function of its bytes."""
    kind = draw(st.sampled_from(["flip", "cut", "insert", "drop", "encode", "huge", "double"]))
    where, byte = draw(st.floats(0, 1, allow_subnormal=False)), draw(st.integers(0, 255))

    def change(raw):
        place = min(int(where * len(raw)), len(raw) - 1)
        if kind == "flip":
            return raw[:place] + bytes([byte]) + raw[place + 1 :]
        if kind == "cut":
            return raw[:place]
        if kind == "insert":
            return raw[:place] + bytes([byte]) * (1 + byte % 3) + raw[place:]
        if kind == "drop":
            return raw[:place] + raw[place + 1 + byte % 5 :]
        if kind == "encode":
            return raw.decode("latin1").encode(("utf-16", "utf-8", "utf-32", "utf-7")[byte % 4])
        if kind == "huge":
            return raw[:place] + bytes([byte]) * 200_000 + raw[place:]
        return raw[:place] + raw + raw[place:]

    change.said = f"{kind} at {where:.3f} with {byte}"
    return change


def check(tmp_path_factory, name, change):
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    folder.mkdir(exist_ok=True)
    whole, read = READERS[name]
    raw = whole(folder)
    path = folder / f"{name}{SUFFIX.get(name, '')}"
    path.write_bytes(change(raw))
    try:
        read(path)
    except BadInput as error:
        assert str(path) in str(error), f"{change.said}: {error}"
    finally:
        for left in (f"{path}.fai", f"{path}.bai"):
            if os.path.exists(left):
                os.remove(left)


SUFFIX = {"bam": ".bam", "rda": ".rda"}  # these libraries ask the name
COMMON = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_whole_file_is_read(tmp_path, name):
    whole, read = READERS[name]
    path = tmp_path / f"{name}{SUFFIX.get(name, '')}"
    path.write_bytes(whole(tmp_path))
    assert read(path) is not None


def try_many(tmp_path_factory, name, examples):
    """Damage a file in many ways, in a process of its own: a C library that stumbles over one may spoil the memory of
    the process, and the next test would fail for it."""
    said = tmp_path_factory.mktemp(name) / "said.txt"

    def run():
        @settings(max_examples=examples, **COMMON)
        @given(damage())
        def one(change):
            check(tmp_path_factory, name, change)

        try:
            one()
        except BaseException:
            said.write_text(traceback.format_exc())
            raise

    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    child.join()
    assert child.exitcode == 0, said.read_text() if said.exists() else f"the process ended with {child.exitcode}"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(READERS))
def test_a_damaged_file_is_read_or_named(tmp_path_factory, name):
    try_many(tmp_path_factory, name, 60)


@pytest.mark.fuzz
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", sorted(READERS))
def test_a_file_damaged_in_two_thousand_ways_is_read_or_named(tmp_path_factory, name):
    try_many(tmp_path_factory, name, 2000)
