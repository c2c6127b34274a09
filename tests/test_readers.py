"""Readers meet real files: what people send is read rightly or refused with file and place, and nothing is lost."""

import bz2
import codecs
import gzip
import lzma
import os
import zlib

import numpy as np
import pysam
import pytest
import zstandard

from deepbio.core import tables, text
from deepbio.core.files import BadInput
from deepbio.domains.chemistry import molecule_tables, molecules
from deepbio.domains.dna import genome, sequences, tfrecord
from deepbio.domains.dna.reference import Reference, read_reference
from deepbio.domains.variation import genotypes, pileups, variants
from deepbio.tasks import tf_binding

LINES = ["first line", "zweite Zeile: Grüße", "", "last"]
PLAIN = "\n".join(LINES).encode()


def refuses(message, function, *words, **named):
    with pytest.raises(BadInput) as caught:
        function(*words, **named)
    assert message in str(caught.value), str(caught.value)


# ---- text


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


def bgzipped(folder, content):
    with pysam.BGZFile(str(folder / "made.gz"), "wb") as handle:
        handle.write(content)
    return (folder / "made.gz").read_bytes()


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


# ---- tables


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


# ---- molecules


def molblock(smiles):
    from rdkit import Chem

    return (
        Chem.MolToMolBlock(Chem.MolFromSmiles(smiles))
        if smiles
        else "\n\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n"
    )


def sdf(folder, *records):
    (folder / "m.sdf").write_text("".join(records))
    return molecules.read_sdf(folder / "m.sdf")


def test_every_record_of_an_sdf_file_is_read(tmp_path):
    whole = f"{molblock('CCO')}> <y>\n1.5\n\n> <note>\ntwo\nlines\n\n$$$$\n"
    no_blank = f"{molblock('CCN')}> <y>\n2\n$$$$\n"  # the blank line before the end is missing
    last = f"{molblock('CCC')}>  1  <y> (a)\n3\n"  # and the end itself
    for order in ([whole, no_blank, last], [no_blank, no_blank, whole], [no_blank, last]):
        assert len(sdf(tmp_path, *order)) == len(order)
    found = sdf(tmp_path, whole, no_blank, last)
    assert [facts["y"] for _, facts in found] == ["1.5", "2", "3"] and found[0][1]["note"] == "two\nlines"


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([f"{molblock('CC')}> <y>\n1\n\n", f"{molblock('CO')}$$$$\n"], "record 1 (line 1): 2 molecules (M  END)"),
        ([f"{molblock('CC')}$$$$\n", f"{molblock(None)}$$$$\n"], "record 2 (line 10): a molecule without atoms"),
        ([f"{molblock('CC')}$$$$\n", "nothing\n$$$$\n"], "record 2 (line 10): 0 molecules"),
        ([f"{molblock('CC')}> <y>\n1\n\n> <y>\n2\n\n$$$$\n"], "record 1 (line 1): property 'y' stands twice"),
        ([f"{molblock('CC')}> <y>\n1\n> <z>\n2\n\n$$$$\n"], "the blank line before '> <z>' is missing"),
        ([f"{molblock('CC')}stray\n$$$$\n"], "'stray' belongs to no property"),
        ([f"{molblock('CC').replace(' C ', ' Q7')}$$$$\n"], "record 1 (line 1): no valid molecule"),
        ([""], "m.sdf: no record"),
    ],
)
def test_wrong_records_of_an_sdf_file_are_named(tmp_path, records, message):
    refuses(message, sdf, tmp_path, *records)


def test_labels_of_an_sdf_file_are_numbers(tmp_path):
    parameters = {"format": "sdf", "files": ["m.sdf"], "property": "y"}
    (tmp_path / "m.sdf").write_text(f"{molblock('CC')}> <y>\n1\n\n$$$$\n{molblock('CO')}> <y>\ninf\n\n$$$$\n")
    refuses("m.sdf: record 2: column 'y': 'inf' is infinite", molecule_tables.read, tmp_path, parameters)
    (tmp_path / "m.sdf").write_text(f"{molblock('CC')}> <y>\n1\n\n$$$$\n{molblock('CO')}$$$$\n")
    refuses("m.sdf: record 2: no property 'y'", molecule_tables.read, tmp_path, parameters)


def test_lines_of_a_smiles_file_are_counted_with_the_blank_ones(tmp_path):
    (tmp_path / "m.smi").write_bytes(codecs.BOM_UTF8 + b"\nCCO\tname\n\nC1CC\n")
    assert molecules.read_smi(tmp_path / "m.smi") == (["CCO", "C1CC"], [2, 4])
    refuses("m.smi:4: not a valid SMILES: 'C1CC'", molecule_tables.read, tmp_path, {"format": "smi", "file": "m.smi"})


def test_one_molecule_written_in_many_ways_is_one_group(tmp_path):
    plain = ["CCO", "c1ccccc1O", "CC(=O)O", "CCN", "C1CCCCC1N", "c1ccncc1C"]
    ways = ["[CH3:1][CH2:2][OH:3]", "[cH:1]1[cH:2][cH:3][cH:4][cH:5][c:6]1[OH:7]", "CC(=O)[O-].[Na+]", "CC[NH3+].[Cl-]"]
    groups = molecules.identity([molecules.parse(one) for one in plain])
    assert molecules.identity([molecules.parse(one) for one in ways]).tolist() == groups[:4].tolist()
    assert len(set(groups.tolist())) == len(plain)
    rows = "".join(f"{smiles},{number}\n" for number, smiles in enumerate(plain + ways))
    (tmp_path / "m.csv").write_text("smiles,y\n" + rows)
    parameters = {"format": "csv", "file": "m.csv", "column": "y", "split": "scaffold"}
    parameters |= {"valid_fraction": 0.2, "test_fraction": 0.2}
    texts, found, y = molecule_tables.read(tmp_path, parameters)
    parts = molecule_tables.parts(texts, found, y, parameters, 1)
    assert sum(map(len, parts.values())) == len(plain)
    seen = [
        set(molecules.identity([molecules.parse(s.decode()) for s in part["smiles"]]).tolist())
        for part in parts.values()
    ]
    assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]


# ---- DNA


def fasta(folder, content, name="g.fa"):
    (folder / name).write_bytes(content)
    return folder / name


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


# ---- genotypes and variants

HEAD = "##fileformat=VCFv4.2\n##contig=<ID=22>\n##contig=<ID=chr1>\n"
HEAD += '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n##INFO=<ID=AF,Number=A,Type=Float,Description="a">\n'
NAMES = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
RULES = {"minor": 0.0, "spacing": 1, "window": 2, "r2": 1.1}


def calls(folder, *rows):
    people = [f"s{i}" for i in range(4)]
    body = "".join("\t".join(["22", *row]) + "\n" for row in rows)
    (folder / "g.vcf").write_text(f"{HEAD}{NAMES}\tFORMAT\t" + "\t".join(people) + f"\n{body}")
    return genotypes.read_vcf([folder / "g.vcf"], people, np.ones(4, bool), RULES)


def site(place, *genotype, ref="A", alt="G", info="."):
    return (str(place), ".", ref, alt, ".", "PASS", info, "GT", *genotype)


def test_genotypes_are_read_or_refused(tmp_path):
    found = calls(tmp_path, site(5, "0|1", "1/1", "0/0", "./."), site(9, "0|1", "0|0", "1|1", "0|1", info="AF=."))
    assert found.T.tolist() == [[1, 2, 0, -1], [1, 0, 2, 1]]
    lower = calls(tmp_path, site(5, "0|1", "1/1", "0/0", "0|1", ref="a", alt="g"))
    assert lower.T.tolist() == [[1, 2, 0, 1]]
    for wrong in ("0/0/1/1", "0|10", "0", "0|2"):
        refuses(
            f"g.vcf: record 1 (22:5), person 3: genotype '{wrong}'",
            calls,
            tmp_path,
            site(5, "0|1", "1|1", wrong, "0|0"),
        )


def test_an_empty_cell_of_a_panel_does_not_shift_the_others(tmp_path):
    path = tmp_path / "panel"
    path.write_text("sample\tpop\tsuper_pop\tgender\t\t\nA\tGBR\tEUR\tmale\nB\t\tEUR\tmale\n")
    refuses("panel:3: ", genotypes.read_panel, path, ["sample", "pop", "super_pop"], None)
    path.write_bytes(codecs.BOM_UTF8 + b"sample\tpop\tsuper_pop\tgender\t\t\nA\tGBR\tEUR\tmale\nB\tYRI\tAFR\tmale\n")
    assert genotypes.read_panel(path, ["sample", "pop", "super_pop"], None).names.tolist() == ["A", "B"]


VCF = f"{HEAD}{NAMES}\nchr1\t1\t.\tA\tT\t.\tPASS\t.\nchr1\t17\t.\tA\tC\t.\tPASS\t.\n"


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress, lambda raw: codecs.BOM_UTF8 + raw])
def test_variants_are_read_whatever_their_form(tmp_path, pack):
    (tmp_path / "v").write_bytes(pack(VCF.encode()))
    assert [record.pos for _, record in variants.records(tmp_path / "v")] == [1, 17]


def test_a_variant_file_that_is_cut_is_named(tmp_path):
    (tmp_path / "v.vcf.gz").write_bytes(gzip.compress(VCF.encode())[:-6])
    refuses("v.vcf.gz: damaged file", lambda: list(variants.records(tmp_path / "v.vcf.gz")))
    (tmp_path / "w.vcf.gz").write_bytes(bgzipped(tmp_path, VCF.encode() * 3000)[:900])
    refuses("w.vcf.gz: ", lambda: list(variants.records(tmp_path / "w.vcf.gz")))


def test_what_htslib_says_of_a_record_is_passed_on(tmp_path):
    (tmp_path / "v.vcf").write_text(VCF + "chr1\tx\t.\tA\tT\t.\tPASS\t.\n")
    refuses("v.vcf: record 3: not readable as VCF: ", lambda: list(variants.records(tmp_path / "v.vcf")))
    with pytest.raises(BadInput) as caught:
        list(variants.records(tmp_path / "v.vcf"))
    assert "position 'x'" in str(caught.value).partition("VCF: ")[2]


@pytest.mark.parametrize(
    ("region", "wanted"),
    [
        ("ctg1", ("ctg1", 0, 2**40)),
        ("ctg1:100", ("ctg1", 99, 2**40)),
        ("ctg1:100-", ("ctg1", 99, 2**40)),
        ("ctg1:1,001-2,000", ("ctg1", 1000, 2000)),
        ("HLA:01:5-9", ("HLA:01", 4, 9)),
    ],
)
def test_regions_are_read_as_samtools_reads_them(region, wanted):
    import call_variants

    assert call_variants.parse(region) == wanted


@pytest.mark.parametrize("region", ["ctg1:0-5", "ctg1:9-5", "ctg1:0"])
def test_regions_that_are_none_are_refused(region):
    import call_variants

    refuses("is no region", call_variants.parse, region)


@pytest.mark.parametrize(
    ("there", "wanted", "same"),
    [("R", "A", True), ("R", "G", True), ("R", "C", False), ("N", "A", True), ("A", "N", True), ("a", "A", True)],
)
def test_a_reference_allele_may_name_one_base_of_an_ambiguous_one(there, wanted, same):
    assert variants.same_reference(there, wanted) == same


def test_calls_are_written_in_letters_that_vcf_allows(tmp_path):
    p = np.array([[0.01, 0.98, 0.01], [0.01, 0.98, 0.01]])
    alleles = [("c", 4, "RA", "R"), ("c", 9, "N", "A")]
    variants.write_vcf(tmp_path / "o.vcf", {"c": 50}, "s", alleles, p, np.full((2, 3), 9))
    rows = [line.split("\t") for line in (tmp_path / "o.vcf").read_text().splitlines() if line[0] != "#"]
    assert [(row[3], row[4]) for row in rows] == [("AA", "A"), ("N", "A")]


# ---- reads

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
