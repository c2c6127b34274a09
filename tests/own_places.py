"""What tests of a user's own pairs of elements, CpG sites and tracks share: a small genome, and reading over it."""

import re

import numpy as np
from own_files import genome, write

from deepbio.core import kind, records

GENOME = "AACCGGTTACGTACGCATTTCGAAAACCCC"  # CG at 4, 10, 14 and 21, counted from 1
CODES = np.array(["ACGTN".index(base) for base in GENOME])
# Contexts of trained models.
PAIR = {"features": ["CTCF"], "shapes": {"enhancer": [8], "promoter": [3]}}
SITE = {"features": ["one", "two"], "length": 5, "shapes": {"states": [2, 4]}}
TRACKS = {"tracks": ["b", "a"], "length": 6}


def read(name, folder, file, text, known=None, columns=None, genome=True, output="", **options):
    """Read one file of a folder that has a genome of two equal chromosomes."""
    (folder / "genome.fa").write_text(f">chr1\n{GENOME}\n>chr2\n{GENOME}\n")
    (folder / file).write_text(text)
    options |= {"genome": folder / "genome.fa"} if genome else {}
    given = records.Given({file: folder / file}, columns or {}, options, output)
    return list(kind.load(name).read(given, known))


def problems(found):
    return [record.problem for record in found]


def own_pairs(folder, **facts):
    genome(folder)
    (folder / "g.fa").rename(folder / "genome.fa")
    places_of_elements_and_sites(folder)
    said = {"input": "element_pair", "output": "binary", "file": "pairs.csv", "genome": "genome.fa"}
    return write(folder, **(said | {"columns": {"label": "linked"}} | facts))


def places_of_elements_and_sites(folder):
    """Pairs, calls and signals over genome.fa."""
    rng = np.random.default_rng(1)
    texts = dict(one.split("\n")[:2] for one in (folder / "genome.fa").read_text().split(">")[1:])
    pairs, calls, shares, starts = (
        ["enhancer,promoter,H3K27ac,linked"],
        ["chromosome\tposition\tcell 1\tcell 2"],
        [],
        [],
    )
    for name, text in texts.items():
        for enhancer, promoter in rng.integers(0, 5800, (40, 2)):
            linked = int(rng.integers(2))
            signal = f"{linked + rng.standard_normal():.2f}"
            pairs.append(f"{name}:{enhancer}-{enhancer + 120},{name}:{promoter}-{promoter + 80},{signal},{linked}")
        for site in re.finditer("CG", text):
            states = "\t".join(rng.choice(["0", "1", ""], 2))
            calls.append(f"{name}\t{site.start() + 1}\t{states}")
        starts.append(f"variableStep chrom={name}")
        for place in range(0, 6000, 20):
            shares.append(f"{name}\t{place}\t{place + 20}\t{rng.random():.3f}")
            starts.append(f"{place + 1} {rng.integers(1, 5)}")
    for name, lines in {
        "pairs.csv": pairs,
        "calls.tsv": calls,
        "nucleosomes.bedgraph": shares,
        "starts.wig": starts,
    }.items():
        (folder / name).write_text("\n".join(lines) + "\n")
