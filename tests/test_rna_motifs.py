"""RNA motifs: structure of each position, pairs of letters, kernels by class, words of one strand, and the task."""

import gzip

import numpy as np
import pytest
import torch
import yaml
from support import CATALOG, parameters_of

from deepbio.core import kind, method, own, task
from deepbio.core.data import Ragged, Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import sequences, words
from deepbio.domains.rna import structure
from deepbio.figures import rna as figures
from deepbio.learning import sequence_network
from deepbio.methods.pysster import Network
from deepbio.tasks import own as reading
from deepbio.tasks import rna_motifs


@pytest.mark.parametrize(
    ("brackets", "letters"),
    [
        (".((...)).", "ESSHHHSSE"),
        ("((.(...)))", "SSISHHHSSS"),
        ("(.((...)))", "SISSHHHSSS"),
        ("((...).(...))", "SSHHHSMSHHHSS"),
        ("(...)..(...)", "SHHHSEESHHHS"),
        ("....", "EEEE"),
    ],
)
def test_every_position_is_named_by_its_loop(brackets, letters):
    assert "".join(structure.LETTERS[i] for i in structure.annotate(brackets)) == letters


@pytest.mark.parametrize(
    ("brackets", "message"),
    [
        ("(.", "1 pairs of the structure are not closed"),
        ("..)", "position 3 of the structure closes"),
        ("(x)", "'x' is"),
    ],
)
def test_structures_that_are_none_are_named(brackets, message):
    with pytest.raises(BadInput, match=f"here: .*{message}"):
        structure.annotate(brackets, "here")


def test_a_hairpin_is_folded():
    if not structure.is_available():
        pytest.skip("ViennaRNA is not installed")
    codes = sequences.encode(["GGGGGGAAAACCCCCC"])
    assert "".join(structure.LETTERS[i] for i in structure.fold(codes)[0]) == "SSSSSSHHHHSSSSSS"


def test_alphabets_of_any_size_are_one_hot():
    codes = torch.tensor([[0, 5, 6, 2]], dtype=torch.uint8)
    hot = sequence_network.one_hot(codes, 6)
    assert hot.shape == (1, 6, 4) and hot[0, 5, 1] == 1 and hot[0, 2, 3] == 1
    assert hot[0, :, 2].tolist() == pytest.approx([1 / 6] * 6)
    bases = torch.tensor([[0, 1, 2, 3, 4]], dtype=torch.uint8)
    torch.testing.assert_close(sequence_network.one_hot(bases, 4), sequences.one_hot(bases))


def test_bases_and_structures_make_pairs():
    model = method.create("pysster", "listed", parameters_of("pysster"))
    arrays = {
        "codes": np.array([[0, 3, 4]], np.uint8),
        "structure": np.array([[4, 1, 2]], np.uint8),
        "y": np.ones(1, "f4"),
    }
    split = Split(arrays, {"structure_letters": "SHIME", "output": "binary"})
    model.shape = model.describe(split)
    assert model.shape["letters"] == 20
    assert model.batch(split, np.arange(1))["codes"].tolist() == [[4, 16, 20]]
    model.parameters["structure"] = False
    model.shape = model.describe(split)
    assert model.shape["letters"] == 4 and model.batch(split, np.arange(1))["codes"].tolist() == [[0, 3, 4]]


def test_weights_are_limited_as_keras_does():
    network = Network(3, 5, 1, 2, 4, [0, 0, 0], {"letters": 4, "length": 30, "kind": "binary", "outputs": 1})
    with torch.no_grad():
        network.detectors.weight.fill_(2.0)  # of each letter's five positions the norm is 4.47
        network.detectors.weight[0, 0] = 0.1
        network.dense.weight.fill_(1.0)
        network.head.weight.fill_(9.0)
    network.limit(3)
    assert float(network.detectors.weight[1, 2].norm()) == pytest.approx(3)
    assert float(network.detectors.weight[0, 0].norm()) == pytest.approx(0.1 * 5**0.5)
    assert float(network.dense.weight[0].norm()) == pytest.approx(3)
    assert network.head.weight[0, 0] == 9


def test_rare_classes_weigh_more_in_training():
    model = method.create("pysster", "listed", parameters_of("pysster"))
    split = kind.small_problem("structured_rna", "binary", 40)["train"]
    split.arrays["y"] = (np.arange(40) < 10).astype(np.float32)
    model.shape = model.describe(split)
    assert model.shape["class_weights"] == [1, 3]
    network = model.build(model.parameters, model.shape).eval()
    batch = model.batch(split, np.arange(40))
    with torch.no_grad():
        network.dropout = torch.nn.ModuleList(torch.nn.Identity() for _ in range(3))
        plain = torch.nn.functional.binary_cross_entropy_with_logits(network(batch)[:, 0], batch["y"], reduction="none")
        expected = (plain * torch.where(batch["y"] == 1, 3, 1)).mean()
        torch.testing.assert_close(model.loss(network.train(), batch), expected)
        torch.testing.assert_close(model.loss(network.eval(), batch), plain.mean())


def test_kernels_go_with_the_class_in_which_they_answer_most():
    active = np.array([[5.0, 1], [4, 1], [1, 3], [0, 4]])
    number = np.array([0, 0, 1, 1])
    of_class, importance, threshold = figures.select(active, number)
    assert of_class.tolist() == [0, 1] and importance.tolist() == [4, 2.5] and threshold.tolist() == [4.5, 3.5]
    assert figures.aligned(active, number, 0, 0, 3.5).tolist() == [0]  # a third of two, but one at least


def test_words_are_those_of_the_strand():
    codes = sequences.encode(["AACG", "NACA"])
    found = words.counts(codes, [1, 2])
    assert found[0, :4].tolist() == [2, 1, 1, 0] and found[1, :4].tolist() == [2, 1, 0, 0]
    pairs = {
        first + second: found[:, 4 + 4 * i + j] for i, first in enumerate("ACGT") for j, second in enumerate("ACGT")
    }
    assert pairs["AA"].tolist() == [1, 0] and pairs["CG"].tolist() == [1, 0] and pairs["CA"].tolist() == [0, 1]
    assert found[:, 4:].sum(axis=1).tolist() == [3, 2]
    ragged = Ragged.join([np.array([0, 0], np.uint8), np.array([0, 1, 1, 1], np.uint8)])
    np.testing.assert_allclose(words.counts(ragged, [2])[:, [0, 1, 5]], [[500, 0, 0], [0, 250, 500]])
    at = words.at_positions(sequences.encode(["ACN"]), 1).reshape(3, 4)
    assert at.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_gapped_words_of_one_strand():
    from deepbio.baselines.gkm_svm import gapped_kmers

    found = gapped_kmers(sequences.encode(["AAAC", "GTTT"]), 3, 2, both_strands=False)
    assert found.shape == (2, 3 * 16) and (found[0].multiply(found[1])).nnz == 0  # the other strand is another sequence
    # AA_, A_A and _AA twice or once each: words AAA and AAC give AA_ twice, A_A, A_C, _AA and _AC once.
    np.testing.assert_allclose(np.sort(found[0].data), np.array([1, 1, 1, 1, 2]) / 8**0.5)


def test_planted_words_lie_where_the_label_says():
    facts = CATALOG.dataset("rna_motifs", "hairpins")
    splits = task.prepare("rna_motifs", "hairpins", facts, {}, 1)
    split = splits["train"]
    codes, shapes, y = (np.asarray(split[name]) for name in ("codes", "structure", "y"))
    texts = [sequences.decode(row) for row in codes]
    assert all("TGTAAATA" in text and "TATTTACA" in text for text in texts)
    middle = [shapes[row, text.index("TGTAAATA") + 4] for row, text in enumerate(texts)]
    clear = np.array([text.count("TGTAAATA") == 1 for text in texts])
    assert clear.mean() > 0.95
    wanted = np.where(y == 1, structure.HAIRPIN, structure.STEM)
    np.testing.assert_array_equal(np.array(middle)[clear], wanted[clear])
    artificial = task.prepare("rna_motifs", "artificial", CATALOG.dataset("rna_motifs", "artificial"), {}, 1)["train"]
    text = [sequences.decode(row) for row in np.asarray(artificial["codes"])]
    holds = [
        ("C" * 10 in one[20:41] and "G" * 10 in one[50:71]) or ("A" * 10 in one[80:101] and "T" * 10 in one[110:131])
        for one in text
    ]
    np.testing.assert_array_equal(holds, np.asarray(artificial.y) == 1)


def test_windows_are_parted_by_chromosome_and_told_without_a_structure(tmp_path, monkeypatch, caplog):
    rng = np.random.default_rng(0)

    def window(chromosome, start, strand="-"):
        return [f">{chromosome}:{start}-{start + 20}({strand})", "".join(rng.choice(list("ACGU"), 20))]

    bound = ""
    for name, first in (("p", 0), ("n", 50)):
        lines = []
        for number in range(30):
            lines += window(f"chr{number % 3 + 1}", 100 * number + first)
        lines += lines[:2]  # a repeated window
        if name == "n":  # over a positive, over one of the other strand, and beside one
            lines += window("chr1", 10) + window("chr1", 310, "+") + window("chr1", 320)
            lines += [">chr1:9000-9020(-)", bound]  # the sequence of a positive, from another place
        bound = lines[1]
        with gzip.open(tmp_path / f"{name}.fa.gz", "wt") as handle:
            handle.write("\n".join(lines) + "\n")
    parameters = {"format": "windows", "positives": "p.fa.gz", "background": "n.fa.gz", "fold": True}
    parameters |= {"valid_chromosomes": ["chr2"], "test_chromosomes": ["chr3"]}
    monkeypatch.setattr(structure, "is_available", lambda: False)
    found = rna_motifs.prepare({"x": tmp_path}, parameters, 1)
    assert sum(map(len, found.values())) == 62 and "structure" not in found["train"]
    assert sum(split.y.sum() for split in found.values()) == 30
    assert set(found["test"]["group"].tolist()) == {b"chr3"}
    assert found["train"].context["structure_note"] == structure.ABSENT and structure.ABSENT in caplog.text


def test_published_parts_keep_their_test_windows_and_no_training_window_is_one(tmp_path):
    rng = np.random.default_rng(0)
    texts = ["".join("ACGU"[base] for base in row) for row in rng.integers(0, 4, (48, 30))]

    def fasta(name, rows):
        (tmp_path / name).write_text("".join(f">chr1:{row}-{row + 30}(+)\n{texts[row]}\n" for row in rows))

    # The windows 0 and 20 are in both parts, and 1 stands twice.
    fasta("tp", [0, 1, 1, *range(2, 12)])
    fasta("tn", range(20, 32))
    fasta("sp", [0, *range(12, 16)])
    fasta("sn", [20, *range(32, 36)])
    files = {"train": {"positives": "tp", "background": "tn"}, "test": {"positives": "sp", "background": "sn"}}
    parameters = {"format": "published", "files": files, "fold": False, "valid_fraction": 0.3}
    splits = rna_motifs.prepare({"s": tmp_path}, parameters, 1)
    found = {
        name: {sequences.decode(row).replace("T", "U") for row in split["codes"]} for name, split in splits.items()
    }
    assert found["test"] == {texts[row] for row in (0, *range(12, 16), 20, *range(32, 36))}
    assert found["train"] | found["valid"] == {texts[row] for row in (*range(1, 12), *range(21, 32))}
    assert not found["train"] & found["valid"] and 0 < len(found["valid"]) < 15
    assert splits["test"].y.sum() == 5 and splits["train"].y.sum() + splits["valid"].y.sum() == 11


def test_own_windows_with_a_structure_of_their_own(tmp_path):
    rng, rows = np.random.default_rng(0), ["id,sequence,structure,label"]
    for number in range(60):
        text = "".join(rng.choice(list("ACGU"), 12))
        rows.append(f"w{number},{text},((((....)))),{number % 2}")
    rows[5] = rows[5].replace("))))", "))")
    (tmp_path / "windows.csv").write_text("\n".join(rows) + "\n")
    said = {"title": "Mine", "input": "structured_rna", "output": "binary", "file": "windows.csv"}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(said))
    _, facts = own.read(tmp_path / "mine.yaml")
    splits, told = reading.read(
        tmp_path / "mine.yaml", facts["scales"]["quick"]["datasets"][own.DATASET]["parameters"], 1
    )
    assert splits["train"].context["structure_letters"] == structure.LETTERS
    assert splits["train"]["structure"][0].tolist() == [0] * 4 + [1] * 4 + [0] * 4
    assert any("10 letters of structure for 12 bases" in line for line in told)
