"""The probe of secondary structure on each residue alone, one-hot: what vectors know of a residue's neighbours is the
gain over it. The window is a parameter of the YAML."""

from deepbio.baselines.onehot_probe import Method

__all__ = ["Method"]
