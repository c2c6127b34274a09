"""A user's own tracks along windows: what each line becomes, and what is said of one that is bad."""

import sys

import numpy as np
import pytest
from own_files import predicted, prepared, refused, trained
from own_places import CODES, TRACKS, own_pairs, problems, read

from deepbio.core.files import BadInput
from deepbio.domains.dna import signals


def test_bedgraph_and_both_forms_of_wiggle(tmp_path):
    (tmp_path / "a.bedgraph").write_text("track type=bedGraph\nchr1\t4\t6\t2\n# none\nchr1 0 1 -1.5\nchr2\t0\t3\t1e1\n")
    signal = signals.read(tmp_path / "a.bedgraph")
    assert signal.along("chr1", 0, 8).tolist() == [-1.5, 0, 0, 0, 2, 2, 0, 0]
    assert signal.along("chr1", 5, 3).tolist() == [2, 0, 0]
    assert signal.along("chr2", -2, 4).tolist() == [0, 0, 10, 10]
    assert signal.along("chr3", 0, 2).tolist() == [0, 0]
    wiggle = "fixedStep chrom=chr1 start=2 step=3 span=2\n5\n6\nvariableStep chrom=chr2\n4 7\n"
    (tmp_path / "a.wig").write_text(wiggle)
    signal = signals.read(tmp_path / "a.wig")
    assert signal.along("chr1", 0, 7).tolist() == [0, 5, 5, 0, 6, 6, 0]
    assert signal.along("chr2", 2, 3).tolist() == [0, 7, 0]


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


def big_wig(path, sizes, stretches):
    pytest.importorskip("pybigtools").open(str(path), "w").write(sizes, iter(stretches))


def test_a_bigwig_file_says_what_its_text_says(tmp_path):
    stretches = [("chr1", 0, 1, -1.5), ("chr1", 4, 6, 2.0), ("chr2", 0, 3, 10.0)]
    big_wig(tmp_path / "a.bw", {"chr1": 30, "chr2": 8}, stretches)
    (tmp_path / "a.bedgraph").write_text("".join("\t".join(map(str, one)) + "\n" for one in stretches))
    packed, plain = (signals.read(tmp_path / name) for name in ("a.bw", "a.bedgraph"))
    assert sorted(packed.chromosomes) == sorted(plain.chromosomes)
    for window in (("chr1", 0, 8), ("chr1", 5, 3), ("chr2", -2, 4), ("chr2", 5, 10), ("chr2", 9, 2), ("chr3", 0, 2)):
        np.testing.assert_array_equal(packed.along(*window), plain.along(*window))
        assert packed.along(*window).dtype == np.float32
    bed, files = "chr1\t3\t9\n", {"a": tmp_path / "a.bw", "b": tmp_path / "a.bedgraph"}
    found = next(iter(read("tracks", tmp_path, "w.bed", bed, TRACKS, signals=files))).arrays["tracks"]
    assert found[0].tolist() == found[1].tolist() == [0, 2, 2, 0, 0, 0]


def test_a_bigwig_file_that_is_none_or_cut_is_named(tmp_path):
    path = tmp_path / "a.bw"
    path.write_bytes(b"\x26\xfc\x8f\x88")
    pytest.importorskip("pybigtools")
    with pytest.raises(BadInput, match=r"a\.bw: no bigWig file, or a damaged one"):
        signals.read(path)
    values = np.random.default_rng(0).random(20000)
    big_wig(path, {"chr1": 20000}, [("chr1", n, n + 1, float(value)) for n, value in enumerate(values)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"a\.bw: no bigWig file, or a damaged one"):
        signals.read(path)
    path.write_bytes(whole[:30000] + bytes(9000) + whole[39000:])
    with pytest.raises(BadInput, match=r"a\.bw: damaged at chr1:0-20000"):
        signals.read(path).along("chr1", 0, 20000)


def test_without_the_library_a_bigwig_file_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pybigtools", None)
    (tmp_path / "a.bw").write_bytes(b"\x26\xfc\x8f\x88")
    with pytest.raises(BadInput, match=r"a\.bw: for bigWig files: pip install pybigtools \(or bigWigToBedGraph\)"):
        signals.read(tmp_path / "a.bw")


def test_tracks_that_are_missing_or_elsewhere_are_refused(tmp_path):
    bed, one = "chr1\t8\t10\n", tmp_path / "a.bedgraph"
    one.write_text("chr1\t0\t5\t1\n")
    with pytest.raises(BadInput, match=r"w\.bed: no signal for the tracks b, a; given are: none"):
        read("tracks", tmp_path, "w.bed", bed, TRACKS)
    with pytest.raises(BadInput, match=r"w\.bed: no signal for the tracks b; given are: a"):
        read("tracks", tmp_path, "w.bed", bed, TRACKS, signals={"a": one})
    one.write_text("1\t0\t5\t1\n")
    with pytest.raises(BadInput, match=r"a\.bedgraph: none of its chromosomes \(1\) is in the genome"):
        read("tracks", tmp_path, "w.bed", bed, TRACKS, signals={"a": one, "b": one})
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
