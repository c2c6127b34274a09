"""Coverage tracks: TFRecords, the other strand of sequences and tracks, bins and pools, leaks, planted distances."""

import struct
import zlib

import numpy as np
import pandas as pd
import pytest
import torch

from deepbio.core import data, task
from deepbio.core.catalog import Catalog
from deepbio.core.files import BadInput, write_json
from deepbio.core.kind import small_problem
from deepbio.domains.dna import tfrecord
from deepbio.methods import basenji
from deepbio.scoring import intervals, metrics
from deepbio.tasks import coverage_tracks


def field(number, payload):
    """A length-delimited protobuf field."""
    size, count = b"", len(payload)
    while count > 127:
        size, count = size + bytes([count & 127 | 128]), count >> 7
    return bytes([number << 3 | 2]) + size + bytes([count]) + payload


def example(**features):
    entries = [field(1, field(1, key.encode()) + field(2, field(1, field(1, v)))) for key, v in features.items()]
    return field(1, b"".join(entries))


def record(payload):
    head = struct.pack("<Q", len(payload))
    crcs = [struct.pack("<I", tfrecord.masked_crc(part)) for part in (head, payload)]
    return head + crcs[0] + payload + crcs[1]


def write_records(path, payloads, packed=True):
    raw = b"".join(map(record, payloads))
    path.write_bytes(zlib.compress(raw) if packed else raw)


# ---- TFRecords


def test_stretches_around_bins_by_hand():
    """Two bins of four bases in a window of twelve: GC and CpG within the bin, and within two bases around it."""
    from deepbio.baselines.wide_poisson import stretches

    codes = np.array([[0, 1, 2, 2, 0, 0, 0, 1, 2, 4, 3, 1]], np.uint8)
    found = stretches(codes, 4, 2, [0, 2])
    # The bins are bases 2 to 5 and 6 to 9; CpG begin at 1 and 7.
    np.testing.assert_allclose(found, [[2 / 4, 4 / 8, 0, 2 / 8], [2 / 4, 3 / 8, 1 / 4, 1 / 8]])


def test_shares_of_kmers_around_bins_by_hand():
    """Two bins of four bases in the middle of a window of four: A or T and C or G within, and with a bin beside."""
    from deepbio.baselines.wide_kmers import shares

    codes = np.array([[2, 0, 1, 0, 1, 0, 3, 0, 3, 0, 0, 4, 0, 2, 0, 0]], np.uint8)  # GACA CATA TAAN AGAA
    found = shares(codes, 4, 2, 1, [0, 1])
    np.testing.assert_allclose(found, [[3 / 4, 1 / 4, 8 / 11, 3 / 11], [1, 0, 9 / 11, 2 / 11]], rtol=1e-6)


def test_crc_is_castagnoli_s():
    crc = 0xE3069283  # of the digits 1 to 9, the check value of CRC-32C (RFC 3720, appendix B.4 has others)
    assert tfrecord.masked_crc(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


@pytest.mark.parametrize("packed", [True, False])
def test_records_come_back(tmp_path, packed):
    rng = np.random.default_rng(0)
    wanted = [{"sequence": rng.bytes(300 + i), "target": rng.bytes(7)} for i in range(5)]
    write_records(tmp_path / "a.tfr", [example(**features) for features in wanted], packed)
    found = list(tfrecord.examples(tmp_path / "a.tfr"))
    assert [{key: bytes(value) for key, value in features.items()} for features in found] == wanted


def test_records_are_streamed(tmp_path):
    """The first record is there before the rest of the file has been read."""
    rng = np.random.default_rng(0)
    write_records(tmp_path / "a.tfr", [rng.bytes(400), rng.bytes(400)])
    path = tmp_path / "a.tfr"
    path.write_bytes(path.read_bytes()[:-200])
    stream = tfrecord.records(path)
    assert len(next(stream)) == 400
    with pytest.raises(BadInput, match="a.tfr: record 2: damaged: the compressed stream is cut short"):
        next(stream)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[:-5], "record 2: damaged: the file ends after 53 of 58 bytes"),
        (lambda raw: raw[:-60], "record 2: damaged: the file ends in its length"),
        (lambda raw: raw[:20] + b"\x00" + raw[21:], "record 1: damaged: the checksum of its data is wrong"),
        (lambda raw: b"\x99" + raw[1:], "record 1: damaged: the checksum of its length is wrong"),
    ],
)
def test_damaged_records_are_named(tmp_path, change, message):
    raw = record(b"a" * 54) + record(b"b" * 54)
    (tmp_path / "a.tfr").write_bytes(zlib.compress(change(raw)))
    with pytest.raises(BadInput) as caught:
        list(tfrecord.records(tmp_path / "a.tfr"))
    assert f"{tmp_path / 'a.tfr'}: {message}" in str(caught.value)


def test_damaged_compression_and_strange_records_are_named(tmp_path):
    path = tmp_path / "a.tfr"
    write_records(path, [bytes(range(256)) * 20])
    raw = bytearray(path.read_bytes())
    raw[40:60] = b"\xff" * 20
    path.write_bytes(raw)
    with pytest.raises(BadInput, match="a.tfr: record 1: damaged: Error -3"):
        list(tfrecord.records(path))
    write_records(path, [example(sequence=b"\x00"), b"\x0a\xff\x01no such length"])
    with pytest.raises(BadInput, match="a.tfr: record 2: no protobuf Example"):
        list(tfrecord.examples(path))


# ---- the task


def write_dataset(folder, overlap=False):
    """A folder as baskerville writes it: windows of 64 bases, 4 bins of 8 in their middle, three tracks."""
    rng = np.random.default_rng(0)
    (folder / "tfrecords").mkdir(parents=True)
    sizes = {"num_targets": 3, "seq_length": 64, "target_length": 4, "pool_width": 8}
    write_json(folder / "statistics.json", sizes)
    (folder / "targets.txt").write_text(
        "\tidentifier\tstrand_pair\tdescription\n0\ta+\t1\tCAGE\n1\ta-\t0\tCAGE\n2\tb\t2\tDNASE\n"
    )
    rows, truth = [], {}
    for number, (part, files) in enumerate({"train": [2, 1], "valid": [1], "test": [1]}.items()):
        truth[part] = []
        for place, count in enumerate(files):
            both = [(rng.integers(0, 4, 64).astype(np.uint8), rng.random((4, 3)).astype("f2")) for _ in range(count)]
            truth[part] += both
            payloads = [example(sequence=codes.tobytes(), target=y.tobytes()) for codes, y in both]
            write_records(folder / "tfrecords" / f"{part}-{place}.tfr", payloads)
        apart = 40 * (number > 0) if overlap else 10_000 * number
        for start in range(1000 + apart, 1100 + apart + 100 * sum(files), 100):  # a row more than there are records
            rows.append(f"chr1\t{start}\t{start + 32}\t{part}\n")
    (folder / "sequences.bed").write_text("".join(rows))
    return truth


FORMAT = {"format": "tfrecord", "folder": "hg", "tracks": ["b", "a-", "a+"]}


def test_windows_and_chosen_tracks_come_from_the_records(tmp_path):
    truth = write_dataset(tmp_path / "hg")
    splits = coverage_tracks.prepare({"s": tmp_path}, FORMAT, 1)
    for part, both in truth.items():
        np.testing.assert_array_equal(splits[part]["codes"], [codes for codes, _ in both])
        np.testing.assert_array_equal(splits[part].y, [y[:, [2, 1, 0]] for _, y in both])
    context = splits["train"].context
    assert context["bin"] == 8 and context["strand_pair"] == [0, 2, 1]
    assert context["features"] == ["b DNASE", "a- CAGE", "a+ CAGE"]
    # The group is the whole window, with what lies beyond the bins.
    assert splits["train"]["group"].tolist() == [b"chr1:984-1048", b"chr1:1084-1148", b"chr1:1184-1248"]


def test_what_is_wrong_in_a_dataset_is_named(tmp_path):
    def fails(message, **changes):
        with pytest.raises(BadInput, match=message):
            coverage_tracks.prepare({"s": tmp_path}, FORMAT | changes, 1)

    write_dataset(tmp_path / "leak", overlap=True)
    fails("sequences.bed: 2 windows of train, such as chr1:984-1048, overlap windows of valid", folder="leak")
    write_dataset(tmp_path / "hg")
    fails("targets.txt: no track c", tracks=["c"])
    fails(r"targets.txt: track a\+ is asked for without its other strand, a-", tracks=["a+", "b"])
    path = tmp_path / "hg" / "tfrecords" / "valid-0.tfr"
    write_records(path, [example(sequence=b"\x00" * 64, target=b"\x00" * 22)])
    fails("valid-0.tfr: record 1: 'target' has 22 bytes in place of 24")
    write_records(path, [example(sequence=b"\x07" * 64, target=b"\x00" * 24)])
    fails("valid-0.tfr: record 1: 7 is no base")
    write_records(path, [example(sequence=b"\x00" * 64, target=np.full(12, np.nan, "f2").tobytes())])
    fails("valid-0.tfr: record 1: a target is negative or no number")
    write_records(path, [example(sequence=b"\x00" * 64, target=b"\x00" * 24)] * 3)
    fails("sequences.bed: 2 windows of 'valid', but 3 records")
    (tmp_path / "hg" / "tfrecords" / "train-0.tfr").unlink()
    fails("tfrecords: no file train-0.tfr")


def test_an_enhancer_counts_at_its_distances_only():
    catalog = Catalog({"scale": "quick"})
    facts = catalog.dataset("coverage_tracks", "planted_enhancers")
    parameters = facts["parameters"] | {"samples": 50, "background": 0, "basal": 0, "enhancers": 1}
    y = np.concatenate([s.y for s in coverage_tracks.prepare({}, parameters, 1).values()])
    near, far = parameters["distance"]
    for window in y:
        opened, driven = np.flatnonzero(window[:, 0] > 0), np.flatnonzero(window[:, 1] > 0)
        for place in driven:
            distance = np.abs(opened - place)
            beyond = place - far < 0 or place + far >= len(window)  # the enhancer may stand where no bin is scored
            assert beyond or ((distance >= near) & (distance <= far)).any() or len(opened) < 4
    assert 0.1 < (y[:, :, 1] > 0).any(axis=1).mean() < 1


# ---- scores


def test_tracks_are_scored_over_all_bins_and_resampled_by_windows():
    rng = np.random.default_rng(0)
    y = rng.poisson(3, (20, 30, 2)).astype(float)
    p = y + rng.standard_normal(y.shape)
    y[3, :5, 1] = np.nan
    known = ~np.isnan(y[:, :, 1])
    each = [np.corrcoef(y[:, :, 0].ravel(), p[:, :, 0].ravel())[0, 1], np.corrcoef(y[known, 1], p[known, 1])[0, 1]]
    wanted = np.mean(each)
    assert metrics.evaluate(["pearson"], y, p)["pearson"] == pytest.approx(wanted)
    # Windows that are all alike leave nothing to resample; bins would.
    same = (np.repeat(y[:1], 20, axis=0), np.repeat(p[:1], 20, axis=0))
    low, high = intervals.bootstrap("pearson", *same, repeats=20)
    assert low == pytest.approx(high)
    exact = np.expm1(2 * np.log1p(np.nan_to_num(y)))
    assert metrics.evaluate(["log_pearson"], y, exact)["log_pearson"] == pytest.approx(1)


# ---- the method


def small(**changes):
    """A network of two bins' reach over 12 bins of 8 bases, 8 of them in the middle, in double precision."""
    parameters = {"kernels": [6, 8], "widths": [5, 3], "pools": [4, 2], "dilated": 4, "dilations": [2, 4], "last": 8}
    parameters |= {"dropout": 0.0, "dilated_dropout": 0.0, "shift": 3, "flip": True, "both_strands": True} | changes
    model = basenji.Method(parameters)
    model.shape = {"outputs": 3, "bins": 8, "bin": 8, "length": 96, "strand_pair": [1, 0, 2], "kind": "regression"}
    return model


def test_default_network_is_the_paper_s():
    parameters = Catalog().methods["basenji"]["hyperparameters"]
    model = basenji.Method(parameters)
    shape = {"outputs": 4229, "bins": 1024, "bin": 128, "length": 131072, "kind": "regression"}
    with torch.device("meta"):
        network = model.build(parameters, shape)
    assert network.last.convolution.weight.shape == (1365, 717 + 6 * 108, 1)
    assert network.head.weight.shape == (4229, 1365, 1)


def test_pools_must_make_a_bin():
    model = small(pools=[4, 4])
    with pytest.raises(BadInput, match=r"pools \[4, 4\] join 16 bases, but the data's bins have 8"):
        model.build(model.parameters, model.shape)
    model = small()
    with pytest.raises(BadInput, match="do not lie whole in the middle of windows of 90 bases"):
        model.build(model.parameters, model.shape | {"length": 90})


def test_the_bins_are_those_in_the_middle():
    torch.manual_seed(1)
    model = small()
    network = model.build(model.parameters, model.shape).double().eval()
    x = torch.randn(1, 4, 96, dtype=torch.double, requires_grad=True)
    assert network.score(x).shape == (1, 8, 3)
    model.shape["bins"] = 12
    whole = model.build(model.parameters, model.shape).double().eval()
    whole.load_state_dict(network.state_dict())
    torch.testing.assert_close(whole.score(x)[:, 2:10], network.score(x))


def test_the_other_strand_is_its_own_inverse_and_swaps_tracks():
    rng = np.random.default_rng(0)
    codes = torch.from_numpy(rng.integers(0, 5, (3, 96)).astype(np.uint8))
    y = torch.from_numpy(rng.random((3, 8, 3)))
    other_codes, other_y = basenji.other_strand(codes, [1, 0, 2], y)
    assert other_codes[0, 0] == (4 if codes[0, -1] == 4 else 3 - codes[0, -1])
    assert other_y[0, 0].tolist() == y[0, -1, [1, 0, 2]].tolist()
    back_codes, back_y = basenji.other_strand(other_codes, [1, 0, 2], other_y)
    assert back_codes.equal(codes) and back_y.equal(y)


def test_prediction_is_the_same_on_both_strands():
    torch.manual_seed(2)
    model = small()
    model.network = model.build(model.parameters, model.shape).eval()
    codes = np.random.default_rng(0).integers(0, 4, (5, 96)).astype(np.uint8)
    other, _ = basenji.other_strand(torch.from_numpy(codes), [1, 0, 2], torch.zeros(5, 8, 3))
    there, back = (model.predict(data.Split({"codes": part}))["y"] for part in (codes, other.numpy()))
    np.testing.assert_allclose(back[:, ::-1][:, :, [1, 0, 2]], there, rtol=1e-5)
    model.parameters["both_strands"] = False
    assert not np.allclose(model.predict(data.Split({"codes": codes}))["y"], there)


def test_augmented_windows_keep_their_own_targets():
    """Coverage that is the share of a base follows its bins when windows are turned; the shift moves it a little."""
    torch.manual_seed(3)
    model = small(shift=0)
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 4, (64, 96)).astype(np.uint8))

    def coverage(codes):
        bins = codes[:, 16:80].reshape(-1, 8, 8)
        return torch.stack([(bins == base).float().mean(2) for base in (0, 3)] + [(bins % 3 == 0).float().mean(2)], 2)

    batch = model.augment({"codes": codes, "y": coverage(codes)})
    turned = (batch["codes"] != codes).any(1).float().mean()
    assert 0.25 < turned < 0.75
    assert batch["y"].equal(coverage(batch["codes"]))


def test_the_loss_is_poisson_s_and_leaves_unknown_bins_out():
    model = small()
    x = torch.tensor([[[-60.0], [-1.0], [0.0], [2.0]]], requires_grad=True)
    y = torch.tensor([[[0.0], [3.0], [float("nan")], [1.0]]])
    value = model.loss_of(x, {"y": y})
    rate = torch.tensor([np.exp(-50), np.exp(-1), 3.0])
    expected = torch.nn.functional.poisson_nll_loss(rate, y.ravel()[[0, 1, 3]], log_input=False, eps=0)
    assert float(value.detach()) == pytest.approx(float(expected), rel=1e-5)
    value.backward()
    assert torch.isfinite(x.grad).all() and x.grad[0, 2] == 0
    half = model.loss_of(x.detach().bfloat16(), {"y": y})
    assert half.dtype == torch.float32 and torch.isfinite(half)


def test_dilation_reaches_far_and_its_variant_does_not():
    catalog, reach = Catalog({"scale": "quick"}), {}
    shape = {"outputs": 2, "bins": 64, "bin": 32, "length": 2048, "strand_pair": [0, 1], "kind": "regression"}
    sizes = []
    for name in ("basenji", "basenji-undilated", "basenji-per_bin"):
        parameters = catalog.parameters(name, "coverage_tracks", "planted_enhancers")
        network = basenji.Method(parameters).build(parameters, shape).eval()
        x = torch.rand(1, 4, 2048, requires_grad=True)
        network.score(x)[0, 32, 0].backward()
        touched = np.flatnonzero(x.grad.abs().sum((0, 1)).numpy())
        reach[name] = (touched.max() - 32 * 32) / 32
        sizes.append(sum(p.numel() for p in network.parameters()))
    near, far = catalog.dataset("coverage_tracks", "planted_enhancers")["parameters"]["distance"]
    assert reach["basenji"] > far
    assert max(reach["basenji-undilated"], reach["basenji-per_bin"]) < near
    assert sizes[0] == sizes[1]


def test_splits_with_overlapping_windows_do_not_pass():
    starts = {"train": 0, "valid": 10, "test": 15}
    windows = {part: pd.DataFrame({"chrom": ["chr1"], "start": [n], "end": [n + 10]}) for part, n in starts.items()}
    with pytest.raises(BadInput, match="1 windows of valid, such as chr1:10-20, overlap windows of test"):
        coverage_tracks.check_apart(windows, "f.bed")


def test_small_problem_passes_the_task_s_checks():
    task.check(small_problem("long_sequence", "regression"), "small")
