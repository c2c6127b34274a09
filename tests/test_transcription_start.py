"""Starts of transcription: windows along the strand, tracks, divergences by hand, and subsets of the inputs."""

import numpy as np
import pytest
import torch
from support import CATALOG, parameters_of
from torch.nn import functional as F

from deepbio.core import task
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.core.kind import small_problem
from deepbio.domains.dna import start_sites
from deepbio.methods import fiddle
from deepbio.tasks import transcription_start


def test_divergence_by_hand():
    """Reads 3 and 1 against a quarter and three quarters; an exact prediction has none."""
    y = np.array([[3.0, 1.0], [3.0, 1.0]])
    found = transcription_start.divergences(y, np.array([[0.25, 0.75], [0.75, 0.25]]))
    assert found == pytest.approx([0.75 * np.log(3) - 0.25 * np.log(3), 0], abs=1e-5)
    scores = torch.log(torch.tensor([[0.25, 0.75]]))
    assert float(fiddle.divergence(scores, torch.tensor([[3.0, 1.0]]))) == pytest.approx(found[0], abs=1e-5)
    assert transcription_start.distances(y, np.array([[0.25, 0.75], [0.75, 0.25]])).tolist() == [1, 0]


def test_a_share_of_nothing_costs_what_the_clip_allows():
    found = transcription_start.divergences(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    assert found == pytest.approx([np.log(1e7)], abs=1e-3)


def test_a_point_is_smoothed_to_its_own_height():
    signal = start_sites.smoothed({"I": (np.array([50.0, -3, 200]), np.array([2.0, 9, 9]))}, {"I": 100, "II": 30}, 5)
    assert signal["I"].argmax() == 50 and signal["I"][50] == pytest.approx(2, rel=1e-3)
    assert signal["I"][55] == pytest.approx(2 * np.exp(-0.5), rel=0.02) and not signal["II"].any()


def test_windows_along_a_signal_end_with_the_chromosome():
    signal = {"I": np.arange(1.0, 6), "II": np.zeros(9)}
    found = start_sites.windows_along(signal, np.array(["I", "II", "I"]), np.array([-2, 1, 3]), 4)
    assert found.tolist() == [[0, 0, 1, 2], [0, 0, 0, 0], [4, 5, 0, 0]]


def test_dyads_name_the_line_that_is_none(tmp_path):
    path = tmp_path / "dyads.txt"
    path.write_text("chrI 72 1.06 0.5\nchrM 9 1 1\nchrI 371 4.26 1.3\n")
    place, score = start_sites.read_dyads(path, {"chrI": "chr1"})["chr1"]
    assert place.tolist() == [71, 370] and score.tolist() == [1.06, 4.26]
    path.write_text("chrI 72 1.06\nchrI x 2\n")
    with pytest.raises(BadInput, match=r"dyads\.txt:2: chromosome, position and score"):
        start_sites.read_dyads(path, {"chrI": "chr1"})
    (tmp_path / "none.rds").write_bytes(b"not R at all")
    with pytest.raises(BadInput, match=r"none\.rds: not an R object"):
        start_sites.read_starts(tmp_path / "none.rds", ["WT"])


def test_windows_of_both_strands_read_along_the_gene(tmp_path, monkeypatch):
    """Two genes, one on each strand, whose start has all reads: it lies at the same place of both windows, and the
    bases are the strand's own."""
    rng = np.random.default_rng(1)
    text = "".join("ACGT"[i] for i in rng.integers(0, 4, 400))
    (tmp_path / "genome.fa").write_text(f">I\n{text}\n")
    (tmp_path / "genes.bed").write_text("chrI\t150\t250\tone\t0\t+\nchrI\t100\t201\tother\t0\t-\n")
    (tmp_path / "dyads.txt").write_text("chrI 176 5 1\n")
    (tmp_path / "A_CX.bed").write_text("chr1\t140\t141\tx\t0\t.\n")
    reads = {"+": {"I": (np.array([150]), np.array([30.0]))}, "-": {"I": (np.array([200, 30]), np.array([40.0, 1]))}}
    monkeypatch.setattr(start_sites, "read_starts", lambda path, samples: reads)
    facts = {"format": "genome", "genome": "genome.fa", "transcripts": "genes.bed", "starts": "s", "samples": []}
    facts |= {"dyads": "dyads.txt", "peaks": "{}_CX.bed", "factors": {"initiation": ["A"]}, "smooth": 5, "length": 60}
    facts |= {"offsets": [-20], "jitter": 0, "least": 5, "chromosomes": {"chr1": "I"}}
    facts |= {"valid_chromosomes": [], "test_chromosomes": []}
    splits = transcription_start.prepare({"yeast_chromatin": tmp_path, "fiddle_yeast": tmp_path}, facts, 1)
    train = splits["train"]
    assert np.asarray(train.y).argmax(axis=1).tolist() == [20, 20] and np.asarray(train.y).max(axis=1).tolist() == [
        30,
        40,
    ]
    bases = "".join("ACGTN"[i] for i in train["codes"][0])
    assert bases == text[130:190]
    pair = {"A": "T", "C": "G", "G": "C", "T": "A"}
    assert "".join("ACGTN"[i] for i in train["codes"][1]) == "".join(pair[b] for b in text[161:221][::-1])
    # The dyad at base 175 lies 25 bases behind the first start and 25 behind the second, which reads backwards.
    assert np.asarray(train["tracks"])[:, 0].argmax(axis=1).tolist() == [45, 45]
    # Shifted at random, the start lies anywhere around the offset, so that its place in the window gives nothing away.
    shifted = {"offsets": [-20] * 40, "jitter": 10}
    found = transcription_start.prepare({"yeast_chromatin": tmp_path, "fiddle_yeast": tmp_path}, facts | shifted, 1)
    places = np.asarray(found["train"].y).argmax(axis=1)
    assert len(places) == 80 and set(places.tolist()) == set(range(10, 31))


def test_a_subset_of_inputs_sees_nothing_else():
    splits = small_problem("tracks", "profile", 60)
    model = fiddle.Method(parameters_of("fiddle") | {"inputs": ["nucleosomes"]})
    model.shape = model.describe(splits["train"])
    network = model.build(model.parameters, model.shape)
    batch = model.batch(splits["train"], np.arange(4))
    other = {**batch, "codes": 3 - batch["codes"], "tracks": batch["tracks"].clone()}
    other["tracks"][:, 1] += 7
    assert network(batch).equal(network(other))
    other["tracks"][:, 0] += 1
    assert not network(batch).equal(network(other))
    with pytest.raises(ValueError, match="there is no track 'far'"):
        fiddle.Method({"inputs": ["far"]}).describe(splits["train"])


def test_an_unknown_base_is_a_quarter_of_each():
    network = fiddle.Fiddle(["dna"], [], 32, 4, 5, 8)
    encoder = network.encoders["dna"]
    batch = {"codes": torch.full((1, 32), 4, dtype=torch.uint8), "tracks": torch.zeros(1, 0, 32)}
    assert network.encode(batch).allclose(encoder(torch.full((1, 4, 32), 0.25)))
    assert float(F.softmax(network(batch), 1).sum().detach()) == pytest.approx(1, abs=1e-5)


def test_inputs_together_are_better_than_one(tmp_path):
    """A track that knows the start roughly and bases that know it exactly, where the box is no decoy."""
    facts = CATALOG.dataset("transcription_start", "planted_starts")
    splits = task.prepare("transcription_start", "planted_starts", facts, {}, 1)
    found = {}
    for inputs in (["nucleosomes"], ["dna", "nucleosomes", "initiation", "elongation"]):
        model = fiddle.Method(parameters_of("fiddle") | {"inputs": inputs})
        model.fit(splits["train"], splits["valid"], Job(1, tmp_path / "-".join(inputs)))
        made = model.predict(splits["valid"])
        found[len(inputs)] = transcription_start.score(splits["valid"], made, [])["kl_divergence"]
    assert found[4] < found[1]


def test_summits_are_set_against_each_other():
    splits = small_problem("tracks", "profile")
    test = splits["test"]
    found = transcription_start.curve(test, {"y": np.roll(np.asarray(test.y), 3, axis=1)})
    length = test.y.shape[1]
    assert found.reference == "identity" and len(found.x) == min(len(test), transcription_start.DRAWN)
    assert ((found.y - found.x) % length == 3).all()
