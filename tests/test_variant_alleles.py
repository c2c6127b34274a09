"""Alleles: one normal form for each, and VCF files of them."""

import numpy as np
import pysam
import pysam.bcftools
import pytest

from deepbio.domains.dna.reference import Reference
from deepbio.domains.variation import simulated_reads, variants

# ---- alleles


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((5, "G", "T"), (5, "G", "T")),
        ((4, "AGA", "ATA"), (5, "G", "T")),  # what both hold falls away
        ((14, "T", "TT"), (12, "A", "AT")),  # to the left end of a run
        ((14, "TT", "T"), (12, "AT", "A")),
        ((10, "ACA", "A"), (5, "GAC", "G")),  # and of a repeat of two
        ((5, "g", "t"), (5, "G", "T")),
    ],
)
def test_alleles_have_one_normal_form(given, wanted):
    reference = Reference("c", "ACGTAGACACACATTTTGCA")
    found = variants.normal(*given, reference)
    assert found == wanted
    assert applied(reference, found) == applied(reference, given)


def applied(reference, allele):
    place, ref, alt = allele[0], *(one.upper() for one in allele[1:])
    return reference.text[:place] + alt + reference.text[place + len(ref) :]


def test_normal_form_is_bcftools_own(tmp_path):
    """Alleles written in many ways, against `bcftools norm` on the same reference."""
    rng = np.random.default_rng(3)
    reference = simulated_reads.random_reference("one", 3000, rng)
    (tmp_path / "r.fa").write_text(f">one\n{reference.text}\n")
    rows, own = [], []
    for place in range(200, 2800, 7):
        size = int(rng.integers(1, 7))
        if rng.random() < 0.5:
            ref, alt = reference.part(place, place + 1 + size), reference[place]
        else:
            ref = reference[place]
            alt = ref + "".join(rng.choice(list("AC"), size))
        rows.append(f"one\t{place + 1}\t.\t{ref}\t{alt}\t.\t.\t.\n")
        own.append(variants.normal(place, ref, alt, reference))
    header = "##fileformat=VCFv4.2\n##contig=<ID=one,length=3000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (tmp_path / "a.vcf").write_text(header + "".join(rows))
    text = pysam.bcftools.norm("-f", str(tmp_path / "r.fa"), str(tmp_path / "a.vcf"))
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    assert sorted(own) == sorted((int(f[1]) - 1, f[3], f[4]) for f in lines)


def test_part_of_a_reference_is_padded():
    reference = Reference("c", "acgt", first=10, length=100)
    assert [reference.part(*p) for p in ((8, 12), (12, 16), (0, 3), (20, 22), (8, 16))] == [
        "NNAC",
        "GTNN",
        "NNN",
        "NN",
        "NNACGTNN",
    ]


# ---- VCF files


def test_vcf_is_read_by_pysam_and_bcftools(tmp_path):
    alleles = [("one", 99, "A", "C"), ("one", 49, "AT", "A"), ("one", 99, "A", "G"), ("one", 199, "C", "CTT")]
    p = np.array([[0.01, 0.98, 0.01], [0.001, 0.009, 0.99], [0.02, 0.97, 0.01], [0.9, 0.09, 0.01]])
    counts = np.array([[1, 9, 20], [0, 14, 14], [1, 10, 20], [18, 2, 20]])
    for name in ("calls.vcf", "calls.vcf.gz"):
        variants.write_vcf(tmp_path / name, {"one": 1000}, "person", alleles, p, counts)
        with pysam.VariantFile(str(tmp_path / name)) as opened:
            found = list(opened)
        assert [(r.pos, r.ref, r.alts) for r in found] == [
            (50, "AT", ("A",)),
            (100, "A", ("C", "G")),
            (200, "C", ("CTT",)),
        ]
        assert [r.samples["person"]["GT"] for r in found] == [(1, 1), (1, 2), (0, 0)]
        assert [list(r.filter) for r in found] == [["PASS"], ["PASS"], ["RefCall"]]
        assert found[0].samples[0]["GQ"] == 20 and found[0].samples[0]["AD"] == (0, 14)
        assert all(min(r.samples[0]["PL"]) == 0 for r in found) and len(found[1].samples[0]["PL"]) == 6
        text = pysam.bcftools.view("-H", str(tmp_path / name))
        assert len(text.splitlines()) == 3
        passed = pysam.bcftools.view("-H", "-f", "PASS", str(tmp_path / name))
        assert len(passed.splitlines()) == 2
    pysam.bcftools.index(str(tmp_path / "calls.vcf.gz"))


def test_alleles_of_one_place_get_the_likeliest_pair():
    alleles = [(10, "ATT", "A"), (10, "AT", "A")]
    place, ref, alts, pairs, p = variants.merge(alleles, [[0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
    assert (place, ref, alts) == (10, "ATT", ["A", "AT"])
    assert pairs == [(0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2)]
    assert pairs[p.argmax()] == (1, 2) and p.sum() == pytest.approx(1)


def test_quality_of_a_sure_call_is_not_rounded_away():
    p = np.array([[1e-9, 1 - 1e-9, 0], [0.1, 0.8, 0.1], [1, 0, 0]], np.float32)
    assert variants.quality(p) == pytest.approx([90, 10 * np.log10(5), 99], rel=1e-3)
