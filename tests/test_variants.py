"""score_variants: effects of variants as a trained model sees them."""

import csv

import numpy as np
import pytest
from conftest import make_splits
from test_commands import call
from test_methods import fit

from deepbio import sequences
from deepbio.files import write_json

WORD = "TGACTCA"  # what conftest plants
HEADER = '##fileformat=VCFv4.2\n##contig=<ID=chr1,length=400>\n##ALT=<ID=DEL,Description="deletion">\n'
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
START = 200  # of the word in the genome, 0-based


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with a network that knows the planted word, and a genome that holds it once."""
    folder = tmp_path_factory.mktemp("variants")
    model, _ = fit("deepmotif", make_splits("sequence", "binary", 480), folder / "job")
    (folder / "model").mkdir()
    model.save(folder / "model")
    write_json(folder / "run.json", {"status": "ok", "method": "deepmotif", "role": "listed", "parameters": {}})
    codes = np.random.default_rng(5).integers(0, 4, 400).astype(np.uint8)
    text = sequences.decode(codes)
    text = text[:START] + WORD + text[START + len(WORD) :]
    (folder / "genome.fa").write_text(f">chr1\n{text}\n")
    return folder, text


def effects(folder, records, genome="genome.fa"):
    (folder / "variants.vcf").write_text(HEADER + COLUMNS + "".join("\t".join(map(str, r)) + "\n" for r in records))
    words = ["--vcf", folder / "variants.vcf", "--fasta", folder / genome, "--output", folder / "out.tsv"]
    done = call("score_variants.py", folder, *words)
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


def test_mistakes_name_the_record(run):
    folder, text = run
    fine, wrong = record(text, 10, other(text[10])), list(record(text, 20, "A"))
    wrong[3], wrong[4] = other(text[20]), other(other(text[20]))
    message = effects(folder, [fine, wrong])
    assert f"record 2 (chr1:21 {wrong[3]}>" in message and f"holds '{text[20]}' there" in message
    (folder / "other.fa").write_text(">chr2\nACGT\n")
    assert "has no sequence 'chr1'" in effects(folder, [fine], "other.fa")
    (folder / "broken.vcf").write_text("no variants\n")
    for fasta, said in (("genome.fa", "broken.vcf: not a readable VCF file"), ("none.fa", "none.fa: no such file")):
        words = ["--vcf", folder / "broken.vcf", "--fasta", folder / fasta, "--output", folder / "o.tsv"]
        done = call("score_variants.py", folder, *words)
        assert done.returncode and said in done.stderr and "Traceback" not in done.stderr
