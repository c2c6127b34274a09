"""A user's own pairs of elements: what each line becomes, and what is said of one that is bad; and damaged files of
pairs, CpG sites and tracks."""

import numpy as np
import pytest
from own_files import predicted, prepared, refused, trained
from own_places import CODES, PAIR, SITE, TRACKS, own_pairs, problems, read

from deepbio.core import kind, records
from deepbio.core.files import BadInput


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
