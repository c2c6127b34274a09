"""Starts of transcription: profiles by hand, strands, tracks, subsets of inputs, and the linear read-out."""

import types

import numpy as np
import pytest
import torch
from support import parameters_of

from deepbio.core import kind, method
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.core.job import Job
from deepbio.domains.dna import sequences, tracks
from deepbio.tasks import transcription_start


def test_divergence_and_distance_by_hand():
    test = Split({"y": np.array([[0, 3, 1, 0], [2, 0, 0, 0.0]])})
    p = {"y": np.array([[0.25, 0.25, 0.25, 0.25], [0.5, 0, 0, 0.5]])}
    found = transcription_start.score(test, p, ["kl_divergence", "summit_distance"])
    one = 0.75 * np.log(3) + 0.25 * np.log(1)
    assert found["kl_divergence"] == pytest.approx((one + np.log(2)) / 2, abs=1e-4)
    assert found["summit_distance"] == 0.5  # of equally high positions the first
    drawn = np.array([[1.0, 1], [2, 0]])
    values = transcription_start.resampled(test, p, "kl_divergence").function(drawn)
    np.testing.assert_allclose(values, [found["kl_divergence"], one], atol=1e-4)


def test_windows_of_the_minus_strand_are_turned():
    track = np.arange(10.0)
    found = tracks.cut(track, np.array([2, 2]), np.array([False, True]), 3)
    assert found.tolist() == [[2, 3, 4], [4, 3, 2]]


def test_bells_keep_their_height():
    found = tracks.smoothed(200, np.array([50, 120, 500]), np.array([1.0, 2, 9]), 5)
    assert found[50] == pytest.approx(1, abs=0.01) and found[120] == pytest.approx(2, abs=0.01)
    assert found[55] == pytest.approx(np.exp(-0.5), abs=0.01)


def test_dyads_are_read_and_a_bad_line_is_named(tmp_path):
    path = tmp_path / "dyads.txt"
    path.write_text("chrI  72  1.5  0.6\nchrII 9 2 1\nchrI 10 3 1\n")
    found = tracks.read_dyads(path)
    assert found["I"][0].tolist() == [9, 71] and found["I"][1].tolist() == [3, 1.5] and list(found) == ["I", "II"]
    path.write_text("chrI 72 x 1\n")
    with pytest.raises(BadInput, match="dyads.txt:1: column 'score'"):
        tracks.read_dyads(path)


def ranges(names, strands, starts, scores):
    """A GRanges as rdata gives it."""
    run = lambda values: types.SimpleNamespace(values=np.array(values), lengths=np.ones(len(values), int))  # noqa: E731
    return types.SimpleNamespace(
        seqnames=run(names),
        strand=run(strands),
        ranges=types.SimpleNamespace(start=np.array(starts)),
        elementMetadata=types.SimpleNamespace(listData={"score": np.array(scores)}),
    )


@pytest.fixture
def counted(monkeypatch):
    import rdata

    one = ranges(["I", "I", "I", "II"], ["+", "+", "-", "+"], [5, 3, 8, 4], [1, 2, 3, 4])
    other = ranges(["I"], ["+"], [3], [10])
    monkeypatch.setattr(rdata, "read_rds", lambda path: {"a": one, "b": other, "c": other})


def test_counts_of_samples_are_summed(counted):
    found = tracks.read_starts("x.rds", ["a", "b"])
    assert found["I", "+"][0].tolist() == [2, 4] and found["I", "+"][1].tolist() == [12, 1]
    assert found["I", "-"][0].tolist() == [7] and found["II", "+"][1].tolist() == [4]
    with pytest.raises(BadInput, match="no sample 'd'; it has a, b, c"):
        tracks.read_starts("x.rds", ["d"])


def test_genes_of_both_strands_are_read_alike(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    text = "".join(rng.choice(list("ACGT"), 300))
    other = sequences.decode(sequences.reverse_complement(sequences.encode([text]))[0])
    (tmp_path / "genome.fa").write_text(f">I\n{text}\n>II\n{other}\n")
    # The second chromosome is the first one's other strand: a gene at 100 of one is a gene at 199 of the other.
    (tmp_path / "genes.bed").write_text("chrI\t100\t180\ta\t0\t+\nchrII\t120\t200\tb\t0\t-\n")
    (tmp_path / "F.bed").write_text("chr1\t90\t91\nchr2\t209\t210\n")
    (tmp_path / "dyads.txt").write_text("chrI 111 5 1\nchrII 190 5 1\n")
    counts = {
        ("I", "+"): (np.array([103, 110]), np.array([7, 1])),
        ("II", "-"): (np.array([189, 196]), np.array([1, 7])),
    }
    counts |= {
        (name, strand): (np.zeros(0, int), np.zeros(0))
        for name in ("I", "II")
        for strand in "+-"
        if (name, strand) not in counts
    }
    monkeypatch.setattr(tracks, "read_starts", lambda path, samples: counts)
    parameters = {"format": "genome", "starts": "x", "files": "x", "counts": "c", "samples": [], "dyads": "dyads.txt"}
    parameters |= {
        "dyad_width": 4,
        "genome": "genome.fa",
        "transcripts": "genes.bed",
        "peaks": "{}.bed",
        "groups": {"f": ["F"]},
    }
    parameters |= {
        "peak_width": 3,
        "chromosomes": {"chr1": "I", "chr2": "II"},
        "length": 40,
        "before": [15],
        "least": 1,
    }
    parameters |= {"by": "chromosome", "valid_chromosomes": ["none"], "test_chromosomes": ["II"]}
    found = transcription_start.prepare({"x": tmp_path}, parameters, 1)
    one, other = found["train"], found["test"]
    assert len(one) == len(other) == 1 and one.y[0].argmax() == 18  # 15 before the start, and 3 behind it
    np.testing.assert_array_equal(one["codes"], other["codes"])
    np.testing.assert_array_equal(one.y, other.y)
    np.testing.assert_allclose(one["tracks"], other["tracks"], atol=1e-6)
    assert one["tracks"][0].argmax(axis=1).tolist() == [25, 5]


def test_inputs_are_chosen_and_added():
    split = kind.small_problem("start_tracks", "regression", 12)["train"]
    model = method.create("fiddle", "listed", parameters_of("fiddle") | {"inputs": ["dna", "factors"]})
    model.shape = model.describe(split)
    assert model.shape["rows"] == {"dna": 4, "factors": 1}
    network, batch = model.build(model.parameters, model.shape).eval(), model.batch(split, np.arange(12))
    assert set(batch) == {"dna", "factors", "y"} and list(network.encoders) == ["dna", "factors"]
    parts = [encoder(batch[name]) for name, encoder in network.encoders.items()]
    torch.testing.assert_close(network.represent(batch), parts[0] + parts[1])
    raw = split["tracks"][:, 1] / split["tracks"][:, 1].std()
    np.testing.assert_allclose(batch["factors"][:, 0], raw, rtol=1e-3)
    torch.testing.assert_close(batch["y"].sum(dim=1), torch.ones(12))


def test_loss_is_the_divergence_that_is_scored():
    split = kind.small_problem("start_tracks", "regression", 12)["train"]
    model = method.create("fiddle", "listed", parameters_of("fiddle"))
    model.shape = model.describe(split)
    model.network = model.build(model.parameters, model.shape).eval()
    with torch.no_grad():
        loss = float(model.loss(model.network, model.batch(split, np.arange(12))))
    found = transcription_start.score(split, model.predict(split), ["kl_divergence"])["kl_divergence"]
    assert loss == pytest.approx(found, rel=1e-3)


def test_a_linear_read_out_finds_a_linear_profile(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.random((300, 1, 20)).astype(np.float32) ** 4
    split = Split({"tracks": x, "y": x[:, 0]}, {"input": "start_tracks"})
    model = method.create("track_ridge", "baseline", {"bin": 1, "penalty": [1, 1e6]})
    model.fit(split, split, Job(1, tmp_path))
    p = model.predict(split)["y"]
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert transcription_start.divergences(split.y, p).mean() < 0.1
    mean = method.create("track_profile", "baseline", {})
    mean.fit(split, split, Job(1, tmp_path))
    assert transcription_start.divergences(split.y, mean.predict(split)["y"]).mean() > 0.3
