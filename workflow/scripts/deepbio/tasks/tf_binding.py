"""Transcription-factor binding: predict whether a window of DNA is bound, or the intensity of a probe."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import sequences


def prepare(sources, parameters, seed):
    """Prepare the windows and labels of one dataset; `parameters["format"]` names the format of its files.

    deepbind : positives of DeepBind's A and C files for training (a random part is validation), its B file, which has
        its own negatives, for testing. `peaks` keeps only the strongest ones; the files are sorted by strength.
    zeng : FASTA with two-column labels; split by chromosome.
    peaks : FASTA of peaks with coordinates, their middle `window` bases; split by chromosome, negatives are
        dinucleotide shuffles.
    pbm : probe intensities; random probes for testing.

    Arrays: codes (n, length) uint8, y (n,) float32, group. The context holds `shuffled_negatives` where every negative
    of training is a dinucleotide shuffle of a positive, so that a method may draw fresh ones.
    """
    readers = {"deepbind": _deepbind, "zeng": _zeng, "peaks": _peaks, "pbm": _pbm}
    return readers[parameters["format"]](sources, parameters, np.random.default_rng([seed, 20150]))


def _split(codes, y, group, **context):
    return Split({"codes": codes, "y": np.asarray(y, np.float32), "group": np.asarray(group).astype("S")}, context)


def _with_shuffles(codes, group, rng):
    """Return each window and one dinucleotide shuffle of it; a shuffle belongs to its window's group."""
    shuffled = sequences.dinucleotide_shuffle(codes, rng.integers(2**31))
    y = np.repeat([1, 0], len(codes))
    return _split(np.concatenate([codes, shuffled]), y, np.concatenate([group, group]), shuffled_negatives=True)


def _deepbind(sources, parameters, rng):
    folder = next(iter(sources.values()))
    test_text, test_y = _read_seq(folder / parameters["test"])
    text, y = _read_seq(folder / parameters["train"])
    if (y != 1).any():
        raise BadInput(f"{folder / parameters['train']}: training files hold peaks only, but some labels are not 1")
    known = set(test_text)
    # A sequence of A or C that is also in B would be in training and in test.
    text = np.array([t for t in dict.fromkeys(text) if t not in known][: parameters.get("peaks")])
    valid = np.zeros(len(text), bool)
    valid[rng.permutation(len(text))[: round(parameters["valid_fraction"] * len(text))]] = True
    codes = sequences.encode(list(text), folder / parameters["train"])
    test_codes = sequences.encode(test_text, folder / parameters["test"])
    return {
        "train": _with_shuffles(codes[~valid], text[~valid], rng),
        "valid": _with_shuffles(codes[valid], text[valid], rng),
        "test": _split(test_codes, test_y, test_text, shuffled_negatives=True),
    }


def _read_seq(path):
    table = tables.read_csv(path, "\t")
    bound = [tables.binary(value, "Bound", table.where(row)) for row, value in enumerate(table.column("Bound"))]
    return table.column("seq"), np.array(bound)


def _by_chromosome(codes, y, names, parameters, make):
    chromosomes = np.array([sequences.place(name)[0] for name in names])
    parts = sequences.by_chromosome(chromosomes, parameters)
    return {name: make(codes[part], y[part], chromosomes[part]) for name, part in parts.items()}


def _zeng(sources, parameters, rng):
    folder = next(iter(sources.values()))
    names, texts, labels = [], [], []
    for stem in parameters["files"]:
        more_names, more_texts = sequences.read_fasta(folder / f"{stem}.fa")
        table = tables.read_csv(folder / f"{stem}.target", "\t", header=False)
        if len(table) != len(more_names):
            raise BadInput(f"{folder / stem}.target: {len(table)} labels for {len(more_names)} sequences")
        names += more_names
        texts += more_texts
        labels += [tables.binary(row[0], "label", table.where(number)) for number, row in enumerate(table.rows)]
    return _by_chromosome(
        sequences.encode(texts, folder), np.array(labels), names, parameters, lambda c, y, group: _split(c, y, group)
    )


def _peaks(sources, parameters, rng):
    folder = next(iter(sources.values()))
    names, texts = sequences.read_fasta(folder / parameters["file"])
    codes = sequences.encode(texts, folder / parameters["file"])
    spare = max(0, codes.shape[1] - parameters["window"])
    codes = codes[:, spare // 2 : spare // 2 + parameters["window"]]
    ones = np.ones(len(codes))
    return _by_chromosome(codes, ones, names, parameters, lambda c, _, group: _with_shuffles(c, group, rng))


def _pbm(sources, parameters, rng):
    path = next(iter(sources.values())) / parameters["file"]
    table = tables.read_csv(path, "\t", header=False)
    if len(table.rows[0]) < 2:
        raise BadInput(f"{path}:1: one column where an intensity and a sequence are wanted")
    intensity = table.numbers(0, "intensity")
    wrong = np.flatnonzero(~(intensity > 0))
    if len(wrong):
        raise BadInput(f"{table.where(wrong[0])}: intensity {table.rows[wrong[0]][0]!r} has no logarithm")
    text = [row[1][: parameters["variable_bases"]] for row in table.rows]
    codes, y = sequences.encode(text, path, table.lines), np.log(intensity)
    if parameters.get("probes"):
        # Evenly over the file, which is sorted by intensity, so that a smaller scale sees the whole range.
        kept = np.linspace(0, len(y) - 1, parameters["probes"]).astype(int)
        text, codes, y = [text[i] for i in kept], codes[kept], y[kept]
    part = np.digitize(rng.random(len(y)), np.cumsum(parameters["fractions"])[:-1])
    text = np.array(text)
    return {
        name: _split(codes[part == number], y[part == number], text[part == number])
        for number, name in enumerate(("train", "valid", "test"))
    }
