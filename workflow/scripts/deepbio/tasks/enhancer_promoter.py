"""Enhancer-promoter interactions: which pairs on a chromosome touch each other."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import NAMES, Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import planted, sequences

ENDS = ("enhancer", "promoter")


def prepare(sources, parameters, seed):
    """Prepare the pairs of one dataset.

    targetfinder : linked pairs, whose elements' bases come in tiles, and for each as many as `negatives` pairs of other
        elements of the same chromosome at a like distance. With `by: chromosome` whole chromosomes are held out, with
        `by: pair` random pairs, as in the paper, so that elements are in several parts.
    simulated : windows of which linked pairs hold a word in each; elements are in several pairs.

    Arrays: enhancer and promoter (n, window) uint8 centred on the element, unknown bases beyond it, places (n, 4)
    float32, names (n, 2) int64, signals (n, signals) float32 (of the elements, in the order of the context's
    `features`), y (n,) float32, group.
    """
    rng = np.random.default_rng([seed, 2017])
    reader = {"targetfinder": _targetfinder, "simulated": _simulated}[parameters["format"]]
    return reader(sources, parameters, rng)


def read_tiles(path):
    """Join the tiles of each element: (bases of each enhancer, of each promoter, linked pairs), the former by name.

    Bases that no tile has are unknown. BadInput names a tile without coordinates, or of another length than these say.
    """
    table = tables.read_csv(path)
    found, pairs = ({}, {}), {}
    columns = {
        f"{end}_{key}": table.column(f"{end}_{key}") for end in ENDS for key in ("name", "frag_name", "frag_seq")
    }
    for row in range(len(table)):
        names = tuple(columns[f"{end}_name"][row] for end in ENDS)
        pairs[names] = None
        for elements, end, name in zip(found, ENDS, names, strict=True):
            tile = columns[f"{end}_frag_name"][row]
            _, start, stop = sequences.place(tile.partition("|")[2], table.where(row))
            text = columns[f"{end}_frag_seq"][row]
            if len(text) != stop - start:
                raise BadInput(f"{table.where(row)}: {len(text)} bases in a tile of {stop - start}")
            elements.setdefault(name, {})[start] = stop, text
    joined = []
    for elements in found:
        of_name = {}
        for name, tiles in elements.items():
            place, parts = min(tiles), []
            for start in sorted(tiles):
                parts += ["N" * (start - place), tiles[start][1][max(0, place - start) :]]
                place = max(place, tiles[start][0])
            of_name[name] = "".join(parts)
        joined.append(of_name)
    return joined[0], joined[1], list(pairs)


def window(text, size):
    """Put an element into the middle of a window of unknown bases, cut to it where it is longer: codes (size,), and the
    first and last base of the element there."""
    codes = sequences.encode([text])[0][max(0, (len(text) - size) // 2) :][:size]
    start = (size - len(codes)) // 2
    found = np.full(size, sequences.UNKNOWN, np.uint8)
    found[start : start + len(codes)] = codes
    return found, (start, start + len(codes) - 1)


def read_signals(path, names):
    """Read the signals of elements from the table of pairs: of each end name → values, and their names."""
    table = tables.read_csv(path)
    found, features = [], []
    for end, wanted in zip(ENDS, names, strict=True):
        columns = [one for one in table.header if one.endswith(f"({end})")]
        values = np.stack([table.numbers(one) for one in columns], axis=1)
        first = {name: row for row, name in reversed(list(enumerate(table.column(f"{end}_name"))))}
        missing = [name for name in wanted if name not in first]
        if missing:
            raise BadInput(f"{path}: no {end} '{missing[0]}'")
        found.append({name: values[first[name]] for name in wanted})
        features += columns
    return found, features


def like_distances(middle, chromosome, linked, count, rng):
    """Draw pairs of an enhancer and a promoter of one chromosome that are not linked, `count` for each linked pair, at
    a distance as near to its own as can be.

    middle : of each end the middles of its elements; chromosome : of each end their chromosomes
    linked : (pairs, 2) numbers of elements. Each pair is drawn once.
    """
    taken, found = {tuple(pair) for pair in linked.tolist()}, []
    for first, second in linked[rng.permutation(len(linked))]:
        here = [np.flatnonzero(chromosome[end] == chromosome[0][first]) for end in range(2)]
        wanted = np.log(abs(middle[0][first] - middle[1][second]) + 1)
        apart = np.abs(np.log(np.abs(middle[0][here[0]][:, None] - middle[1][here[1]]) + 1) - wanted)
        made = 0
        for place in np.argsort(apart + 0.05 * rng.random(apart.shape), axis=None):
            pair = int(here[0][place // len(here[1])]), int(here[1][place % len(here[1])])
            if pair not in taken:
                taken.add(pair)
                found.append(pair)
                made += 1
            if made == count:
                break
    return np.array(found)


def _targetfinder(sources, parameters, rng):
    folder = sources[parameters["files"]]
    enhancers, promoters, pairs = read_tiles(folder / parameters["tiles"])
    names = [list(enhancers), list(promoters)]
    signals, features = read_signals(folder / parameters["table"], names)
    places = [[sequences.place(name.partition("|")[2], folder) for name in one] for one in names]
    chromosome = [np.array([place[0] for place in one]) for one in places]
    middle = [np.array([(place[1] + place[2]) / 2 for place in one]) for one in places]
    number = [{name: row for row, name in enumerate(one)} for one in names]
    linked = np.array([[number[end][name] for end, name in enumerate(pair)] for pair in pairs])
    others = like_distances(middle, chromosome, linked, parameters["negatives"], rng)
    chosen = np.concatenate([linked, others])
    y = np.repeat([1, 0], [len(linked), len(others)]).astype(np.float32)
    arrays = {"names": chosen, "y": y}
    ends = []
    for end, (texts, size) in enumerate(zip((enhancers, promoters), parameters["windows"], strict=True)):
        made = [window(texts[name], size) for name in names[end]]
        arrays[ENDS[end]] = np.stack([codes for codes, _ in made])[chosen[:, end]]
        ends.append(np.array([place for _, place in made], np.float32)[chosen[:, end]])
    arrays["places"] = np.concatenate(ends, axis=1)
    of_end = [np.stack([signals[end][name] for name in names[end]])[chosen[:, end]] for end in range(2)]
    arrays["signals"] = np.concatenate(of_end, axis=1).astype(np.float32)
    where = chromosome[0][chosen[:, 0]]
    if parameters["by"] == "chromosome":
        whole = Split(arrays | {"group": where.astype("S")}, {"features": features})
        return {name: whole.take(part) for name, part in sequences.by_chromosome(where, parameters).items()}
    arrays["group"] = planted.names("pair", len(y))
    return _at_random(arrays, parameters, features, rng)


def _at_random(arrays, parameters, features, rng):
    part, whole = tables.stratified(arrays["y"], parameters["fractions"], rng), Split(arrays, {"features": features})
    return {name: whole.take(part == number) for number, name in enumerate(NAMES)}


def _simulated(sources, parameters, rng):
    count, words = parameters["elements"], ((3, 2, 0, 1, 3, 1, 0), (0, 0, 3, 3, 2, 1, 0))
    windows, holds = [], []
    for size, word in zip(parameters["windows"], words, strict=True):
        codes = rng.integers(0, 4, (count, size)).astype(np.uint8)
        with_word = rng.random(count) < 0.5
        rows = np.flatnonzero(with_word)
        starts = rng.integers(size // 4, 3 * size // 4 - len(word), len(rows))
        codes[rows[:, None], starts[:, None] + np.arange(len(word))] = word
        windows.append(codes)
        holds.append(with_word)
    pairs = rng.integers(0, count, (parameters["samples"], 2))
    _, first = np.unique(pairs, axis=0, return_index=True)
    pairs = pairs[np.sort(first)]
    y = (holds[0][pairs[:, 0]] & holds[1][pairs[:, 1]]).astype(np.float32)
    arrays = {end: windows[number][pairs[:, number]] for number, end in enumerate(ENDS)}
    ends = [[0, size - 1] for size in parameters["windows"]]
    arrays["places"] = np.tile(np.array(sum(ends, []), np.float32), (len(y), 1))
    arrays["signals"] = rng.standard_normal((len(y), 2)).astype(np.float32)
    group = np.char.add("block", (pairs[:, 0] % 20).astype(str)).astype("S")
    part = np.searchsorted(np.cumsum(parameters["fractions"])[:-1], (pairs[:, 0] % 20 + 0.5) / 20, side="right")
    whole = Split(arrays | {"names": pairs, "y": y, "group": group}, {"features": ["noise 1", "noise 2"]})
    return {name: whole.take(part == number) for number, name in enumerate(NAMES)}
