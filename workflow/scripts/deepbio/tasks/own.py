"""A user's own data: read by their kind of input, labelled, parted as the field asks for, and told about.

`read` says in plain lines what it understood: samples, classes, records that are left out with the reason and the
place, the parts, and how many test samples are near-duplicates of training samples.
"""

import logging
from collections import Counter
from pathlib import Path

import numpy as np

from deepbio.core import kind, own, records, tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput

log = logging.getLogger(__name__)
# Names by which a column of labels is found where it is not said; of a table it must be said.
LABELS = ("label", "y", "class", "target", "activity", "value")
# Pairs of words of which the second counts as 1.
PAIRS = (("false", "true"), ("no", "yes"), ("inactive", "active"), ("negative", "positive"), ("neg", "pos"))
PAIRS += (("control", "case"), ("n", "y"), ("-", "+"))
MOSTLY = 0.9  # share of labels that must be numbers, or 0 and 1; the others are records to be left out
PARTS = ("train", "valid", "test")
BLOCKS = 20  # stretches of consecutive frames that go together
TRIES = 200  # random ways to part the groups, of which the best is taken
MOST_NEAR = (2000, 20_000)  # test and training samples among which near-duplicates are counted


def prepare(sources, parameters, seed):
    """Splits of the files that a user's YAML names; sources["own"] is its path, and split k has the seed k."""
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
    y, about, said = label(good, given, parameters, yaml)
    context |= about
    kept = [row for row, record in enumerate(good) if not record.problem]
    good, y = [good[row] for row in kept], y if y is None else y[kept]
    if not good:
        raise BadInput("\n".join([f"{yaml}: no record can be used", *dropped(every, 5)]))
    arrays = records.stack(good)
    part, group, by = parted(one, arrays, context, good, y, parameters, seed, yaml)
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
    told += classes_of(arrays, part, context, parameters["output"]) + close(one, arrays, part)
    # Ids are for people; no array of a method.
    arrays = {name: array for name, array in arrays.items() if name != "id"}
    whole = Split(arrays, context)
    splits = {name: whole.take(part == number) for number, name in enumerate(PARTS)}
    for split in splits.values():
        split.context = context
    return splits, told


# ---- labels


def label(good, given, parameters, yaml):
    """Labels (n,) or (n, outputs) float32, what the context says of them, and lines that say what they are; a record
    whose label cannot be read has a problem from here on."""
    output = parameters["output"]
    if output == "generated" or not good or "y" in good[0].arrays:  # the reader gives masks itself
        return None, {}, []
    names = label_columns(good, given, parameters, yaml)
    if parameters["input"] == "animal_frame":
        return points(good, names)
    cells = [[record.fields.get(name, "") for record in good] for name in names]
    unknown = np.array([[records.is_missing(cell) for cell in column] for column in cells])
    for row in np.flatnonzero(unknown.all(axis=0)):
        good[row].problem = "no label"
    context = {"outputs": names} | ({"unit": parameters["unit"]} if "unit" in parameters else {})
    if len(names) > 1 and parameters["input"] != "table":
        context["features"] = names
    if output == "regression":
        columns, said = [numbers(column, name, good) for column, name in zip(cells, names, strict=True)], []
    elif output == "multiclass":
        columns, context["classes"] = numbered(cells[0], yaml)
        columns, said = [columns], []
    else:
        columns, said = [], []
        for column, name in zip(cells, names, strict=True):
            values, classes = binary(column, name, good, parameters.get("positive"), yaml)
            columns.append(values)
            said += [f"label '{name}': {classes[1]} counts as 1, {classes[0]} as 0"] if classes else []
            if parameters["input"] == "genotype":
                context["classes"] = classes or ["0", "1"]
    y = np.stack(columns, axis=1).astype(np.float32)
    missing = int(np.isnan(y[[not record.problem for record in good]]).sum()) if len(names) > 1 else 0
    said += [f"{missing} labels are missing in samples that have others"] if missing else []
    if output in ("binary", "multilabel"):
        known = [np.unique(column[~np.isnan(column)]) for column in y.T]
        if all(len(values) < 2 for values in known):
            only = known[0][0] if len(known[0]) else "missing"
            raise (
                BadInput(f"{yaml}: all known labels are {only:g}; two classes are needed")
                if len(known[0])
                else BadInput(f"{yaml}: no label is known")
            )
    return (y[:, 0] if len(names) == 1 else y), context, said


def label_columns(good, given, parameters, yaml):
    """Names of the fields that hold labels; BadInput with those that there are."""
    fields = list(good[0].fields)
    names = given.labels
    if not names and parameters["output"] == "multilabel" and set(given.files) <= set(fields):
        names = list(given.files)
    if not names and parameters["input"] == "animal_frame":
        names = [name[:-2] for name in fields if name.endswith("_x") and f"{name[:-2]}_y" in fields]
    if not names and parameters["input"] != "table":
        chosen = records.choose(fields, "label", {}, LABELS)
        names = [chosen] if chosen else [records.FILE] if isinstance(parameters["file"], dict) else []
    if not names:
        there = [name for name in fields if name != records.FILE][:20] or ["none"]
        raise BadInput(
            f"{yaml}: columns: which holds the label? say columns: {{label: NAME}}; there are: {', '.join(there)}"
        )
    wanted = [f"{name}_x" for name in names] if parameters["input"] == "animal_frame" else names
    for name in wanted:
        if not any(name in record.fields for record in good):
            raise BadInput(f"{yaml}: columns.label: no column '{name}'; there are: {', '.join(fields[:20])}")
    if parameters["output"] in ("binary", "multiclass") and len(names) > 1:
        raise BadInput(f"{yaml}: columns.label: {len(names)} columns; {parameters['output']} labels stand in one")
    return names


def numbers(column, name, good):
    """A column of labels as numbers; a record whose label is other text has a problem."""
    values = np.full(len(column), np.nan)
    for row, cell in enumerate(column):
        try:
            values[row] = np.nan if records.is_missing(cell) else tables.number(cell, name, "")
        except BadInput as error:
            good[row].problem = f"label: {str(error).removeprefix(': ')}"
    return values


def numbered(column, yaml):
    """A column of words as numbers of classes, and the names of the classes."""
    words = sorted({cell.strip() for cell in column if not records.is_missing(cell)})
    if len(words) < 2:
        raise BadInput(f"{yaml}: all known labels are {words[0] if words else 'missing'}; two classes are needed")
    if len(words) > max(20, len(column) // 5):
        raise BadInput(
            f"{yaml}: {len(words)} different labels in {len(column)} samples are no classes; "
            "for numbers say output: regression"
        )
    place = {word: number for number, word in enumerate(words)}
    return np.array([place.get(cell.strip(), np.nan) for cell in column]), words


def binary(column, name, good, positive, yaml):
    """A column of words as 0 and 1, and the words that they stand for, or None where they are numbers."""
    words = [cell.strip() for cell in column]
    counts = Counter(word for word in words if not records.is_missing(word))
    if positive is not None:
        wanted = {str(positive).lower()} | ({"1", "1.0"} if positive is True else set())
        hit = [word for word in counts if word.lower() in wanted]
        if not hit:
            raise BadInput(f"{yaml}: positive: no label is '{positive}'; they are: {', '.join(sorted(counts)[:10])}")
        others = ", ".join(sorted(set(counts) - set(hit))[:10])
        values = [np.nan if records.is_missing(word) else float(word in hit) for word in words]
        return np.array(values), [others or "nothing", hit[0]]
    numeric = {word: _zero_or_one(word) for word in counts}
    good_count = sum(count for word, count in counts.items() if numeric[word] is not None)
    if good_count >= MOSTLY * max(1, sum(counts.values())):
        values = np.full(len(words), np.nan)
        for row, word in enumerate(words):
            if word in counts and numeric[word] is None:
                good[row].problem = f"label: column '{name}': {word!r} is neither 0 nor 1"
            elif word in counts:
                values[row] = numeric[word]
        return values, None
    lower = {word.lower() for word in counts}
    pair = next((pair for pair in PAIRS if lower <= set(pair)), None)
    if pair is None:
        shown = ", ".join(f"{word} ({count})" for word, count in counts.most_common(6))
        raise BadInput(f"{yaml}: labels in '{name}' are {shown}; say which counts as 1: positive: …")
    values = [np.nan if records.is_missing(word) else float(word.lower() == pair[1]) for word in words]
    return np.array(values), list(pair)


def _zero_or_one(word):
    try:
        return {0.0: 0.0, 1.0: 1.0}.get(float(word))
    except ValueError:
        return None


def points(good, names):
    """Points (n, points, 2) of frames, from the fields <point>_x and <point>_y; NaN where one is not marked."""
    y = np.stack(
        [
            np.stack([numbers([r.fields.get(f"{name}_{axis}", "") for r in good], name, good) for axis in "xy"], 1)
            for name in names
        ],
        1,
    )
    for row in np.flatnonzero(np.isnan(y).all(axis=(1, 2))):
        good[row].problem = good[row].problem or "no point is marked"
    mirrored = [names.index(other) if other in names else None for other in map(_mirror, names)]
    return y.astype(np.float32), {"features": names, "outputs": names, "skeleton": [], "mirrored": mirrored}, []


def _mirror(name):
    """The name of the point of the other side: left and right exchanged."""
    swapped = name.replace("left", "\0").replace("right", "left").replace("\0", "right")
    return swapped if swapped != name else None


# ---- parts


def parted(one, arrays, context, good, y, parameters, seed, yaml):
    """The part (0 train, 1 valid, 2 test, -1 none) and the group of each sample, and by what they are parted."""
    said, columns = parameters.get("split", {}), parameters.get("columns", {})
    fractions = said.get("fractions", own.FRACTIONS)
    rng = np.random.default_rng([seed, 2026])
    same = one.same(arrays, context)
    groups = [record.fields.get(columns.get("group"), "") for record in good]
    places = [record.fields.get("chromosome", "") for record in good]
    by = said.get("by") or usual(one, columns, places)
    if by == "given":
        return (*given_parts(good, same, columns, yaml), by)
    if by == "group":
        if "group" not in columns:
            raise BadInput(f"{yaml}: split.by: group: say columns: {{group: NAME}}")
        lacking = next((record for record, group in zip(good, groups, strict=True) if not group.strip()), None)
        if lacking:
            raise BadInput(f"{yaml}: split.by: group: {lacking.where} has no '{columns['group']}'")
    if by == "chromosome" and not all(places):
        lacking = good[places.index("")]
        raise BadInput(
            f"{yaml}: split.by: chromosome: {lacking.where} ({lacking.id}) has no coordinates such as chr1:100-200"
        )
    if by in ("scaffold", "cluster") and not hasattr(one, by):
        raise BadInput(f"{yaml}: split.by: {one.TITLE} have no {by}s")
    group = {
        "random": lambda: tables.linked(same, np.array(groups)) if any(groups) else tables.linked(same),
        "group": lambda: tables.linked(same, np.array(groups)),
        "scaffold": lambda: one.scaffold(arrays),
        "chromosome": lambda: np.array(places),
        "cluster": lambda: tables.linked(same, one.cluster(arrays)),
        "blocks": lambda: np.arange(len(good)) * BLOCKS // len(good),
    }[by]()
    part = deal(group, y, fractions, rng, parameters["output"])
    if part is None:
        raise BadInput(
            f"{yaml}: split.by: {by}: {len(np.unique(group))} groups cannot be dealt to train, valid and test"
        )
    return part, np.char.add(f"{by}:".encode(), np.asarray(group).astype("S")), by


def usual(one, columns, places):
    """What the samples are parted by where nothing is said: a group that is named, where rows are alike; chromosomes
    of windows that have coordinates; else what the kind of input asks for."""
    if one.SPLIT == "random" and "group" in columns:
        return "group"
    if one.SPLIT == "chromosome" and (not all(places) or len(set(places)) < 3):
        return "cluster"
    return one.SPLIT


def given_parts(good, same, columns, yaml):
    """Parts as a column says; samples of training that are in another part as well, and of validation that are in test,
    are left out."""
    if "split" not in columns:
        raise BadInput(f"{yaml}: split.by: given: say columns: {{split: NAME}}")
    words = {"train": 0, "training": 0, "valid": 1, "validation": 1, "val": 1, "dev": 1, "test": 2}
    part = np.array([words.get(record.fields.get(columns["split"], "").strip().lower(), -1) for record in good])
    for row in np.flatnonzero(part < 0)[:1]:
        cell = good[row].fields.get(columns["split"], "")
        raise BadInput(
            f"{yaml}: {good[row].where}: column '{columns['split']}': {cell!r}; train, valid or test is expected"
        )
    part[(part == 0) & np.isin(same, same[part > 0])] = -1
    part[(part == 1) & np.isin(same, same[part == 2])] = -1
    return part, same


def deal(group, y, fractions, rng, output):
    """Deal whole groups to parts of the sizes wanted, (n,): of many random orders the one is taken whose parts are
    nearest to them and have the classes in the proportions of the whole.

    A group larger than half of a held-out part stays in training where there are ten groups or more. None where no
    order fills all parts.
    """
    names, member, sizes = np.unique(group, return_inverse=True, return_counts=True)
    total = len(member)
    targets = np.array([fractions[2], fractions[1]]) * total
    free = np.arange(len(names))
    small = free[sizes <= max(1, min(targets) / 2)]
    free = small if len(names) >= 10 and sizes[small].sum() >= targets.sum() else free
    shares = _shares(y, output)
    best, least = None, np.inf
    for _ in range(TRIES if len(names) > 3 else 6 * len(names)):
        order = rng.permutation(free)
        ends = np.cumsum(sizes[order])
        first = max(1, int(np.searchsorted(ends, targets[0] + 0.5, "right")))
        second = max(first + 1, int(np.searchsorted(ends, targets.sum() + 0.5, "right")))
        chosen = np.zeros(len(names), int)
        chosen[order[:first]], chosen[order[first:second]] = 2, 1
        part = chosen[member]
        counts = np.bincount(part, minlength=3)
        if counts.min() == 0:
            continue
        off = np.abs(counts / total - np.array(fractions)).sum()
        if shares is not None:
            for number in range(3):
                here = np.nanmean(shares[part == number], axis=0) if (part == number).any() else 0
                whole = np.nanmean(shares, axis=0)
                off += np.nansum(np.abs(here - whole)) / shares.shape[1]
                off += 2 * np.isnan(here).any() + (np.abs(here - 0.5) == 0.5).any() * (output == "binary")
        if off < least:
            best, least = part, off
    return best


def _shares(y, output):
    """What the parts should have alike: 0/1 labels, classes one-hot, or whether a number is in the upper half."""
    if y is None or y.ndim == 3:
        return None
    y = y.reshape(len(y), -1)
    if output == "multiclass":
        return (y == np.unique(y[~np.isnan(y)])).astype(float)
    if output == "regression":
        return np.where(np.isnan(y), np.nan, y > np.nanmedian(y, axis=0))
    return y[:, :20].astype(float)


# ---- what is told


def dropped(every, most=50):
    """Lines of the records that are left out: how many, and for each reason the places."""
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
    """Lines about samples that stand more than once, and ids that do."""
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
        lines.append(f"{int((part < 0).sum())} samples of training are in another part as well and are left out")
    return lines


def classes_of(arrays, part, context, output):
    """Lines with the number of samples of each class, or the range of numbers, in each part."""
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
    """A line that counts the test samples which are near-duplicates of training samples."""
    if not hasattr(one, "near"):
        return []
    rng = np.random.default_rng(0)
    test, train = (
        rng.permutation(np.flatnonzero(part == number))[:most] for number, most in zip((2, 0), MOST_NEAR, strict=True)
    )
    count = int(one.near(arrays, test, train).sum())
    line = f"{count} of {len(test)} test samples are near-duplicates of training samples"
    return [("warning: " if count else "") + line]
