"""score_variants: effects of variants as a trained model sees them."""

import csv
import gzip
import shutil

import numpy as np
import pytest
from support import call, fit

from deepbio.core import portrait
from deepbio.core.data import Split
from deepbio.core.files import write_json
from deepbio.core.kind import small_problem
from deepbio.domains.dna import sequences

pytestmark = pytest.mark.slow

WORD = "TGACTCA"  # what the small problem of sequences plants
HEADER = '##fileformat=VCFv4.2\n##contig=<ID=chr1,length=400>\n##ALT=<ID=DEL,Description="deletion">\n'
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
START = 200  # of the word in the genome, 0-based


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with a network that knows the planted word, and a genome that holds it once."""
    folder = tmp_path_factory.mktemp("variants")
    model, _ = fit("deepmotif", small_problem("sequence", "binary", 480), folder / "job")
    (folder / "model").mkdir()
    model.save(folder / "model")
    write_json(folder / "run.json", {"status": "ok", "method": "deepmotif", "role": "listed", "parameters": {}})
    codes = np.random.default_rng(5).integers(0, 4, 400).astype(np.uint8)
    text = sequences.decode(codes)
    text = text[:START] + WORD + text[START + len(WORD) :]
    (folder / "genome.fa").write_text(f">chr1\n{text}\n")
    return folder, text


def effects(folder, records, genome="genome.fa", genes=None):
    (folder / "variants.vcf").write_text(HEADER + COLUMNS + "".join("\t".join(map(str, r)) + "\n" for r in records))
    words = ["--vcf", folder / "variants.vcf", "--fasta", folder / genome, "--output", folder / "out.tsv"]
    done = call("score_variants.py", folder, *words, *(["--genes", folder / genes] if genes else []))
    assert "Traceback" not in done.stderr, done.stderr
    if done.returncode:
        return done.stderr
    with open(folder / "out.tsv", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def record(text, place, alternative, size=1, name="."):
    return ("chr1", place + 1, name, text[place : place + size], alternative, ".", ".", ".")


def other(base):
    return "ACGT"[("ACGT".index(base) + 1) % 4]


def test_breaking_the_motif_counts_and_neighbours_do_not(run):
    folder, text = run
    inside, outside = START + 1, START + 40  # the middle base would give the word of the other strand
    rows = effects(folder, [record(text, place, other(text[place])) for place in (inside, outside)])
    broken, spared = (float(row["output1"]) for row in rows)
    assert broken < -0.3 and abs(spared) < abs(broken) / 3


def test_both_strands_say_the_same(run):
    folder, text = run
    place = START + 3
    there = text.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    (folder / "reverse.fa").write_text(f">chr1\n{there}\n")
    forward = effects(folder, [record(text, place, other(text[place]))])
    base = other(text[place]).translate(str.maketrans("ACGT", "TGCA"))
    back = len(text) - 1 - place
    reverse = effects(folder, [record(there, back, base)], "reverse.fa")
    # The middle of an even window is one base off on the other strand.
    assert float(reverse[0]["output1"]) == pytest.approx(float(forward[0]["output1"]), rel=0.3)


def test_insertions_deletions_and_unknown_bases(run):
    folder, text = run
    cases = [
        record(text, START + 2, text[START + 2] + "GG"),  # an insertion in the word
        record(text, START + 1, text[START + 1], size=4),  # a deletion of three of its bases
        record(text, START + 2, "N"),
        record(text, START + 2, "<DEL>"),
        record(text, 0, other(text[0])),  # at the end of the chromosome
        record(text, START + 3, f"{other(text[START + 3])},{text[START + 3]}AA"),  # two alleles
    ]
    rows = effects(folder, cases)
    assert len(rows) == 7
    assert all(float(rows[i]["output1"]) < -0.3 for i in (0, 1, 2))
    assert rows[3]["note"] == "no sequence" and rows[3]["output1"] == ""
    assert np.isfinite(float(rows[4]["output1"]))
    assert [row["alt"] for row in rows[5:]] == cases[5][4].split(",")


@pytest.mark.slow
def test_mistakes_name_the_record(run):
    folder, text = run
    fine, wrong = record(text, 10, other(text[10])), list(record(text, 20, "A"))
    wrong[3], wrong[4] = other(text[20]), other(other(text[20]))
    message = effects(folder, [fine, wrong])
    assert f"record 2 (chr1:21 {wrong[3]}>" in message and f"holds '{text[20]}' there" in message
    (folder / "other.fa").write_text(">chr2\nACGT\n")
    assert "no sequence 'chr1'; it has chr2" in effects(folder, [fine], "other.fa")
    (folder / "broken.vcf").write_text("no variants\n")
    for fasta, said in (("genome.fa", "broken.vcf: record 1: not readable"), ("none.fa", "none.fa: no such file")):
        words = ["--vcf", folder / "broken.vcf", "--fasta", folder / fasta, "--output", folder / "o.tsv"]
        done = call("score_variants.py", folder, *words)
        assert done.returncode and said in done.stderr and "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def expression(tmp_path_factory):
    """A run folder with a model of expression, a genome, and a BED file with one gene on each strand."""
    folder = tmp_path_factory.mktemp("genes")
    splits = small_problem("gene_region", "regression", 160)
    model, _ = fit("expecto", splits, folder / "job")
    (folder / "model").mkdir()
    model.save(folder / "model")
    write_json(folder / "run.json", {"status": "ok", "method": "expecto", "role": "listed", "parameters": {}})
    length = splits["train"]["codes"].shape[1]
    text = sequences.decode(np.random.default_rng(6).integers(0, 4, 6 * length).astype(np.uint8))
    (folder / "genome.fa").write_text(f">chr1\n{text}\n")
    starts = {"plus": 2 * length, "minus": 4 * length}
    lines = [f"chr1\t{starts['plus']}\t{starts['plus'] + 50}\tplus\t0\t+"]
    lines += [f"chr1\t{starts['minus'] - 49}\t{starts['minus'] + 1}\tminus\t0\t-"]
    (folder / "genes.bed").write_text("\n".join(lines) + "\n")
    return folder, text, starts, model, splits["train"].context, length


def change(expression, gene, altered):
    """The change that the model itself sees between the genome and an altered one, read around a gene."""
    folder, text, starts, model, context, length = expression
    minus = gene == "minus"
    half = length // 2 - (minus and length % 2 == 0)  # bases before the start, on the genome's strand
    pair = [sequences.encode([s[starts[gene] - half :][:length]])[0] for s in (text, altered)]
    codes = np.stack([sequences.reverse_complement(c[None])[0] if minus else c for c in pair])
    said = model.predict(Split({"codes": codes}, context))["y"]
    return said[1] - said[0]


@pytest.mark.parametrize("gene", ["plus", "minus"])
def test_a_model_of_expression_reads_the_region_of_each_gene(expression, gene):
    folder, text, starts, _, context, length = expression
    upstream = starts[gene] + (30 if gene == "minus" else -30)
    place = record(text, upstream, other(text[upstream]))
    rows = effects(folder, [place, record(text, 5, other(text[5]))], genes="genes.bed")
    assert [row["gene"] for row in rows] == [gene, ""]
    assert rows[0]["distance"] == "-30" and rows[1]["note"] == "no gene near"
    altered = text[:upstream] + place[4] + text[upstream + 1 :]
    wanted = change(expression, gene, altered)
    assert [float(rows[0][name]) for name in context["features"]] == pytest.approx(wanted, abs=1e-4)
    assert np.abs(wanted).max() > 0


@pytest.mark.slow
def test_a_deletion_leaves_the_start_of_the_gene_where_it_is(expression):
    folder, text, starts, _, context, length = expression
    for gene, upstream in (("plus", -20), ("plus", 20), ("minus", -20), ("minus", 20)):
        begin = starts[gene] + upstream
        rows = effects(folder, [record(text, begin, text[begin], size=6)], genes="genes.bed")
        shorter = text[: begin + 1] + text[begin + 6 :]
        # What lies before the start moves towards it from the left, what lies after it from the right.
        altered = "N" * 5 + shorter if begin < starts[gene] else shorter + "N" * 5
        values = [float(rows[0][name]) for name in context["features"]]
        assert values == pytest.approx(change(expression, gene, altered), abs=1e-4)


def test_genes_are_asked_for_where_they_are_needed_only(expression, run):
    folder, text, starts = expression[:3]
    assert "say where they start by --genes" in effects(folder, [record(text, 9, other(text[9]))])
    (run[0] / "genes.bed").write_text("chr1\t100\t150\tone\t0\t+\n")
    assert "knows no genes" in effects(run[0], [record(run[1], 9, other(run[1][9]))], genes="genes.bed")


@pytest.mark.parametrize("name", ["basenji", "wnuk_access"])
def test_models_of_other_inputs(tmp_path, run, name):
    """A profile's effect is one number a track; a model that needs more than DNA says so."""
    kind, output = {"basenji": ("long_sequence", "regression"), "wnuk_access": ("site_in_sample", "binary")}[name]
    model, _ = fit(name, small_problem(kind, output), tmp_path / "job")
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    write_json(tmp_path / "run.json", {"status": "ok", "method": name, "role": "listed", "parameters": {}})
    (tmp_path / "genome.fa").write_text(f">chr1\n{run[1]}\n")
    rows = effects(tmp_path, [record(run[1], START + 1, other(run[1][START + 1]))])
    if name == "wnuk_access":
        assert "reads a sample's expression too" in rows
    else:
        assert np.isfinite(float(rows[0]["output1"])) and len(rows) == 1


# ---- real files


def test_a_symbolic_allele_of_an_unknown_base_gets_a_row(run):
    folder, text = run
    rows = effects(
        folder,
        [
            record(text, 30, "<DEL>"),
            ("chr1", 90, ".", "N", "<DEL>", ".", ".", "."),
            record(text, 120, other(text[120])),
        ],
    )
    assert [row["note"] for row in rows] == ["no sequence", "no sequence", ""]


def test_the_genome_may_be_ambiguous_where_the_record_names_a_base(run):
    folder, text = run
    letter = {"A": "R", "G": "R", "C": "Y", "T": "Y"}[text[60]]
    (folder / "ambiguous.fa").write_text(f">chr1\n{text[:60]}{letter}{text[61:]}\n")
    rows = effects(folder, [record(text, 60, other(text[60]))], genome="ambiguous.fa")
    assert rows[0]["output1"]
    wrong = {"R": "C", "Y": "A"}[letter]
    said = effects(folder, [("chr1", 61, ".", wrong, "T", ".", ".", ".")], genome="ambiguous.fa")
    assert f"the genome holds '{letter}' there, not '{wrong}'" in said


def test_plain_gzip_and_packed_output(run):
    folder, text = run
    rows = effects(folder, [record(text, 60, other(text[60]))])
    (folder / "variants.vcf.gz").write_bytes(gzip.compress((folder / "variants.vcf").read_bytes()))
    words = ["--vcf", folder / "variants.vcf.gz", "--fasta", folder / "genome.fa", "--output", folder / "out.tsv.gz"]
    done = call("score_variants.py", folder, *words)
    assert done.returncode == 0, done.stderr
    with gzip.open(folder / "out.tsv.gz", "rt", newline="") as handle:
        assert list(csv.DictReader(handle, delimiter="\t")) == rows


@pytest.mark.parametrize("lines", ["1\t100\t300\tGENA\t0\t+\n", ""])
def test_genes_that_lie_on_no_sequence_of_the_genome_are_an_error(expression, lines):
    folder, text = expression[:2]
    (folder / "other.bed").write_text(lines)
    said = effects(folder, [("chr1", 10, ".", text[9], other(text[9]), ".", ".", ".")], genes="other.bed")
    assert "other.bed: no transcript" in said


def test_a_model_alone_scores_like_its_run(run, tmp_path):
    """Without run.json, a folder `model` says by its portrait what it is."""
    folder, text = run
    rows = effects(folder, [("chr1", 210, ".", text[209], other(text[209]), ".", ".", ".")])
    alone = shutil.copytree(folder / "model", tmp_path / "given")
    facts = {"method": "deepmotif", "role": "listed", "parameters": {}, "outputs": ["y"], "shapes": {"codes": [60]}}
    write_json(alone / portrait.NAME, facts | {"context": {"input": "sequence", "output": "binary"}})
    words = ["--vcf", folder / "variants.vcf", "--fasta", folder / "genome.fa", "--output", tmp_path / "o.tsv"]
    done = call("score_variants.py", alone, *words)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "o.tsv", newline="") as handle:
        assert list(csv.DictReader(handle, delimiter="\t")) == rows


def test_a_run_that_is_not_there_or_damaged_is_named(run, tmp_path):
    folder, _ = run
    words = ["--vcf", folder / "variants.vcf", "--fasta", folder / "genome.fa"]

    def said(place, output):
        done = call("score_variants.py", place, *words, "--output", output)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        return done.stderr

    assert "run.json: no such file" in said(tmp_path / "none", tmp_path / "o.tsv")
    shutil.copytree(folder / "model", tmp_path / "run" / "model")
    shutil.copy(folder / "run.json", tmp_path / "run")
    weights = tmp_path / "run" / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])
    assert "model: cannot be loaded: SafetensorError" in said(tmp_path / "run", tmp_path / "o.tsv")
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in said(folder, tmp_path / "file" / "o.tsv")
