"""Properties of molecules: predict solubility, activity against a parasite, or photovoltaic efficiency."""

from deepbio.domains.chemistry import molecule_tables


def prepare(sources, parameters, seed):
    """Prepare molecules and one number each; deepbio.molecule_tables says how they are read and split."""
    return molecule_tables.parts(*molecule_tables.read(next(iter(sources.values())), parameters), parameters, seed)
