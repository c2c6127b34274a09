"""Proteins: codes, words, features, clusters and pairs of like length, against cases worked out by hand."""

import numpy as np
import pytest

from deepbio.core.data import Ragged
from deepbio.core.files import BadInput
from deepbio.core.records import Given, stack
from deepbio.domains.protein import clusters, features, matching, sequences, simulated
from deepbio.kinds import protein
from deepbio.tasks import rna_binding_proteins


def ragged(*texts):
    return Ragged.join([sequences.encode(text) for text in texts])


def each(residues):
    return [residues.values[a:b] for a, b in zip(residues.offsets[:-1], residues.offsets[1:], strict=True)]


def test_residues_are_coded_and_decoded():
    assert sequences.decode(sequences.encode("acdY xBZUO*")) == "ACDYXBZUO"
    assert sequences.decode(sequences.encode("J")) == "X"
    for wrong, message in [
        ("AC1", "'1' at residue 3"),
        ("", "no residue"),
        ("A-C", "'-' at residue 2"),
        ("Aé", "at residue 2"),
    ]:
        with pytest.raises(BadInput, match=message):
            sequences.encode(wrong)


def test_fasta_names_file_line_and_record(tmp_path):
    path = tmp_path / "some.fa"
    path.write_text(">one first\nACD\nEF\n>two\nAC?\n")
    with pytest.raises(BadInput, match=r"some.fa:4: record 'two': '\?' at residue 3"):
        sequences.read_fasta(path)
    path.write_text(">one first\nACD\nEF\n>two\nAC\n")
    names, found = sequences.read_fasta(path)
    assert names == ["one", "two"] and [sequences.decode(one) for one in found] == ["ACDEF", "AC"]


def test_words_stay_inside_a_protein_and_skip_unknown_residues():
    owner, word = sequences.words(ragged("ACD", "CXDE", "A"), 2)
    assert owner.tolist() == [0, 0, 1]
    assert word.tolist() == [1, 22, 43]  # AC, CD, DE
    counts = sequences.word_counts(ragged("ACAC", "C"), 2).toarray()
    assert counts[0, 1] == 2 and counts[0, 20] == 1 and counts.sum() == 3
    np.testing.assert_allclose(sequences.composition(ragged("AACU"))[0, :2], [0.5, 0.5])  # U counts as C


def test_features_of_a_small_protein_by_hand():
    # R K are class 1, A G class 2, C L class 3 of hydrophobicity: 1 1 2 3 1.
    x = dict(zip(features.NAMES, features.physicochemical(ragged("RKACR", "XX"))[0], strict=True))
    assert x["share of R"] == 0.4 and x["hydrophobicity: share of class 1"] == 0.6
    assert x["hydrophobicity: transitions 1-2"] == 0.25 and x["hydrophobicity: transitions 1-3"] == 0.25
    assert x["hydrophobicity: transitions 2-3"] == 0.25
    places = [x[f"hydrophobicity: class 1 at {q} %"] for q in (0, 25, 50, 75, 100)]
    np.testing.assert_allclose(places, [0.2, 0.2, 0.2, 0.4, 1.0])  # residues 1, 2 and 5 of 5
    assert len(features.NAMES) == 167
    assert not features.physicochemical(ragged("RKACR", "XX"))[1].any()
    for classes in features.PROPERTIES.values():
        assert sorted("".join(classes)) == sorted(sequences.AMINO_ACIDS)


def test_features_do_not_depend_on_the_other_proteins():
    rng = np.random.default_rng(0)
    some = Ragged.join([rng.integers(0, 25, n).astype(np.uint8) for n in (30, 1, 77, 5)])
    whole = features.physicochemical(some)
    for row in range(4):
        np.testing.assert_allclose(features.physicochemical(some.take([row]))[0], whole[row])


def test_clusters_hold_relatives_and_nothing_else():
    rng = np.random.default_rng(1)
    roots = [simulated.ancestor(rng, 150) for _ in range(6)]
    members = [leaf for root in roots for leaf in simulated.descendants(rng, root, 5, 0.3)]
    found = clusters.cluster(Ragged.join(members)).reshape(6, 5)
    assert (found == found[:, :1]).all() and len(np.unique(found[:, 0])) == 6
    both = Ragged.join([*members, simulated.ancestor(rng, 150)])
    assert clusters.near(both, np.array([1, 30]), np.array([0, 10])).tolist() == [True, False]


def test_pairs_of_like_length_use_each_protein_once():
    lengths = np.array([100, 200, 300, 101, 102, 305, 1000])
    y = np.array([1, 1, 1, 0, 0, 0, 0])
    found = matching.pairs_of_like_length(lengths, y, 0.05, np.random.default_rng(0))
    assert found.tolist() == [0, 2, 3, 5]


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("MGSSHHHHHHSSG" + 40 * "A", "SSG" + 40 * "A"),
        (40 * "A" + "LEHHHHHHG", 40 * "A" + "LE"),
        ("MHHHHHGHHHHHH" + 80 * "A" + "HHHHHKHHHHH", 80 * "A"),
        (25 * "A" + "HHHHH" + 40 * "C", 40 * "C"),  # ends at residue 30
        (26 * "A" + "HHHHH" + 40 * "C", 26 * "A" + "HHHHH" + 40 * "C"),
        ("MHHHH" + 40 * "A" + "HHHH", "MHHHH" + 40 * "A" + "HHHH"),  # four are no tag
        ("AHHHHHCC", "CC"),  # one run near both ends
        ("AAHHHHH", "AAHHHHH"),  # nothing would be left
    ],
)
def test_a_tag_at_an_end_is_cut_off_with_what_is_outside(given, left):
    assert sequences.decode(sequences.without_tag(sequences.encode(given))) == left


def test_tags_are_cut_off_where_lengths_are_matched(tmp_path):
    """From both classes, and before equal sequences are found."""
    rng = np.random.default_rng(1)
    made = ["".join(rng.choice(list("ACDEFGIKLMNPQRSTVWY"), 80)) for _ in range(32)]
    tagged = [f"MHHHHHH{text}" if i % 2 else f"{text}HHHHHH" for i, text in enumerate(made)]
    for name, texts in (("RBP.fa", made[:16] + tagged[:4]), ("nonRBP.fa", tagged[16:])):
        (tmp_path / name).write_text("".join(f">p\n{text}\n" for text in texts))
    parameters = {"format": "matched", "tolerance": 0.1, "valid_fraction": 0.2, "test_fraction": 0.2}
    splits = rna_binding_proteins.prepare({"rbp_proteins": tmp_path}, parameters, 1)
    found = [sequences.decode(one) for split in splits.values() for one in each(split["residues"])]
    assert sorted(found) == sorted(text[1:] for text in made)


def test_first_residue_is_left_out():
    found = sequences.without_first(ragged("MAC", "W"))
    assert sequences.decode(found.values) == "ACW" and found.lengths.tolist() == [2, 1]


def test_proteins_of_a_user_are_read_and_stacked(tmp_path):
    (tmp_path / "some.fa").write_text(">one kind=a\nACD\n>two\nA1\n>three\nACDEF\n")
    records = list(protein.read(Given({"some.fa": tmp_path / "some.fa"}, {}, {})))
    assert [record.id for record in records] == ["one", "two", "three"]
    assert "'1' at residue 2" in records[1].problem and records[0].fields["kind"] == "a"
    arrays = stack([records[0], records[2]])
    assert isinstance(arrays["residues"], Ragged) and arrays["residues"].lengths.tolist() == [3, 5]
    assert len(set(protein.same(arrays, {}))) == 2


def test_binding_families_tell_length_and_first_residue():
    found, _, y = simulated.binding_families(np.random.default_rng(0), 10, 4, (60, 100), 0.5)
    assert len(found) == 40 and (np.ptp(y.reshape(10, 4), axis=1) == 0).all()
    assert all(one[0] == 10 for one, label in zip(found, y, strict=True) if label)


def own(folder, **facts):
    """The splits of a YAML of own data, and what is told."""
    import yaml

    from deepbio.core import kind
    from deepbio.core import own as owned
    from deepbio.tasks import own as reading

    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({"title": "Mine", **facts}))
    _, said = owned.read(path)
    splits, told = reading.read(path, said["scales"]["quick"]["datasets"][owned.DATASET]["parameters"], 1)
    for part, split in splits.items():
        split.context |= {"input": said["input"], "output": said["output"]}
        kind.check(split, part)
    return splits, "\n".join(told)


def test_own_proteins_are_parted_by_clusters(tmp_path):
    rng = np.random.default_rng(0)
    found, family, y = simulated.binding_families(rng, 12, 5, (60, 90), 0.3)
    rows = [f">p{i} label={y[i]}\n{sequences.decode(one)}\n" for i, one in enumerate(found)]
    (tmp_path / "mine.fa").write_text("".join(rows) + ">bad label=1\nAC1\n")
    splits, told = own(tmp_path, input="protein", output="binary", file="mine.fa", columns={"label": "label"})
    assert sum(map(len, splits.values())) == 60 and "60 samples of protein sequences, of 61 records" in told
    assert "'1' at residue 3 is no amino acid: mine.fa:121 (bad)" in told
    assert "0 of" in told and "near-duplicates" in told
    groups = [set(np.asarray(split["group"]).tolist()) for split in splits.values()]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and len(set.union(*groups)) == 12


def test_own_variants_stand_beside_their_alignment(tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 20, (30, 12))
    lines = [f">s{i}\n{sequences.decode(row)}\n" for i, row in enumerate(rows)]
    (tmp_path / "family.a2m").write_text("".join(lines))
    wild = sequences.decode(rows[0])
    scan = [
        f"{wild[i]}{i + 1}{sequences.AMINO_ACIDS[a]},{i + a}" for i in range(12) for a in range(20) if a != rows[0][i]
    ]
    (tmp_path / "scan.csv").write_text("\n".join(["mutant,score", *scan, "A99C,1"]) + "\n")
    files = {"family": "family.a2m", "scan": "scan.csv"}
    splits, told = own(tmp_path, input="protein_variant", output="regression", file=files, columns={"label": "score"})
    assert sum(map(len, splits.values())) == 228 and splits["train"].context["alignment"].shape == (30, 12)
    assert "30 aligned sequences, 12 columns" in told and "residue 99 is in no column" in told
