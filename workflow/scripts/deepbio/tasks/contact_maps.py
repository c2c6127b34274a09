"""Contacts between a protein's residues, predicted from how the columns of its family vary together."""

from pathlib import Path

import numpy as np

from deepbio.core import text
from deepbio.core.data import Ragged, Split
from deepbio.core.files import BadInput
from deepbio.domains.protein import alignments, couplings, simulated, structure
from deepbio.kinds.residue_couplings import APART
from deepbio.scoring import intervals
from deepbio.scoring.curves import Curve
from deepbio.scoring.metrics import SHARE, Metric

CONTACT = 8.0  # ångström between two CB (CA of Gly)
LENGTHS = {"ppv_l": 1, "ppv_l2": 2, "ppv_l5": 5}
METRICS = {
    "ppv_l": Metric(True, "PPV of the best L pairs", SHARE),
    "ppv_l2": Metric(True, "PPV of the best L/2 pairs", SHARE),
    "ppv_l5": Metric(True, "PPV of the best L/5 pairs", SHARE),
    "ppv_l_layer0": Metric(True, "PPV of the best L pairs, layer 0", SHARE),
    "ppv_l_layer1": Metric(True, "PPV of the best L pairs, layer 1", SHARE),
    "ppv_l_layer2": Metric(True, "PPV of the best L pairs, layer 2", SHARE),
    "ppv_l_layer3": Metric(True, "PPV of the best L pairs, layer 3", SHARE),
    "ppv_l_layer4": Metric(True, "PPV of the best L pairs, layer 4", SHARE),
    "ppv_l_layer5": Metric(True, "PPV of the best L pairs, layer 5", SHARE),
}


def prepare(sources, parameters, seed):
    """Score the pairs of each protein's family and read its contacts; `format` says where proteins come from.

    families : alignments and structures of `proteins`, each with `name`, `group`, `alignment` (a file of `contacts`, or
        of another file set, `of`), `query` (the row's name, or its letters), and `contacts` (a .CB file) or `structure`
        (a PDB file) with `chain`. The split `seed` tests the group of that number and validates on the next; with
        `published` (`name`, `files`), the protein of that name is tested on scores that were published.
    simulated : the first `piece` residues of `chains` chains of PDB files, and for each a family of `rows` sequences
        whose columns are coupled where residues touch.
    `methods`, `depths`, `most_rows` and `steps` say which scores there are (couplings.of_family).

    Arrays: residues, profile, scores (kinds/residue_couplings.py); y (n, longest, longest) float32, 1 where two CB are
    closer than 8 Å, NaN where residues are fewer than six apart; group.
    """
    found = {"families": _families, "simulated": _simulated}[parameters["format"]](sources, parameters, seed)
    longest = max(len(one["residues"]) for one in found)
    y = np.full((len(found), longest, longest), np.nan, np.float32)
    for row, one in enumerate(found):
        size, distance = len(one["residues"]), one["distance"]
        i, j = np.indices((size, size))
        known = (np.abs(i - j) >= APART) & ~np.isnan(distance)
        y[row, :size, :size] = np.where(known, np.nan_to_num(distance, nan=99) < CONTACT, np.nan)
    arrays = {key: Ragged.join([one[key] for one in found]) for key in ("residues", "profile", "scores")}
    arrays |= {"y": y, "group": np.array([one["group"] for one in found]).astype("S")}
    context = {"scores": couplings.names(parameters["methods"], parameters["depths"]), "longest": longest}
    part = np.array([one["part"] for one in found])
    whole = Split(arrays, context)
    return {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}


def _pack(codes, scores, profile, distance, group, part):
    flat = scores.reshape(len(codes) ** 2, -1).astype(np.float32)
    return {"residues": codes, "scores": flat, "profile": profile, "distance": distance, "group": group, "part": part}


# ---- families at hand


def _families(sources, parameters, seed):
    listed, published = parameters["proteins"], parameters.get("published")
    groups = list(dict.fromkeys(one["group"] for one in listed))
    test = groups[(seed - 1) % len(groups)]
    if published:
        test = next(one["group"] for one in listed if one["name"] == published["name"])
    valid = groups[(groups.index(test) + 1) % len(groups)]
    found, folder = [], Path(sources["contacts"])
    for one in listed:
        part = {test: 2, valid: 1}.get(one["group"], 0)
        if published and part == 2 and one["name"] != published["name"]:
            continue
        aligned = alignments.read(Path(sources[one.get("of", "contacts")]) / one["alignment"], one.get("query"), 1)
        codes = aligned.codes
        how = (parameters[key] for key in ("methods", "depths", "most_rows", "steps"))
        scores, profile = couplings.of_family(codes, *how)
        if published and part == 2:
            scores = _published(folder, published["files"], len(codes[0]), scores)
        distance = _distances(folder, one, codes[0], aligned.columns)
        found.append(_pack(codes[0], scores, profile, distance, one["group"], part))
    return found


def _distances(folder, one, codes, columns):
    """Compute CB distances between the columns' residues, (columns, columns); NaN where a residue is not in the
    structure."""
    if "contacts" in one:
        number, table = _read_cb(folder / one["contacts"])
        place = {value: at for at, value in enumerate(number)}
        at = np.array([place.get(int(value), -1) for value in columns])
    else:
        chain = structure.read(folder / one["structure"], one.get("chain"))
        table, at = structure.distances(chain.cb), structure.places(codes, chain.codes)
    found = table[np.maximum(at, 0)][:, np.maximum(at, 0)]
    found[at < 0], found[:, at < 0] = np.nan, np.nan
    return found


def _read_cb(path):
    """Read numbers of residues and their distances, from lines of two numbers and a distance."""
    rows = []
    for number, line in text.lines(path):
        words = line.split()
        try:
            rows.append((int(words[0]), int(words[1]), float(words[2])))
        except (ValueError, IndexError):
            if line.strip():
                raise BadInput(f"{path}:{number}: two residues and a distance are wanted, not {line[:40]!r}") from None
    names = sorted({row[0] for row in rows} | {row[1] for row in rows})
    place = {name: at for at, name in enumerate(names)}
    table = np.full((len(names), len(names)), np.nan)
    for one, other, distance in rows:
        table[place[one], place[other]] = table[place[other], place[one]] = distance
    np.fill_diagonal(table, 0)
    return names, table


def _published(folder, files, size, own):
    """Read scores of published files in the order of our own, one file a score; pairs that a file does not list have
    0."""
    found = np.zeros_like(own)
    for place, name in enumerate(files):
        table = np.full((size, size), np.nan)
        for number, line in text.lines(folder / name):
            words = line.replace(",", " ").split()
            try:
                i, j, value = int(words[0]) - 1, int(words[1]) - 1, float(words[-1])
                table[i, j] = table[j, i] = value
            except (ValueError, IndexError):
                raise BadInput(f"{folder / name}:{number}: no pair and score: {line[:40]!r}") from None
        found[:, :, place] = couplings.standardised(table)
    return found


# ---- simulated families on real structures


def _simulated(sources, parameters, seed):
    folder, rng = Path(sources["mdanalysis_chains"]), np.random.default_rng([parameters["problem"], 1003889])
    chains = [structure.read(path) for path in sorted(folder.glob("*.pdb.gz"))]
    chains = [one for one in chains if len(one.codes) >= parameters["piece"]]
    chosen = [chains[place] for place in rng.permutation(len(chains))[: parameters["chains"]]]
    valid, test = (max(1, round(parameters[f"{part}_fraction"] * len(chosen))) for part in ("valid", "test"))
    found = []
    for row, one in enumerate(chosen):
        distance = structure.distances(one.cb[: parameters["piece"]])
        pairs = np.argwhere(np.triu(distance < CONTACT, 3))
        how = (parameters[key] for key in ("rows", "strength", "sweeps"))
        rows, strength, sweeps = how
        family, _, _ = simulated.coupled_family(rng, len(distance), rows, pairs, strength, sweeps)
        scored = (parameters[key] for key in ("methods", "depths", "rows", "steps"))
        scores, profile = couplings.of_family(family, *scored)
        part = 2 if row < test else 1 if row < test + valid else 0
        found.append(_pack(family[0], scores, profile, distance, f"chain {row}", part))
    return found


# ---- scores


def precisions(y: np.ndarray, p: np.ndarray, lengths: np.ndarray, over: int) -> np.ndarray:
    """Compute for each protein the share of contacts among its best length / over pairs: (n,).

    y, p : (n, longest, longest); pairs i < j that are known count.
    """
    found = []
    for label, score, size in zip(np.asarray(y, float), np.asarray(p, float), lengths, strict=True):
        found.append(_best_first(label, score)[: max(1, int(size) // over)].mean())
    return np.array(found)


def _best_first(label, score):
    """Order the labels of the known pairs of one protein by score, (pairs,)."""
    known = np.triu(~np.isnan(label), 1)
    return label[known][np.argsort(-score[known], kind="stable")]


def score(test, predictions, wanted, train=None):
    """Score the maps, as means over proteins; of a method that gives the maps of its layers, those too."""
    lengths, p = test["residues"].lengths, np.asarray(predictions["y"]).reshape(test.y.shape)
    found = {name: float(precisions(test.y, p, lengths, over).mean()) for name, over in LENGTHS.items()}
    for layer in range(6):
        if f"layer{layer}" in predictions:
            map_ = predictions[f"layer{layer}"]
            found[f"ppv_l_layer{layer}"] = float(precisions(test.y, map_, lengths, 1).mean())
    return {name: found[name] for name in wanted} | found


def curve(test, predictions):
    """Set the precision against the number of pairs that are called, as a mean over proteins."""
    y, p = np.asarray(test.y, float), np.asarray(predictions["y"], float).reshape(test.y.shape)
    grid, found = np.arange(0.1, 1.55, 0.1), []
    for label, score, size in zip(y, p, test["residues"].lengths, strict=True):
        right = _best_first(label, score)
        count = np.clip((grid * size).astype(int), 1, len(right))
        found.append(np.cumsum(right)[count - 1] / count)
    names = ("pairs called, in lengths of the protein", "precision")
    return Curve(
        "line", "Precision of the contacts called first (mean over runs)", *names, grid, np.mean(found, axis=0)
    )


def resampled(test, predictions, metric, train=None):
    """Resample the proteins; of fewer than three there is nothing to resample."""
    if metric not in LENGTHS or len(test) < 3:
        return None
    p = np.asarray(predictions["y"]).reshape(test.y.shape)
    return intervals.share_of(precisions(test.y, p, test["residues"].lengths, LENGTHS[metric]))
