"""Properties of molecules: how well a substance dissolves, kills a parasite or turns light into current."""

from deepbio.domains.chemistry import molecule_tables


def prepare(sources, parameters, seed):
    """Molecules and one number each, read and parted as deepbio.molecule_tables says."""
    return molecule_tables.parts(*molecule_tables.read(next(iter(sources.values())), parameters), parameters, seed)
