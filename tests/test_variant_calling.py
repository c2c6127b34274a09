"""Variant calling: reads and pictures, scores, the network and the command."""

import numpy as np
import pysam
import pysam.bcftools
import pytest
import torch
from support import call, fit

from deepbio.baselines import allele_fraction, mpileup_call
from deepbio.core import data
from deepbio.core.files import BadInput, write_json
from deepbio.core.kind import small_problem
from deepbio.domains.dna.reference import Reference, read_reference
from deepbio.domains.variation import pileups, simulated_reads, variants
from deepbio.methods import deepvariant
from deepbio.tasks import variant_calling

LEAST = {"mapping": 5, "base": 10, "reads": 2, "share_snp": 0.12, "share_indel": 0.12}
FACTS = {"rows": 26, "width": 31, "channels": 7, "least": LEAST}
SIMULATION = {"spacing": 220, "snps": 0.7, "hets": 0.6, "depth": 20, "length": 101}
SIMULATION |= {"quality": 35, "low_mapping": 0.05, "systematic": 0.005, "copied": 0.0}


# ---- reads and pictures


def write_bam(path, reads, length=400, contig="one"):
    """reads: (start, cigar, sequence, quality, flag, mapping)."""
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": contig, "LN": length}]}
    header = pysam.AlignmentHeader.from_dict(header | {"RG": [{"ID": "1", "SM": "person"}]})
    with pysam.AlignmentFile(str(path), "wb", header=header) as handle:
        for number, (start, cigar, sequence, quality, flag, mapping) in enumerate(sorted(reads)):
            read = pysam.AlignedSegment(header)
            read.query_name, read.flag, read.reference_id, read.reference_start = f"r{number}", flag, 0, start
            read.mapping_quality, read.cigarstring, read.query_sequence = mapping, cigar, sequence
            read.query_qualities = [quality] * len(sequence)
            read.set_tag("RG", "1")
            handle.write(read)
    pysam.index(str(path))


@pytest.fixture
def small(tmp_path):
    """Eight reads of 60 bases over one SNP, one deletion and one insertion, and some that must not count."""
    text = "".join(np.random.default_rng(4).choice(list("ACGT"), 400))
    text = text[:150] + "CATTTTTG" + text[158:]
    snp = text[130]
    other = "ACGT"[("ACGT".index(snp) + 1) % 4]
    plain = (110, "60M", text[110:170], 30, 0, 60)
    changed = (110, "60M", text[110:130] + other + text[131:170], 35, 16, 60)
    deleted = (112, "43M1D16M", text[112:155] + text[156:172], 30, 0, 60)  # a T from the middle of the run
    inserted = (115, "3S21M2I34M", "GGG" + text[115:136] + "AC" + text[136:170], 30, 16, 60)
    reads = [plain] * 3 + [changed] * 2 + [deleted] * 2 + [inserted] * 2
    reads += [(110, "60M", changed[2], 35, flag, mapping) for flag, mapping in ((1024, 60), (256, 60), (0, 2))]
    write_bam(tmp_path / "small.bam", reads)
    return tmp_path / "small.bam", Reference("one", text), snp, other


def test_candidates_are_what_enough_good_reads_show(small):
    path, reference, snp, other = small
    reads = pileups.read_reads(path, "one", 0, 400, reference, LEAST)
    assert len(reads) == 9  # no duplicate, no secondary one, none that is badly mapped
    found = pileups.candidates(reads, reference, 0, 400, LEAST)
    inserted = variants.normal(135, reference[135], reference[135] + "AC", reference)
    assert found == sorted([(130, snp, other), (151, "AT", "A"), inserted])
    assert pileups.candidates(reads, reference, 0, 400, LEAST | {"reads": 3}) == []
    assert pileups.candidates(reads, reference, 0, 400, LEAST | {"share_snp": 0.3})[0] != (130, snp, other)
    assert pileups.candidates(reads, reference, 131, 152, LEAST) == [one for one in found if 131 <= one[0] < 152]


def test_picture_holds_the_channels_of_every_read(small):
    path, reference, snp, other = small
    reads = pileups.read_reads(path, "one", 0, 400, reference, LEAST)
    allele = (130, snp, other)
    pictures, counts, x = pileups.draw([allele, (151, "AT", "A")], reads, reference, FACTS)
    assert pictures.shape == (2, 7, 26, 31) and pictures.dtype == np.uint8 and np.isfinite(x).all()
    assert counts[0].tolist() == [7, 2, 9] and counts[1].tolist() == [7, 2, 9]
    picture, top, middle = pictures[0], pileups.REFERENCE_ROWS, 15
    letters = dict(zip("ACGT", pileups.SHADES, strict=False))
    around = reference.part(130 - middle, 130 + 16)
    assert picture[0, 0].tolist() == [letters[base] for base in around]
    assert (picture[1:, :top].reshape(6, -1) == np.array([254, 254, 70, 152, 50, 254])[:, None]).all()
    shows = picture[4, top:, middle] == 254
    assert shows.sum() == 2 and (picture[0, top:, middle][shows] == letters[other]).all()
    assert (picture[5, top:, middle][shows] == 254).all() and (picture[3, top:, middle][shows] == 240).all()
    assert (picture[1, top:, middle][shows] == 254 * 35 // 40).all()
    assert (picture[:, top + 9 :] == 0).all()  # no more than nine reads
    # Of a deletion the deleted base is without a shade, and its reads are those that show the allele.
    gone = pictures[1][:, top:][:, pictures[1][4, top:, middle] == 254]
    assert gone.shape[1] == 2 and (pictures[1][0, top:, middle + 1 :] == 0).any()


def test_more_reads_than_rows_are_drawn_alike_each_time(small, tmp_path):
    _, reference, snp, other = small
    write_bam(tmp_path / "deep.bam", [(110, "60M", reference.text[110:170], 30, 0, 60)] * 80)
    reads = pileups.read_reads(tmp_path / "deep.bam", "one", 0, 400, reference, LEAST)
    one, two = (pileups.draw([(130, snp, other)], reads, reference, FACTS)[0] for _ in range(2))
    assert (one == two).all() and (one[0, 2] > 0).all()


def test_mistakes_name_the_file(small, tmp_path):
    path, reference, _, _ = small
    with pytest.raises(BadInput, match="no contig 'two'; it has one"):
        pileups.read_reads(path, "two", 0, 400, reference, LEAST)
    (tmp_path / "broken.bam").write_text("nothing\n")
    with pytest.raises(BadInput, match="broken.bam: not readable"):
        pileups.read_reads(tmp_path / "broken.bam", "one", 0, 400, reference, LEAST)
    with pytest.raises(BadInput, match="none.fa: no such file"):
        read_reference(tmp_path / "none.fa", "one", 0, 10)
    (tmp_path / "r.fa").write_text(f">one\n{reference.text}\n")
    with pytest.raises(BadInput, match="no sequence 'two'; it has one"):
        read_reference(tmp_path / "r.fa", "two", 0, 10)


def test_truth_is_checked_against_the_genome(tmp_path):
    reference = Reference("one", "ACGTACGTAC")
    header = "##fileformat=VCFv4.2\n##contig=<ID=one,length=10>\n"
    header += '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n##FILTER=<ID=bad,Description="b">\n'
    header += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tperson\n"

    def read(*lines):
        (tmp_path / "t.vcf").write_text(header + "".join("\t".join(map(str, line)) + "\n" for line in lines))
        return variants.read_truth(tmp_path / "t.vcf", "one", reference, 0, 10)

    def row(place, ref, alt, genotype, verdict="PASS"):
        return ("one", place, ".", ref, alt, 50, verdict, ".", "GT", genotype)

    found = read(row(2, "C", "T", "0/1"), row(3, "G", "A,T", "1|2"), row(5, "A", "C", "1/1"), row(6, "C", "G", "0/0"))
    assert found == {(1, "C", "T"): 1, (2, "G", "A"): 1, (2, "G", "T"): 1, (4, "A", "C"): 2}
    assert read(row(2, "C", "T", "0/1"), row(5, "A", "C", "1/1", "bad")) == {(1, "C", "T"): 1}
    with pytest.raises(BadInput, match=r"record 2 \(one:5\): the genome holds 'A' there, not 'G'"):
        read(row(2, "C", "T", "0/1"), row(5, "G", "C", "1/1"))
    with pytest.raises(BadInput, match=r"record 1 \(one:2\): a genotype"):
        read(row(2, "C", "T", "./."))
    with pytest.raises(BadInput, match="no record on 'two'"):
        variants.read_truth(tmp_path / "t.vcf", "two", reference, 0, 10)


# ---- simulated reads


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    """Simulated reads over 20 kb, the truth, and the reference in a file."""
    folder = tmp_path_factory.mktemp("person")
    rng = np.random.default_rng(2)
    reference = simulated_reads.random_reference("one", 20000, rng)
    (folder / "r.fa").write_text(f">one\n{reference.text}\n")
    bam, truth = simulated_reads.simulate(reference, SIMULATION, folder, rng)
    return folder, reference, bam, truth


def test_reads_carry_the_variants_that_were_planted(person):
    _, reference, bam, truth = person
    reads = pileups.read_reads(bam, "one", 0, 20000, reference, LEAST)
    found = pileups.candidates(reads, reference, 0, 20000, LEAST)
    assert len(truth) > 50 and len(set(truth) & set(found)) > 0.97 * len(truth)
    assert all(variants.normal(*allele, reference) == allele for allele in truth)
    _, counts, _ = pileups.draw(sorted(truth), reads, reference, FACTS)
    share = counts[:, 1] / counts[:, 2].clip(min=1)
    copies = np.array([truth[allele] for allele in sorted(truth)])
    assert abs(share[copies == 1].mean() - 0.5) < 0.06 and share[copies == 2].mean() > 0.93


def test_bcftools_finds_them_and_says_how_sure_it_is(person, tmp_path):
    folder, reference, bam, truth = person
    called = variants.bcftools_calls(bam, folder / "r.fa", reference, 0, 20000, tmp_path)
    assert len(set(called) & set(truth)) > 0.95 * len(truth)
    p = np.array(list(called.values()))
    np.testing.assert_allclose(p.sum(axis=1), 1)
    right = [np.argmax(called[allele]) == copies for allele, copies in truth.items() if allele in called]
    assert np.mean(right) > 0.95


def test_a_read_over_an_insertion_or_at_its_end_has_the_cigar_of_an_aligner():
    assert simulated_reads._cigar(np.arange(50, 150)) == (50, [(0, 100)])
    place = np.r_[np.arange(50, 90), [-1, -1], np.arange(90, 150)]
    assert simulated_reads._cigar(place) == (50, [(0, 40), (1, 2), (0, 60)])
    place = np.r_[np.arange(50, 90), np.arange(95, 150)]
    assert simulated_reads._cigar(place) == (50, [(0, 40), (2, 5), (0, 55)])
    place = np.r_[np.arange(50, 53), np.arange(55, 150), [-1, 150]]
    assert simulated_reads._cigar(place) == (55, [(4, 3), (0, 95), (4, 2)])


# ---- the task


@pytest.fixture(scope="module")
def splits():
    parameters = {"format": "simulated", "length": 20000, "simulation": SIMULATION, "pileup": FACTS, "gap": 250}
    regions = {"train": [[200, 9000], [15000, 19800]], "valid": [[9000, 11000]], "test": [[11000, 15000]]}
    return variant_calling.prepare({}, parameters | {"regions": regions}, 1)


def test_parts_keep_their_distance(splits):
    place = {name: np.asarray(split["place"]) for name, split in splits.items()}
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        assert np.abs(place[one][:, None] - place[other]).min() > 250
    assert all((split["y"] > 0).sum() > 5 for split in splits.values())


def test_true_alleles_without_reads_count_as_missed(splits):
    test = splits["test"].take(np.arange(len(splits["test"])))
    y = np.asarray(test.y)
    p = np.eye(3)[y.astype(int)]
    before = variant_calling.score(test, {"y": p}, ["snp_f1"])
    assert before["snp_precision"] == before["genotype_concordance"] == 1 and before["snp_recall"] > 0.95
    test["y_missed"][0, 0] += 10
    after = variant_calling.score(test, {"y": p}, ["snp_f1"])
    snps = (variant_calling._snps(test) & (y > 0)).sum()
    assert after["snp_recall"] == pytest.approx(snps / (snps / before["snp_recall"] + 10))
    assert after["indel_recall"] == before["indel_recall"]
    assert after["confident_snp_recall"] == after["snp_recall"]
    assert "y_missed" not in test.inputs() and "y_confident" not in test.inputs()


def test_calls_are_counted_by_hand():
    y = np.array([0, 0, 1, 1, 2, 2])
    p = np.eye(3)[[0, 1, 1, 2, 2, 0]]
    # One true allele is called with two copies in place of one: a call too many and an allele missed.
    assert variant_calling.rates(y, p, 1) == pytest.approx((2 / 5, 2 / 4, 4 / 9))
    assert variant_calling.rates(y, p, 1, exact=False) == pytest.approx((3 / 5, 3 / 4, 2 * 0.6 * 0.75 / 1.35))
    assert variant_calling.concordance(y, p) == pytest.approx(2 / 3)
    none = np.eye(3)[[0] * 6]
    assert variant_calling.rates(y, none, 0) == (0, 0, 0) and variant_calling.concordance(y, none) == 0


def test_sites_of_few_reads_are_scored_by_themselves(splits):
    test = splits["test"]
    y, snp, depth = np.asarray(test.y), variant_calling._snps(test), np.asarray(test["counts"])[:, 2]
    deep = depth >= np.median(depth[snp])
    p = np.eye(3)[np.where(deep, y, 0).astype(int)]  # no allele is called where reads are few
    found = variant_calling.score(test, {"y": p}, ["snp_f1"])
    assert found["snp_shallow_f1"] == 0 < found["snp_f1"] < found["snp_deep_f1"] and found["snp_deep_f1"] > 0.95
    wrong = np.eye(3)[np.where(y > 0, 3 - y, 0).astype(int)]  # each allele in the other number of copies
    found = variant_calling.score(test, {"y": wrong}, ["snp_f1"])
    assert found["snp_f1"] == found["indel_f1"] == 0 and found["snp_allele_f1"] > 0.9


def test_precision_falls_along_the_quality_of_calls():
    y = np.array([1, 0, 2, 0])
    p = np.array([[0.01, 0.99, 0], [0.4, 0.6, 0], [0, 0.1, 0.9], [0.9, 0.1, 0]])
    recall, precision = variants.precision_recall(y, p)
    assert recall.tolist() == [0.5, 1, 1] and precision == pytest.approx([1, 1, 2 / 3])


def test_baselines_read_arrays(splits):
    test = splits["test"].inputs()
    found = mpileup_call.Method({}).predict(test)["y"]
    np.testing.assert_allclose(found, np.asarray(test["called"]))
    rule = allele_fraction.Method({"thresholds": [0.2, 0.8], "reads": 2, "error": 0.02})
    p = rule.predict(test)["y"]
    share = test["counts"][:, 1] / test["counts"][:, 2].clip(min=1)
    np.testing.assert_array_equal(p.argmax(axis=1), np.digitize(share, [0.2, 0.8]))
    assert variant_calling.score(splits["test"], {"y": p}, ["snp_f1"])["snp_recall"] > 0.9


# ---- the network


def test_augmentation_moves_reads_up_and_leaves_the_reference_rows():
    split = small_problem("pileup", "multiclass", 20)["train"]
    model = deepvariant.Method({"augment": {"drop": 0.9, "turn": True, "jitter": 5}})
    x = torch.from_numpy(np.asarray(split["pileup"]))
    torch.manual_seed(0)
    found, top = model.augment(x), pileups.REFERENCE_ROWS
    assert found.dtype == torch.uint8 and found.shape == x.shape
    assert found[:, :, :top].equal(x[:, :, :top])
    there = found[:, 2, top:, 0] > 0
    assert there.sum() < (x[:, 2, top:, 0] > 0).sum()
    assert (there[:, 1:] <= there[:, :-1]).all()  # no gap above a read
    assert set(found[:, 3, top:].unique().tolist()) <= {0, 70, 240}
    still = deepvariant.Method({"augment": {"drop": 0, "turn": False, "jitter": 0}})
    assert still.augment(x).equal(x)


def test_what_is_no_candidate_is_not_called(tmp_path):
    splits = small_problem("pileup", "multiclass", 40)
    model, _ = fit("deepvariant", splits, tmp_path)
    test = splits["test"].inputs()
    test.arrays["candidate"] = np.arange(len(test)).astype(np.uint8) % 2
    assert (model.predict(test)["y"][::2] == variants.ABSENT).all()


# ---- the command


@pytest.mark.slow
def test_call_variants_writes_a_vcf(person, tmp_path):
    folder, reference, bam, truth = person
    model, _ = fit("deepvariant", small_problem("pileup", "multiclass"), tmp_path / "job")
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    write_json(tmp_path / "run.json", {"status": "ok", "method": "deepvariant", "role": "listed", "parameters": {}})
    words = [tmp_path, "--bam", bam, "--fasta", folder / "r.fa", "--sample", "NA1"]
    done = call("call_variants.py", *words, "--region", "one:2,001-12000", "--output", tmp_path / "calls.vcf.gz")
    assert done.returncode == 0, done.stderr
    with pysam.VariantFile(str(tmp_path / "calls.vcf.gz")) as opened:
        assert list(opened.header.samples) == ["NA1"] and opened.header.contigs["one"].length == 20000
        found = {(r.start, r.ref, r.alts[0]) for r in opened if len(r.alts) == 1}
    wanted = {allele for allele in truth if 2000 <= allele[0] < 12000}
    assert len(found & wanted) > 0.9 * len(wanted)
    assert all(2000 <= place < 12000 for place, _, _ in found)
    assert pysam.bcftools.view("-H", str(tmp_path / "calls.vcf.gz")).count("\n") >= len(found)
    for region, said in (("two", "no sequence 'two'; it has one"), ("one:9-3", "9 to 3 is no region")):
        done = call("call_variants.py", *words, "--region", region, "--output", tmp_path / "x.vcf")
        assert done.returncode and said in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "x.vcf").exists()


def test_a_dataset_survives_the_disk(splits, tmp_path):
    data.save_dataset(tmp_path / "d", splits, {})
    back = data.read_split(tmp_path / "d", "test")
    np.testing.assert_array_equal(back["pileup"], splits["test"]["pileup"])
    assert back["alt"].tolist() == splits["test"]["alt"].tolist()
