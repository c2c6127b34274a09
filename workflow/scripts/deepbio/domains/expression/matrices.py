"""Readers of expression matrices (samples, genes) and of what is known of their samples and genes."""

import re
from collections import Counter

import numpy as np

from deepbio.core import tables, text
from deepbio.core.files import BadInput


def read_compendium(folder):
    """Read PRECISE as pymodulon ships it: expression (samples, genes) as log2(TPM + 1), names of the
    samples, groups that keep replicates and equal profiles together (project and condition), names of
    the genes, and the operon of each gene."""
    import pandas as pd

    path = folder / "log_tpm.csv"
    try:
        levels = pd.read_csv(path, index_col=0).astype(float)
    except (ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BadInput(f"{path}: no matrix of numbers: {error}") from None
    genes, samples, x = list(map(str, levels.index)), list(map(str, levels.columns)), levels.to_numpy().T
    about = tables.read_csv(folder / "sample_table.csv")
    conditions = zip(about.column("project"), about.column("condition"), strict=True)
    group = dict(zip(about.column(about.header[0]), conditions, strict=True))
    for name in samples:
        if name not in group:
            raise BadInput(f"{about.path}: sample '{name}' of log_tpm.csv is missing")
    places = tables.read_csv(folder / "gene_table.csv")
    operon = dict(zip(places.column(places.header[0]), places.column("operon"), strict=True))
    groups = _joined(["/".join(group[name]) for name in samples], x)
    return x, samples, groups, genes, [operon.get(gene) or gene for gene in genes]


def _joined(groups, x):
    """Give groups that have a sample of the same profile one name: a sample may be listed under two conditions."""
    first = {}
    leader = {group: group for group in groups}
    for group, row in zip(groups, x, strict=True):
        other = first.setdefault(row.tobytes(), group)
        leader = {one: leader[other] if head == leader[group] else head for one, head in leader.items()}
    return [leader[group] for group in groups]


def read_regulons(path, genes, smallest, largest):
    """Read edges regulator → gene: names of the regulators with `smallest` to `largest` of `genes`, and whether a gene
    is one of a regulator's, uint8 (regulators, genes)."""
    table = tables.read_csv(path)
    return regulons(zip(table.column("regulator"), table.column("gene_id"), strict=True), genes, smallest, largest)


def regulons(edges, genes, smallest, largest):
    """Turn pairs (regulator, gene) into names of regulators and memberships, as read_regulons does."""
    place, found = {gene: i for i, gene in enumerate(genes)}, {}
    for regulator, gene in edges:
        if gene in place:
            found.setdefault(str(regulator), set()).add(place[gene])
    names = sorted(name for name, own in found.items() if smallest <= len(own) <= largest)
    member = np.zeros((len(names), len(genes)), np.uint8)
    for row, name in enumerate(names):
        member[row, sorted(found[name])] = 1
    return names, member


def read_r(path):
    """Read an R data file: name → frame, or a list as a dict. BadInput where it is damaged."""
    import rdata

    try:
        return rdata.read_rda(path)
    except Exception as error:  # the parser has no error of its own for a file that is cut
        raise BadInput(f"{path}: not an R data file: {type(error).__name__}: {error}") from None


def read_probes(path):
    """Read genes of an array: name → its probe sets, in the order of the file; a symbol that several genes share is
    followed by the Ensembl id."""
    table, found = tables.read_csv(path, "\t", header=False), {}
    for row, line in enumerate(table.rows):
        if len(line) != 3:
            raise BadInput(f"{table.where(row)}: symbol, Ensembl id and probe sets are needed")
    shared = Counter(line[0] for line in table.rows)
    for line in table.rows:
        name = line[0] if shared[line[0]] == 1 else f"{line[0]} ({line[1]})"
        found[name] = [probe for probe in re.split(r"[,;|\s]+", line[2]) if probe]
    return found


def gene_levels(levels, probes, genes, where):
    """Average the probe sets of each gene: (samples, genes) of levels (samples, probe sets)."""
    place = {str(name): i for i, name in enumerate(probes)}
    found = np.empty((len(levels), len(genes)), np.float64)
    for column, (gene, own) in enumerate(genes.items()):
        here = [place[probe] for probe in own if probe in place]
        if not here:
            raise BadInput(f"{where}: no probe set of gene '{gene}': {', '.join(own)}")
        found[:, column] = levels[:, here].mean(axis=1)
    return found


def read_tumours(folder):
    """Read Chowdary's arrays: levels (arrays, genes), log2, a gene the mean of its probe sets; the names of the
    genes, of which the first are D-GEX's landmarks; how many those are; the tissue of each array, and its tumour.

    Every tumour was measured twice, frozen and kept in RNAlater, and its two arrays follow each other in the file.
    """
    path = folder / "chowdary.RData"
    data = next(iter(read_r(path).values()))
    arrays, tissue = data["x"], np.asarray(data["y"]).astype(str)
    if len(tissue) % 2 or (tissue[::2] != tissue[1::2]).any():
        raise BadInput(f"{path}: the two arrays of a tumour do not follow each other")
    landmarks, targets = (read_probes(folder / f"map_{name}.txt") for name in ("lm", "tg"))
    genes = landmarks | targets
    probes = arrays.coords[arrays.dims[1]].values
    levels = gene_levels(np.log2(np.asarray(arrays, float) + 1), probes, genes, path)
    tumour = np.array([f"{name}{row // 2}" for row, name in enumerate(tissue)])
    return levels, list(genes), len(landmarks), tissue, tumour


def quantile_normalise(x, rows):
    """Replace every sample's sorted values by the mean sorted profile of `rows`; equal values take the lowest rank."""
    profile = np.sort(rows, axis=1).mean(axis=0)
    return np.stack([profile[np.searchsorted(np.sort(row), row)] for row in x])


def simulate_saturating(samples, genes, states, noise, rng):
    """Simulate genes (samples, genes) that follow hidden states of the cell through saturating responses.

    Each gene sums the responses tanh(slope · state + shift) to three of the `states`, and has noise of its own. So a
    gene that is saturated says little of its state, and two genes follow each other along a bend, not a line.
    """
    state = rng.standard_normal((samples, states))
    x = noise * rng.standard_normal((samples, genes))
    which = rng.integers(0, states, (genes, 3))
    slope, shift, weight = rng.normal(0, 2, (genes, 3)), rng.normal(0, 1, (genes, 3)), rng.standard_normal((genes, 3))
    for part in range(3):
        x += weight[:, part] * np.tanh(state[:, which[:, part]] * slope[:, part] + shift[:, part])
    return x


def read_pcl(path):
    """Read a tab-separated matrix of genes by samples: expression (samples, genes), names of both."""
    table = tables.read_csv(path, "\t")
    genes, samples = list(table.column(table.header[0])), table.header[1:]
    return np.stack([table.numbers(place + 1) for place in range(len(samples))]), samples, genes


def read_gene_sets(path):
    """Read sets of genes, a line each: name, size and the genes, which semicolons part."""
    table = tables.read_csv(path, "\t", header=False)
    for row, line in enumerate(table.rows):
        if len(line) != 3:
            raise BadInput(f"{table.where(row)}: name, size and genes are needed")
    return {line[0]: [gene for gene in line[2].split(";") if gene] for line in table.rows}


def read_list(path):
    """Read names, one or several a line, parted by white space or commas."""
    return [name for _, line in text.lines(path) for name in line.replace(",", " ").split()]


def read_yeast(folder):
    """Read levels (arrays, genes), names of both, and the edges from transcription factors to genes."""
    frame = next(iter(read_r(folder / "dsyeastexpression.rda").values()))
    motif = next(iter(read_r(folder / "yeast.rda").values()))["motif"]
    edges = list(zip(motif.iloc[:, 0].astype(str), motif.iloc[:, 1].astype(str), strict=True))
    return frame.to_numpy(float).T, list(map(str, frame.columns)), list(map(str, frame.index)), edges


def unit_profiles(profile):
    """Standardise each gene of profile (genes, conditions) over its conditions; ± 3 deviations become 0 and 1."""
    z = (profile - profile.mean(axis=1, keepdims=True)) / np.maximum(profile.std(axis=1, keepdims=True), 1e-6)
    return ((z + 3) / 6).clip(0, 1)
