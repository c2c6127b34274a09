"""What tests of a user's own pairs of elements, CpG sites and tracks share: a small genome, and reading over it."""

import numpy as np
from test_own import genome, write
from test_predict import places_of_elements_and_sites

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
