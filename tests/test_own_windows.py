"""A user's own windows of DNA: FASTA files, labels of a table, peaks on a genome."""

import numpy as np
from own_files import genome, prepared, refused, sizes, windows, write


def test_fasta_with_labels_in_its_headers_lower_case_and_unknown_bases(tmp_path):
    texts = windows(60)
    texts[0] = texts[0].lower()
    texts[1] = "NN" + texts[1][2:]
    texts[2] = texts[2][:10] + "-" + texts[2][11:]
    texts[3] = texts[3][:50]
    texts[4] += "ACGTACGT"
    (tmp_path / "w.fa").write_text(
        "".join(f">s{n} label={n % 2}\n{text}\n" for n, text in enumerate(texts)) + ">empty\n"
    )
    splits, told = prepared(write(tmp_path, input="sequence", output="binary", file="w.fa"))
    assert sum(sizes(splits)) == 59
    assert "'-' is no base" in told and "w.fa:5 (s2)" in told and "no sequence: w.fa:121 (empty)" in told
    assert "windows of 60 bases; 2 of another length (50 to 68)" in told and "parted by cluster" in told
    codes = np.concatenate([split["codes"] for split in splits.values()])
    assert codes.shape[1] == 60 and (codes == 4).sum() == 2 + 10


def test_files_are_classes_and_shuffles_are_negatives(tmp_path):
    for name, seed in (("bound", 0), ("unbound", 1)):
        (tmp_path / f"{name}.fa").write_text(
            "".join(f">s{n}\n{text}\n" for n, text in enumerate(windows(40, seed=seed)))
        )
    named = {"bound": "bound.fa", "unbound": "unbound.fa"}
    facts = {"input": "sequence", "output": "binary"}
    splits, told = prepared(write(tmp_path, **facts, file=named, positive="bound"))
    assert sum(split.y.sum() for split in splits.values()) == 40 and "bound counts as 1, unbound as 0" in told
    splits, told = prepared(
        write(tmp_path, **facts, file="bound.fa", negatives={"kind": "shuffled", "per_positive": 2})
    )
    assert sum(sizes(splits)) == 120 and "80 negatives are dinucleotide shuffles" in told


def test_labels_from_a_table_by_id_and_ids_that_stand_twice(tmp_path):
    (tmp_path / "w.fa").write_text("".join(f">s{n}\n{text}\n" for n, text in enumerate(windows(40))))
    rows = [f"s{n}\t{n / 7:.3f}" for n in range(39)]
    (tmp_path / "y.tsv").write_text("\n".join(["name\tsignal", *rows]))
    facts = {
        "input": "sequence",
        "output": "regression",
        "file": "w.fa",
        "labels": "y.tsv",
        "columns": {"label": "signal"},
    }
    splits, told = prepared(write(tmp_path, **facts))
    assert sum(sizes(splits)) == 39 and "id 's39' is not in y.tsv" in told
    (tmp_path / "y.tsv").write_text("\n".join(["name\tsignal", *rows, rows[3]]))
    assert "y.tsv:41: id 's3' stands also on y.tsv:5" in refused(write(tmp_path, **facts))


def test_peaks_unsorted_past_the_end_and_on_no_chromosome(tmp_path):
    texts = genome(tmp_path)
    rng = np.random.default_rng(0)
    places = [(f"chr{n}", int(start)) for n in range(1, 6) for start in rng.integers(200, 5700, 12)]
    rng.shuffle(places)
    lines = [f"{name}\t{int(start)}\t{int(start) + 100}" for name, start in places]
    lines += ["chr1\t5950\t6050", "chr9\t1\t9", "chr1\tfive\t9", "chr1\t20\t10", "chr2\t0\t100"]
    (tmp_path / "p.bed").write_text("track name=x\n" + "\n".join(lines) + "\n")
    facts = {"input": "sequence", "output": "binary", "file": "p.bed", "genome": "g.fa", "length": 120}
    splits, told = prepared(write(tmp_path, **facts))
    assert "ends at 6050, but 'chr1' has 6000 bases: p.bed:62" in told
    assert "the genome has no sequence 'chr9'" in told and "no interval: chromosome, start and end are wanted" in told
    assert "20 to 10 is no interval" in told and "parted by chromosome" in told
    y = np.concatenate([split.y for split in splits.values()])
    assert y.sum() == 61 and len(y) == 122
    # The window of chr2:0-100 begins ten bases before the chromosome.
    first = next(row for split in splits.values() for row in split["codes"] if (row[:10] == 4).all() and row[10] < 4)
    assert "".join("ACGTN"[code] for code in first[10:]) == texts["chr2"][:110]
    negatives = np.concatenate([split["codes"][split.y == 0] for split in splits.values()])
    positives = np.concatenate([split["codes"][split.y == 1] for split in splits.values()])
    gc = [np.isin(codes, (1, 2)).mean() for codes in (positives, negatives)]
    assert abs(gc[0] - gc[1]) < 0.02
    for row in negatives:  # no window without a peak overlaps one with a peak
        text = "".join("ACGTN"[code] for code in row)
        name, start = next((name, whole.find(text)) for name, whole in texts.items() if text in whole)
        assert all(name != other or abs(start + 60 - (place + 50)) >= 110 for other, place in places)
    facts.pop("genome")
    assert "say genome: FILE" in refused(write(tmp_path, **facts))


def test_summits_are_the_middle_and_the_other_strand_is_turned(tmp_path):
    texts = genome(tmp_path)
    fields = "chr{0}\t1000\t1400\tp\t0\t{1}\t1\t1\t1\t300"
    lines = [fields.format(n, "-" if n == 2 else ".") for n in range(1, 6)]
    (tmp_path / "p.narrowPeak").write_text("\n".join(lines))
    facts = {"input": "sequence", "output": "binary", "file": "p.narrowPeak", "genome": "g.fa", "length": 20}
    splits, _ = prepared(write(tmp_path, **facts, split={"fractions": [0.6, 0.2, 0.2]}))
    made = {"".join("ACGT"[code] for code in row) for split in splits.values() for row in split["codes"][split.y == 1]}
    turned = texts["chr2"][1290:1310][::-1].translate(str.maketrans("ACGT", "TGCA"))
    assert made == {texts[f"chr{n}"][1290:1310] for n in (1, 3, 4, 5)} | {turned}


def test_several_peak_files_label_bins(tmp_path):
    genome(tmp_path)
    (tmp_path / "a.bed").write_text("".join(f"chr{n}\t1000\t1200\nchr{n}\t3000\t3190\n" for n in range(1, 6)))
    (tmp_path / "b.bed").write_text("".join(f"chr{n}\t3090\t3300\n" for n in range(1, 6)))
    facts = {"input": "sequence", "output": "multilabel", "file": {"A": "a.bed", "B": "b.bed"}, "genome": "g.fa"}
    splits, _ = prepared(write(tmp_path, **facts, length=300, bin=100))
    y = np.concatenate([split.y for split in splits.values()])
    # Bins of each chromosome: 10 and 11 (A), 30 (A), 31 (A and B), 32 (B).
    assert y.sum(axis=0).tolist() == [20, 10] and len(y) == 25 and splits["train"].context["features"] == ["A", "B"]


def test_a_window_that_stands_on_several_chromosomes_is_in_one_part(tmp_path):
    texts = genome(tmp_path)
    repeat = windows(1, 100, 9)[0]
    texts = {name: text[:1000] + repeat + text[1100:] for name, text in texts.items()}
    (tmp_path / "g.fa").write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()))
    places = [(name, start) for name in texts for start in (1000, *range(2000, 5000, 300))]
    (tmp_path / "p.bed").write_text("".join(f"{name}\t{start}\t{start + 100}\n" for name, start in places))
    facts = {"input": "sequence", "output": "binary", "file": "p.bed", "genome": "g.fa", "length": 100}
    facts |= {"negatives": {"kind": "shuffled"}}
    splits, told = prepared(write(tmp_path, **facts))
    assert "parted by chromosome" in told
    found = {name: {row.tobytes() for row in np.asarray(split["codes"])} for name, split in splits.items()}
    assert not found["train"] & found["test"] and not found["valid"] & found["test"]
    assert not found["train"] & found["valid"]
    codes = np.array(["ACGT".index(base) for base in repeat], np.uint8).tobytes()
    assert codes in found["test"] and "4 samples of training" in told and "a later part as well" in told
