"""A user's own libraries of near-identical sequences: what links them, what is told of them, and which other groups and
shortcuts a split must heed."""

import numpy as np
import pytest
from own_files import genome, molecules, prepared, refused, screen, sizes, table, windows, write

from deepbio.core import own, own_links, own_parts, own_shortcuts
from deepbio.core.data import Ragged
from deepbio.domains.protein import clusters
from deepbio.domains.rna import coding
from deepbio.kinds import protein, sequence, transcript

RESIDUES, BASES = "ACDEFGHIKLMNPQRSTVWY", "ACGT"


def variants(count, length, changes, letters=20, seed=0, families=1):
    """Codes of variants of random sequences, family after family in turn, each with so many letters drawn anew."""
    rng = np.random.default_rng(seed)
    roots = rng.integers(0, letters, (families, length)).astype(np.uint8)
    made = [roots[number % families].copy() for number in range(count)]
    for one in made:
        one[rng.choice(length, changes, replace=False)] = rng.integers(0, letters, changes)
    return made


def file(folder, codes, letters, kind, y=None, **facts):
    """A table of sequences with labels and further columns, and its YAML."""
    more = facts.pop("more", {})
    lines = ["\t".join(["sequence", "label", *more])]
    for row, one in enumerate(codes):
        label = row % 2 if y is None else y[row]
        lines.append("\t".join(["".join(letters[code] for code in one), str(label), *(more[key][row] for key in more)]))
    (folder / "s.tsv").write_text("\n".join(lines) + "\n")
    return write(folder, **({"input": kind, "output": "binary", "file": "s.tsv"} | facts))


def count(labels):
    return len(np.unique(labels))


def library(one, arrays):
    """The groups of near-duplicates of a kind."""
    return own_links.library(*one.compared(arrays), len(next(iter(arrays.values()))))


def near(one, arrays, test, others):
    return own_links.near(*one.compared(arrays), len(next(iter(arrays.values()))), test, others)


# ---- links


@pytest.mark.parametrize("number", [62, 80, 300])
def test_variants_of_one_protein_are_one_cluster_however_many(number):
    arrays = {"residues": Ragged.join(variants(number, 200, 1))}
    assert count(library(protein, arrays)) == 1
    assert near(protein, arrays, np.arange(20), np.arange(20, number)).all()


def test_libraries_in_one_file_are_clusters_of_their_own():
    arrays = {"residues": Ragged.join(variants(600, 150, 6, families=5))}
    found = library(protein, arrays).reshape(-1, 5)
    assert (found == found[0]).all() and count(found) == 5
    assert not near(protein, arrays, np.arange(0, 600, 5), np.arange(1, 600, 5)).any()


def test_a_tag_and_stretches_of_low_complexity_link_no_proteins():
    rng = np.random.default_rng(0)
    tag = rng.integers(0, 20, 21).astype(np.uint8)
    made = [np.concatenate([tag, np.full(30, 13, np.uint8), rng.integers(0, 20, 120).astype("u1")]) for _ in range(100)]
    arrays = {"residues": Ragged.join(made)}
    assert count(library(protein, arrays)) == 100
    assert not near(protein, arrays, np.arange(50), np.arange(50, 100)).any()


@pytest.mark.parametrize("number", [15, 25, 100])
def test_transcripts_of_one_gene_are_one_group_however_many(number):
    arrays = {"codes": Ragged.join(variants(number, 900, 3, 4))}
    assert count(library(transcript, arrays)) == 1
    assert near(transcript, arrays, np.arange(5), np.arange(5, number)).all()


def test_windows_of_a_library_are_one_group_and_different_ones_are_not():
    assert count(library(sequence, {"codes": np.stack(variants(600, 150, 3, 4))})) == 1
    found = library(sequence, {"codes": np.stack(variants(600, 150, 3, 4, families=4))}).reshape(-1, 4)
    assert (found == found[0]).all() and count(found) == 4


def test_the_splits_of_the_built_in_tasks_pass_over_common_words_as_ever():
    """What parts the tasks of the benchmark, whose figures are published, has its cap on common words."""
    assert count(clusters.cluster(Ragged.join(variants(80, 200, 1)))) == 80
    assert count(coding.related(Ragged.join(variants(100, 900, 3, 4)))) > 1
    assert count(sequence.cluster({"codes": np.stack(variants(600, 150, 3, 4))})) > 1


def test_near_duplicates_are_those_of_all_pairs():
    rng = np.random.default_rng(3)
    held = [set(rng.integers(0, 60, rng.integers(1, 40)).tolist()) for _ in range(300)]
    owner = np.concatenate([np.full(len(one), row) for row, one in enumerate(held)])
    word = np.concatenate([list(one) for one in held])
    test, others = np.arange(20), np.arange(20, 300)
    for least, most in ((1, 300), (14, 300), (14, 25)):
        shared = [[len(held[a] & held[b]) / max(len(held[a]), len(held[b])) for b in others[:most]] for a in test]
        enough = [[len(held[a] & held[b]) >= least for b in others[:most]] for a in test]
        expected = ((np.array(shared) >= own_links.SHARE) & np.array(enough)).any(axis=1)
        twice = np.concatenate([owner, owner]), np.concatenate([word, word])  # a word counts once
        found = own_links.near(*twice, least, 300, test, others[:most])
        np.testing.assert_array_equal(found, expected)


def test_no_words_link_nothing():
    none = np.zeros(0, int)
    assert own_links.library(none, none, 1, 4).tolist() == [0, 1, 2, 3]
    assert own_links.near(none, none, 1, 4, np.array([0, 1]), np.array([2, 3])).tolist() == [False, False]


# ---- what is told


def test_a_library_that_is_one_cluster_is_refused_with_what_to_do(tmp_path):
    for codes, letters, kind in (
        (variants(200, 100, 2), RESIDUES, "protein"),
        (variants(60, 600, 3, 4), BASES, "transcript"),
        (variants(200, 150, 2, 4), BASES, "sequence"),
    ):
        message = refused(file(tmp_path, codes, letters, kind))
        assert f"split.by: cluster: all {len(codes)} samples are one cluster" in message
        assert "split: {by: random}" in message and "{by: group}" in message
        splits, told = prepared(file(tmp_path, codes, letters, kind, split={"by": "random"}))
        assert f"warning: {sizes(splits)[2]} of {sizes(splits)[2]} test samples are near-duplicates" in told


def test_sequences_too_short_to_be_compared_are_told(tmp_path):
    for kind, letters, long in (("protein", RESIDUES, 15), ("sequence", BASES, 48), ("transcript", BASES, 43)):
        for length in (long, long - 1):
            codes = variants(60, length, 1, len(letters), families=60)
            splits, told = prepared(file(tmp_path, codes, letters, kind))
            told_short = f"warning: {sizes(splits)[2]} of them are too short for that" in told
            assert told_short == (length < long) and f"0 of {sizes(splits)[2]} test samples are near" in told


def test_several_libraries_are_parted_whole(tmp_path):
    codes = variants(800, 100, 3, families=20)
    splits, told = prepared(file(tmp_path, codes, RESIDUES, "protein", y=[row // 20 % 2 for row in range(800)]))
    assert sizes(splits) == [560, 80, 160] and "0 of 160 test samples are near-duplicates" in told
    assert "far from" not in told


def test_parts_far_from_what_was_asked_for_are_told_and_a_large_group_trains(tmp_path):
    rng = np.random.default_rng(1)
    for others in (3, 20):
        codes = variants(180, 100, 2) + list(rng.integers(0, 20, (others, 100)))
        splits, told = prepared(file(tmp_path, codes, RESIDUES, "protein", y=rng.integers(0, 2, len(codes))))
        assert sizes(splits)[0] == 180 and sizes(splits)[2] > sizes(splits)[1]
        asked = ", ".join(f"{share * len(codes):.0f}" for share in own.FRACTIONS)
        assert f"warning: the parts are far from the {asked} samples asked for" in told
        assert f"{others + 1} there are, the largest of 180 samples" in told


def test_few_groups_are_dealt_to_the_parts_that_they_fit():
    group = np.repeat(np.arange(3), (585, 10, 5))
    part = own_parts.deal(group, None, own.FRACTIONS, np.random.default_rng(0), "generated")
    assert np.bincount(part).tolist() == [585, 5, 10]
    assert own_parts.deal(np.arange(8) // 4, None, own.FRACTIONS, np.random.default_rng(0), "generated") is None


def test_few_groups_of_one_class_each_are_dealt_so_that_every_part_has_both():
    group = np.arange(300) % 10
    y = (group < 5).astype(float)
    part = own_parts.deal(group, y, own.FRACTIONS, np.random.default_rng(0), "binary")
    assert [len(np.unique(y[part == number])) for number in range(3)] == [2, 2, 2]
    assert np.bincount(part).tolist() == [180, 60, 60]


# ---- groups that are named


def test_proteins_of_one_donor_are_in_one_part(tmp_path):
    rng = np.random.default_rng(0)
    codes = list(rng.integers(0, 20, (300, 60)))
    for row, one in enumerate(codes):
        one[0] = row % 10  # the donor
    donors = {"donor": [f"d{row % 10}" if row != 7 else "" for row in range(300)]}
    facts = {"more": donors, "columns": {"label": "label", "group": "donor"}}
    splits, told = prepared(file(tmp_path, codes, RESIDUES, "protein", **facts))
    assert "parted by cluster and group" in told and sum(sizes(splits)) == 300
    first = [set(split["residues"].values[split["residues"].offsets[:-1]].tolist()) for split in splits.values()]
    assert sum(map(len, first)) - len(set.union(*first)) <= 1  # of record 8 no donor is known
    facts["columns"] = {"label": "label", "group": "donors"}
    assert "columns.group: no record has 'donors'" in refused(file(tmp_path, codes, RESIDUES, "protein", **facts))


def test_transcripts_and_windows_of_one_group_are_in_one_part(tmp_path):
    for kind, length in (("transcript", 300), ("sequence", 64)):
        codes = np.random.default_rng(0).integers(0, 4, (120, length))
        for row, one in enumerate(codes):
            one[:2] = divmod(row % 12, 4)
        facts = {"more": {"pool": [f"p{row % 12}" for row in range(120)]}}
        path = file(tmp_path, codes, BASES, kind, columns={"label": "label", "group": "pool"}, **facts)
        splits, told = prepared(path)
        assert "parted by cluster and group" in told
        starts = []
        for split in splits.values():
            found = split["codes"]
            rows = [found.values[start : start + 2] for start in found.offsets[:-1]] if kind == "transcript" else found
            starts.append({tuple(np.asarray(one)[:2].tolist()) for one in rows})
        assert sum(map(len, starts)) == 12


def test_molecules_of_one_group_are_in_one_part(tmp_path):
    path = screen(tmp_path, columns={"smiles": "Structure", "label": "blocked", "group": "batch"}, split={})
    rows = molecules(200)
    length = [text.upper().count("C") // 3 % 5 for text in rows]
    made = [f"{text},{'yes' if 'O' in text else 'no'},b{batch}" for text, batch in zip(rows, length, strict=True)]
    (tmp_path / "screen.csv").write_text("\n".join(["Structure,blocked,batch", *made]))
    # Every batch has every scaffold.
    assert "split.by: scaffold and group: all" in refused(path)
    batches = [f"b{number % 8 // 2}" for number in range(len(rows))]  # of two scaffolds each
    made = [f"{text},{'yes' if 'O' in text else 'no'},{batch}" for text, batch in zip(rows, batches, strict=True)]
    (tmp_path / "screen.csv").write_text("\n".join(["Structure,blocked,batch", *made]))
    splits, told = prepared(path)
    assert "parted by scaffold and group" in told
    of_part = [
        {batch for text, batch in zip(rows, batches, strict=True) if text.encode() in set(split["smiles"].tolist())}
        for split in splits.values()
    ]
    assert sum(map(len, of_part)) == len(set.union(*of_part)) > 2


def test_chromosomes_that_a_group_joins_are_in_one_part(tmp_path):
    texts = genome(tmp_path)
    places = [(name, start) for name in texts for start in range(1000, 4000, 300)]
    joined = {"chr1": "one", "chr4": "one"}
    rows = [
        f"{name}:{start}-{start + 60}\t{texts[name][start : start + 60]}\t{row % 2}\t{joined.get(name, '')}"
        for row, (name, start) in enumerate(places)
    ]
    (tmp_path / "w.tsv").write_text("\n".join(["id\tsequence\tlabel\tpair", *rows]))
    facts = {"input": "sequence", "output": "binary", "file": "w.tsv", "columns": {"group": "pair", "label": "label"}}
    splits, told = prepared(write(tmp_path, **facts))
    assert "parted by chromosome and group" in told
    held = [
        {
            name
            for name, text in texts.items()
            for row in np.asarray(split["codes"])
            if "".join(BASES[c] for c in row) in text
        }
        for split in splits.values()
    ]
    assert sum(map(len, held)) == 5 and any({"chr1", "chr4"} <= one for one in held)


def test_a_given_split_that_parts_a_group_is_told(tmp_path):
    columns = {"label": "state", "group": "family", "split": "part"}
    facts = table(tmp_path) | {"columns": columns, "split": {"by": "given"}}
    lines = (tmp_path / "t.csv").read_text().splitlines()
    for number, parts in ((2, ("train", "valid", "test")), (4, ("train", "train", "test"))):
        words = [parts[row // number % 3] for row in range(len(lines) - 1)]
        words[-2:] = ["valid", "valid"]
        made = [f"{line},{word}" for line, word in zip(lines[1:], words, strict=True)]
        (tmp_path / "t.csv").write_text("\n".join([lines[0] + ",part", *made]))
        assert "in more than one part" not in prepared(write(tmp_path, **facts))[1]
    (tmp_path / "t.csv").write_text("\n".join([lines[0] + ",part", *made]).replace("f0,train", "f0,test", 1))
    assert "warning: groups of 'family' are in more than one part" in prepared(write(tmp_path, **facts))[1]


# ---- shortcuts


def test_two_files_of_two_lengths_are_told(tmp_path):
    said = {"output": "binary", "file": {"bound": "a.fa", "unbound": "b.fa"}, "positive": "bound"}
    for lengths, warned in (((100, 80), True), ((100, 100), False)):
        for seed, (name, length) in enumerate(zip("ab", lengths, strict=True)):
            texts = windows(60, length, seed)
            (tmp_path / f"{name}.fa").write_text("".join(f">{name}{n}\n{one}\n" for n, one in enumerate(texts)))
        told = prepared(write(tmp_path, input="sequence", **said))[1]
        assert ("warning: the share of unknown bases, padding included, alone tells 'file'" in told) == warned
        assert ("(balanced accuracy 1.00; a mean of 0 against 0.2)" in told) == warned
        told = prepared(write(tmp_path, input="transcript", **said))[1]
        assert ("warning: the length alone tells 'file'" in told) == warned
        assert warned or "alone tells" not in told


def test_lengths_and_unknown_residues_of_proteins_are_told(tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    codes = [rng.integers(0, 20, 50 + (30 + rng.integers(10)) * (label == 2)) for label in y]
    for row in np.flatnonzero(y == 1):
        codes[row][3] = 20
    facts = {"y": ["abc"[label] for label in y], "output": "multiclass"}
    told = prepared(file(tmp_path, codes, RESIDUES + "X", "protein", **facts))[1]
    assert (
        "the length alone tells the class c" in told and "the share of unknown residues alone tells the class b" in told
    )
    assert told.count("alone tells") == 2


def test_gaps_of_a_table_are_told(tmp_path):
    facts = table(tmp_path) | {"columns": {"label": "state", "id": "id"}}
    assert "alone tells" not in prepared(write(tmp_path, **facts))[1]
    lines = (tmp_path / "t.csv").read_text().splitlines()
    lines = [line.replace(line.split(",")[1], "", 1) if ",well," in line and "," in line else line for line in lines]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    assert "warning: the share of gaps alone tells 'state'" in prepared(write(tmp_path, **facts))[1]


def test_a_number_tells_a_class_above_below_or_between_and_noise_none():
    rng = np.random.default_rng(0)
    for samples in (12, 40, 1000):
        half = np.arange(samples) < samples // 2
        assert own_shortcuts.accuracy(half.astype(float), half) == 1
        noise = [own_shortcuts.accuracy(rng.standard_normal(samples), rng.permutation(half)) for _ in range(50)]
        assert max(noise) < own_shortcuts.TELLS
    half = np.arange(1000) < 500
    values = np.where(half, 100, rng.integers(50, 150, 1000)).astype(float)
    assert own_shortcuts.accuracy(values, half) > 0.95
    rare = np.arange(1000) < 30
    assert own_shortcuts.accuracy(np.where(rare, 20.0, 0.0), rare) == 1
    assert max(own_shortcuts.accuracy(rng.standard_normal(1000), rare) for _ in range(50)) < 0.85
    assert own_shortcuts.accuracy(np.arange(1000.0), np.arange(1000) < 4) == 0.5  # too few to say
