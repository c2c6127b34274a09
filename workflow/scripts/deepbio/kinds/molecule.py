"""Molecules as SMILES."""

import numpy as np

from deepbio.core.data import Split
from deepbio.core.kind import Array

ROLE = "input"
TITLE = "molecules"
ARRAYS = {"smiles": Array("text", (), "SMILES of a molecule")}
CONTEXT: dict[str, str] = {}
OUTPUTS = ("binary", "regression")
PARTS = ["C", "CC", "CCC", "c1ccccc1", "C1CCCCC1", "CN", "c1ccncc1", "CC=C", "CSC", "C(C)C"]
TAILS = ["O", "CO", "CCO", "C(=O)O", "OCCO", "N", "CN", "Cl", "C", "CC"]


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Join two fragments of drug-like molecules; the label counts oxygens, so the answer is in the graph."""
    smiles = [
        TAILS[rng.integers(len(TAILS))] + PARTS[rng.integers(len(PARTS))] + TAILS[rng.integers(len(TAILS))]
        for _ in range(n)
    ]
    count = np.array([s.count("O") for s in smiles], np.float32)
    y = (count > 0).astype(np.float32) if output == "binary" else count + 0.1 * rng.standard_normal(n)
    return {"smiles": np.array(smiles).astype("S"), "y": y.astype(np.float32)}, {}


def matrix(split: Split, parameters: dict) -> np.ndarray:
    """Compute circular fingerprints, (n, bits), by `parameters["fingerprint"]` (radius, bits, counts)."""
    from deepbio.domains.chemistry.molecules import circular_fingerprints

    return circular_fingerprints(split["smiles"], **parameters.get("fingerprint", {}))
