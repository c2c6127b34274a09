"""Toxicity of molecules: predict whether a molecule triggers a cell's stress response or activates a nuclear
receptor."""

import numpy as np
from rdkit import Chem

from deepbio.core.files import BadInput
from deepbio.domains.chemistry import molecule_tables


def prepare(sources, parameters, seed):
    """Prepare molecules and one 0/1 label each; deepbio.molecule_tables says how they are read and split.

    Molecules without labels get those of a simulated assay: a molecule that contains one of the `toxicophores` (name →
    SMARTS) is toxic, and a share `noise` of all labels is inverted. The context then names the `toxicophores`.
    """
    smiles, found, y = molecule_tables.read(next(iter(sources.values())), parameters)
    context = {}
    if "toxicophores" in parameters:
        y = planted(found, parameters["toxicophores"], parameters["noise"])
        context = {"toxicophores": parameters["toxicophores"]}
    return molecule_tables.parts(smiles, found, y, parameters, seed, context)


def planted(found, toxicophores, noise):
    """Simulate labels (n,) of an assay; its errors are the same in every split. Raises BadInput for an invalid
    SMARTS."""
    patterns = [Chem.MolFromSmarts(text) for text in toxicophores.values()]
    if None in patterns:
        raise BadInput(f"toxicophores: no valid SMARTS: {list(toxicophores.values())[patterns.index(None)]!r}")
    toxic = np.array([any(molecule.HasSubstructMatch(pattern) for pattern in patterns) for molecule in found])
    turned = np.random.default_rng(20152).random(len(found)) < noise
    return (toxic ^ turned).astype(float)
