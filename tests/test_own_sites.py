"""A user's own CpG sites: what each line becomes, and what is said of one that is bad."""

import numpy as np
import pytest
from own_files import predicted, prepared, refused, trained
from own_places import CODES, GENOME, PAIR, SITE, own_pairs, problems, read

from deepbio.core import kind, records
from deepbio.core.files import BadInput


def test_neighbours_of_a_site_are_the_nearest_observed_ones_of_each_cell(tmp_path):
    table = (
        "chromosome\tposition\ttwo\tone\nchr1\t4\t\t1\nchr1\t14\t1\t0\nchr1\t21\t0.25\t\nchr1\t10\t0\t1\nchr2\t4\t\t\n"
    )
    found = read("cpg_site", tmp_path, "m.tsv", table, SITE)
    assert [record.id for record in found] == ["chr1:4", "chr1:14", "chr1:21", "chr1:10", "chr2:4"]
    assert problems(found) == [""] * 5
    site = found[1].arrays
    assert site["codes"].tolist() == CODES[11:16].tolist() and site["codes"][2:4].tolist() == [1, 2]
    # Left ones first, the nearest first; 0.5 at the distance 1 where there is none.
    assert site["states"].tolist() == [[1, 1, 0.5, 0.5], [0, 0.5, 0.25, 0.5]]
    np.testing.assert_allclose(site["distances"][0], [4 / 25000, 10 / 25000, 1, 1])
    np.testing.assert_allclose(site["distances"][1], [4 / 25000, 1, 7 / 25000, 1])
    assert (found[4].arrays["states"] == 0.5).all() and (found[4].arrays["distances"] == 1).all()


def test_sites_are_those_of_the_task(tmp_path):
    """The task single_cell_methylation makes the same arrays of the same calls."""
    from deepbio.domains.dna import methylation
    from deepbio.tasks import single_cell_methylation as task

    codes, positions, states = methylation.simulate(2, 400, 0.5, 21, np.random.default_rng(0))
    (tmp_path / "genome.fa").write_text(">1\n" + "".join("ACGT"[code] for code in codes) + "\n")
    rows = [[1, position + 1, *("" if np.isnan(one) else int(one) for one in row)] for position, row in
            zip(positions, states, strict=True)]  # fmt: skip
    rng = np.random.default_rng(1)
    lines = ["\t".join(map(str, rows[row])) for row in rng.permutation(len(rows))]
    (tmp_path / "m.tsv").write_text("\n".join(["chrom\tpos\tone\ttwo", *lines]))
    given = records.Given({"m.tsv": tmp_path / "m.tsv"}, {}, {"genome": tmp_path / "genome.fa"})
    known = SITE | {"length": 21, "shapes": {"states": [2, 16]}}
    found = sorted(kind.load("cpg_site").read(given, known), key=lambda record: int(record.id.split(":")[1]))
    known = {name: (positions[~np.isnan(one)], one[~np.isnan(one)]) for name, one in zip("ab", states.T, strict=True)}
    windows = np.stack([codes[position - 10 : position + 11] for position in positions])
    expected = task._arrays(positions, known, windows, {"neighbours": 8, "window": 21})
    for name in ("codes", "states", "distances"):
        np.testing.assert_array_equal(np.stack([record.arrays[name] for record in found]), expected[name])


def test_bad_sites_have_their_reason_and_are_no_neighbours(tmp_path):
    lines = ["chr1,4,1,1", "chr1,10,yes,0", "chr1,5,1,1", "chr1,14,0,2", "chr3,4,1,1", "chr1,0,1,1", "chr1,21,1"]
    lines += ["chr1,21,0,1", "chr1,21,1,1", "chr1,400,1,1", "chr1,30,1,1", "chr1,x,1,1"]
    found = read("cpg_site", tmp_path, "m.csv", "\n".join(["chr,pos,one,two", *lines]), SITE)
    nowhere = "no CG of the genome begins here; a column `position` counts from 1, `start` from 0"
    assert problems(found) == [
        "",
        "column 'one': 'yes' is no number",
        nowhere,
        "column 'two': '2' is no state between 0 and 1",
        "the genome has no sequence 'chr3'; it has chr1, chr2",
        "'0' is no position; whole numbers from 1 on are wanted",
        "3 columns in place of 4",
        "",
        "the site stands also on m.csv:9",
        nowhere,
        nowhere,
        "'x' is no position; whole numbers from 1 on are wanted",
    ]
    assert found[0].arrays["states"].tolist() == [[0.5, 0.5, 0, 0.5], [0.5, 0.5, 1, 0.5]]
    with pytest.raises(BadInput, match=r"m\.csv:1: no column for the cells two, three"):
        read("cpg_site", tmp_path, "m.csv", "chr,pos,one\nchr1,4,1\n", SITE | {"features": ["two", "one", "three"]})
    with pytest.raises(BadInput, match="which column holds the position"):
        read("cpg_site", tmp_path, "m.csv", "chr,one,two\nchr1,1,1\n", SITE)


def test_a_sequence_without_bases_has_no_site_and_one_of_damaged_lines_no_window(tmp_path):
    def found(name, end, text, known):
        (tmp_path / "genome.fa").write_text(f">chr1\n{GENOME}\n>chr2\n{end}")
        (tmp_path / "x.csv").write_text(text)
        options = {"genome": tmp_path / "genome.fa"}
        return problems(kind.load(name).read(records.Given({"x.csv": tmp_path / "x.csv"}, {}, options), known))

    first, other = found("cpg_site", "", "chr,pos,one,two\nchr2,1,1,1\nchr1,4,1,1\n", SITE)
    assert first.startswith("no CG of the genome") and not other
    pairs = "enhancer,promoter,CTCF\nchr2:2-9,chr2:2-6,1\nchr1:2-9,chr1:2-6,1\n"
    first, other = found("element_pair", "AAC\rGTACGTAC\n", pairs, PAIR)
    assert first == "enhancer: 'chr2': 6 bases are read in place of 7; is the genome damaged?" and not other


def test_a_start_counts_from_zero(tmp_path):
    (one,) = read("cpg_site", tmp_path, "m.tsv", "#chrom\tstart\tend\tone\ttwo\nchr1\t3\t5\t1\t0\n", SITE)
    assert one.id == "chr1:4" and not one.problem


def test_own_sites_are_parted_by_chromosome_or_by_gaps_wider_than_a_window(tmp_path):
    facts = {"input": "cpg_site", "output": "multilabel", "file": "calls.tsv"}
    path = own_pairs(tmp_path, **facts, columns={}, length=41)
    splits, told = prepared(path)
    lines = (tmp_path / "calls.tsv").read_text().splitlines()
    uncovered = sum(line.endswith("\t\t") for line in lines)
    assert splits["train"].context["features"] == ["cell 1", "cell 2"] and uncovered > 10
    assert sum(len(split) for split in splits.values()) == len(lines) - 1 - uncovered
    assert "no cell covers the site" in told and "parted by chromosome" in told and "cell 'cell 1' covers" in told
    assert splits["train"]["codes"].shape[1] == 41 and splits["train"]["states"].shape[1:] == (2, 50)
    y = np.concatenate([split.y for split in splits.values()])
    assert np.isnan(y).any() and set(np.unique(y[~np.isnan(y)])) == {0, 1}

    (tmp_path / "calls.tsv").write_text("\n".join([lines[0], *(line for line in lines if line.startswith("chr1\t"))]))
    splits, told = prepared(path)
    assert "parted by cluster" in told and "0 of" in told.splitlines()[-1]
    places = {name: split["y_position"] for name, split in splits.items()}
    apart = np.abs(places["train"][:, None] - np.concatenate([places["valid"], places["test"]]))
    assert apart.min() > 41
    _, told = prepared(own_pairs(tmp_path, **facts, columns={}, length=41, split={"by": "random"}))
    assert "warning: " in told.splitlines()[-1]
    (tmp_path / "calls.tsv").write_text("\n".join([lines[0], *(f"{line[:-2]}1\t1" for line in lines[1:9])]))
    assert "all known states are 1; two classes are needed" in refused(path)
    splits, _ = prepared(own_pairs(tmp_path, **facts, columns={"label": ["cell 2"]}, length=41))
    assert splits["train"].y.shape[1] == 1


def test_calls_that_are_missing_are_predicted(tmp_path):
    facts = {"input": "cpg_site", "output": "multilabel", "file": "calls.tsv", "columns": {}, "length": 41}
    run = trained(tmp_path, own_pairs(tmp_path, **facts), "neighbour_mean") / "seed1"
    lines = (tmp_path / "calls.tsv").read_text().splitlines()[:60]
    (tmp_path / "new.tsv").write_text("\n".join([*lines, "chr1\t1000000\t1\t1"]))
    made = predicted(run, tmp_path / "new.tsv", "--genome", tmp_path / "genome.fa", status=3)
    assert list(made[0]) == ["id", "cell 1 (probability)", "cell 2 (probability)", "note"]
    assert [row["id"] for row in made] == [":".join(line.split("\t")[:2]) for line in lines[1:]] + ["chr1:1000000"]
    assert all(row["cell 1 (probability)"] for row in made[:-1]) and not made[-1]["cell 1 (probability)"]
    assert "no CG of the genome" in made[-1]["note"]
    states = [line.split("\t")[2] for line in lines[1:]]
    nearest = [int(one) for one in states[1:30] if one][:6]  # of the first site, which has none on its left
    assert float(made[0]["cell 1 (probability)"]) == pytest.approx(np.mean(nearest), abs=1e-5)
