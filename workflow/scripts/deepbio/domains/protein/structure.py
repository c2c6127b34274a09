"""Structures of proteins: reading PDB and mmCIF files, distances, superposition, surfaces.

Coordinates are in ångström. biotite reads the files (https://www.biotite-python.org).
"""

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepbio.core import text
from deepbio.core.files import BadInput
from deepbio.domains.protein import sequences

THREE = {
    "ALA": "A", "ARG": "R", "ASN": "N", "ASP": "D", "CYS": "C", "GLN": "Q", "GLU": "E", "GLY": "G", "HIS": "H",
    "ILE": "I", "LEU": "L", "LYS": "K", "MET": "M", "PHE": "F", "PRO": "P", "SER": "S", "THR": "T", "TRP": "W",
    "TYR": "Y", "VAL": "V", "MSE": "M", "SEC": "U", "PYL": "O", "HSD": "H", "HSE": "H", "HSP": "H", "HID": "H",
    "HIE": "H", "HIP": "H", "CYX": "C", "CSO": "C", "SEP": "S", "TPO": "T", "PTR": "Y", "MLY": "K", "HYP": "P",
}  # fmt: skip
MMCIF = (".cif", ".mmcif")


@dataclass(frozen=True)
class Chain:
    """One chain: codes (residues,) of its residues, their `numbers` with insertion codes, the coordinates (residues, 3)
    of CA and of CB (CA where there is none), and all heavy atoms: `atoms` (atoms, 3), `of` (atoms,) the residue of
    each, `elements` (atoms,)."""

    name: str
    codes: np.ndarray
    numbers: list[str]
    ca: np.ndarray
    cb: np.ndarray
    atoms: np.ndarray
    of: np.ndarray
    elements: np.ndarray


def read_chains(path: Path) -> list[Chain]:
    """Read all chains of amino acids of the first model of a PDB or mmCIF file, packed or not; of alternate places of
    an atom the one of the highest occupancy. Residues without CA are left out.

    Raises BadInput with the file, and for a PDB file with the line of the first atom that cannot be read.
    """
    import biotite.structure.io.pdb as pdb
    import biotite.structure.io.pdbx as pdbx

    from deepbio.core.records import suffix

    path = Path(path)
    is_cif = suffix(path) in MMCIF
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        plain = Path(folder) / ("plain.cif" if is_cif else "plain.pdb")
        text.copy_plain(path, plain)
        wrong = "" if is_cif else _bad_line(plain)
        if wrong:
            raise BadInput(f"{path}{wrong}: an atom whose number or coordinates cannot be read")
        try:
            # Files may leave out the elements, which the library then reads from the atoms' names.
            warnings.simplefilter("ignore", UserWarning)
            if is_cif:
                atoms = pdbx.get_structure(pdbx.CIFFile.read(str(plain)), model=1, altloc="occupancy")
            else:
                atoms = pdb.get_structure(pdb.PDBFile.read(str(plain)), model=1, altloc="occupancy")
        except Exception as error:  # the library has many of its own
            raise BadInput(f"{path}: no structure: {type(error).__name__}: {error}") from None
    atoms = atoms[np.isin(atoms.res_name, list(THREE)) & ~np.isin(atoms.element, ["H", "D"])]
    chains = [_chain(str(name), atoms[atoms.chain_id == name]) for name in dict.fromkeys(atoms.chain_id.tolist())]
    found = [chain for chain in chains if chain]
    if not found:
        raise BadInput(f"{path}: no residue of a protein with a CA atom")
    return found


def _chain(name, atoms):
    keys = [f"{number}{insertion}".strip() for number, insertion in zip(atoms.res_id, atoms.ins_code, strict=True)]
    is_ca = atoms.atom_name == "CA"
    order = list(dict.fromkeys(key for key, ca in zip(keys, is_ca, strict=True) if ca))
    if not order:
        return None
    place = {key: row for row, key in enumerate(order)}
    of = np.array([place.get(key, -1) for key in keys], int)
    ca = np.full((len(order), 3), np.nan)
    ca[of[is_ca]] = atoms.coord[is_ca]
    cb, is_cb = ca.copy(), (atoms.atom_name == "CB") & (of >= 0)
    cb[of[is_cb]] = atoms.coord[is_cb]
    letters = [""] * len(order)
    for row, residue in zip(of[is_ca], atoms.res_name[is_ca], strict=True):
        letters[row] = THREE[str(residue)]
    inside = of >= 0
    elements = atoms.element[inside].astype("U2")
    return Chain(
        name, sequences.encode("".join(letters)), order, ca, cb, atoms.coord[inside].astype(float), of[inside], elements
    )


def _bad_line(path):
    """Name the first line of an atom whose number or coordinates are no numbers."""
    for number, line in text.lines(path):
        if line.startswith(("ATOM  ", "HETATM")):
            try:
                _ = [float(line[start : start + 8]) for start in (30, 38, 46)], int(line[22:26])
            except ValueError:
                return f":{number}"
    return ""


def read(path: Path, chain: str | None = None) -> Chain:
    """Read one chain: that of the name, or the longest; BadInput names the chains that there are."""
    chains = read_chains(path)
    if chain is None:
        return max(chains, key=lambda one: len(one.codes))
    for one in chains:
        if one.name.strip() == chain.strip():
            return one
    raise BadInput(f"{path}: no chain '{chain}'; there are: {', '.join(one.name or 'blank' for one in chains)}")


def distances(x: np.ndarray, other: np.ndarray | None = None) -> np.ndarray:
    """Compute the distances of points (n, 3) to each other or to others (m, 3): (n, m)."""
    return np.linalg.norm(x[:, None] - (x if other is None else other)[None], axis=2)


def places(query: np.ndarray, chain: np.ndarray) -> np.ndarray:
    """Find for each residue of a query (n,) its place in a chain's sequence, -1 where it has none: by the blocks that
    the two have in common (difflib), as gaps of a structure and ends of an alignment leave them."""
    from difflib import SequenceMatcher

    found = np.full(len(query), -1)
    matcher = SequenceMatcher(None, sequences.decode(query), sequences.decode(chain), autojunk=False)
    for block in matcher.get_matching_blocks():
        if block.size >= 3:
            found[block.a : block.a + block.size] = np.arange(block.b, block.b + block.size)
    return found


def superposition(mobile: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the rotation (3, 3) and the shift (3,) that bring points (n, 3) nearest to a target: x @ rotation + shift
    (Kabsch 1976, Acta Crystallographica A32:922). Mirror images are no rotations."""
    centre, aim = mobile.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((mobile - centre).T @ (target - aim))
    rotation = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
    return rotation, aim - centre @ rotation


def rmsd(x: np.ndarray, y: np.ndarray) -> float:
    """Compute the root mean squared distance of points (n, 3) to (n, 3), as they lie."""
    return float(np.sqrt(((x - y) ** 2).sum(axis=1).mean()))


def embed(table: np.ndarray) -> np.ndarray:
    """Place points in space by their distances (n, n), by classical multidimensional scaling: (n, 3), up to a motion
    and a mirror."""
    n = len(table)
    centre = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-0.5 * centre @ table**2 @ centre)
    return vectors[:, -3:] * np.sqrt(np.maximum(values[-3:], 0))


def surface(chain: Chain, least: float = 5.0) -> np.ndarray:
    """Tell which heavy atoms lie on the surface: those with at least `least` Å² of accessible area (probe 1.4 Å)."""
    import biotite.structure as bs

    array = bs.AtomArray(len(chain.atoms))
    array.coord = chain.atoms.astype(np.float32)
    array.element = chain.elements
    areas = bs.sasa(array, vdw_radii="Single", point_number=100)
    return np.nan_to_num(areas) >= least
