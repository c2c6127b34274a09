"""Mutual information with the average product corrected."""

from deepbio.baselines.plm_dca import Method as One


class Method(One):
    """One score; `score` says which."""
