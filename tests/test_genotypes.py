"""Readers of genotypes: matrices, panels, VCF; folds of people."""

import gzip

import numpy as np
import pandas as pd
import pytest

from deepbio.core import tables, task
from deepbio.core.files import BadInput
from deepbio.domains.variation import genotypes
from deepbio.tasks import genetic_ancestry

POPULATIONS = {"GBR": "EUR", "TSI": "EUR", "CHB": "EAS", "YRI": "AFR"}
HEADER = (
    '##fileformat=VCFv4.2\n##contig=<ID=1>\n##contig=<ID=2>\n##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
)
HEADER += '##INFO=<ID=AF,Number=A,Type=Float,Description="f">\n'


def test_folds_are_stratified_and_hold_whole_groups():
    rng = np.random.default_rng(0)
    label = rng.choice(["a", "b", "c"], 600, p=[0.6, 0.3, 0.1])
    group = np.arange(600)
    group[label == "a"] //= 3  # families of up to three
    fold = tables.deal(group, label, 5, np.random.default_rng(1))
    assert all(len(set(fold[group == one])) == 1 for one in np.unique(group))
    for value in "abc":
        sizes = np.bincount(fold[label == value], minlength=5)
        assert np.ptp(sizes) <= 3
    assert np.ptp(np.bincount(fold)) <= 4


def make_matrix(folder, people=60, sites=40, **changed):
    """Files of a small matrix of bytes; the last two people have equal genotypes."""
    rng = np.random.default_rng(5)
    names = [f"P{i:03d}" for i in range(people)]
    homes = [list(POPULATIONS)[i % 4] for i in range(people)]
    homes[-1] = homes[-2]
    table = rng.integers(0, 3, (sites, people)).astype(np.uint8)
    table[:, -1] = table[:, -2]
    rows = [f"{n},{h},{POPULATIONS[h]},female" for n, h in zip(names, homes, strict=True)]
    (folder / "people.csv").write_text("\n".join(["sample,population,superpopulation,gender", *rows]) + "\n")
    (folder / "sites").write_text("".join(f"1:{i}:A:T\n" for i in range(sites)))
    with gzip.open(folder / "genotypes.gz", "wb") as handle:
        handle.write(changed.get("table", table).tobytes())
    parameters = {"format": "matrix", "genotypes": "genotypes.gz", "sites": "sites", "people": "people.csv"}
    return table, parameters | {"folds": 5, "shuffle": 23}


def test_splits_go_round_the_folds(tmp_path):
    table, parameters = make_matrix(tmp_path)
    found = [genetic_ancestry.prepare({"s": tmp_path}, parameters, seed) for seed in range(1, 6)]
    tests = [set(one["test"]["group"].tolist()) for one in found]
    assert sum(map(len, tests)) == len(set.union(*tests)) == 59  # two people of equal genotypes are one group
    for one, before in zip(found, [found[-1], *found], strict=False):
        task.check(one, "test")
        assert sum(map(len, one.values())) == 60 and one["train"]["x"].dtype == np.int8
        assert set(one["valid"]["group"].tolist()) == set(before["test"]["group"].tolist())
        for split in one.values():
            assert np.ptp(np.bincount(split.y.astype(int), minlength=4)) <= 3
    context = found[0]["train"].context
    assert context["classes"] == ["YRI", "CHB", "GBR", "TSI"] and context["continents"] == ["AFR", "EAS", "EUR"]
    assert context["continent_of"] == [0, 1, 2, 2]
    every = genetic_ancestry.prepare({"s": tmp_path}, parameters | {"every": 8}, 1)
    whole = {row.tobytes() for row in table[::8].T.astype(np.int8)}
    assert every["test"]["x"].shape[1] == 5 and {row.tobytes() for row in every["test"]["x"]} <= whole


def test_wrong_matrices_and_panels_are_named(tmp_path):
    table, parameters = make_matrix(tmp_path)
    wrong = table.copy()
    wrong[7, 4] = 9
    make_matrix(tmp_path, table=wrong)
    with pytest.raises(BadInput, match=r"genotypes.gz: site 1:7:A:T \(record 8\), person 5: 9"):
        genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    make_matrix(tmp_path, table=table[:-1])
    with pytest.raises(BadInput, match="genotypes.gz: 2340 genotypes in place of 40 sites x 60 people"):
        genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    (tmp_path / "genotypes.gz").write_bytes(gzip.compress(table.tobytes())[:-3])
    with pytest.raises(BadInput, match="genotypes.gz: damaged file"):
        genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    make_matrix(tmp_path)
    text = (tmp_path / "people.csv").read_text()
    for old, new, message in (
        ("P003,", "P002,", "person P002 stands twice"),
        ("P005,TSI,EUR", "P005,TSI,EAS", "person P005: population TSI lies in EUR and in EAS"),
        ("P005,TSI,EUR", "P005,,EUR", "person P005 has no population"),
        ("superpopulation", "continent", "people.csv:1: no column 'superpopulation'"),
    ):
        (tmp_path / "people.csv").write_text(text.replace(old, new))
        with pytest.raises(BadInput, match=message):
            genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)


def test_letters_are_counted_and_wrong_ones_named(tmp_path):
    path = tmp_path / "panel.csv"
    path.write_text("sample,rs1,rs2,population\na,CT,AA,GBR\nb,TT,AA,GBR\nc,CC,AA,TSI\n")
    x, sites = genotypes.read_letters(path, ("sample", "population"))
    assert sites == ["rs1", "rs2"] and x.T.tolist() == [[1, 2, 0], [0, 0, 0]]
    path.write_text("sample,rs1\na,CT\nb,C-\n")
    with pytest.raises(BadInput, match="panel.csv:3: column 'rs1': 'C-' is no pair of bases"):
        genotypes.read_letters(path, ("sample",))
    path.write_text("sample,rs1\na,CT\nb,GG\n")
    with pytest.raises(BadInput, match="panel.csv: column 'rs1' has the alleles C, G, T"):
        genotypes.read_letters(path, ("sample",))


def test_haplotypes_are_added_by_person():
    alleles = np.array([[0, 1], [1, 1], [0, 0], [1, 0]], np.int8)
    rows = pd.DataFrame({"sample": list("aabb"), "population": ["GBR"] * 2 + ["YRI"] * 2})
    rows["super.population"] = ["EUR"] * 2 + ["AFR"] * 2
    x, people = genotypes.pair("file", alleles, rows)
    assert x.tolist() == [[1, 2], [1, 0]] and people.names.tolist() == ["a", "b"]
    with pytest.raises(BadInput, match="file: haplotypes 1 and 2 are of two people"):
        genotypes.pair("file", alleles, rows.assign(sample=list("abab")))
    with pytest.raises(BadInput, match="file: haplotype 2, site 1: an allele that is neither 0 nor 1"):
        genotypes.pair("file", alleles + np.array([[0, 0], [1, 0], [0, 0], [0, 0]], np.int8), rows)
    with pytest.raises(BadInput, match="not an R data file"):
        genotypes.read_haplotypes(__file__, "LCT")


def write_vcf(path, names, records):
    """`records`: (chromosome, place, ref, alt, info, genotypes (people,) 0 to 2 or None, or texts)."""
    calls = {0: "0|0", 1: "0|1", 2: "1|1", -1: ".|."}
    lines = ["\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names])]
    for where, place, ref, alt, info, row in records:
        texts = [calls.get(one, one) for one in row]
        lines.append("\t".join([where, str(place), ".", ref, alt, ".", "PASS", info, "GT", *texts]))
    path.write_text(HEADER + "\n".join(lines) + "\n")


def make_vcf(folder, people=40):
    """A VCF file, a panel and a pedigree; of each three neighbouring sites two are equal, or each other's reverse."""
    rng = np.random.default_rng(3)
    names = [f"P{i:03d}" for i in range(people)]
    records = []
    for i in range(60):
        row = rng.integers(0, 3, people).tolist() if i % 3 != 1 else records[-1][-1]
        row = [2 - one for one in row] if i % 6 == 1 else row
        records.append((str(1 + i // 30), 100 + 10 * (i % 30), "A", "C", "AF=0.5", row))
    records[4][-1][7] = -1
    write_vcf(folder / "all.vcf", names, records)
    homes = [list(POPULATIONS)[i % 4] for i in range(people)]
    panel = [f"{n}\t{h}\t{POPULATIONS[h]}\tmale" for n, h in zip(names, homes, strict=True)]
    (folder / "panel").write_text("\n".join(["sample\tpop\tsuper_pop\tgender\t\t", *panel]) + "\n")
    tree = [f"F{i}\t{n}\t0\t0\t0\tnone" for i, n in enumerate(names)]
    tree[4] = "F4\tP004\tP000\tP008\t0\tnone"  # a child of two others
    tree[9] = "F9\tP009\t0\t0\tP013, P017\tnone"
    tree.append("F4\tX1\t0\t0\t0\tnone")  # a relative who was not genotyped
    header = "Family ID\tIndividual ID\tPaternal ID\tMaternal ID\tSiblings\tOther Comments"
    (folder / "tree").write_text("\n".join([header, *tree]) + "\n")
    rules = {"minor": 0.05, "spacing": 5, "r2": 0.9, "window": 5, "most": 30}
    parameters = {"format": "vcf", "files": ["all.vcf"], "people": "panel", "pedigree": "tree", "sites": rules}
    return names, records, parameters | {"folds": 5, "shuffle": 23}


def test_vcf_is_read_pruned_and_relatives_stay_together(tmp_path):
    names, records, parameters = make_vcf(tmp_path)
    found = genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    assert found["train"]["x"].shape[1] == 30  # of the forty sites that differ
    table = np.array([row for *_, row in records]).T
    whole = genotypes.read_vcf([tmp_path / "all.vcf"], names, np.ones(40, bool), parameters["sites"] | {"most": None})
    np.testing.assert_array_equal(whole, table[:, [i for i in range(60) if i % 3 != 1]])
    families = genotypes.read_families(tmp_path / "tree", names)
    assert families[4] == families[0] == families[8] and families[9] == families[13] == families[17]
    assert len(set(families)) == 36
    task.check(found, "test")
    held = {name: set(split["group"].tolist()) for name, split in found.items()}
    assert not held["train"] & held["test"] and not held["valid"] & held["train"]
    assert sum(map(len, found.values())) == 40


def test_sites_are_chosen_by_training_people_alone(tmp_path):
    names, records, parameters = make_vcf(tmp_path)
    before = genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    kept = {name.decode() for part in ("train",) for name in before[part]["group"].tolist()}
    families = genotypes.read_families(tmp_path / "tree", names)
    learn = np.array([family in kept for family in families])
    assert learn.sum() == len(before["train"])
    rng = np.random.default_rng(9)
    for *_, row in records:
        for person in np.flatnonzero(~learn):
            row[person] = int(rng.integers(0, 3))
    write_vcf(tmp_path / "all.vcf", names, records)
    after = genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    np.testing.assert_array_equal(before["train"]["x"], after["train"]["x"])
    assert not np.array_equal(before["test"]["x"], after["test"]["x"])


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (("1", 5000, "A", "C", "AF=0.5", ["0|2"] + [0] * 39), r"record 1 \(1:5000\), person 1: genotype '0\|2'"),
        (("1", 5000, "A", "C", "AF=0.5", [0] * 12 + ["1"] + [0] * 27), r"record 1 \(1:5000\), person 13: genotype '1'"),
        (("1", 5000, "A", "C", "AF=0.5", [0] * 39), "record 1: not readable as VCF"),
        (("1", 5000, "A", "C", "AF=0.001", [0] * 40), "no site passes"),
        (("1", 5000, "A", "CT", ".", [0, 1] * 20), "no site passes"),
    ],
)
def test_wrong_vcf_is_named(tmp_path, record, message):
    names, _, parameters = make_vcf(tmp_path)
    write_vcf(tmp_path / "all.vcf", names, [record])
    with pytest.raises(BadInput, match=message) as caught:
        genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    assert "all.vcf" in str(caught.value)


def test_people_that_a_file_lacks_are_named(tmp_path):
    names, records, parameters = make_vcf(tmp_path)
    write_vcf(tmp_path / "all.vcf", [*names[:-1], "other"], records)
    with pytest.raises(BadInput, match=r"all.vcf: 1 people have no column, such as P039"):
        genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    text = (tmp_path / "tree").read_text()
    (tmp_path / "tree").write_text(text.replace("F3\tP003", "F3\tP103"))
    with pytest.raises(BadInput, match="tree: person P003 has no row"):
        genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
    (tmp_path / "all.vcf").write_text("no VCF")
    (tmp_path / "tree").write_text(text)
    with pytest.raises(BadInput, match="all.vcf: record 1: not readable as VCF"):
        genetic_ancestry.prepare({"s": tmp_path}, parameters, 1)
