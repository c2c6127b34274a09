"""Effects of amino-acid substitutions, predicted from aligned homologues without any measurement."""

from pathlib import Path

import numpy as np

from deepbio.core import tables, text
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.protein import alignments, sequences, simulated, variants
from deepbio.scoring import intervals, metrics
from deepbio.scoring.metrics import SIGNED, Metric

# Other ways to score that the paper compares; a method gives them as further arrays.
SCORES = {"spearman_wt": "y_of_wild_type", "spearman_average": "y_of_average", "spearman_mutant": "y_of_mutant"}
METRICS = {
    "spearman_wt": Metric(True, "Spearman ρ, wild type decoded", SIGNED),
    "spearman_average": Metric(True, "Spearman ρ, mean of decoded variants", SIGNED),
    "spearman_mutant": Metric(True, "Spearman ρ, variant decoded", SIGNED),
}


def prepare(sources, parameters, seed):
    """Read an alignment and a scan, and part the variants by position; `format` says where they come from.

    scan : `alignment` and `scan` are files of the source `files`; `query`, the alignment's row that is the protein;
        `mutant` and `target`, columns of the scan, parted by `separator`; lines that begin with # are passed over;
        `offset` is added to the scan's numbers. Variants in columns that are not modelled are left out.
    simulated : `columns`, `rows`, `contacts` and `strength` of a family with known couplings; a label is how much less
        likely a single substitution is, with `noise`.

    Methods learn from the alignment alone. Variants of a share of the positions are for training and validation (what
    is chosen by measurements is chosen on them), those of all other positions for testing.

    Arrays: residues (n, columns) uint8; y (n,) float32; group, the position. Context: alignment (rows, columns) uint8,
    wild_type, columns.
    """
    rng = np.random.default_rng([seed, 3346])
    residues, y, place, context = {"scan": _scan, "simulated": _simulated}[parameters["format"]](sources, parameters)
    part = _parts(place, parameters["train_fraction"], parameters["valid_fraction"], rng)
    group = np.array([f"position {one}" for one in place]).astype("S")
    whole = Split({"residues": residues, "y": y.astype(np.float32), "group": group}, context)
    return {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}


def _parts(place, train, valid, rng):
    """Give 0 (training), 1 or 2 for each variant, by position; the rest is for testing."""
    names, member = np.unique(place, return_inverse=True)
    order = rng.permutation(len(names))
    ends = np.round(np.cumsum([train, valid]) * len(names)).astype(int)
    part = np.full(len(names), 2)
    part[order[: ends[0]]], part[order[ends[0] : ends[1]]] = 0, 1
    return part[member]


def _scan(sources, parameters):
    files = Path(sources[parameters.get("alignment_files", parameters["files"])])
    aligned = alignments.read(files / parameters["alignment"], parameters["query"])
    path = Path(sources[parameters["files"]]) / parameters["scan"]
    (first, header), *rows = _rows(path, parameters.get("separator", ","))
    columns = {}
    for role in ("mutant", "target"):
        if parameters[role] not in header:
            raise BadInput(f"{path}:{first}: no column '{parameters[role]}'; columns are: {', '.join(header)}")
        columns[role] = header.index(parameters[role])
    wild_type, known, offset = aligned.codes[0], set(aligned.columns.tolist()), parameters.get("offset", 0)
    found, y, place = [], [], []
    for line, cells in rows:
        if len(cells) != len(header):
            raise BadInput(f"{path}:{line}: {len(cells)} columns in place of {len(header)}")
        value = tables.number(cells[columns["target"]], parameters["target"], f"{path}:{line}")
        try:
            parsed = [(a, n + offset, b) for a, n, b in variants.parse(cells[columns["mutant"]])]
            if not np.isnan(value) and all(n in known for _, n, _ in parsed):
                name = ":".join(f"{a}{n}{b}" for a, n, b in parsed)
                found.append(variants.apply(name, wild_type, aligned.columns))
                y.append(value)
                place.append(parsed[0][1])
        except BadInput as error:
            raise BadInput(f"{path}:{line}{error}") from None
    context = {"alignment": aligned.codes, "wild_type": aligned.wild_type, "columns": aligned.columns.tolist()}
    return np.stack(found), np.array(y), np.array(place), context


def _rows(path, separator):
    """Yield (line, cells) of a delimited file, without lines that begin with #."""
    for number, line in text.lines(path):
        if line.strip() and not line.startswith("#"):
            yield number, [cell.strip() for cell in line.split(separator)]


def _simulated(sources, parameters):
    rng = np.random.default_rng([parameters["problem"], 3346])
    columns = parameters["columns"]
    contacts = simulated.random_contacts(rng, columns, parameters["contacts"])
    family, *model = simulated.coupled_family(rng, columns, parameters["rows"], contacts, parameters["strength"])
    best = int(np.argmax(simulated.energies(family, contacts, *model)))
    family = np.concatenate([family[best : best + 1], np.delete(family, best, axis=0)])
    residues = variants.all_substitutions(family[0])
    place = np.repeat(np.arange(columns), 20)
    other = residues[np.arange(len(residues)), place] != family[0][place]
    residues, place = residues[other], place[other]
    y = simulated.energies(residues, contacts, *model) - simulated.energies(family[:1], contacts, *model)
    y = y + parameters["noise"] * y.std() * rng.standard_normal(len(y))
    context = {"alignment": family, "wild_type": sequences.decode(family[0]), "columns": list(range(1, columns + 1))}
    return residues, y, place + 1, context


def score(test, predictions, wanted, train=None):
    """Score the variants; beside the method's own score, the others that it gives."""
    found = metrics.evaluate(wanted, test.y, np.asarray(predictions["y"], float).reshape(test.y.shape))
    for name, array in SCORES.items():
        if array in predictions:
            found[name] = metrics.evaluate(["spearman"], test.y, np.asarray(predictions[array], float))["spearman"]
    return found


def resampled(test, predictions, metric, train=None):
    """Resample the variants."""
    name = SCORES.get(metric, "y")
    if name not in predictions:
        return None
    p = np.asarray(predictions[name], float).reshape(test.y.shape)
    return intervals.resampled("spearman" if metric in SCORES else metric, test.y, p)
