"""Coding potential: frames and hexamers by hand, families, recurrent units, information of words, parts of the test."""

import numpy as np
import pytest
import torch
import yaml
from support import parameters_of

from deepbio.core import kind, method, own
from deepbio.core.data import Ragged, Split
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.domains.dna import sequences
from deepbio.domains.rna import coding
from deepbio.learning.recurrent import GatedUnits
from deepbio.methods.deeplnc import information
from deepbio.tasks import coding_potential
from deepbio.tasks import own as reading


def transcripts(*texts):
    return Ragged.join([sequences.encode([text])[0] for text in texts])


@pytest.mark.parametrize(
    ("text", "first", "length"),
    [
        ("CCATGAAATAGCC", 2, 9),  # the stop codon counts
        ("ATGAAATAGATGAAAAAATAA", 9, 12),
        ("CATGCCC", 1, 6),  # without a stop it ends with the transcript
        ("ATGATGTAA", 0, 9),  # of two starts before one stop the first
        ("CCCCCC", 0, 0),
        ("ATGNAATAG", 0, 9),  # an unknown codon is no stop
        ("AT", 0, 0),
    ],
)
def test_longest_frame(text, first, length):
    assert coding.longest_frame(sequences.encode([text])[0]) == (first, length)


def test_hexamers_are_counted_in_frame():
    codes = transcripts("CATGAAATAGC")
    whole = coding.hexamers(codes)
    assert whole.sum() == 6
    inside = coding.hexamers(codes, coding.frames(codes))
    assert inside.sum() == 2  # ATGAAA and AAATAG
    word = sum(int(code) * 4**place for place, code in enumerate(sequences.encode(["ATGAAA"])[0][::-1]))
    assert inside[0, word] == 1


def test_positions_of_bases_by_hand():
    found = coding.fickett(transcripts("AAC" * 3 + "A"))
    # A stands 4, 3 and 0 times in the three places, C 0, 0 and 3 times.
    np.testing.assert_allclose(found[0], [4 / 1, 3 / 1, 0, 0, 0.7, 0.3, 0, 0])


def test_transcripts_of_one_gene_are_found_and_repeats_link_none():
    rng = np.random.default_rng(0)
    gene, repeat = (rng.integers(0, 4, length).astype(np.uint8) for length in (900, 300))
    others = [rng.integers(0, 4, 500).astype(np.uint8) for _ in range(30)]
    found = [gene[:700], gene[200:], *(np.concatenate([one, repeat]) for one in others)]
    family = coding.related(Ragged.join(found))
    assert family[0] == family[1] and len(set(family.tolist())) == 31


def test_as_many_of_each_class_in_every_length():
    rng = np.random.default_rng(0)
    y = np.arange(2000) % 2
    lengths = np.where(y == 1, rng.integers(500, 3000, 2000), rng.integers(200, 1500, 2000))
    chosen = coding.matched(lengths, y, rng)
    one, other = (np.sort(lengths[chosen & (y == label)]) for label in (0, 1))
    assert len(one) == len(other) > 200
    assert abs(np.median(one) - np.median(other)) < 60 < abs(np.median(lengths[y == 0]) - np.median(lengths[y == 1]))


def test_gated_units_by_hand():
    units = GatedUnits(1, 1, steep=2.0, first=True)
    with torch.no_grad():
        units.inputs.weight.copy_(torch.tensor([[0.5], [-1.0], [0.3]]))
        units.inputs.bias.copy_(torch.tensor([0.1, 0.2, 0.3]))
        units.gates.weight.copy_(torch.tensor([[0.7], [-0.4]]))
        units.candidate.weight.fill_(0.9)
        units.first.fill_(0.5)
    state = 0.5
    for x in (1.0, -2.0):
        update = 1 / (1 + np.exp(-2 * (0.5 * x + 0.1 + 0.7 * state)))
        reset = 1 / (1 + np.exp(-2 * (-x + 0.2 - 0.4 * state)))
        candidate = np.tanh(0.3 * x + 0.3 + 0.9 * reset * state)
        state = update * state + (1 - update) * candidate
    found = units(torch.tensor([[[1.0], [-2.0]]]))
    assert found.item() == pytest.approx(state, abs=1e-6)


def test_padding_changes_no_state():
    torch.manual_seed(0)
    units = GatedUnits(3, 4, first=True)
    x = torch.randn(2, 5, 3)
    padded = torch.cat([torch.randn(2, 2, 3), x], dim=1)
    torch.testing.assert_close(units(padded, torch.tensor([2, 2])), units(x))
    mixed = units(padded, torch.tensor([2, 0]))
    torch.testing.assert_close(mixed[0], units(x)[0])
    assert not torch.allclose(mixed[1], units(x)[1])


def test_a_prediction_does_not_depend_on_the_others():
    model = method.create("mrnn", "listed", parameters_of("mrnn"))
    split = kind.small_problem("transcript", "binary", 30)["test"]
    model.shape = model.describe(split)
    model.network = torch.nn.ModuleList([model.build(model.parameters, model.shape)]).eval()
    whole = model.predict(split)["y"]
    np.testing.assert_allclose(model.predict(split.take([7]))["y"][0], whole[7], atol=1e-6)


def test_training_stretches_are_cut_at_random_and_whole_short_ones_kept():
    model = method.create("mrnn", "listed", parameters_of("mrnn"))
    split = Split({"codes": transcripts("ACGTACGTAC", "GGG"), "y": np.ones(2, "f4")})
    seen = [model.batch(split, np.arange(2), 6, np.random.default_rng(seed)) for seed in range(40)]
    texts = {sequences.decode(one["codes"][0].numpy()) for one in seen}
    assert texts == {"ACGTACGTAC"[start : start + 6] for start in range(5)}
    assert all(one["padded"].tolist() == [0, 3] and one["codes"][1, 3:].tolist() == [2, 2, 2] for one in seen)


def test_a_network_at_chance_is_begun_anew(tmp_path):
    parameters = {"models": 1, "embedding": 2, "units": 2, "dropout": 0.0, "longest": 20, "chunk": 64}
    still = {"optimizer": "sgd", "learning_rate": 0.0, "batch_size": 32, "epochs": 1, "restarts": 2}
    model, job = method.create("mrnn", "listed", parameters | {"training": still}), Job(1, tmp_path)
    problem = kind.small_problem("transcript", "binary", 30)
    model.fit(problem["train"], problem["valid"], job)
    assert job.restarts == 2 and len(model.network) == 1


def test_information_of_words_by_hand():
    found = information(transcripts("AAAC"), [1, 2])
    np.testing.assert_allclose(found[0, :4], [-0.75 * np.log2(0.75), 0.5, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found[0, [4, 5]], [-2 / 3 * np.log2(2 / 3), -1 / 3 * np.log2(1 / 3)], atol=1e-6)


def test_subsets_of_the_test_are_scored_by_themselves():
    arrays = {"y": np.array([1, 1, 0, 0, 1, 0], np.float32)}
    arrays |= {
        "y_challenge": np.array([1, 0, 1, 0, 0, 0], np.uint8),
        "y_matched": np.array([0, 1, 0, 1, 1, 1], np.uint8),
    }
    p = {"y": np.array([0.2, 0.9, 0.7, 0.1, 0.8, 0.3])}
    wanted = ["auroc", "auroc_challenge", "mcc_challenge", "auroc_matched", "accuracy_matched"]
    found = coding_potential.score(Split(arrays), p, wanted)
    assert found["auroc_challenge"] == 0 and found["mcc_challenge"] == -1
    assert found["auroc_matched"] == 1 == found["accuracy_matched"] and found["auroc"] == pytest.approx(7 / 9)
    drawn = np.ones((2, 6))
    for name in wanted:
        resampling = coding_potential.resampled(Split(arrays), p, name)
        np.testing.assert_allclose(resampling.function(drawn), found[name])


def write(folder, rng):
    """Files of mouse transcripts; each gene has two transcripts."""
    lines = []
    for gene in range(60):
        codes = rng.integers(0, 4, 400)
        for name, cut in (("a", codes[:300]), ("b", codes[60:])):
            lines += [f">g{gene}{name}|{gene % 2}|training", "".join("ACGT"[code] for code in cut)]
    (folder / "lncRNA_sequences.txt").write_text("\r\n".join(lines) + "\r\n")


def test_transcripts_of_one_gene_are_in_one_part(tmp_path):
    write(tmp_path, np.random.default_rng(0))
    parameters = {
        "format": "mouse",
        "mouse": "x",
        "longest": 1000,
        "most": None,
        "match": False,
        "fractions": [0.6, 0.2, 0.2],
    }
    found = coding_potential.prepare({"x": tmp_path}, parameters, 1)
    assert sum(map(len, found.values())) == 120
    families = [set(split["group"].tolist()) for split in found.values()]
    assert sum(map(len, families)) == len(set.union(*families)) == 60
    assert all(0.3 < split.y.mean() < 0.7 for split in found.values())
    assert set(found["test"].inputs().arrays) == {"codes"}
    frame = coding.frames(found["test"]["codes"])[:, 1]
    misled = np.where(found["test"].y == 1, frame < 300, frame >= 300)
    np.testing.assert_array_equal(found["test"]["y_challenge"], misled)
    path = tmp_path / "lncRNA_sequences.txt"
    path.write_text(path.read_text().replace("|1|", "|2|", 1))
    with pytest.raises(BadInput, match="record 'g1a|2|training'"):
        coding_potential.prepare({"x": tmp_path}, parameters, 1)


def test_own_transcripts_of_one_gene_stay_together(tmp_path):
    rng, lines = np.random.default_rng(0), []
    for gene in range(40):
        codes = rng.integers(0, 4, 500)
        for name, cut in (("a", codes[:400]), ("b", codes[100:])):
            lines += [f">g{gene}{name} label={'mRNA' if gene % 2 else 'lncRNA'}", "".join("ACGU"[code] for code in cut)]
    (tmp_path / "mine.fa").write_text("\n".join(lines) + "\n")
    said = {"title": "Mine", "input": "transcript", "output": "binary", "file": "mine.fa", "positive": "mRNA"}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(said))
    _, facts = own.read(tmp_path / "mine.yaml")
    parameters = facts["scales"]["quick"]["datasets"][own.DATASET]["parameters"]
    splits, told = reading.read(tmp_path / "mine.yaml", parameters, 1)
    assert sum(map(len, splits.values())) == 80 and any("parted by cluster" in line for line in told)
    assert all(len(split) % 2 == 0 for split in splits.values()) and splits["train"]["codes"].lengths.max() == 400
