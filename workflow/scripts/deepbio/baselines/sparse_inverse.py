"""The sparse inverse covariance by itself."""

from deepbio.baselines.plm_dca import Method as One


class Method(One):
    """One score; `score` says which."""
