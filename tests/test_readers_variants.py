"""Readers of genotypes, variants and regions, and what is written of calls."""

import codecs
import gzip

import numpy as np
import pytest
import zstandard
from reader_files import bgzipped, refuses

from deepbio.core.files import BadInput
from deepbio.domains.variation import genotypes, variants

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
