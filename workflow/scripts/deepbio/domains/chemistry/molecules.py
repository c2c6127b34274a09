"""Molecules: reading SMILES and SDF, circular fingerprints, scaffolds, and graphs of atoms and bonds."""

import re
from dataclasses import dataclass

import numpy as np
from rdkit import Chem, RDLogger
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.MolStandardize import rdMolStandardize
from rdkit.Chem.Scaffolds import MurckoScaffold

from deepbio.core.data import Ragged
from deepbio.core.files import BadInput
from deepbio.core.text import lines as text_lines

RDLogger.DisableLog("rdApp.*")

LONGEST = 10_000  # characters of a SMILES; RDKit takes minutes over longer ones, and no molecule here has them

# The atom features of Duvenaud et al. 2015: 43 elements and "other", degree, hydrogens, implicit valence, aromatic.
ELEMENTS = tuple(
    "C N O S F Si P Cl Br Mg Na Ca Fe As Al I B V K Tl Yb Sb Sn Ag Pd Co Se Ti Zn H Li Ge Cu Au Ni Cd In Mn Zr Cr "
    "Pt Hg Pb".split()
)
_ELEMENT = {symbol: i for i, symbol in enumerate(ELEMENTS)}
MAX_DEGREE = 5
ATOM_FEATURES = len(ELEMENTS) + 1 + 6 + 5 + 6 + 1
BOND_FEATURES = 6
# The atom features of DeepChem's ConvMol (Altae-Tran et al. 2017): the same elements, degree 0-10, implicit valence
# 0-6, charge, radical electrons, hybridisation, aromatic, hydrogens 0-4.
CONVMOL_DEGREE = 10
CONVMOL_FEATURES = len(ELEMENTS) + 1 + 11 + 7 + 1 + 1 + 5 + 1 + 5
_HYBRIDS = {
    kind: i
    for i, kind in enumerate(Chem.HybridizationType.names[name] for name in ("SP", "SP2", "SP3", "SP3D", "SP3D2"))
}
_BONDS = {
    Chem.BondType.SINGLE: 0,
    Chem.BondType.DOUBLE: 1,
    Chem.BondType.TRIPLE: 2,
    Chem.BondType.AROMATIC: 3,
}


def parse(smiles, where=""):
    """Parse a SMILES into an RDKit molecule without atom maps, which number atoms for reactions and are no part of it.

    Raises BadInput with `where` (file and line) if the SMILES is wrong or holds no atom.
    """
    if len(smiles) > LONGEST:
        raise BadInput(f"{where}: a SMILES of {len(smiles)} characters, {smiles[:20]}…; at most {LONGEST} are read")
    molecule = Chem.MolFromSmiles(smiles.strip())
    if molecule is None or molecule.GetNumAtoms() == 0:
        raise BadInput(f"{where}: not a valid SMILES: {smiles!r}")
    if ":" in smiles:
        for atom in molecule.GetAtoms():
            atom.SetAtomMapNum(0)
    return molecule


def parse_all(smiles, path, lines, skip=False):
    """Yield the molecules, one after another, of the SMILES of a file that stand on `lines`; with `skip` None for what
    RDKit refuses."""
    for text, line in zip(smiles, lines, strict=True):
        try:
            yield parse(text, f"{path}:{line}")
        except BadInput:
            if not skip:
                raise
            yield None


def read_smi(path):
    """Read the first word of every line that is not blank: SMILES, as strings, and the numbers of their lines."""
    found = [(line.split()[0], number) for number, line in text_lines(path) if line.strip()]
    if not found:
        raise BadInput(f"{path}: no SMILES")
    return [one for one, _ in found], [number for _, number in found]


def read_sdf(path):
    """Read the records of an SDF file: (RDKit molecule, properties as text) each.

    A record ends with $$$$; the last may end with the file. BadInput names the record and its first line where a
    molecule is not valid or has no atom, a record has more than one end of a molecule (a $$$$ is missing between two,
    or the blank line before it), or a property stands twice.
    """
    found = [sdf_record(f"{path}: {where}", block) for where, block in sdf_blocks(path)]
    if not found:
        raise BadInput(f"{path}: no record")
    return found


def sdf_blocks(path):
    """Yield the place and the lines of each record of an SDF file, one at a time and unread."""
    block, began, number = [], 1, 1
    for line_number, line in text_lines(path):
        if line.rstrip() == "$$$$":
            yield f"record {number} (line {began})", block
            block, began, number = [], line_number + 1, number + 1
        else:
            block.append(line)
    if any(line.strip() for line in block):
        yield f"record {number} (line {began})", block


def sdf_record(where, lines):
    """Read one record: (RDKit molecule, properties as text).

    What stands up to `M  END` is the molecule, behind it come properties: `> <name>`, lines, a blank.
    """
    ends = [place for place, line in enumerate(lines) if line.startswith("M  END")]
    if len(ends) != 1:
        raise BadInput(f"{where}: {len(ends)} molecules (M  END) in one record; each record ends with $$$$")
    molecule = Chem.MolFromMolBlock("\n".join(lines[: ends[0] + 1]))
    if molecule is None:
        raise BadInput(f"{where}: no valid molecule")
    if not molecule.GetNumAtoms():
        raise BadInput(f"{where}: a molecule without atoms")
    facts, name, value = {}, None, []
    for line in [*lines[ends[0] + 1 :], ""]:
        if line.startswith(">") and (name is None or not value):
            heading = re.search(r"<([^>]*)>", line)
            if not heading:
                raise BadInput(f"{where}: a property without a name: {line[:40]!r}")
            name = heading.group(1)
            if name in facts:
                raise BadInput(f"{where}: property '{name}' stands twice")
            facts[name] = ""
        elif name is not None and line.strip():
            if line.startswith("> ") and "<" in line:
                raise BadInput(f"{where}: the blank line before {line[:40]!r} is missing")
            value.append(line)
        elif name is not None:
            facts[name], name, value = "\n".join(value), None, []
        elif line.strip():
            raise BadInput(f"{where}: {line[:40]!r} belongs to no property")
    return molecule, facts


def texts(smiles):
    """Decode a byte-string array of a split into Python strings."""
    return [s.decode() for s in np.asarray(smiles)]


def canonical(molecules):
    """Write canonical SMILES as a byte-string array: equal for equal molecules."""
    return np.array([Chem.MolToSmiles(molecule) for molecule in molecules]).astype("S")


def parent(molecule):
    """Give the molecule that a salt or an ion is a form of: its largest organic fragment, uncharged where it can be.

    Isotopes, stereoisomers and tautomers stay molecules of their own.
    """
    if len(Chem.GetMolFrags(molecule)) == 1 and not any(atom.GetFormalCharge() for atom in molecule.GetAtoms()):
        return molecule
    try:
        return rdMolStandardize.ChargeParent(molecule)
    except Chem.MolSanitizeException:  # no valid molecule without its charge, such as a hydride of antimony
        return rdMolStandardize.FragmentParent(molecule)


def identity(molecules):
    """Write canonical SMILES of each one's `parent` as a byte-string array: who is the same must not be in two
    splits."""
    return canonical(map(parent, molecules))


def scaffolds(molecules):
    """Compute Bemis-Murcko scaffolds as a byte-string array; a molecule without a ring is its own group of one."""
    found = []
    for molecule in molecules:
        scaffold = MurckoScaffold.MurckoScaffoldSmiles(mol=molecule)
        found.append(scaffold or "acyclic:" + Chem.MolToSmiles(molecule))
    return np.array(found).astype("S")


def circular_fingerprints(smiles, radius=2, bits=2048, counts=False):
    """Compute ECFP (Morgan) fingerprints, (n, bits) uint8 of bits or counts (at most 255)."""
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=bits)
    call = generator.GetCountFingerprintAsNumPy if counts else generator.GetFingerprintAsNumPy
    rows = [call(parse(text)) for text in texts(smiles)]
    return np.minimum(np.stack(rows), 255).astype(np.uint8)


@dataclass(frozen=True)
class Graphs:
    """Many molecules as graphs.

    atoms : Ragged of int8 (atoms, features of the scheme); edges : Ragged of int64 (directed bonds, 2), from and to
    within a molecule; bonds : Ragged of int8 (directed bonds, 6).
    """

    atoms: Ragged
    edges: Ragged
    bonds: Ragged

    def __len__(self):
        return len(self.atoms)

    def batch(self, index):
        """Join the molecules `index` into one graph: atoms, bonds, source, target, molecule (of every atom)."""
        atoms, edges, bonds = self.atoms.take(index), self.edges.take(index), self.bonds.take(index)
        shift = np.repeat(atoms.offsets[:-1], edges.lengths)[:, None]
        pairs = edges.values + shift
        return {
            "atoms": atoms.values,
            "bonds": bonds.values,
            "source": pairs[:, 0],
            "target": pairs[:, 1],
            "molecule": np.repeat(np.arange(len(index)), atoms.lengths),
        }


def _duvenaud(atom):
    return (
        _ELEMENT.get(atom.GetSymbol(), len(ELEMENTS)),
        min(atom.GetDegree(), MAX_DEGREE),
        min(atom.GetTotalNumHs(), 4),
        min(atom.GetNumImplicitHs(), 5),
        atom.GetIsAromatic(),
    )


def _convmol(atom):
    return (
        _ELEMENT.get(atom.GetSymbol(), len(ELEMENTS)),
        min(atom.GetDegree(), CONVMOL_DEGREE),
        min(atom.GetValence(Chem.ValenceType.IMPLICIT), 6),
        atom.GetFormalCharge(),
        atom.GetNumRadicalElectrons(),
        _HYBRIDS.get(atom.GetHybridization(), 4),
        atom.GetIsAromatic(),
        min(atom.GetTotalNumHs(), 4),
    )


# Scheme of atom features: what is read of an atom, and over how many places each is written one-hot (1: as it is).
_SCHEMES = {"duvenaud": (_duvenaud, (44, 6, 5, 6, 1)), "convmol": (_convmol, (44, 11, 7, 1, 1, 5, 1, 5))}


def graphs(smiles, scheme="duvenaud"):
    """Build the graphs of a byte-string array of SMILES, hydrogens implicit; `scheme` names the atom features.

    duvenaud : 62, one-hot: element (44), degree 0-5, hydrogens 0-4, implicit valence 0-5, aromatic (Duvenaud et al.
        2015).
    convmol : 75: element (44), degree 0-10, implicit valence 0-6, formal charge and number of radical electrons as
        numbers, hybridisation (sp, sp2, sp3, sp3d, sp3d2), aromatic, hydrogens 0-4 (DeepChem's ConvMol).

    Bond features: single, double, triple, aromatic, conjugated, in a ring. Values beyond a range are put into its last
    place.
    """
    read, widths = _SCHEMES[scheme]
    atoms, edges, bonds = [], [], []
    for text in texts(smiles):
        molecule = parse(text)
        atoms.append(np.array([read(atom) for atom in molecule.GetAtoms()], np.int8))
        links = [
            (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), _BONDS.get(bond.GetBondType(), 0))
            + (bond.GetIsConjugated(), bond.IsInRing())
            for bond in molecule.GetBonds()
        ]
        links = np.array(links, dtype=np.int64).reshape(-1, 5)
        edges.append(np.concatenate([links[:, :2], links[:, 1::-1]]))
        bonds.append(np.concatenate([links[:, 2:], links[:, 2:]]))
    atoms, edges, bonds = Ragged.join(atoms), Ragged.join(edges), Ragged.join(bonds)
    return Graphs(
        Ragged(_one_hot(atoms.values, widths), atoms.offsets),
        edges,
        Ragged(_one_hot(bonds.values, (4, 1, 1)), bonds.offsets),
    )


def _one_hot(codes, widths):
    """Write codes (n, fields) one-hot over sum(widths) columns; a field of width 1 stays as it is."""
    places = [
        np.eye(width, dtype=np.int8)[column] if width > 1 else column[:, None].astype(np.int8)
        for column, width in zip(codes.T, widths, strict=True)
    ]
    return np.concatenate(places, axis=1)


def fragment_image(molecule, atom, radius, size=(260, 180)):
    """Draw a PNG picture (bytes) of a molecule with the neighbourhood of one atom marked."""
    from rdkit.Chem.Draw import rdMolDraw2D

    marked, bonds = neighbourhood(molecule, atom, radius)
    colour = (0.34, 0.71, 0.91)
    drawer = rdMolDraw2D.MolDraw2DCairo(*size)
    drawer.drawOptions().padding = 0.08
    rdMolDraw2D.PrepareAndDrawMolecule(
        drawer,
        molecule,
        highlightAtoms=sorted(marked),
        highlightBonds=bonds,
        highlightAtomColors=dict.fromkeys(marked, colour),
        highlightBondColors=dict.fromkeys(bonds, colour),
    )
    drawer.FinishDrawing()
    return drawer.GetDrawingText()


def fragment_smiles(molecule, atom, radius):
    """Write the SMILES of an atom's neighbourhood, for tables."""
    marked, bonds = neighbourhood(molecule, atom, radius)
    return Chem.MolFragmentToSmiles(molecule, atomsToUse=sorted(marked), bondsToUse=bonds)


def neighbourhood(molecule, atom, radius):
    """Find the atoms and bonds within `radius` bonds of an atom; all of the molecule where it reaches no further."""
    found = Chem.FindAtomEnvironmentOfRadiusN(molecule, radius, atom, enforceSize=False) if radius else []
    bonds = [molecule.GetBondWithIdx(bond) for bond in found]
    return {atom} | {end for bond in bonds for end in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())}, list(found)


def holds(molecule, query, atoms):
    """Tell whether one of the query's matches in a molecule lies within `atoms`."""
    return any(set(match) <= set(atoms) for match in molecule.GetSubstructMatches(query))
