"""Families of proteins: reading frames, pairs of words, folds of clusters, and what the vectors' figures measure."""

import numpy as np
import torch

from deepbio.core.data import Ragged, Split
from deepbio.domains.protein import reading_frames, scales, sequences
from deepbio.figures import families as figures
from deepbio.methods import biovec
from deepbio.tasks import protein_families


def ragged(*texts):
    return Ragged.join([sequences.encode(text) for text in texts])


def word(number):
    return "".join(sequences.AMINO_ACIDS[digit] for digit in (number // 400, number // 20 % 20, number % 20))


def test_three_frames_are_read_without_overlap():
    found = reading_frames.sentences(ragged("ACDEFGH", "AC"))
    text = [[word(one) for one in part] for part in np.split(found.values, found.offsets[1:-1])]
    assert text == [["ACD", "EFG"], ["CDE", "FGH"], ["DEF"], [], [], []]
    assert reading_frames.sentences(ragged("AXD")).values.tolist() == [8000]
    owner, every = reading_frames.overlapping(ragged("ACDEFGH"))
    assert sorted(every) == sorted(found.values.tolist()) and len(owner) == 5


def test_dna_is_read_in_words_of_three_bases():
    split = Split({"codes": np.array([[0, 1, 2, 3, 4, 0, 1, 2]], np.uint8)}, {})
    known, table, letters = reading_frames.of_split(split)
    found = reading_frames.sentences(known, table, letters)
    # ACG T?A | CGT ?AC | GT? ACG
    assert [part.tolist() for part in np.split(found.values, found.offsets[1:-1])] == [[6, 64], [27, 64], [64, 6]]
    assert reading_frames.overlapping(known, table, letters)[1].tolist() == [6, 27, 6]


def test_pairs_stay_in_a_sentence_and_within_the_window():
    rng = np.random.default_rng(0)
    sentences = Ragged.join(
        [np.arange(0, 30, dtype=np.int32), np.arange(100, 110, dtype=np.int32), np.array([200], np.int32)]
    )
    pairs = biovec.Pairs(sentences, 4, 3, 1.0)
    drawn = pairs.draw(4000, rng)
    centre, seen = drawn["centre"].numpy(), drawn["context"].numpy()[:, 0]
    assert ((centre < 100) == (seen < 100)).all() and not (centre == 200).any()
    assert (centre != seen).all() and np.abs(centre - seen).max() == 4
    near = (np.abs(centre - seen) == 1).mean()
    assert near > (np.abs(centre - seen) == 4).mean()  # the window is cut at random
    assert drawn["context"].shape == (4000, 4)


def test_skip_gram_loss_by_hand():
    network = biovec.SkipGram(3, 2)
    with torch.no_grad():
        network.centre.weight.copy_(torch.tensor([[1.0, 0], [0, 0], [0, 0], [0, 0]]))
        network.context.weight.copy_(torch.tensor([[2.0, 0], [-1, 0], [0, 0], [0, 0]]))
    batch = {"centre": torch.tensor([0]), "context": torch.tensor([[0, 1]])}
    expected = np.log(1 + np.exp(-2)) + np.log(1 + np.exp(-1))
    assert abs(biovec.loss(network, batch).item() - expected) < 1e-6


def test_a_protein_is_the_sum_of_its_words():
    model = biovec.Method({"pooling": "sum"})
    model.vectors = np.arange(16000, dtype=np.float32).reshape(8000, 2)
    split = {"residues": ragged("ACDE", "AAX")}

    class Two(dict):
        def __len__(self):
            return 2

    found = model.features(Two(split))
    words = [0 * 400 + 1 * 20 + 2, 1 * 400 + 2 * 20 + 3]
    np.testing.assert_allclose(found[0], model.vectors[words].sum(axis=0))
    assert not found[1].any()


def test_scales_know_extremes_and_roughness_knows_order():
    best = {name: sequences.AMINO_ACIDS[values.argmax()] for name, values in scales.SCALES.items()}
    assert best == {"mass": "W", "volume": "W", "hydrophobicity": "I", "polarity": "D", "charge": "K"}
    x, rng = np.linspace(0, 1, 200)[:, None], np.random.default_rng(0)
    assert figures.roughness(x, x[:, 0], rng) < 0.5 * figures.roughness(rng.permutation(x), x[:, 0], rng)


def test_folds_by_cluster_part_no_cluster_and_cover_every_protein():
    parameters = {
        "format": "simulated",
        "problem": 1,
        "families": 4,
        "members": 15,
        "lengths": (60, 90),
        "distance": 1.0,
    }
    parameters |= {"by": "cluster", "folds": 3, "least_clusters": 2, "similarity": 0.05}
    tests = [protein_families.prepare({}, parameters, seed)["test"] for seed in (1, 2, 3)]
    held = [set(np.asarray(test["group"]).tolist()) for test in tests]
    assert not held[0] & held[1] and not held[0] & held[2] and not held[1] & held[2]
    random = protein_families.prepare({}, {**parameters, "by": "random"}, 1)
    assert sum(map(len, tests)) == sum(map(len, random.values()))
