"""Proteins of which some residues are hidden, and what is known of their structure and variants.

Of training proteins the hidden residues are known by the labels; `revealed` puts them back. Further labels are there
for some proteins: `y_states` (residues of all,) 0 helix, 1 strand, 2 other, 255 unknown; `y_contacts`, all pairs row by
row, 1 where two residues touch, 255 unknown; `y_effects`, 20 numbers for each residue, NaN where a substitution was not
measured. A protein without one of them has an empty list.
"""

import numpy as np

from deepbio.core.data import Ragged, Split
from deepbio.core.kind import Array

ROLE = "input"
TITLE = "proteins with hidden residues"
HIDDEN = 25  # stands for a residue that is hidden
CONTACTS, EFFECTS, STATES = 1, 2, 4  # what `asked` says that is to be predicted of a protein
ARRAYS = {
    "residues": Array("uint8", ("residue",), "residues as in `protein`, 25 where one is hidden", ragged=True),
    "hidden": Array("int32", ("number",), "places of the hidden residues, -1 for none"),
    "asked": Array("uint8", (), "what else is asked of the protein: the sum of 1 (contacts), 2 (effects), 4 (states)"),
}
CONTEXT: dict[str, str] = {}
OUTPUTS = ("residues",)
SMALL, HOLD = 8, 6  # residues of a repeat of the small problem, and hidden residues of each of its proteins


def sample(rng: np.random.Generator, n: int, output: str) -> tuple[dict, dict]:
    """Draw proteins of 32 to 48 residues that repeat a word of eight, with some noise: what is hidden stands elsewhere.
    Charged residues are helices, aromatic ones strands."""
    found = []
    for _ in range(n):
        size = int(rng.integers(32, 49))
        codes = np.resize(rng.integers(0, 20, SMALL), size)
        noise = rng.random(size) < 0.05
        found.append(np.where(noise, rng.integers(0, 20, size), codes).astype(np.uint8))
    table = np.full(25, 2, np.uint8)
    table[[2, 3, 8, 14]], table[[4, 18, 19]] = 0, 1
    arrays = hide(found, 0.15, HOLD, rng)
    arrays |= {"y_states": Ragged.join([table[codes] for codes in found]), "asked": np.full(n, STATES, np.uint8)}
    return arrays, {"metrics": ["ece"]}


def hide(found: list[np.ndarray], share: float, most: int, rng: np.random.Generator) -> dict:
    """Hide a share of the standard residues of each protein, `most` at most: residues, hidden and y."""
    hidden, y = np.full((len(found), most), -1, np.int32), np.full((len(found), most, 20), np.nan, np.float32)
    parts = []
    for row, codes in enumerate(found):
        known = rng.permutation(np.flatnonzero(codes < 20))
        at = np.sort(known[: min(most, round(share * len(codes)))])
        hidden[row, : len(at)] = at
        y[row, : len(at)] = np.eye(20, dtype=np.float32)[codes[at]]
        codes = codes.copy()
        codes[at] = HIDDEN
        parts.append(codes)
    return {"residues": Ragged.join(parts), "hidden": hidden, "y": y}


def revealed(split: Split) -> Ragged:
    """Put hidden residues back, as far as the split has labels: the proteins' residues."""
    values, hidden = np.array(split["residues"].values), np.asarray(split["hidden"])
    if "y" in split:
        row, place = np.nonzero(hidden >= 0)
        values[split["residues"].offsets[row] + hidden[row, place]] = np.asarray(split.y)[row, place].argmax(axis=1)
    return Ragged(values, split["residues"].offsets)


def read(given, known=None):
    """Read records of FASTA files and tables of proteins, in which a `?` or a `#` stands for a hidden residue, for
    predictions. `known`: the `shapes` of the model's arrays."""
    from deepbio.core.files import BadInput
    from deepbio.domains.dna.own_windows import fasta_or_tables
    from deepbio.domains.protein import sequences
    from deepbio.kinds.protein import COLUMNS, FASTA

    most = known["shapes"]["hidden"][0] if known else 0

    def arrays(text):
        text = "".join(text.split()).replace("#", "?")
        at = np.array([place for place, letter in enumerate(text) if letter == "?"], np.int32)
        if len(at) > most:
            raise BadInput(f": {len(at)} residues are hidden, at most {most} are predicted")
        codes = sequences.encode(text.replace("?", "X"))
        codes[at] = HIDDEN
        hidden = np.pad(at, (0, most - len(at)), constant_values=-1).astype(np.int32)
        return {"residues": Ragged.join([codes]), "hidden": hidden, "asked": np.uint8(0)}

    return fasta_or_tables(given, FASTA, COLUMNS, arrays)
