"""Toxicity of molecules: whether a substance disturbs a cell's stress response or switches on a nuclear receptor."""

import numpy as np
from rdkit import Chem

from deepbio.core.files import BadInput
from deepbio.domains.chemistry import molecule_tables


def prepare(sources, parameters, seed):
    """Molecules and one 0/1 label each, read and parted as deepbio.molecule_tables says.

    Molecules without labels get those of a simulated assay: what holds one of the `toxicophores` (name → SMARTS) is
    toxic, and of all labels a share `noise` is turned round. The context then names the `toxicophores`.
    """
    smiles, found, y = molecule_tables.read(next(iter(sources.values())), parameters)
    context = {}
    if "toxicophores" in parameters:
        y = planted(found, parameters["toxicophores"], parameters["noise"])
        context = {"toxicophores": parameters["toxicophores"]}
    return molecule_tables.parts(smiles, found, y, parameters, seed, context)


def planted(found, toxicophores, noise):
    """Labels (n,) of the simulated assay; its errors are the same in every split."""
    patterns = [Chem.MolFromSmarts(text) for text in toxicophores.values()]
    if None in patterns:
        raise BadInput(f"toxicophores: no valid SMARTS: {list(toxicophores.values())[patterns.index(None)]!r}")
    toxic = np.array([any(molecule.HasSubstructMatch(pattern) for pattern in patterns) for molecule in found])
    turned = np.random.default_rng(20152).random(len(found)) < noise
    return (toxic ^ turned).astype(float)
