"""Coding potential: which transcripts are translated, and which are long non-coding RNA."""

import numpy as np

from deepbio.core.data import NAMES, Ragged, Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import sequences
from deepbio.domains.rna import coding
from deepbio.scoring import subsets
from deepbio.scoring.metrics import SHARE, SIGNED, Metric

METRICS = {
    "auroc_challenge": Metric(True, "AUROC, misleading frames", SHARE),
    "mcc_challenge": Metric(True, "MCC, misleading frames", SIGNED),
    "auroc_matched": Metric(True, "AUROC, lengths matched", SHARE),
    "accuracy_matched": Metric(True, "accuracy, lengths matched", SHARE),
}
FRAME = 300  # bases of the longest frame: coding transcripts below and non-coding ones above are misleading
SHORTEST = 200


def prepare(sources, parameters, seed):
    """Prepare transcripts of two classes; `format` says where they come from.

    human : the coding and the non-coding FASTA file of CPAT.
    mouse : the file of iLearnPlus, `>id|label|split` with label 1 for non-coding; its own split is not used.
    transfer : training and validation on human transcripts, testing on mouse.
    `most` draws so many transcripts, `longest` leaves out longer ones; `match` keeps as many of each class of every
    length. Transcripts with stretches in common are in one part.

    Arrays: codes ragged uint8, y (n,) float32 (1: coding), group; y_challenge and y_matched (n,) uint8 say of which
    subsets of the test a transcript is: those whose longest frame misleads (coding below 300 bases, non-coding from
    there on), and as many of each class of every length.
    """
    rng = np.random.default_rng([seed, 2016])
    readers = {"human": _human, "mouse": _mouse}
    if parameters["format"] == "transfer":
        one, other = (_thinned(*readers[name](sources, parameters), parameters, rng) for name in ("human", "mouse"))
        codes, y = Ragged.join([*coding.samples(one[0]), *coding.samples(other[0])]), np.concatenate([one[1], other[1]])
        species = np.repeat([0, 1], [len(one[1]), len(other[1])])
        group = coding.related(codes)
        part = np.where(coding.parts(group, y, parameters["fractions"], rng) == 0, 0, 1)
        part[species == 1] = 2
        part[(species == 0) & np.isin(group, group[species == 1])] = -1  # alike in both species: left out of training
    else:
        codes, y = _thinned(*readers[parameters["format"]](sources, parameters), parameters, rng)
        group = coding.related(codes)
        part = coding.parts(group, y, parameters["fractions"], rng)
    lengths, frame = codes.lengths, coding.frames(codes)[:, 1]
    arrays = {"codes": codes, "y": y.astype(np.float32), "group": np.char.add("family", group.astype(str)).astype("S")}
    arrays["y_challenge"] = np.where(y == 1, frame < FRAME, frame >= FRAME).astype(np.uint8)
    held = np.zeros(len(y), np.uint8)
    tested = np.flatnonzero(part == 2)
    held[tested[coding.matched(lengths[tested], y[tested], rng)]] = 1
    arrays["y_matched"] = held
    whole = Split(arrays, {"classes": ["non-coding", "coding"]})
    return {name: whole.take(part == number) for number, name in enumerate(NAMES)}


def _join(texts, where):
    codes = Ragged.join([sequences.encode([text], where)[0] for text in texts])
    return codes


def _human(sources, parameters):
    folder = sources[parameters["files"]]
    texts, y = [], []
    for label, key in enumerate(("noncoding", "coding")):
        _, here = sequences.read_fasta(folder / parameters[key])
        texts, y = texts + here, y + [label] * len(here)
    return _join(texts, folder), np.array(y)


def _mouse(sources, parameters):
    path = sources[parameters["mouse"]] / "lncRNA_sequences.txt"
    names, texts = sequences.read_fasta(path)
    y = []
    for name in names:
        words = name.split("|")
        if len(words) != 3 or words[1] not in ("0", "1"):
            raise BadInput(f"{path}: record '{name}': a name, a label of 0 or 1 and a part are wanted, with | between")
        y.append(1 - int(words[1]))
    return _join(texts, path), np.array(y)


def _thinned(codes, y, parameters, rng):
    """Leave out transcripts that are repeated, too short or too long, of lengths without a partner, or not drawn."""
    seen: dict[bytes, int] = {}
    for row, one in enumerate(coding.samples(codes)):
        seen.setdefault(one.tobytes(), row)
    first = np.isin(np.arange(len(y)), list(seen.values()))
    kept = np.flatnonzero(first & (codes.lengths >= SHORTEST) & (codes.lengths <= parameters["longest"]))
    if parameters["match"]:
        kept = kept[coding.matched(codes.lengths[kept], y[kept], rng)]
    if parameters["most"] and len(kept) > parameters["most"]:
        kept = np.sort(rng.choice(kept, parameters["most"], replace=False))
    return codes.take(kept), y[kept]


def score(test, predictions, wanted, train=None):
    """Score all test transcripts, and by the metrics that say so those of a subset."""
    return subsets.score(test, predictions, wanted, METRICS)


def resampled(test, predictions, metric, train=None):
    """Say how a metric is computed in resamples; that of a subset leaves the other transcripts' labels unknown."""
    return subsets.resampled(test, predictions, metric, METRICS)
