"""Chromatin accessibility: predict in which cell types a site is open."""

import numpy as np

from deepbio.core.data import NAMES, Split
from deepbio.domains.dna import bundles, genome, planted, sequences


def prepare(sources, parameters, seed):
    """Prepare the sites and labels of one dataset.

    sites : a FASTA file of sites with coordinates in its headers; a site is open where a peak overlaps it.
    basset : the HDF5 file of Basset, in its own splits.
    planted : Markov background; a site is open in a cell type when it contains one of that type's motifs.

    Arrays: codes (n, length) uint8, y (n, cell types) float32 (uint8 for a bundle), group. The context holds the names
    of the cell types as `features` and, for figures, the JASPAR groups whose motifs the data may contain as
    `jaspar_groups`.
    """
    readers = {"sites": _sites, "basset": _basset, "planted": _planted}
    return readers[parameters["format"]](sources, parameters, np.random.default_rng([seed, 2016]))


def _sites(sources, parameters, rng):
    folder = next(iter(sources.values()))
    codes, table = genome.site_table(folder / parameters["sites"])
    y = np.stack(
        [genome.overlaps(table, genome.read_bed(folder / file)) for file in parameters["peaks"].values()], axis=1
    )
    chromosome = table["chrom"].to_numpy().astype(str)
    context = {"features": list(parameters["peaks"]), "jaspar_groups": ["vertebrates"]}
    return {
        name: Split(
            {"codes": codes[part], "y": y[part].astype(np.float32), "group": chromosome[part].astype("S")}, context
        )
        for name, part in sequences.by_chromosome(chromosome, parameters).items()
    }


def _basset(sources, parameters, rng):
    """Read Basset's file: <split>_in (n, 4, 1, length), <split>_out (n, cell types), and target_labels, the cell
    types."""
    path = next(iter(sources.values())) / parameters["file"]
    parts = {name: (path, f"{name}_in", f"{name}_out") for name in NAMES}
    return bundles.splits(
        parts, parameters["bases"], {"features": bundles.names(path, "target_labels"), "jaspar_groups": ["vertebrates"]}
    )


def _planted(sources, parameters, rng):
    count, length = parameters["samples"], parameters["length"]
    codes = planted.background(count, length, rng)
    y = np.zeros((count, len(parameters["cells"])), np.float32)
    names = sorted({name for cell in parameters["cells"].values() for name in cell})
    for name, matrix in zip(names, planted.matrices(names, parameters["groups"]), strict=True):
        rows = np.flatnonzero(rng.random(count) < parameters["prevalence"])
        planted.plant(codes, rows, rng.integers(0, length - matrix.shape[1] + 1, len(rows)), matrix, rng)
        for column, cell in enumerate(parameters["cells"].values()):
            if name in cell:
                y[rows, column] = 1
    context = {"features": list(parameters["cells"]), "jaspar_groups": parameters["groups"]}
    arrays = {"codes": codes, "y": y, "group": planted.names("site", count)}
    return planted.splits(arrays, parameters["fractions"], context)


def interpret(train, runs, path):
    """Draw the scores of the outputs by group, and compare methods output by output; see figures/outputs.py."""
    from deepbio.figures import outputs

    outputs.draw(runs, train.context, path)
