"""Logistic (or linear) regression on the shares of the 20 amino acids."""

from deepbio.learning.linear import RidgeLogistic


class Method(RidgeLogistic):
    """The regression, unchanged; `features` say what it sees (kinds/protein.py)."""
