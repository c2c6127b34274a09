"""Genes that are deleted in each strain, with the ontology in which they stand."""

import numpy as np

from deepbio.core.kind import Array
from deepbio.kinds import table

ROLE = "input"
TITLE = "deletions of genes"
ARRAYS = {"x": Array("uint8", ("gene",), "1 where the gene is deleted")}
CONTEXT = {
    "features": "names of the genes",
    "terms": "names of the terms of the ontology",
    "term_edges": "pairs of a term and one that it holds, (edges, 2)",
    "term_genes": "pairs of a term and a gene in it, (annotations, 2)",
}
OUTPUTS = ("binary", "regression")
NONE = "wild type"  # what an empty cell of deleted genes means
matrix = table.matrix


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Delete two of 16 genes in four pathways of two complexes; two in one complex but not in one pathway are lethal,
    and one gene acts by itself. As a class: whether the first pathway is hit, but for one mistake in ten."""
    chosen = np.argsort(rng.random((n, 16)), axis=1)[:, :2]
    one, other = np.sort(chosen // 4, axis=1).T
    x = np.zeros((n, 16), np.uint8)
    np.put_along_axis(x, chosen, 1, axis=1)
    y = -0.5 * ((one // 2 == other // 2) & (one != other)) + 0.5 * x[:, 0] + 0.02 * rng.standard_normal(n)
    y = x[:, :4].any(axis=1) ^ (rng.random(n) < 0.1) if output == "binary" else y
    edges = np.array([[0, 1], [0, 2], [1, 3], [1, 4], [2, 5], [2, 6]])
    genes = np.stack([3 + np.arange(16) // 4, np.arange(16)], axis=1)
    context = {"features": [f"gene {i}" for i in range(16)], "term_edges": edges, "term_genes": genes}
    context |= {"terms": ["cell", "complex 1", "complex 2", *(f"pathway {i}" for i in range(4))]}
    return {"x": x, "y": y.astype(np.float32)}, context


def read(given, known):
    """Yield strains to predict from tables whose column `genes` names the deleted genes of a strain, parted by commas,
    semicolons or spaces; an empty cell is a strain that lacks none."""
    import re

    from deepbio.core import records
    from deepbio.core.files import BadInput

    places = {name: place for place, name in enumerate(known["features"])}

    def arrays(cell):
        names = [] if cell == NONE else re.split(r"[,;+\s]+", cell.strip(",;+ "))
        unknown = [name for name in names if name not in places]
        if unknown:
            raise BadInput(f"the model knows no gene '{unknown[0]}'")
        x = np.zeros(len(places), np.uint8)
        x[[places[name] for name in names]] = 1
        return {"x": x}

    # A strain that lacks no gene is no missing value.
    return records.table(given, "genes", ("genes", "deleted", "deletions"), arrays, missing=NONE)
