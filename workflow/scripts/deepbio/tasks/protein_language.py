"""Hidden residues of proteins, and what a model of them knows of structure, contacts and substitutions."""

import csv
import zipfile
from pathlib import Path

import numpy as np

from deepbio.core import tables, text
from deepbio.core.data import Ragged, Split
from deepbio.core.files import BadInput
from deepbio.domains.protein import clusters, sequences, structure, variants
from deepbio.kinds.masked_protein import CONTACTS, EFFECTS, STATES, hide
from deepbio.scoring import intervals, metrics
from deepbio.scoring.curves import Curve
from deepbio.scoring.metrics import SHARE, SIGNED, Metric

METRICS = {
    "ece": Metric(False, "exponentiated cross-entropy", (1.0, np.inf)),
    "q3": Metric(True, "Q3 of secondary structure", SHARE),
    "contact_precision": Metric(True, "PPV of the best L contacts", SHARE),
    "variant_spearman": Metric(True, "Spearman ρ of substitutions", SIGNED),
}
CONTACT, APART = 8.0, 6
STATE = {"H": 0, "E": 1, "C": 2, "-": 2}


def prepare(sources, parameters, seed):
    """Read proteins and what is known of them; `format` says where they come from.

    chains : the chains of MDAnalysis's tests with their states, parted by clusters of similar proteins
        (`valid_fraction`, `test_fraction`). Each test chain stands there twice: with hidden residues, and whole for its
        states and contacts.
    flip : FLIP's chains, of which those of its test set have hidden residues; the states of TS115's chains; contacts of
        1A3A and TEM-1, and the scan of TEM-1. Training has the chains of FLIP's training set, `most_train` of them,
        that are similar to no validation or test chain, and MDAnalysis's chains for contacts, likewise.
    Of each protein a share `masked` of the residues is hidden, `most_hidden` at most.

    Arrays: as kinds/masked_protein.py says; y_states, y_contacts, y_effects; group, the protein.
    """
    rng = np.random.default_rng([seed, 622803])
    parts = {"chains": _chains, "flip": _flip}[parameters["format"]](sources, parameters, rng)
    return {name: _split(found, parameters, rng) for name, found in parts.items()}


def _protein(name, codes, states=None, contacts=None, effects=None, hidden=True):
    """Gather what is known of one protein; `hidden`: whether residues of it are to be hidden."""
    return {"name": name, "codes": codes, "states": states, "contacts": contacts, "effects": effects, "hidden": hidden}


def _split(found, parameters, rng):
    arrays = hide([one["codes"] for one in found], parameters["masked"], parameters["most_hidden"], rng)
    # Whole proteins: nothing of them is hidden, so that all residues are there for what is asked.
    values, offsets = arrays["residues"].values, arrays["residues"].offsets
    for row, one in enumerate(found):
        if not one["hidden"]:
            values[offsets[row] : offsets[row + 1]] = one["codes"]
            arrays["hidden"][row], arrays["y"][row] = -1, np.nan
    nothing = {"states": np.zeros(0, np.uint8), "contacts": np.zeros(0, np.uint8), "effects": np.zeros(0, np.float32)}
    for key, empty in nothing.items():
        arrays[f"y_{key}"] = Ragged.join([empty if one[key] is None else one[key].astype(empty.dtype) for one in found])
    bits = (("states", STATES), ("contacts", CONTACTS), ("effects", EFFECTS))
    arrays["asked"] = np.array(
        [0 if one["hidden"] else sum(bit for key, bit in bits if one[key] is not None) for one in found], np.uint8
    )
    arrays["group"] = np.array([one["name"] for one in found]).astype("S")
    return Split(arrays, {})


# ---- chains with structures


def _mdanalysis(folder):
    """Read chains of MDAnalysis's tests with their states and contacts."""
    found = []
    for path in sorted(Path(folder).glob("*.pdb.dssp")):
        chain = structure.read(path.with_suffix(".gz"))
        said = next((line for _, line in text.lines(path)), "")
        letters = (said.split() or [""])[0]
        wrong = set(letters) - set(STATE)
        if wrong:
            raise BadInput(f"{path}:1: {sorted(wrong)[0]!r} is no state (H, E or -)")
        states = np.array([STATE[letter] for letter in letters], np.uint8)
        if len(states) != len(chain.codes):
            states = None
        found.append(_protein(path.name.split(".")[0], chain.codes, states, _contacts(chain.cb)))
    return found


def _contacts(cb):
    return (structure.distances(cb) < CONTACT).astype(np.uint8).ravel()


def _chains(sources, parameters, rng):
    found = _mdanalysis(sources["mdanalysis_chains"])
    found = [one for one in found if one["states"] is not None and len(one["codes"]) >= 40]
    group = clusters.cluster(Ragged.join([one["codes"] for one in found]))
    part = tables.group_parts(group, parameters["valid_fraction"], parameters["test_fraction"], rng)
    parts = {
        name: [one for one, where in zip(found, part, strict=True) if where == number]
        for number, name in enumerate(("train", "valid", "test"))
    }
    parts["test"] += [{**one, "hidden": False} for one in parts["test"]]
    return parts


# ---- the public sets


def _flip(sources, parameters, rng):
    folder = Path(sources["protein_ss"])
    read = _read_flip(folder / "flip_secondary_structure_splits.zip")
    held = [{**one, "states": None} for one in read["test"]] + _read_ts115(folder / "TS115_HHblits.csv")
    held += _probed(sources)
    extra = _mdanalysis(sources["mdanalysis_chains"])
    valid = read["valid"][: parameters["most_valid"]]
    train = [read["train"][row] for row in np.sort(rng.permutation(len(read["train"]))[: parameters["most_train"]])]
    train = extra + train
    every = Ragged.join([one["codes"] for one in train + valid + held])
    count = len(train)
    like = clusters.near(every, np.arange(count), np.arange(count, len(every)))
    train = [one for one, near in zip(train, like, strict=True) if not near]
    both = Ragged.join([one["codes"] for one in valid + held])
    like = clusters.near(both, np.arange(len(valid)), np.arange(len(valid), len(both)))
    valid = [one for one, near in zip(valid, like, strict=True) if not near]
    # A chain whose map is drawn leaves training for validation.
    shown = next((one for one in train if one["contacts"] is not None), None)
    return {
        "train": [one for one in train if one is not shown],
        "valid": valid + ([shown] if shown else []),
        "test": held,
    }


def _read_flip(path):
    """Read chains of FLIP's zip by their part: states of resolved residues."""
    tables_ = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in ("sequences", "sampled", "mask"):
                tables_[name] = _fasta(archive.read(f"splits/{name}.fasta").decode(), f"{path}:{name}.fasta")
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise BadInput(f"{path}: not FLIP's archive of splits: {error}") from None
    found = {"train": [], "valid": [], "test": []}
    for name, (header, letters) in tables_["sampled"].items():
        words = dict(word.split("=", 1) for word in header.split() if "=" in word)
        part = "test" if words.get("SET") == "test" else "valid" if words.get("VALIDATION") == "True" else "train"
        sequence, mask = tables_["sequences"][name][1], tables_["mask"][name][1]
        if not len(sequence) == len(mask) == len(letters):
            raise BadInput(
                f"{path}: record '{name}': {len(sequence)} residues, {len(letters)} states, {len(mask)} marks"
            )
        states = np.array([STATE.get(letter, 255) for letter in letters], np.uint8)
        states[np.frombuffer(mask.encode(), np.uint8) != ord("1")] = 255
        found[part].append(_protein(name, sequences.encode(sequence), states))
    return found


def _fasta(said, where):
    found, name = {}, None
    for number, line in enumerate(said.splitlines(), 1):
        if line.startswith(">"):
            name = line[1:].split()[0]
            found[name] = [line[1:], ""]
        elif name is None:
            raise BadInput(f"{where}:{number}: text before the first header")
        else:
            found[name][1] += line.strip()
    return found


def _read_ts115(path):
    found = []
    for number, row in enumerate(csv.reader(line for _, line in text.lines(path))):
        if number == 0:
            continue
        try:
            codes = sequences.encode(row[0])
            states = np.array([STATE.get(letter, 255) for letter in row[1].split()], np.uint8)
            mask = np.array([float(one) for one in row[4].split()])
            if not len(codes) == len(states) == len(mask):
                raise ValueError("lists of unequal length")
        except (BadInput, ValueError, IndexError) as error:
            raise BadInput(f"{path}:{number + 1}: {str(error).removeprefix(': ')}") from None
        states[mask == 0] = 255
        found.append(_protein(f"ts115 {number}", codes, states, hidden=False))
    return found


def _probed(sources):
    """Read TEM-1 with its contacts and its scan, and 1A3A with its contacts."""
    folder, scans = Path(sources["contacts"]), Path(sources["protein_variation"])
    chain = structure.read(folder / "1JTG_r_u.pdb")
    # The scan counts the residues of the precursor: the first one here, H, is number 24.
    columns = np.arange(len(chain.codes)) + 24 - sequences.decode(chain.codes).index("HPETLVKVKDAEDQLG")
    effects = np.full((len(chain.codes), 20), np.nan, np.float32)
    table = tables.read_csv(scans / "BLAT_ECOLX_Ranganathan2015.csv")
    values = table.numbers("2500")
    for row, name in enumerate(table.column("mutant")):
        ((before, number, after),) = variants.parse(name)
        place = number - columns[0]
        if 0 <= place < len(chain.codes) and sequences.decode(chain.codes[place : place + 1]) == before:
            effects[place, sequences.AMINO_ACIDS.index(after)] = values[row]
    found = [_protein("TEM-1", chain.codes, None, _contacts(chain.cb), effects.ravel(), hidden=False)]
    codes = sequences.encode("".join(line for number, line in text.lines(folder / "1a3a_1_A.a3m") if number == 2))
    touch = np.full((len(codes), len(codes)), 255, np.uint8)
    for number, line in text.lines(folder / "1A3A_A_contacts.CB"):
        words = line.split()
        try:
            i, j = int(words[0]) - 1, int(words[1]) - 1
            touch[i, j] = touch[j, i] = float(words[2]) < CONTACT
        except (ValueError, IndexError):
            raise BadInput(f"{folder}/1A3A_A_contacts.CB:{number}: no pair and distance: {line[:40]!r}") from None
    return [*found, _protein("1A3A", codes, None, touch.ravel(), hidden=False)]


# ---- scores


def _losses(test, predictions):
    """Sum of the cross-entropies of a protein's hidden residues, (n,) nats, and their number, (n,)."""
    y = np.asarray(test.y, float)
    p = np.asarray(predictions["y"], float).reshape(y.shape)
    known = ~np.isnan(y).any(axis=2)
    p = p / np.maximum(p.sum(axis=2, keepdims=True), 1e-12)
    loss = -np.log(np.maximum((p * np.nan_to_num(y)).sum(axis=2), 1e-9))
    return np.where(known, loss, 0).sum(axis=1), known.sum(axis=1)


def _right(test, predictions):
    """Count the residues whose state is right, and of those whose state is known, of each protein asked for."""
    rows = np.flatnonzero(np.asarray(test["asked"]) & STATES)
    part = test.take(rows)["y_states"]
    called, known = np.asarray(predictions["states"]).argmax(axis=1), np.asarray(part.values) < 3
    owner = np.repeat(np.arange(len(rows)), part.lengths)
    right = np.bincount(owner, (called == part.values) & known, len(rows))
    return rows, right, np.bincount(owner, known, len(rows))


def score(test, predictions, wanted, train=None):
    """Score hidden residues, and what else a method predicts."""
    loss, count = _losses(test, predictions)
    found = {"ece": float(np.exp(loss.sum() / count.sum()))}
    asked = np.asarray(test["asked"])
    if "states" in predictions:
        _, right, known = _right(test, predictions)
        found["q3"] = float(right.sum() / known.sum())
    if "contacts" in predictions:
        values, at = [], 0
        for row in np.flatnonzero(asked & CONTACTS):
            size = int(test["residues"].lengths[row])
            label = np.asarray(test["y_contacts"].take([row]).values).reshape(size, size)
            table = np.asarray(predictions["contacts"][at : at + size * size]).reshape(size, size)
            at += size * size
            upper = np.triu(label != 255, APART)
            order = np.argsort(-table[upper], kind="stable")[:size]
            values.append((label[upper] == 1)[order].mean())
        found["contact_precision"] = float(np.mean(values))
    if "effects" in predictions:
        y = np.concatenate([test["y_effects"].take([row]).values for row in np.flatnonzero(asked & EFFECTS)])
        p = np.asarray(predictions["effects"], float)
        found["variant_spearman"] = metrics.evaluate(["spearman"], y.astype(float), p)["spearman"]
    return found


def curve(test, predictions):
    """Set the share of hidden residues that are among the likeliest against how many of these are looked at; residues
    that are equally likely are looked at in random order."""
    y, p = np.asarray(test.y, float), np.asarray(predictions["y"], float).reshape(test.y.shape)
    hidden = ~np.isnan(y).any(axis=2)
    label, p = y[hidden].argmax(axis=1), p[hidden]
    own = p[np.arange(len(p)), label][:, None]
    likelier, equal = (p > own).sum(axis=1), (p == own).sum(axis=1)
    looked_at = np.arange(1, p.shape[1] + 1)
    found = ((looked_at[:, None] - likelier) / equal).clip(0, 1).mean(axis=1)
    names = ("likeliest residues looked at", "share of hidden residues among them")
    return Curve("line", "Hidden residues (mean over runs)", *names, looked_at, found)


def resampled(test, predictions, metric, train=None):
    """Resample proteins for hidden residues and states; None for the few contacts and scans."""
    if metric == "ece":
        loss, count = _losses(test, predictions)
        return intervals.Resampling(len(loss), lambda drawn: np.exp(drawn @ loss / np.maximum(drawn @ count, 1)))
    if metric == "q3" and "states" in predictions:
        rows, right, known = _right(test, predictions)
        return intervals.Resampling(
            len(test), lambda drawn: drawn[:, rows] @ right / np.maximum(drawn[:, rows] @ known, 1)
        )
    return None
