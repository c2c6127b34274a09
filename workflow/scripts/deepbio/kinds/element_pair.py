"""Pairs of an enhancer and a promoter: the DNA of both, where each lies in its window, and signals of both."""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.kind import Array
from deepbio.kinds import table

ROLE = "input"
TITLE = "pairs of an enhancer and a promoter"
ARRAYS = {
    "enhancer": Array("uint8", ("position",), "codes of the enhancer's window"),
    "promoter": Array("uint8", ("position",), "codes of the promoter's window"),
    "places": Array("float32", ("end",), "first and last base of the enhancer and of the promoter in their windows"),
    "names": Array("integer", ("element",), "numbers of the enhancer and of the promoter"),
    "signals": Array("float32", ("signal",), "signals of both"),
}
CONTEXT = {"features": "names of the signals"}
OUTPUTS = ("binary",)
READS = ("binary",)
SPLIT = "chromosome"  # of fewer than three chromosomes: cluster
WORDS = ((3, 2, 0, 1, 3, 1, 0), (0, 0, 3, 3, 2, 1, 0))  # TGACTCA in the enhancer, AATTGCA in the promoter


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Make pairs of windows of 60 and 48 bases; those with a word in each are linked, and one signal is raised."""
    windows = [rng.integers(0, 4, (n, length)).astype(np.uint8) for length in (60, 48)]
    y = (np.arange(n) % 2).astype(np.float32)
    for codes, word in zip(windows, WORDS, strict=True):
        starts = rng.integers(10, codes.shape[1] - 20, n)
        holds = np.flatnonzero((y == 1) | (rng.random(n) < 0.2))
        codes[holds[:, None], starts[holds][:, None] + np.arange(7)] = word
    places = np.column_stack(
        [rng.integers(0, 9, n), rng.integers(50, 59, n), rng.integers(0, 7, n), rng.integers(40, 47, n)]
    )
    signals = rng.standard_normal((n, 4)).astype(np.float32)
    signals[:, 1] += 2 * y
    names = np.column_stack([rng.integers(0, 12, n) + 12 * y, rng.integers(0, 8, n)]).astype(np.int64)
    arrays = {"enhancer": windows[0], "promoter": windows[1], "places": places.astype(np.float32), "names": names}
    y = y if output == "binary" else (y + 0.1 * rng.standard_normal(n)).astype(np.float32)
    return arrays | {"signals": signals, "y": y}, {"features": [f"signal {i}" for i in range(4)]}


def matrix(split: Split, parameters: dict) -> np.ndarray:
    """Give the signals of both elements, (n, signals)."""
    return np.asarray(split["signals"], dtype=np.float64)


def read(given, known=None):
    """Yield records of tables and BEDPE files over a genome: the bases of an enhancer and of a promoter, each in the
    middle of a window of unknown bases, on the genome's strand. Signals are the distance of the two and the further
    columns of numbers; those of a trained model are found by their names."""
    from deepbio.domains.dna import own_pairs

    yield from own_pairs.pairs(given, known)


def settle(found, given):
    """Choose the columns that hold numbers, as of a table, and bring windows to one length: (context, notes)."""
    from deepbio.domains.dna import own_pairs

    windows, lengths = own_pairs.settled(found, given.options.get("length"))
    for record in found:
        record.arrays = {"x": record.arrays["x"], "wrong": record.arrays["wrong"], "names": record.arrays["columns"]}
    context, notes = table.settle(found, given)
    for record, arrays in zip(found, windows, strict=True):
        record.arrays = arrays | {"signals": record.arrays["x"]}
    return context, [f"windows of {lengths[0]} and {lengths[1]} bases", *notes]


def learn(arrays, context, train, given):
    """Fill gaps of signals with the median of the training samples."""
    filled, more, notes, kept = table.learn({"x": arrays["signals"]}, context, train, given)
    return arrays | {"signals": filled["x"]}, more, notes, kept


def same(arrays, context):
    """Name each pair by its two elements, (n,) byte strings."""
    return np.array([row.tobytes().hex() for row in np.asarray(arrays["names"])]).astype("S")


def cluster(arrays):
    """Number the groups of pairs that share elements, (n,)."""
    from deepbio.domains.dna import own_pairs

    return own_pairs.clusters(np.asarray(arrays["names"]))


def traits(arrays):
    """Measure what should not tell whether a pair is linked: unknown bases, as around short elements, and gaps
    of signals."""
    unknown = {
        f"share of unknown bases of the {name}'s window": (np.asarray(arrays[name]) > 3).mean(axis=1)
        for name in ("enhancer", "promoter")
    }
    return unknown | {"share of gaps": np.isnan(arrays["signals"]).mean(axis=1)}


def near(arrays, test, others):
    """Tell which of the samples `test` share an element with one of `others`."""
    names = np.asarray(arrays["names"])
    return np.isin(names[test], names[others]).any(axis=1)
