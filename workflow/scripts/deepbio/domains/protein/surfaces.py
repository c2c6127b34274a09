"""Surfaces of proteins: the atoms that a solvent reaches, what they are, and how they look from six sides."""

import numpy as np

from deepbio.domains.protein.scales import SCALES
from deepbio.domains.protein.sequences import STANDARD
from deepbio.domains.protein.structure import Chain, surface

# Properties of an atom, beside its depth: those of its residue, brought to a size of about one, and its own mass.
PROPERTIES = ("charge", "hydropathy", "polarity", "mass")
CHANNELS = ("depth", *PROPERTIES)
VIEWS = tuple(f"{side} {axis}" for axis in "xyz" for side in ("from +", "from -"))
_SCALED = np.stack(
    [SCALES["charge"], SCALES["hydrophobicity"] / 4.5, (SCALES["polarity"] - SCALES["polarity"].mean()) / 3.0], axis=1
)
_MASS = {"C": 12.0, "N": 14.0, "O": 16.0, "S": 32.0, "SE": 79.0, "P": 31.0}


def describe(codes: np.ndarray, elements: np.ndarray) -> np.ndarray:
    """Describe atoms by the code of their residue (n,) and their element (n,): (n, 4) float32, as PROPERTIES says."""
    standard = STANDARD[codes]
    known = standard < 20
    of_residue = np.where(known[:, None], _SCALED[np.where(known, standard, 0)], 0.0)
    mass = np.array([_MASS.get(str(element), 12.0) for element in elements]) / 16.0
    return np.concatenate([of_residue, mass[:, None]], axis=1).astype(np.float32)


def surface_atoms(chain: Chain) -> tuple[np.ndarray, np.ndarray]:
    """Take the atoms on the surface of a chain: coordinates about the chain's middle (n, 3), and properties (n, 4)."""
    on = surface(chain)
    x = chain.atoms[on] - chain.atoms.mean(axis=0)
    return x.astype(np.float32), describe(chain.codes[chain.of[on]], chain.elements[on])


def rotation(rng: np.random.Generator) -> np.ndarray:
    """Draw a rotation (3, 3), all alike likely (Shoemake 1992)."""
    drawn = rng.standard_normal(4)
    w, x, y, z = drawn / np.linalg.norm(drawn)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def views(x: np.ndarray, properties: np.ndarray, cells: int, width: float) -> np.ndarray:
    """Project surface atoms onto the six sides of a cube: (6, 5, cells, cells) float32, as VIEWS and CHANNELS say.

    A cell of `width` ångström shows the atom nearest to the viewer: how far it lies above the middle (in units of half
    the cube's edge) and its properties; 0 where there is none. Atoms outside the cube are left out.
    """
    found = np.zeros((6, 1 + properties.shape[1], cells, cells), np.float32)
    half = cells * width / 2
    at = np.floor((x + half) / width).astype(int)
    inside = ((at >= 0) & (at < cells)).all(axis=1)
    for axis in range(3):
        one, other = (k for k in range(3) if k != axis)
        cell = at[:, one] * cells + at[:, other]
        for side, sign in enumerate((1.0, -1.0)):
            depth = sign * x[:, axis]
            order = np.flatnonzero(inside)[np.lexsort((depth[inside], cell[inside]))]
            if not len(order):
                continue
            last = np.r_[cell[order][1:] != cell[order][:-1], True]  # of each cell the highest atom
            seen = order[last]
            shown = np.concatenate([1 + depth[seen, None] / half, properties[seen]], axis=1)
            found[2 * axis + side].reshape(shown.shape[1], -1)[:, cell[seen]] = shown.T
    return found
