"""Secondary structure of RNA: folding, and what each position is part of.

Structures come from ViennaRNA (Lorenz et al. 2011, doi:10.1186/1748-7188-6-26), whose Python package is no dependency
of this project: where it is missing, `fold` gives None and its caller says so.
"""

from importlib import import_module
from importlib.util import find_spec

import numpy as np

from deepbio.core.files import BadInput
from deepbio.domains.dna import sequences

LETTERS = "SHIME"  # stem, hairpin loop, internal loop or bulge, multiloop, end or linker outside of all stems
STEM, HAIRPIN, INTERNAL, MULTILOOP, EXTERIOR = range(5)
PACKAGE = "RNA"  # the name by which ViennaRNA is imported
ABSENT = "the ViennaRNA package is not installed: sequences are used without their structure"


def is_available() -> bool:
    """Tell whether ViennaRNA's Python package is installed."""
    return find_spec(PACKAGE) is not None


def annotate(brackets: str, where: str = "") -> np.ndarray:
    """Turn a structure in brackets and dots into the number of a letter of LETTERS for each position, (length,) uint8.

    BadInput names a letter that is neither, and a bracket without its partner.
    """
    found = np.full(len(brackets), EXTERIOR, np.uint8)
    loops: list[tuple[list[int], list[int]]] = []  # of each open pair: unpaired positions and pairs right inside
    for position, sign in enumerate(brackets):
        if sign == "(":
            if loops:
                loops[-1][1].append(position)
            loops.append(([], []))
        elif sign == ")":
            if not loops:
                raise BadInput(f"{where}: position {position + 1} of the structure closes a pair that was not opened")
            unpaired, inner = loops.pop()
            found[unpaired] = (HAIRPIN, INTERNAL, MULTILOOP)[min(len(inner), 2)]
        elif sign != ".":
            raise BadInput(f"{where}: {sign!r} is no letter of a structure in brackets and dots")
        elif loops:
            loops[-1][0].append(position)
        if sign != ".":
            found[position] = STEM
    if loops:
        raise BadInput(f"{where}: {len(loops)} pairs of the structure are not closed")
    return found


def fold(codes: np.ndarray) -> np.ndarray | None:
    """Fold each row of codes (n, length) by its least free energy: letters (n, length) as `annotate` gives them.

    None where ViennaRNA is not installed.
    """
    if not is_available():
        return None
    vienna = import_module(PACKAGE)
    texts = (sequences.decode(row).replace("T", "U") for row in codes)
    return np.stack([annotate(vienna.fold(text)[0]) for text in texts])
