"""Growth of genotypes: predict the interaction of two deleted genes, or the response of mutated cells to a drug.

Genes are annotated with the terms of an ontology, which a method may use.
"""

import numpy as np

from deepbio.core import tables, text
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.genes.ontology import Ontology, read_pairs, read_topology
from deepbio.scoring import intervals

NAMES = ("train", "valid", "test")


def prepare(sources, parameters, seed):
    """Prepare genotypes over the genes of an ontology, which the context holds (deepbio.ontology.Ontology.of reads it).

    double_deletions : files `topology`, `train` and `test` of DCell. `split` is `authors` (theirs; validation pairs are
        drawn from training) or `new_genes`: genes are split, and a pair is kept only if both genes are in the same
        part, so that no gene of a held-out pair occurs in training.
    cell_lines : `folder` with the files of NeST-VNN; cell lines are split as there.
    simulated : double deletions over a simulated ontology, with `split` `pairs` or `new_genes`.

    Arrays: x (n, genes) uint8, 1 where a gene is deleted or mutated; y (n,) float32, the genetic interaction score
    (colony size beyond that expected from both single deletions), or the area under a dose-response curve minus the
    screen's mean; group: the pair (new_genes: its first gene), or the cell line.
    """
    if parameters["format"] == "cell_lines":
        return _cell_lines(next(iter(sources.values())) / parameters["folder"], parameters, seed)
    if parameters["format"] == "simulated":
        ontology, pairs, y = simulate(**parameters["simulation"])
        given = np.zeros(len(y), int)
    else:
        folder = next(iter(sources.values()))
        ontology = read_topology(folder / parameters["topology"])
        parts = [_read_pairs(folder / parameters[name], ontology.genes) for name in ("train", "test")]
        pairs, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        given = np.repeat([0, 2], [len(part[1]) for part in parts])
    part = _parts(pairs, given, parameters, len(ontology.genes), np.random.default_rng([seed, 4627]))
    names = np.array(ontology.genes).astype("S")
    groups = names[pairs[:, 0]]
    if parameters["split"] != "new_genes":
        groups = np.char.add(np.char.add(groups, b" "), names[pairs[:, 1]])
    x = np.zeros((len(y), len(names)), np.uint8)
    np.put_along_axis(x, pairs, 1, axis=1)
    return {
        name: Split({"x": x[part == i], "y": y[part == i], "group": groups[part == i]}, ontology.context())
        for i, name in enumerate(NAMES)
    }


def _parts(pairs, given, parameters, genes, rng):
    """Return 0, 1 or 2 (training, validation, test) for every pair, or -1 for a pair that is in no split.

    `given` is 2 for the authors' test pairs. The split by genes does not use it.
    """
    fractions = [parameters["valid_fraction"], parameters["test_fraction"]]
    if parameters["split"] == "new_genes":
        part = tables.stratified(np.zeros(genes), [1 - sum(fractions), *fractions], rng)[pairs]
        return np.where(part[:, 0] == part[:, 1], part[:, 0], -1)
    if parameters["split"] == "pairs":
        return tables.stratified(np.zeros(len(pairs)), [1 - sum(fractions), *fractions], rng)
    part, train = given.copy(), np.flatnonzero(given == 0)
    part[rng.choice(train, round(len(train) * fractions[0]), replace=False)] = 1
    return part


def _read_pairs(path, genes):
    """Read lines `2 gene gene score`: pairs (n, 2) of gene numbers, the smaller first, and scores (n,) float32.

    Raises BadInput with file and line for a line of another form, an unknown gene, a repeated pair, or an impossible
    score.
    """
    number = {gene: i for i, gene in enumerate(genes)}
    pairs, scores, seen = [], [], {}
    for line, written in text.lines(path):
        words = written.split()
        if len(words) != 4 or words[0] != "2":
            raise BadInput(f"{path}:{line}: '2 gene gene score' was expected, not {written[:40]!r}")
        unknown = [gene for gene in words[1:3] if gene not in number]
        if unknown:
            raise BadInput(f"{path}:{line}: gene {unknown[0]} is not in the topology")
        pair = tuple(sorted(number[gene] for gene in words[1:3]))
        if pair[0] == pair[1] or pair in seen:
            raise BadInput(
                f"{path}:{line}: {words[1]} and {words[2]}: {'one gene' if pair not in seen else 'repeated'}"
            )
        seen[pair] = line
        score = tables.number(words[3], "score", f"{path}:{line}")
        # The authors write -2 for pairs that are only to be predicted.
        if not -2 < score < 2:
            raise BadInput(f"{path}:{line}: {words[3]} is no interaction score")
        pairs.append(pair)
        scores.append(score)
    return np.array(pairs, int).reshape(-1, 2), np.array(scores, np.float32)


def _cell_lines(folder, parameters, seed):
    genes = _index(folder / "gene2ind.txt")
    lines = {name: i for i, name in enumerate(_index(folder / "cell2ind.txt"))}
    ontology = read_pairs(folder / "ontology.txt", genes)
    path = folder / "cell2mutation.txt"
    mutations = np.zeros((len(lines), len(genes)), np.uint8)
    rows = [row for _, row in text.lines(path)]
    if len(rows) != len(lines):
        raise BadInput(f"{path}:{len(rows)}: {len(lines)} rows were expected, one a cell line")
    for number, row in enumerate(rows):
        values = row.split(",")
        if len(values) != len(genes) or not set(values) <= {"0", "1"}:
            raise BadInput(f"{path}:{number + 1}: {len(genes)} times 0 or 1 were expected")
        mutations[number] = np.array(values, np.uint8)
    train, test = (_responses(folder / name, lines) for name in ("training_data.txt", "test_data.txt"))
    mean = {screen: np.mean(train[1][train[2] == screen]) for screen in np.unique(train[2])}
    held = np.random.default_rng([seed, 4627]).permutation(np.unique(train[0]))
    valid = np.isin(train[0], held[: round(len(held) * parameters["valid_fraction"])])
    splits, names = {}, np.array(list(lines)).astype("S")
    for name, (line, area, screen), kept in (
        ("train", train, ~valid),
        ("valid", train, valid),
        ("test", test, np.ones(len(test[0]), bool)),
    ):
        y = area - np.array([mean[one] for one in screen])
        arrays = {"x": mutations[line], "y": y.astype(np.float32), "group": names[line]}
        splits[name] = Split({key: array[kept] for key, array in arrays.items()}, ontology.context())
    return splits


def _index(path):
    """Read the names of a file of lines `number name`, numbered from 0."""
    names = []
    for number, written in text.lines(path):
        words = written.split("\t")
        if len(words) != 2 or words[0] != str(number - 1):
            raise BadInput(f"{path}:{number}: '{number - 1}' and a name were expected, not {written[:40]!r}")
        names.append(words[1])
    return names


def _responses(path, lines):
    """Read the number of the cell line, the area under the curve, and the screen of every row."""
    found = []
    for number, written in text.lines(path):
        words = written.split("\t")
        if len(words) != 4 or words[0] not in lines:
            raise BadInput(f"{path}:{number}: a known cell line, a drug, a number and a screen were expected")
        found.append((lines[words[0]], tables.number(words[2], "AUC", f"{path}:{number}"), words[3]))
    return [np.array(values) for values in zip(*found, strict=True)]


def simulate(complexes, pathways, genes, masking, buffering, single, noise):
    """Simulate a small ontology and the interaction scores of all its double deletions: ontology, pairs (n, 2), y (n,).

    `complexes` terms under the root have `pathways` terms each, with `genes` genes each. Every gene has a weight w
    between 0.2 and 1. Two deletions in one pathway mask each other: + masking w w'. Two pathways of a complex can
    replace each other, so deletions in both are worse than expected: - buffering w w'. Genes of different complexes do
    not interact. Some genes act by themselves in all pairs (`single`, an additive effect), and there is noise.
    """
    rng = np.random.default_rng(4627)
    leaves = complexes * pathways
    terms = ["cell", *(f"complex {i + 1}" for i in range(complexes))]
    terms += [f"pathway {i // pathways + 1}.{i % pathways + 1}" for i in range(leaves)]
    edges = [(0, 1 + i) for i in range(complexes)]
    edges += [(1 + i // pathways, 1 + complexes + i) for i in range(leaves)]
    # The number of a gene does not depend on its pathway.
    home = rng.permutation(np.repeat(np.arange(leaves), genes))
    annotations = np.stack([1 + complexes + home, np.arange(len(home))], axis=1)
    ontology = Ontology(terms, [f"gene {i + 1}" for i in range(len(home))], np.array(edges), annotations)
    pairs = np.stack(np.triu_indices(len(home), 1), axis=1)
    one, other = home[pairs].T
    both = rng.uniform(0.2, 1, len(home))[pairs].prod(1)
    effect = np.where(one == other, masking, np.where(one // pathways == other // pathways, -buffering, 0)) * both
    own = single * rng.standard_normal(len(home))[pairs].sum(1)
    return ontology, pairs, (effect + own + noise * rng.standard_normal(len(pairs))).astype(np.float32)


# ---- scores


def resampled(test, predictions, metric, train=None):
    """Resample the deleted genes: a pair counts as often as the product of how often its genes are drawn, since pairs
    that share a gene depend on each other. Cell lines are resampled as they are."""
    x, found = np.asarray(test["x"]), intervals.resampled(metric, test.y, predictions["y"])
    if not (x.sum(axis=1, dtype=int) == 2).all():
        return found
    genes, place = np.unique(np.nonzero(x)[1], return_inverse=True)
    one, other = place.reshape(-1, 2).T
    names = np.array(test.context["features"])[genes].astype(str)
    return intervals.Resampling(len(genes), lambda drawn: found.function(drawn[:, one] * drawn[:, other]), names)
