"""Episodes of few-shot learning: known actives and inactives of an assay, and molecules to be ranked."""

import numpy as np

from deepbio.core.kind import Array
from deepbio.kinds.molecule import PARTS, TAILS

ROLE = "input"
TITLE = "episodes of few-shot learning"
ARRAYS = {
    "actives": Array("integer", ("support",), "rows of the active molecules in `smiles`, -1 for none"),
    "inactives": Array("integer", ("support",), "rows of the inactive molecules, -1 for none"),
    "query": Array("integer", ("query",), "rows of the molecules to be ranked, -1 for none"),
}
CONTEXT = {"smiles": "SMILES of all molecules"}
OUTPUTS = ("ranking",)
MOLECULES = np.array([f"{one}{part}{other}" for part in PARTS for one in TAILS for other in TAILS[::3]])
WANTED = ("O", "N", "Cl", "c")  # an assay asks for one of these atoms


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Draw five molecules with an atom and five without, and twelve to classify."""
    holds = np.array([[atom in text for text in MOLECULES] for atom in WANTED])
    found = []
    for number in range(n):
        active = holds[number % len(WANTED)]
        groups = [rng.permutation(np.flatnonzero(active == value)) for value in (True, False)]
        query = rng.permutation(np.concatenate([groups[0][5:11], groups[1][5:11]]))
        found.append((groups[0][:5], groups[1][:5], query))
    arrays = {key: np.array(v, np.int32) for key, v in zip(ARRAYS, zip(*found, strict=True), strict=True)}
    y = holds[np.arange(n)[:, None] % len(WANTED), arrays["query"]].astype(np.float32)
    return arrays | {"y": y, "y_balance": np.ones(n, np.float32)}, {"smiles": MOLECULES.astype("S")}
