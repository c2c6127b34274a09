"""A user's own data: read by their kind of input, labelled, parted as the field asks for, and told about.

`read` says in plain lines what it understood: samples, classes, records that are left out with the reason and the
place, the parts and where they are far from what was asked for, numbers such as a length that alone tell the classes,
and how many test samples are near-duplicates of training samples.
"""

import logging
from pathlib import Path

import numpy as np

from deepbio.core import kind, own, own_labels, own_links, own_parts, own_shortcuts, records
from deepbio.core.data import Split
from deepbio.core.files import BadInput

log = logging.getLogger(__name__)
PARTS = ("train", "valid", "test")
MOST_NEAR = (2000, 20_000)  # test and training samples among which near-duplicates are counted


def prepare(sources, parameters, seed):
    """Read the files that a user's YAML names into splits; sources["own"] is its path, and split k has the seed k."""
    splits, told = read(Path(sources["own"]), parameters, seed)
    for line in told:
        log.info("%s", line)
    return splits


def given_of(yaml: Path, parameters: dict) -> records.Given:
    """Say for the readers which files there are, by the names that they go by, and what is said of them."""
    places = own.inputs(parameters, Path(yaml).parent)
    files = {
        (key.removeprefix("file.") if isinstance(parameters["file"], dict) else path.name): path
        for key, path in places.items()
        if key.startswith("file")
    }
    options = {key: parameters[key] for key in ("length", "bin", "negatives", "positive") if key in parameters}
    options |= {key: places[key] for key in ("genome", "labels") if key in places}
    return records.Given(files, dict(parameters.get("columns", {})), options, parameters["output"])


def read(yaml: Path, parameters: dict, seed: int) -> tuple[dict[str, Split], list[str]]:
    """Read, label and part the data: the three splits, and lines that say what was understood.

    BadInput where nothing is left, a class lacks, or the samples cannot be parted.
    """
    one, given = kind.load(parameters["input"]), given_of(yaml, parameters)
    found = one.read(given)
    if "labels" in given.options:
        found = records.joined(found, given.options["labels"], given.columns)
    every, notes, context = list(found), [], {}
    good = [record for record in every if not record.problem]
    if good and hasattr(one, "settle"):
        here = len(good)
        context, notes = one.settle(good, given)
        every += good[here:]  # windows that were made
        good = [record for record in good if not record.problem]
    y, about, said = own_labels.read(good, given, parameters, yaml)
    context |= about
    kept = [row for row, record in enumerate(good) if not record.problem]
    good, y = [good[row] for row in kept], y if y is None else y[kept]
    if not good:
        raise BadInput("\n".join([f"{yaml}: no record can be used", *dropped(every, 5)]))
    arrays = records.stack(good)
    part, group, by = own_parts.part(one, arrays, context, good, y, parameters, seed, yaml)
    doubts = own_parts.doubts(part, group, good, parameters)
    if hasattr(one, "traits"):
        doubts += own_shortcuts.warnings(one.traits(arrays), y, context, parameters["output"])
    if y is not None:
        arrays["y"] = y
    arrays["group"] = group.astype("S")
    arrays["id"] = np.array([record.id.encode() for record in good])
    if hasattr(one, "learn"):
        arrays, more, learned, left = one.learn(arrays, context, part == 0, given)
        context, part, notes = context | more, part[left], notes + learned
    told = [
        f"{parameters.get('title') or Path(yaml).stem}: {len(good)} samples of {one.TITLE}, of {len(every)} records"
    ]
    told += notes + said + dropped(every) + repeats(one, arrays, context, part, y)
    told.append(f"parted by {by}: " + ", ".join(f"{name} {int((part == i).sum())}" for i, name in enumerate(PARTS)))
    told += doubts
    told += classes_of(arrays, part, context, parameters["output"]) + close(one, arrays, part)
    # Ids are for people; no array of a method.
    arrays = {name: array for name, array in arrays.items() if name != "id"}
    whole = Split(arrays, context)
    splits = {name: whole.take(part == number) for number, name in enumerate(PARTS)}
    for split in splits.values():
        split.context = context
    return splits, told


# ---- what is told


def dropped(every, most=50):
    """Tell of the records that are left out: how many, and for each reason the places."""
    of_reason = {}
    for record in every:
        if record.problem:
            of_reason.setdefault(record.problem, []).append(f"{record.where} ({record.id})")
    lines = [f"{sum(map(len, of_reason.values()))} records are left out:"] if of_reason else []
    for reason, places in list(of_reason.items())[:most]:
        more = f", … and {len(places) - most} more" if len(places) > most else ""
        lines.append(f"  {reason}: {', '.join(places[:most])}{more}")
    return lines + ([f"  … and {len(of_reason) - most} more reasons"] if len(of_reason) > most else [])


def repeats(one, arrays, context, part, y):
    """Tell of samples that stand more than once, and of ids that do."""
    lines = []
    ids, counts = np.unique(arrays["id"], return_counts=True)
    if (counts > 1).any():
        lines.append(f"{int((counts > 1).sum())} ids stand more than once, such as {ids[counts > 1][0].decode()}")
    if len(part) > 1:
        names, member, counts = np.unique(one.same(arrays, context), return_inverse=True, return_counts=True)
        if (counts > 1).any():
            lines.append(
                f"{int((counts > 1).sum())} samples stand more than once, {int(counts[counts > 1].sum())} in all"
            )
            if y is not None and y.ndim == 1 and len(y) == len(member):
                low, high = np.full(len(names), np.inf), np.full(len(names), -np.inf)
                np.minimum.at(low, member, np.nan_to_num(y, nan=np.inf))
                np.maximum.at(high, member, np.nan_to_num(y, nan=-np.inf))
                differ = int((high > low).sum())
                lines += [f"  {differ} of these have different labels"] if differ else []
    if (part < 0).any():
        lines.append(
            f"{int((part < 0).sum())} samples of training or validation are in a later part as well and are left out"
        )
    return lines


def classes_of(arrays, part, context, output):
    """Tell the number of samples of each class, or the range of numbers, in each part."""
    y = arrays["y"]
    if output in ("generated", "profile") or y.ndim == 3:
        return []
    names = context.get("outputs", [""])
    lines = []
    for number, column in list(enumerate(y.reshape(len(y), -1).T))[:20]:
        title = f"'{names[number]}'"
        if output == "regression":
            known = column[~np.isnan(column)]
            lines.append(
                f"  {title}: {len(known)} numbers from {known.min():g} to {known.max():g}, mean {known.mean():g}"
            )
            continue
        labels = context["classes"] if output == "multiclass" else ["0", "1"]
        of_part = (
            f"{name} "
            + ", ".join(
                f"{label} x {int((column[part == i] == value).sum())}" for value, label in list(enumerate(labels))[:10]
            )
            for i, name in enumerate(PARTS)
        )
        lines.append(f"  {title}: " + "; ".join(of_part))
        for i, name in enumerate(PARTS):
            here = column[part == i]
            if len(np.unique(here[~np.isnan(here)])) < 2:
                lines.append(f"  warning: {name} has one class only of {title}")
    return lines


def close(one, arrays, part):
    """Count the test samples that are near-duplicates of training samples, and those too short to be compared."""
    if not hasattr(one, "near"):
        return []
    rng = np.random.default_rng(0)
    test, train = (
        rng.permutation(np.flatnonzero(part == number))[:most] for number, most in zip((2, 0), MOST_NEAR, strict=True)
    )
    near = one.near(arrays, test, train)
    if hasattr(one, "compared"):
        near = near | own_links.near(*one.compared(arrays), len(part), test, train)
    count = int(near.sum())
    line = f"{count} of {len(test)} test samples are near-duplicates of training samples"
    lines = [("warning: " if count else "") + line]
    short = int(one.short(arrays)[test].sum()) if hasattr(one, "short") else 0
    if short:
        lines.append(f"warning: {short} of them are too short for that: near-duplicates of these are not all found")
    return lines
