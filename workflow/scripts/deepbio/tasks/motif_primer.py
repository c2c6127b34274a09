"""The primer's task: predict whether a sequence contains the planted motif."""

import numpy as np

from deepbio.core import tables, text
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import sequences


def prepare(sources, parameters, seed):
    """Prepare the sequences and labels of one dataset, split at random.

    primer : the tutorial's files of sequences and labels.
    simulated : the tutorial's recipe: random bases, with the motif at a random position in half of the sequences.

    Arrays: codes (n, length) uint8, y (n,) float32, group. The context holds the planted `motif`. Raises BadInput where
    a label disagrees with the presence of the motif.
    """
    rng = np.random.default_rng([seed, 2019])
    if parameters["format"] == "primer":
        codes, y, where = *_primer(next(iter(sources.values()))), next(iter(sources.values()))
    else:
        codes, y, where = *simulate(parameters, rng), "simulated"
    text = np.array([sequences.decode(row) for row in codes])
    holds = np.char.find(text, parameters["motif"]) >= 0
    if (holds != (y == 1)).any():
        wrong = int(np.flatnonzero(holds != (y == 1))[0])
        raise BadInput(
            f"{where}: record {wrong + 1} is labelled {int(y[wrong])}, against the motif {parameters['motif']}"
        )
    # A repeated sequence goes where its first copy goes.
    _, member = np.unique(text, return_inverse=True)
    place = rng.permutation(member.max() + 1)[member] / (member.max() + 1)
    test = place < parameters["test_fraction"]
    valid = ~test & (
        place < parameters["test_fraction"] + (1 - parameters["test_fraction"]) * parameters["valid_fraction"]
    )
    context = {"motif": parameters["motif"]}
    return {
        name: Split({"codes": codes[part], "y": y[part], "group": text[part].astype("S")}, context)
        for name, part in (("train", ~test & ~valid), ("valid", valid), ("test", test))
    }


def _words(path):
    """List the number and the text of every line that is not blank."""
    return [(number, line.strip()) for number, line in text.lines(path) if line.strip()]


def _primer(folder):
    path = folder / "sequences.txt"
    lines = _words(path)
    for number, line in lines:
        if set(line) - set(sequences.BASES):
            raise BadInput(f"{path}:{number}: '{line[:20]}' holds a letter that is no base")
    lines = [line for _, line in lines]
    labels = _words(folder / "labels.txt")
    y = np.array([tables.binary(label, "label", f"{folder}/labels.txt:{number}") for number, label in labels], float)
    if len(y) != len(lines):
        raise BadInput(f"{folder}/labels.txt: {len(y)} labels for {len(lines)} sequences")
    return sequences.encode(lines, path), y.astype(np.float32)


def simulate(parameters, rng):
    """Simulate random sequences (samples, length), with the motif in every second one and absent from the others."""
    motif = sequences.encode([parameters["motif"]])[0]
    count, length, width = parameters["samples"], parameters["length"], len(motif)
    codes = rng.integers(0, 4, (count, length)).astype(np.uint8)
    y = (np.arange(count) % 2).astype(np.float32)
    rows = np.flatnonzero(y)
    starts = rng.integers(0, length - width + 1, len(rows))
    codes[rows[:, None], starts[:, None] + np.arange(width)] = motif
    # A long motif arises by chance once in millions of windows; where it does, its first base is changed.
    windows = np.lib.stride_tricks.sliding_window_view(codes[y == 0], width, axis=1)
    for row, start in zip(*np.nonzero((windows == motif).all(-1)), strict=True):
        codes[np.flatnonzero(y == 0)[row], start] = (motif[0] + 1) % 4
    return codes, y
