"""Labels of a user's own records: which columns hold them, and what their words and numbers mean."""

from collections import Counter
from pathlib import Path

import numpy as np

from deepbio.core import records, tables
from deepbio.core.files import BadInput
from deepbio.core.records import Given, Record

# Names by which a column of labels is found where it is not said; of a table it must be said.
LABELS = ("label", "y", "class", "target", "activity", "value")
# Pairs of words of which the second counts as 1.
PAIRS = (("false", "true"), ("no", "yes"), ("inactive", "active"), ("negative", "positive"), ("neg", "pos"))
PAIRS += (("control", "case"), ("n", "y"), ("-", "+"))
MOSTLY = 0.9  # share of labels that must be numbers, or 0 and 1; the others are records to be left out


def read(good: list[Record], given: Given, parameters: dict, yaml: Path) -> tuple[np.ndarray | None, dict, list[str]]:
    """Read labels (n,) or (n, outputs) float32, what the context says of them, and lines that say what they are; a
    record whose label cannot be read has a problem from here on. BadInput where no label is known, or one class only.
    """
    output = parameters["output"]
    if output == "generated" or not good or "y" in good[0].arrays:  # the reader gives masks itself
        return None, {}, []
    names = _columns(good, given, parameters, yaml)
    if parameters["input"] == "animal_frame":
        return _points(good, names)
    cells = [[record.fields.get(name, "") for record in good] for name in names]
    unknown = np.array([[records.is_missing(cell) for cell in column] for column in cells])
    for row in np.flatnonzero(unknown.all(axis=0)):
        good[row].problem = "no label"
    context = {"outputs": names} | ({"unit": parameters["unit"]} if "unit" in parameters else {})
    if len(names) > 1 and parameters["input"] != "table":
        context["features"] = names
    if output == "regression":
        columns, said = [_numbers(column, name, good) for column, name in zip(cells, names, strict=True)], []
    elif output == "multiclass":
        columns, context["classes"] = _numbered(cells[0], yaml)
        columns, said = [columns], []
    else:
        columns, said = [], []
        for column, name in zip(cells, names, strict=True):
            values, classes = _binary(column, name, good, parameters.get("positive"), yaml)
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


def _columns(good, given, parameters, yaml):
    """Name the fields that hold labels; BadInput with those that there are."""
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


def _numbers(column, name, good):
    """Read a column of labels as numbers; a record whose label is other text has a problem."""
    values = np.full(len(column), np.nan)
    for row, cell in enumerate(column):
        try:
            values[row] = np.nan if records.is_missing(cell) else tables.number(cell, name, "")
        except BadInput as error:
            good[row].problem = f"label: {str(error).removeprefix(': ')}"
    return values


def _numbered(column, yaml):
    """Number the words of a column as classes, and give the names of the classes."""
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


def _binary(column, name, good, positive, yaml):
    """Read a column of words as 0 and 1, and give the words that they stand for, or None where they are numbers."""
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


def _points(good, names):
    """Read points (n, points, 2) of frames from the fields <point>_x and <point>_y; NaN where one is not marked."""
    y = np.stack(
        [
            np.stack([_numbers([r.fields.get(f"{name}_{axis}", "") for r in good], name, good) for axis in "xy"], 1)
            for name in names
        ],
        1,
    )
    for row in np.flatnonzero(np.isnan(y).all(axis=(1, 2))):
        good[row].problem = good[row].problem or "no point is marked"
    mirrored = [names.index(other) if other in names else None for other in map(_mirror, names)]
    return y.astype(np.float32), {"features": names, "outputs": names, "skeleton": [], "mirrored": mirrored}, []


def _mirror(name):
    """Name the point of the other side: left and right exchanged."""
    swapped = name.replace("left", "\0").replace("right", "left").replace("\0", "right")
    return swapped if swapped != name else None
