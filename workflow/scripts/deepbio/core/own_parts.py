"""Parts of a user's own data: training, validation and test samples, apart in what the field keeps apart."""

from pathlib import Path
from types import ModuleType

import numpy as np

from deepbio.core import own, own_links, tables
from deepbio.core.files import BadInput
from deepbio.core.records import Record

BLOCKS = 20  # stretches of consecutive frames that go together
FEW = 20  # groups below which parts may be larger than asked for
TRIES = 200  # random ways to part the groups, of which the best is taken


def part(
    one: ModuleType,
    arrays: dict,
    context: dict,
    good: list[Record],
    y: np.ndarray | None,
    parameters: dict,
    seed: int,
    yaml: Path,
) -> tuple[np.ndarray, np.ndarray, str]:
    """Part the samples of a kind of input: the part (0 train, 1 valid, 2 test, -1 none) and the group of each, (n,),
    and by what they are parted. BadInput where they cannot be parted as the user's file asks for."""
    said, columns = parameters.get("split", {}), parameters.get("columns", {})
    fractions = said.get("fractions", own.FRACTIONS)
    rng = np.random.default_rng([seed, 2026])
    same = one.same(arrays, context)
    groups = [record.fields.get(columns.get("group"), "") for record in good]
    places = [record.fields.get("chromosome", "") for record in good]
    by = said.get("by") or _usual(one, columns, places)
    if "group" in columns and not any(group.strip() for group in groups):
        raise BadInput(f"{yaml}: columns.group: no record has '{columns['group']}'")
    if by == "given":
        return (*_given(good, same, columns, yaml), by)
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
        "random": lambda: tables.linked(same),
        "group": lambda: tables.linked(same),
        "scaffold": lambda: one.scaffold(arrays),
        "chromosome": lambda: np.array(places),
        "cluster": lambda: _clusters(one, arrays, same),
        "blocks": lambda: np.arange(len(good)) * BLOCKS // len(good),
    }[by]()
    named = f"{by} and group" if by != "group" and any(groups) else by
    if by == "group" or any(groups):
        group = tables.linked(group, _each(groups))
    dealt = deal(group, y, fractions, rng, parameters["output"])
    if dealt is None:
        raise BadInput(f"{yaml}: split.by: {named}: {_undealt(group, 'group' if named != by else by)}")
    if by in ("chromosome", "blocks"):  # the other groups hold all samples that are the same
        dealt = _apart(dealt, same)
        for number, name in enumerate(("train", "valid", "test")):
            if not (dealt == number).any():
                raise BadInput(f"{yaml}: split.by: {by}: all samples of {name} are in a later part as well")
    return dealt, np.char.add(f"{by}:".encode(), np.asarray(group).astype("S")), named


def _clusters(one, arrays, same):
    """Number the clusters of a kind, with the variants of a library in one, (n,)."""
    found = [same, one.cluster(arrays)]
    if hasattr(one, "compared"):
        found.append(own_links.library(*one.compared(arrays), len(same)))
    return tables.linked(*found)


def _each(groups):
    """Name the group of each record, (n,); one for which none is said is a group of its own."""
    return np.array([f"={name.strip()}" if name.strip() else str(row) for row, name in enumerate(groups)])


def _undealt(group, title):
    """Say why groups, each a `title` such as a cluster, cannot be dealt, and what to do."""
    sizes = np.unique(group, return_counts=True)[1]
    there = f"all {len(group)} samples are one {title}"
    if len(sizes) > 1:
        there = f"there are {len(sizes)} {title}s, the largest of {sizes.max()} of the {len(group)} samples"
    return (
        f"{there}, but train, valid and test need one each at least. Part the samples by something else: split: "
        "{by: random}, which leaves near-duplicates on both sides; {by: group} with columns: {group: NAME}; or "
        "{by: given} with columns: {split: NAME}"
    )


def doubts(part: np.ndarray, group: np.ndarray, good: list[Record], parameters: dict) -> list[str]:
    """Warn of parts (n,) far from the sizes that were asked for, and of named groups that a given split parts."""
    said, column, lines = parameters.get("split", {}), parameters.get("columns", {}).get("group"), []
    if said.get("by") != "given":
        wanted = np.array(said.get("fractions", own.FRACTIONS)) * len(part)
        counts = np.bincount(part[part >= 0], minlength=3)
        if (counts < wanted / 2 - 1).any() or (counts > wanted * 2 + 1).any():
            sizes = np.unique(group, return_counts=True)[1]
            lines.append(
                f"warning: the parts are far from the {', '.join(f'{one:.0f}' for one in wanted)} samples asked for, "
                f"since groups stay whole: {len(sizes)} there are, the largest of {sizes.max()} samples"
            )
    elif column:
        names = _each([record.fields.get(column, "") for record in good])[part >= 0]
        pairs = {(name, number) for name, number in zip(names.tolist(), part[part >= 0].tolist(), strict=True)}
        several = len(pairs) - len({name for name, _ in pairs})
        lines += [f"warning: groups of '{column}' are in more than one part of the given split"] if several else []
    return lines


def _usual(one, columns, places):
    """Choose what the samples are parted by where nothing is said: a group that is named, where rows are alike;
    chromosomes of windows that have coordinates; else what the kind of input asks for."""
    if one.SPLIT == "random" and "group" in columns:
        return "group"
    if one.SPLIT == "chromosome" and (not all(places) or len(set(places)) < 3):
        return "cluster"
    return one.SPLIT


def _given(good, same, columns, yaml):
    """Part as a column says; samples of training that are in another part as well, and of validation that are in test,
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
    return _apart(part, same), same


def _apart(part, same):
    """Take samples of training that are in a later part as well, and of validation that are in test, out of theirs."""
    part = part.copy()
    part[(part == 0) & np.isin(same, same[part > 0])] = -1
    part[(part == 1) & np.isin(same, same[part == 2])] = -1
    return part


def deal(
    group: np.ndarray, y: np.ndarray | None, fractions: list[float], rng: np.random.Generator, output: str
) -> np.ndarray | None:
    """Deal whole groups to parts of the sizes wanted, (n,): of many random orders the one is taken whose parts are
    nearest to them and have the classes in the proportions of the whole.

    A group larger than half of a held-out part stays in training where there are ten groups or more, and one larger
    than both held-out parts where two others can fill these. None where no order fills all parts.
    """
    names, member, sizes = np.unique(group, return_inverse=True, return_counts=True)
    total = len(member)
    targets = np.array([fractions[2], fractions[1]]) * total
    free = np.arange(len(names))
    small = free[sizes <= max(1, min(targets) / 2)]
    fits = free[sizes <= targets.sum()]
    if len(names) >= 10 and sizes[small].sum() >= targets.sum():
        free = small
    elif len(fits) >= 2:
        free = fits
    targets *= min(1.0, sizes[free].sum() / targets.sum())
    shares = _shares(y, output)
    whole = 0.0 if shares is None else np.nanmean(shares, axis=0)
    best, least = None, np.inf
    few = len(free) < FEW
    for turn in range(TRIES if len(names) > 3 else 6 * len(names)):
        order = rng.permutation(free)
        ends = np.cumsum(sizes[order])
        first = max(1, int(np.searchsorted(ends, targets[0] + 0.5, "right")))
        # Of few groups one more may be nearer to what is wanted, or bring the class that lacks.
        first = min(first + few * (turn % 2), len(free) - 1)  # one is left for validation
        second = max(first + 1, int(np.searchsorted(ends, targets.sum() + 0.5, "right")) + few * (turn // 2 % 2))
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
                off += np.nansum(np.abs(here - whole)) / shares.shape[1]
                off += 2 * np.isnan(here).any() + (np.abs(here - 0.5) == 0.5).any() * (output == "binary")
        if off < least:
            best, least = part, off
    return best


def _shares(y, output):
    """Give what the parts should have alike: 0/1 labels, classes one-hot, or whether a number is in the upper half."""
    if y is None or y.ndim == 3:
        return None
    y = y.reshape(len(y), -1)
    if output == "multiclass":
        return (y == np.unique(y[~np.isnan(y)])).astype(float)
    if output == "regression":
        return np.where(np.isnan(y), np.nan, y > np.nanmedian(y, axis=0))
    return y[:, :20].astype(float)
