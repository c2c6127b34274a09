"""Proteins that bind RNA, told from their sequence, and what length and first residue alone tell."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Ragged, Split
from deepbio.domains.protein import clusters, sequences, simulated
from deepbio.domains.protein.matching import pairs_of_like_length

FILES = {
    "train": ("nonRBP.fa", "RBP.fa"),
    "yeast": ("YeastnonRBP.fa", "YeastRBP.fa"),
    "at": ("AtnonRBP.fa", "AtRBP.fa"),
    "human": ("HumannonRBP.fa", "HumanRBP.fa"),
}


def prepare(sources, parameters, seed):
    """Read proteins and part them; `format` says where they come from.

    species : training on the paper's proteins, a share `valid_fraction` of which, in whole clusters of similar ones, is
        for validation; testing on those of `species`. With `distinct`, proteins of the test that are similar to one of
        training are left out.
    matched : the paper's training proteins in whole clusters, each positive beside a negative of like length
        (`tolerance`: largest difference of the natural logarithms), without histidine tags and the first residue.
    simulated : families, every second one with a binding region; `families`, `members`, `lengths`, `distance`; the
        families are those of `problem`, and random ones are held out.

    Arrays: residues, ragged (residues,) uint8; y (n,) float32, 1 where a protein binds RNA; group, its cluster.
    """
    read = {"species": _species, "matched": _matched, "simulated": _simulated}[parameters["format"]]
    return read(sources, parameters, np.random.default_rng([seed, 15264]))


def _read(folder, which, tags=True):
    """Read residues and labels of the two files of a set; a sequence that stands twice in it is kept once.

    A histidine tag tells a construct made for a crystal, and so a negative: in training 24 % of the negatives have one.
    With `tags` false they are cut off.
    """
    found, labels, seen = [], [], set()
    for label, name in enumerate(FILES[which]):
        for whole in sequences.read_fasta(Path(folder) / name)[1]:
            codes = whole if tags else sequences.without_tag(whole)
            if codes.tobytes() not in seen:
                seen.add(codes.tobytes())
                found.append(codes)
                labels.append(label)
    return found, np.array(labels)


def _split(residues, y, group):
    return Split({"residues": residues, "y": y.astype(np.float32), "group": np.array(group).astype("S")}, {})


def _three(residues, y, group, part):
    whole = _split(residues, y, [f"cluster{one}" for one in group])
    return {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}


def _species(sources, parameters, rng):
    found, y = _read(sources["rbp_proteins"], "train")
    folder = sources["rbp_human"] if parameters["species"] == "human" else sources["rbp_proteins"]
    held, held_y = _read(folder, parameters["species"])
    known = {codes.tobytes() for codes in held}
    kept = [row for row, codes in enumerate(found) if codes.tobytes() not in known]
    residues, y, test = Ragged.join([found[row] for row in kept]), y[kept], Ragged.join(held)
    if parameters.get("distinct"):
        both = Ragged.join([*(found[row] for row in kept), *held])
        like = clusters.near(both, len(kept) + np.arange(len(held)), np.arange(len(kept)))
        test, held_y = test.take(np.flatnonzero(~like)), held_y[~like]
    group = clusters.cluster(residues)
    valid = tables.group_parts(group, parameters["valid_fraction"], parameters["valid_fraction"], rng) == 1
    train = _split(residues, y, [f"cluster{one}" for one in group])
    return {
        "train": train.take(~valid),
        "valid": train.take(valid),
        "test": _split(test, held_y, [f"test{row}" for row in range(len(test))]),
    }


def _matched(sources, parameters, rng):
    found, y = _read(sources["rbp_proteins"], "train", tags=False)
    residues = sequences.without_first(Ragged.join(found))
    kept = pairs_of_like_length(residues.lengths, y, parameters["tolerance"], rng)
    residues, y = residues.take(kept), y[kept]
    group = clusters.cluster(residues)
    part = tables.group_parts(group, parameters["valid_fraction"], parameters["test_fraction"], rng)
    return _three(residues, y, group, part)


def _simulated(sources, parameters, rng):
    problem = np.random.default_rng([parameters["problem"], 15264])
    how = (parameters[key] for key in ("families", "members", "lengths", "distance"))
    found, family, y = simulated.binding_families(problem, *how)
    part = tables.group_parts(family, parameters["valid_fraction"], parameters["test_fraction"], rng)
    return _three(Ragged.join(found), y, family, part)
