"""Expression from a yeast 5' untranslated region: growth under selection for the protein behind it."""

import numpy as np

from deepbio.core import labels, tables
from deepbio.core.data import NAMES, Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import planted, sequences
from deepbio.domains.rna import utr
from deepbio.scoring import metrics
from deepbio.scoring.metrics import SHARE, Metric

METRICS = {
    "pearson_squared": Metric(True, "squared Pearson r", SHARE),
    "within_rounds": Metric(True, "squared Pearson r within rounds of evolution", SHARE),
    "measured_starts": Metric(True, "squared Pearson r with measured starts", SHARE),
}
LENGTH = 50
CONTEXT = {"jaspar_groups": []}


def prepare(sources, parameters, seed):
    """Prepare the regions of one dataset. A region's last base lies before the start codon; unknown bases stand before
    shorter ones.

    native : fragments of native regions with more than `least` reads before selection and at least `shortest` bases,
        all fragments of a gene in one part.
    evolved : the same for training; testing is on sequences that the authors evolved, whose label is the authors'
        prediction. `y_round` (int16) counts the rounds, and `y_measured` (float32) is the measurement of the sequences
        of round 0, NaN of the others.
    random : the random library; the `deepest` share of the regions by reads is for testing, as in the paper.
    simulated : see domains/rna/utr.py.

    Arrays: codes (n, 50) uint8, y (n,) float32 (natural logarithm of the enrichment), group. No motif of the context's
    `jaspar_groups`, which are of DNA, is in these regions.
    """
    rng = np.random.default_rng([seed, 2017])
    form = parameters["format"]
    if form == "simulated":
        codes, y = utr.simulate(parameters["samples"], LENGTH, parameters["noise"], rng)
        arrays = {"codes": codes, "y": y, "group": planted.names("region", len(y))}
        return planted.splits(arrays, parameters["fractions"], CONTEXT)
    folder = sources[parameters["files"]]
    if form == "random":
        return _random(sources[parameters["library"]] / parameters["regions"], parameters, rng)
    arrays = _read(folder / parameters["native"], parameters["least"], parameters["shortest"])
    held = parameters["valid_fraction"], parameters["test_fraction"]
    part = tables.group_parts(arrays["group"], *held, rng)
    whole = Split(arrays, CONTEXT)
    splits = {name: whole.take(part == number) for number, name in enumerate(NAMES)}
    if form == "evolved":
        splits["test"] = Split(_evolved(folder / parameters["evolved"]), whole.context)
    return splits


def encode(texts, where):
    """Encode regions of at most 50 bases, the last base in the last place; BadInput for a longer one."""
    longest = max(map(len, texts))
    if longest > LENGTH:
        raise BadInput(f"{where}: a region of {longest} bases, more than {LENGTH}")
    return sequences.encode([text.rjust(LENGTH, "N") for text in texts], where)


def _read(path, least, shortest):
    table = tables.read_csv(path)
    texts, before, y = table.column("UTR"), table.numbers("t0"), table.numbers("growth_rate")
    kept = np.flatnonzero((before > least) & (np.char.str_len(np.array(texts)) >= shortest) & ~np.isnan(y))
    names = table.column("UTR_name")
    genes = np.array([names[row].partition(":")[0] for row in kept])
    codes = encode([texts[row] for row in kept], path)
    return {"codes": codes, "y": y[kept].astype(np.float32), "group": genes.astype("S")}


def _evolved(path):
    table = tables.read_csv(path)
    group = np.char.add("evolved", np.array(table.column("UTR_id")))
    of_round = table.numbers("Round").astype(np.int16)
    measured = np.where(of_round == 0, table.numbers("Round0_Measured_Growth"), np.nan).astype(np.float32)
    y = table.numbers("Pred_Growth").astype(np.float32)
    codes = encode(table.column("Evolved_Seq"), path)
    return {"codes": codes, "y": y, "y_round": of_round, "y_measured": measured, "group": group.astype("S")}


def _random(path, parameters, rng):
    table = tables.read_csv(path)
    before, y = table.numbers("t0"), table.numbers("growth_rate").astype(np.float32)
    codes = encode(table.column("UTR"), path)
    deepest = np.argsort(-before, kind="stable")[: round(parameters["deepest"] * len(y))]
    part = np.where(rng.random(len(y)) < parameters["valid_fraction"], 1, 0)
    part[deepest] = 2
    _, group = np.unique(codes, axis=0, return_inverse=True)
    part[np.isin(group, group[deepest]) & (part != 2)] = -1  # a region that is repeated in the test
    part[np.isin(group, group[part == 1]) & (part == 0)] = -1
    arrays = {"codes": codes, "y": y, "group": np.char.add("region", group.astype(str)).astype("S")}
    whole = Split(arrays, CONTEXT)
    return {name: whole.take(part == number) for number, name in enumerate(NAMES)}


def _paired(test, predictions, metric):
    """Give the two columns of numbers whose squared correlation a metric of METRICS is: (n,) each, NaN where a region
    does not count.

    Within rounds both are differences from their means in the round: evolution itself raises all of them.
    """
    y, p = labels.columns(test.y)[:, 0], labels.columns(predictions["y"])[:, 0]
    if metric == "measured_starts":
        return np.asarray(test["y_measured"], float), p
    if metric == "within_rounds":
        _, number = np.unique(np.asarray(test["y_round"]), return_inverse=True)
        y, p = (one - (np.bincount(number, one) / np.bincount(number))[number] for one in (y, p))
    return y, p


def score(test, predictions, wanted, train=None):
    """Score regions; the paper's R² is the squared correlation."""
    y, p = labels.columns(test.y)[:, 0], labels.columns(predictions["y"])[:, 0]
    found = metrics.evaluate([name for name in wanted if name not in METRICS], y, p)
    squared = {name: _paired(test, predictions, name) for name in wanted if name in METRICS}
    found |= {name: metrics.evaluate(["pearson"], *pair)["pearson"] ** 2 for name, pair in squared.items()}
    return {name: found[name] for name in wanted}


def resampled(test, predictions, metric, train=None):
    """Say how a metric is computed in resamples of the regions."""
    from deepbio.scoring import intervals

    y, p = labels.columns(test.y)[:, 0], labels.columns(predictions["y"])[:, 0]
    if metric not in METRICS:
        return intervals.resampled(metric, y, p)
    correlation = intervals.resampled("pearson", *_paired(test, predictions, metric))
    return intervals.Resampling(len(y), lambda drawn: correlation.function(drawn) ** 2)
