"""Sets of molecules, from which new ones are generated; labels are SMILES as symbols (n, length)."""

from functools import cache

import numpy as np

from deepbio.core.kind import Array

ROLE = "input"
TITLE = "sets of molecules"
ARRAYS = {"smiles": Array("text", (), "SMILES of a molecule")}
CONTEXT = {"symbols": "the vocabulary", "length": "symbols of the longest string"}
OUTPUTS = ("generated",)
PARTS = ["C", "CC", "CO", "CN", "c1ccccc1", "C(=O)", "CS"]
SYMBOLS = ["#", "(", ")", "-", "1", "2", "3", "=", "C", "N", "O", "S", "c", "n"]


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Join chains of fragments, of which half a hundred differ; labels are their symbols."""
    from rdkit import Chem

    from deepbio.domains.chemistry.smiles import Vocabulary

    vocabulary = Vocabulary(SYMBOLS)
    texts = [Chem.CanonSmiles("".join(rng.choice(PARTS, rng.integers(1, 4))) + "O") for _ in range(n)]
    properties = np.array([_properties(text) for text in texts], np.float32)
    arrays = {"smiles": np.array(texts).astype("S"), "y": vocabulary.encode(texts, 32), "y_properties": properties}
    return arrays, {"symbols": vocabulary.symbols, "length": 32, "metrics": ["validity"]}


@cache
def _properties(text):
    from deepbio.domains.chemistry.molecule_sets import describe

    return describe([text]).properties[0]
