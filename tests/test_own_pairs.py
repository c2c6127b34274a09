"""A user's own pairs of elements, CpG sites and tracks: what each line becomes, and what is said of one that is bad."""

import numpy as np
import pytest
from test_own import genome, prepared, refused, write
from test_predict import places_of_elements_and_sites, predicted, trained

from deepbio.core import kind, records
from deepbio.core.files import BadInput
from deepbio.domains.dna import signals

GENOME = "AACCGGTTACGTACGCATTTCGAAAACCCC"  # CG at 4, 10, 14 and 21, counted from 1
CODES = np.array(["ACGTN".index(base) for base in GENOME])


def read(name, folder, file, text, known=None, columns=None, genome=True, output="", **options):
    """Read one file of a folder that has a genome of two equal chromosomes."""
    (folder / "genome.fa").write_text(f">chr1\n{GENOME}\n>chr2\n{GENOME}\n")
    (folder / file).write_text(text)
    options |= {"genome": folder / "genome.fa"} if genome else {}
    given = records.Given({file: folder / file}, columns or {}, options, output)
    return list(kind.load(name).read(given, known))


def problems(found):
    return [record.problem for record in found]


# ---- pairs of elements

PAIR = {"features": ["CTCF"], "shapes": {"enhancer": [8], "promoter": [3]}}


def test_elements_lie_in_the_middle_of_the_model_s_windows(tmp_path):
    """Short ones among unknown bases, long ones cut; `places` are the first and last base of the element."""
    (found,) = read("element_pair", tmp_path, "p.csv", "enhancer,promoter,CTCF\nchr1:2-6,chr1:10-15,0.5\n", PAIR)
    assert found.id == "chr1:2-6_chr1:10-15" and not found.problem
    assert found.arrays["enhancer"].tolist() == [4, 4, *CODES[2:6], 4, 4]
    assert found.arrays["promoter"].tolist() == CODES[11:14].tolist()
    assert found.arrays["places"].tolist() == [2, 5, 0, 2] and found.arrays["signals"].tolist() == [0.5]
    assert {name: array.dtype.name for name, array in found.arrays.items()} == {
        "enhancer": "uint8",
        "promoter": "uint8",
        "places": "float32",
        "names": "int64",
        "signals": "float32",
    }


def test_bedpe_with_and_without_names_and_tables_of_six_columns_are_the_same_pairs(tmp_path):
    known = PAIR | {"features": ["log10 distance"]}
    line = "chr1\t2\t6\tchr1\t10\t16"
    forms = {
        "plain.bedpe": f"# a list\n{line}\tpair\t7\t.\t.\t0.5\n",
        "named.bedpe": f"#chr1\tx1\tx2\tchr2\ty1\ty2\tname\n{line}\tpair\n",
        "six.tsv": f"chrom1\tstart1\tend1\tchrom2\tstart2\tend2\tid\n{line}\tpair\n",
        "other.csv": "enhancer_chrom,enhancer_start,enhancer_end,promoter_chrom,promoter_start,promoter_end,id\n"
        + line.replace("\t", ",")
        + ",pair\n",
        "whole.csv": "id,promoter,enhancer\npair,chr1:10-16,chr1:2-6\n",
    }
    made = []
    for name, text in forms.items():
        (found,) = read("element_pair", tmp_path, name, text, known)
        assert found.id == "pair" and found.arrays["places"].tolist() == [2, 5, 0, 2], name
        np.testing.assert_allclose(found.arrays["signals"], np.log10(1 + 9), rtol=1e-6)  # middles at 4 and 13
        made.append(found.arrays["names"].tolist())
    # Numbers of elements are kept in trained models, and so never change.
    assert made == [[1943645963233256951, 7305842738215855492]] * 5


@pytest.mark.parametrize("length", [1, 6, 7, 8, 9, 13, 20])
def test_windows_are_those_of_the_task(length):
    from deepbio.domains.dna import own_windows
    from deepbio.tasks import enhancer_promoter as task

    bases = "ACGTTGCAGGCATTACGATCA"[:length]
    codes, ends = own_windows.fitted(np.array(["ACGT".index(base) for base in bases], np.uint8), 8)
    expected, places = task.window(bases, 8)
    np.testing.assert_array_equal(codes, expected)
    assert ends == places and codes.dtype == np.uint8


def test_bad_pairs_have_their_reason_and_the_others_go_on_in_their_order(tmp_path):
    lines = [
        "a,chr1:2-6,chr1:10-15,1",
        "b,chr1:2-6,chr2:10-15,1",
        "c,chr1:2-6,chr3:10-15,1",
        "d,chr1:2-6,,1",
        "e,chr1:9-6,chr1:10-15,1",
        "f,somewhere,chr1:10-15,1",
        "g,chr1:2-60,chr1:10-15,1",
        "h,chr1:2-6,chr1:10-15,high",
        "i,chr1:2-6,chr1:10-15,",
        "j,chr1:2-6",
        "k,chr2:2-6,chr2:10-15,2",
        "l,chr9:2-6,chr9:10-15,2",
    ]
    found = read("element_pair", tmp_path, "p.csv", "\n".join(["id,enhancer,promoter,CTCF", *lines]), PAIR)
    assert [record.id for record in found][:9] == list("abcdefghi") and len(found) == len(lines)
    assert problems(found) == [
        "",
        "the enhancer lies on 'chr1' and the promoter on 'chr2'; one chromosome is wanted",
        "the enhancer lies on 'chr1' and the promoter on 'chr3'; one chromosome is wanted",
        "no promoter",
        "enhancer: 9 to 6 is no interval",
        "record 'somewhere' has no coordinates of the form chr1:100-200",
        "enhancer: ends at 60, but 'chr1' has 30 bases",
        "column 'CTCF': 'high' is no number",
        "column 'CTCF' is empty",
        "2 columns in place of 4",
        "",
        "enhancer: the genome has no sequence 'chr9'; it has chr1, chr2",
    ]
    assert [record.where for record in found if record.problem][0] == "p.csv:3"


def test_files_without_pairs_signals_or_genome_are_refused(tmp_path):
    table = "enhancer,promoter,CTCF\nchr1:2-6,chr1:10-15,0.5\n"
    with pytest.raises(BadInput, match=r"p\.csv: places alone are no sequence; say genome: FILE"):
        read("element_pair", tmp_path, "p.csv", table, PAIR, genome=False)
    with pytest.raises(BadInput, match=r"p\.csv:1: no column for the signals MED1, RAD21"):
        read("element_pair", tmp_path, "p.csv", table, PAIR | {"features": ["MED1", "CTCF", "RAD21"]})
    with pytest.raises(BadInput, match=r"p\.csv:1: columns enhancer and promoter .* are wanted; columns are: a, b"):
        read("element_pair", tmp_path, "p.csv", "a,b\n1,2\n", PAIR)
    with pytest.raises(BadInput, match=r"p\.bedpe:1: the file is empty"):
        read("element_pair", tmp_path, "p.bedpe", "# nothing\n", PAIR)


def own_pairs(folder, **facts):
    genome(folder)
    (folder / "g.fa").rename(folder / "genome.fa")
    places_of_elements_and_sites(folder)
    said = {"input": "element_pair", "output": "binary", "file": "pairs.csv", "genome": "genome.fa"}
    return write(folder, **(said | {"columns": {"label": "linked"}} | facts))


def test_own_pairs_are_parted_by_chromosome_and_the_label_is_no_signal(tmp_path):
    splits, told = prepared(own_pairs(tmp_path))
    train = splits["train"]
    assert train.context["features"] == ["log10 distance", "H3K27ac"] and "parted by chromosome" in told
    assert train["enhancer"].shape[1] == 120 and train["promoter"].shape[1] == 80
    assert sum(len(split) for split in splits.values()) == 200
    raised = [train["signals"][train.y == label, 1].mean() for label in (0, 1)]
    assert raised[1] - raised[0] > 0.5
    assert "columns: {label: NAME}" in refused(own_pairs(tmp_path, columns={"id": "H3K27ac"}))
    splits, _ = prepared(own_pairs(tmp_path, columns={"label": "linked", "features": "H3K27ac"}, length=50))
    assert splits["test"]["signals"].shape[1] == 1 and splits["test"]["enhancer"].shape[1] == 50


def test_own_pairs_of_one_chromosome_are_parted_so_that_no_element_is_in_two_parts(tmp_path):
    path = own_pairs(tmp_path)
    rows = [
        f"chr1:{100 * n}-{100 * n + 50},chr1:{100 * m + 60}-{100 * m + 90}" for n in range(40) for m in (n, n - n % 2)
    ]
    lines = [f"{row},{n / 7:.2f},{n % 2}" for n, row in enumerate(dict.fromkeys(rows))]
    lines[3] = lines[3].replace(",0.43,", ",,")
    (tmp_path / "pairs.csv").write_text("\n".join(["enhancer,promoter,H3K27ac,linked", *lines]))
    splits, told = prepared(path)
    assert "parted by cluster" in told and "1 gaps are filled" in told and "0 of" in told
    elements = [set(split["names"].ravel().tolist()) for split in splits.values()]
    assert not (elements[0] & elements[1] or elements[0] & elements[2] or elements[1] & elements[2])
    _, told = prepared(own_pairs(tmp_path, split={"by": "random"}))
    assert "parted by random" in told


def test_two_lists_of_pairs_are_two_classes(tmp_path):
    path = own_pairs(tmp_path, file={"loops": "a.bedpe", "others": "b.bedpe"}, columns={}, positive="loops")
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        places = rng.integers(0, 5800, (50, 2))
        lines = [f"chr{n % 5 + 1}\t{a}\t{a + 90}\tchr{n % 5 + 1}\t{b}\t{b + 70}" for n, (a, b) in enumerate(places)]
        (tmp_path / f"{name}.bedpe").write_text("\n".join(lines))
    splits, told = prepared(path)
    assert "loops counts as 1, others as 0" in told and sum(split.y.sum() for split in splits.values()) == 50
    assert splits["train"].context["features"] == ["log10 distance"]


def test_new_pairs_are_predicted_in_their_order(tmp_path):
    run = trained(tmp_path, own_pairs(tmp_path), "element_degree") / "seed1"
    lines = (tmp_path / "pairs.csv").read_text().splitlines()
    new = [lines[0], "chr1:1-5,chr2:1-5,0,", *lines[4:7]]
    (tmp_path / "new.csv").write_text("\n".join(new))
    made = predicted(run, tmp_path / "new.csv", "--genome", tmp_path / "genome.fa", status=3)
    assert [row["id"] for row in made][1:] == ["_".join(line.split(",")[:2]) for line in new[2:]]
    assert made[0]["linked (probability)"] == "" and made[0]["note"].startswith("new.csv:2: the enhancer lies on")
    # An element has its number in every file: pairs of training are known again.
    whole = predicted(run, tmp_path / "pairs.csv", "--genome", tmp_path / "genome.fa")
    assert [row["linked (probability)"] for row in whole[3:6]] == [row["linked (probability)"] for row in made[1:]]
    assert len({row["linked (probability)"] for row in whole}) > 2


# ---- CpG sites

SITE = {"features": ["one", "two"], "length": 5, "shapes": {"states": [2, 4]}}


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


# ---- tracks


def test_bedgraph_and_both_forms_of_wiggle(tmp_path):
    (tmp_path / "a.bedgraph").write_text("track type=bedGraph\nchr1\t4\t6\t2\n# none\nchr1 0 1 -1.5\nchr2\t0\t3\t1e1\n")
    signal = signals.read(tmp_path / "a.bedgraph")
    assert signals.along(signal, "chr1", 0, 8).tolist() == [-1.5, 0, 0, 0, 2, 2, 0, 0]
    assert signals.along(signal, "chr1", 5, 3).tolist() == [2, 0, 0]
    assert signals.along(signal, "chr2", -2, 4).tolist() == [0, 0, 10, 10]
    assert signals.along(signal, "chr3", 0, 2).tolist() == [0, 0]
    wiggle = "fixedStep chrom=chr1 start=2 step=3 span=2\n5\n6\nvariableStep chrom=chr2\n4 7\n"
    (tmp_path / "a.wig").write_text(wiggle)
    signal = signals.read(tmp_path / "a.wig")
    assert signals.along(signal, "chr1", 0, 7).tolist() == [0, 5, 5, 0, 6, 6, 0]
    assert signals.along(signal, "chr2", 2, 3).tolist() == [0, 7, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chr1\t0\t5\t1\nchr1\t4\t6\t2\n", "a.wig:2: overlaps the stretch of line 1"),
        ("chr1\t0\t5\tx\n", "a.wig:1: column 'value': 'x' is no number"),
        ("chr1\t0\t5\tnan\n", "a.wig:1: 'nan' is no number"),
        ("chr1\t0\t5\tinf\n", "a.wig:1: column 'value': 'inf' is infinite"),
        ("chr1\t5\t5\t1\n", "a.wig:1: 5 to 5 is no interval"),
        ("chr1\t-1\t5\t1\n", "a.wig:1: '-1' is no whole number from 0 on"),
        ("1 2\n", "a.wig:1: '1 2' is no line of a bedGraph or wiggle file"),
        ("fixedStep chrom=chr1\n1\n", "a.wig:1: fixedStep wants chrom and start"),
        ("variableStep chrom=chr1\n0 1\n", "a.wig:2: '0' is no whole number from 1 on"),
        ("fixedStep chrom=chr1 start=1\n1 2\n", "a.wig:2: '1 2' is no line"),
        ("track\n", "a.wig: no line with a value"),
    ],
)
def test_a_line_of_a_signal_that_is_none_is_named(text, message, tmp_path):
    (tmp_path / "a.wig").write_text(text)
    with pytest.raises(BadInput) as caught:
        signals.read(tmp_path / "a.wig")
    assert message in str(caught.value)


TRACKS = {"tracks": ["b", "a"], "length": 6}


def test_tracks_follow_the_strand_and_keep_the_model_s_order(tmp_path):
    (tmp_path / "a.bedgraph").write_text("".join(f"chr1\t{n}\t{n + 1}\t{n}\n" for n in range(30)))
    (tmp_path / "b.wig").write_text("fixedStep chrom=chr1 start=9\n1\n")
    files = {"a": tmp_path / "a.bedgraph", "b": tmp_path / "b.wig"}
    bed = "chr1\t8\t10\tx\t0\t+\nchr1\t8\t10\ty\t0\t-\nchr1\t0\t2\nchr1\t5\t40\nchr1 x 9\nchr2\t8\t10\n"
    found = read("tracks", tmp_path, "w.bed", bed, TRACKS, signals=files)
    plus, minus, edge = (record.arrays for record in found[:3])
    assert plus["codes"].tolist() == CODES[6:12].tolist()
    assert plus["tracks"].tolist() == [[0, 0, 1, 0, 0, 0], [6, 7, 8, 9, 10, 11]]
    assert minus["codes"].tolist() == [3 - code for code in CODES[6:12][::-1]]
    np.testing.assert_array_equal(minus["tracks"], plus["tracks"][:, ::-1])
    assert edge["codes"].tolist() == [4, 4, *CODES[:4]] and edge["tracks"][1].tolist() == [0, 0, 0, 1, 2, 3]
    assert problems(found) == ["", "", "", "ends at 40, but 'chr1' has 30 bases",
                               "no interval: chromosome, start and end are wanted", ""]  # fmt: skip
    assert (found[5].arrays["tracks"] == 0).all()


def test_tracks_that_are_missing_elsewhere_or_no_text_are_refused(tmp_path):
    bed, one = "chr1\t8\t10\n", tmp_path / "a.bedgraph"
    one.write_text("chr1\t0\t5\t1\n")
    with pytest.raises(BadInput, match=r"w\.bed: no signal for the tracks b, a; given are: none"):
        read("tracks", tmp_path, "w.bed", bed, TRACKS)
    with pytest.raises(BadInput, match=r"w\.bed: no signal for the tracks b; given are: a"):
        read("tracks", tmp_path, "w.bed", bed, TRACKS, signals={"a": one})
    one.write_text("1\t0\t5\t1\n")
    with pytest.raises(BadInput, match=r"a\.bedgraph: none of its chromosomes \(1\) is in the genome"):
        read("tracks", tmp_path, "w.bed", bed, TRACKS, signals={"a": one, "b": one})
    one.write_text("chr1\t0\t5\t1\n")
    (tmp_path / "a.bw").write_bytes(b"\x26\xfc\x8f\x88")
    with pytest.raises(BadInput, match=r"a\.bw: bigWig is not read; write it as text by bigWigToBedGraph"):
        read("tracks", tmp_path, "w.bed", bed, TRACKS, signals={"a": tmp_path / "a.bw", "b": one})
    with pytest.raises(BadInput, match="no file of intervals"):
        read("tracks", tmp_path, "w.wig", bed, TRACKS)


def own_tracks(folder, **facts):
    files = {"windows": "w.bed", "shares": "nucleosomes.bedgraph", "starts": "starts.wig"}
    said = {"input": "tracks", "output": "profile", "file": files, "length": 100, "columns": {"label": "starts"}}
    path = own_pairs(folder, **(said | facts))
    lines = [f"chr{n % 5 + 1}\t{90 * n + 100}\t{90 * n + 190}\tw{n}\t0\t{'+-'[n % 2]}" for n in range(60)]
    (folder / "w.bed").write_text("\n".join(lines) + "\nchr1\t5\tx\n")
    return path


def test_own_profiles_have_the_reads_of_the_strand_as_label(tmp_path):
    splits, told = prepared(own_tracks(tmp_path))
    assert "windows of 100 bases; tracks: shares" in told and "parted by chromosome" in told
    assert "no interval: chromosome, start and end are wanted: w.bed:61" in told
    assert sum(len(split) for split in splits.values()) == 60 and splits["test"]["tracks"].shape[1:] == (1, 100)
    # A read at every twentieth base; five lie in each window.
    assert all(((split.y > 0).sum(axis=1) == 5).all() for split in splits.values())

    (tmp_path / "minus.wig").write_text("variableStep chrom=chr2\n235 3\n")
    files = {"windows": "w.bed", "shares": "nucleosomes.bedgraph", "plus": "starts.wig", "minus": "minus.wig"}
    path = own_tracks(tmp_path, file=files, columns={"label": ["plus", "minus"]}, split={"fractions": [0.5, 0.2, 0.3]})
    splits, told = prepared(path)
    assert "the label has no read in the window: " in told and sum(len(split) for split in splits.values()) == 31
    (minus,) = [row for split in splits.values() for row in split.y if np.count_nonzero(row) == 1]
    assert minus.argmax() == 50 and minus.max() == 3  # the window is 185 to 285 from 0, turned
    for columns, message in [({}, "which track holds the label?"), ({"label": "ends"}, "no track 'ends'")]:
        assert message in refused(own_tracks(tmp_path, columns=columns))


def test_profiles_of_new_windows_are_predicted_from_the_files_of_the_tracks(tmp_path):
    run = trained(tmp_path, own_tracks(tmp_path), "linear_profile") / "seed1"
    words = ["--genome", tmp_path / "genome.fa", "--signals", f'{{"shares": "{tmp_path}/nucleosomes.bedgraph"}}']
    (tmp_path / "new.bed").write_text("chr3\t400\t500\nchr9\t1\t2\nchr1\t300\t360\n")
    made = predicted(run, tmp_path / "new.bed", *words, status=3)
    assert [row["id"] for row in made] == ["chr3:400-500", "chr9:1-2", "chr1:300-360"]
    rows = [[row[f"output {place} (probability)"] for place in range(1, 101)] for row in made]
    assert not any(rows[1]) and "the genome has no sequence 'chr9'" in made[1]["note"]
    assert sum(map(float, rows[0])) == pytest.approx(1, abs=1e-3)


# ---- damaged files


@pytest.mark.parametrize(
    ("name", "file", "text", "known"),
    [
        ("element_pair", "p.csv", "enhancer,promoter,CTCF\nchr1:2-6,chr1:10-15,0.5\nchr2:2-6,chr2:10-15,1\n", PAIR),
        ("element_pair", "p.bedpe", "#chr1\tx1\tx2\tchr2\ty1\ty2\tCTCF\n" + 3 * "chr1\t2\t6\tchr1\t10\t15\t1\n", PAIR),
        ("cpg_site", "m.tsv", "chrom\tpos\tone\ttwo\nchr1\t4\t\t1\nchr1\t14\t1\t0\nchr2\t4\t0\t1\n", SITE),
        ("tracks", "w.bed", "chr1\t8\t10\tx\t0\t+\nchr1\t8\t10\ty\t0\t-\nchr2\t0\t2\n", TRACKS),
    ],
    ids=["pairs", "bedpe", "sites", "tracks"],
)
def test_a_damaged_file_is_read_or_named(name, file, text, known, tmp_path):
    """Whatever happens to a few bytes: records of the model's shapes, or a BadInput that names the file."""
    (tmp_path / "a.wig").write_text("chr1\t0\t5\t1\nfixedStep chrom=chr2 start=1\n1\n2\n")
    options = {"signals": dict.fromkeys("ab", tmp_path / "a.wig")} if name == "tracks" else {}
    whole = records.stack(read(name, tmp_path, "whole." + file.split(".")[1], text, known, **options))
    rng, read_at_all = np.random.default_rng(0), 0
    for _ in range(100):
        damaged, place = bytearray(text.encode()), int(rng.integers(len(text)))
        pieces = [bytes(rng.integers(0, 256, 1, np.uint8)), b"\t", b",", b"9" * 30, b"-", b"\n", b"nan", b'"']
        damaged[place : place + int(rng.integers(6))] = pieces[rng.integers(len(pieces))]
        (tmp_path / file).write_bytes(damaged)
        given = records.Given({file: tmp_path / file}, {}, options | {"genome": tmp_path / "genome.fa"})
        try:
            good = [record for record in kind.load(name).read(given, known) if not record.problem]
        except BadInput as error:
            assert str(tmp_path / file) in str(error)
            continue
        for key, array in (records.stack(good) if good else {}).items():
            assert array.shape[1:] == whole[key].shape[1:] and array.dtype == whole[key].dtype
        read_at_all += bool(good)
    assert read_at_all > 30
