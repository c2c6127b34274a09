"""Single-cell methylation: whether a CpG site is methylated in each of several cells."""

import numpy as np

from deepbio.core.data import NAMES, Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import genome, methylation, sequences


def prepare(sources, parameters, seed):
    """Prepare the sites of one dataset, parted by blocks of positions with a gap between parts.

    cells : profiles of cells, and a FASTA file with a stretch of one of their chromosomes that begins at `begins`. The
        sites of `extra` chromosomes, of which there is no sequence, are for training only.
    simulated : see methylation.simulate.

    Arrays: codes (n, window) uint8 centred on the C, states and distances (n, cells, 2 x neighbours), y (n, cells) 0 or
    1, NaN where a cell does not cover the site, group (the block), y_position, and y_island (1 in a CpG island, NaN
    where that is not known). Neighbours are the nearest observed sites in all parts, so that the states of test sites
    are seen as neighbours of others, as in the paper. BadInput where a site lies on no CG.
    """
    reader = {"cells": _cells, "simulated": _simulated}[parameters["format"]]
    return reader(sources, parameters, np.random.default_rng([seed, 2017]))


def _cells(sources, parameters, rng):
    folder = sources[parameters["files"]]
    profiles = {name: methylation.read_profile(folder / path) for name, path in parameters["cells"].items()}
    islands = genome.read_bed(folder / parameters["islands"])
    _, (sequence,) = sequences.read_fasta(folder / parameters["genome"])
    codes, chromosome = sequences.encode([sequence], folder)[0], parameters["chromosome"]
    found = []
    for name in (chromosome, *parameters["extra"]):
        of_cells = {cell: profile[name] for cell, profile in profiles.items()}
        sites = np.unique(np.concatenate([positions for positions, _ in of_cells.values()]))
        here = None
        if name == chromosome:
            index = sites - parameters["begins"]
            sites, index = (one[(index >= 0) & (index + 1 < len(codes))] for one in (sites, index))
            wrong = (codes[index] != 1) | (codes[index + 1] != 2)
            if wrong.any():
                raise BadInput(f"{folder}: position {sites[wrong][0]} of chromosome {name} is no CG")
            here = genome.windows(codes, index, parameters["window"])
        arrays = _arrays(sites, of_cells, here, parameters)
        inside = islands[islands["chrom"].astype(str).str.removeprefix("chr") == name]
        starts, ends = inside["start"].to_numpy(), inside["end"].to_numpy()
        arrays["y_island"] = ((sites[:, None] > starts) & (sites[:, None] <= ends)).any(axis=1).astype(np.float32)
        found.append((name, arrays))
    return _parted(found, parameters, list(profiles), rng)


def _simulated(sources, parameters, rng):
    codes, positions, states = methylation.simulate(
        parameters["cells"], parameters["sites"], parameters["coverage"], parameters["window"], rng
    )
    names = [f"cell {number}" for number in range(1, parameters["cells"] + 1)]
    known = ~np.isnan(states)
    of_cells = {name: (positions[known[:, i]], states[known[:, i], i]) for i, name in enumerate(names)}
    kept = positions[known.any(axis=1)]
    arrays = _arrays(kept, of_cells, genome.windows(codes, kept, parameters["window"]), parameters)
    arrays["y_island"] = np.full(len(kept), np.nan, np.float32)
    return _parted([("simulated", arrays)], parameters, names, rng)


def _arrays(sites, of_cells, codes, parameters):
    """Put together what is known of sites: their own states, and their neighbours in each cell."""
    found = [methylation.neighbours(*profile, sites, parameters["neighbours"]) for profile in of_cells.values()]
    y = np.full((len(sites), len(of_cells)), np.nan, np.float32)
    for column, (positions, states) in enumerate(of_cells.values()):
        place = np.clip(np.searchsorted(positions, sites), 0, len(positions) - 1)
        y[:, column] = np.where(positions[place] == sites, np.round(states[place]), np.nan)
    if codes is None:
        codes = np.full((len(sites), parameters["window"]), sequences.UNKNOWN, np.uint8)
    arrays = {"codes": codes, "states": np.stack([one for one, _ in found], axis=1), "y": y}
    return arrays | {"distances": np.stack([one for _, one in found], axis=1), "y_position": sites.astype(np.float64)}


def _parted(found, parameters, names, rng):
    """Part the sites of the first chromosome by blocks; those of the others are for training."""
    wholes, parts = [], []
    for number, (name, arrays) in enumerate(found):
        positions = arrays["y_position"].astype(np.int64)
        part = methylation.blocks(positions, parameters["block"], parameters["gap"], parameters["fractions"], rng)
        parts.append(part if number == 0 else np.zeros(len(positions), int))
        blocks = (positions // parameters["block"]).astype(str)
        wholes.append(arrays | {"group": np.char.add(f"{name}:", blocks).astype("S20")})
    joined = {key: np.concatenate([one[key] for one in wholes]) for key in wholes[0]}
    whole, part = Split(joined, {"features": names}), np.concatenate(parts)
    return {name: whole.take(part == number) for number, name in enumerate(NAMES)}
