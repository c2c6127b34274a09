"""Logistic (or linear) regression on the length of a protein alone."""

from deepbio.learning.linear import RidgeLogistic


class Method(RidgeLogistic):
    """The regression, unchanged; `features` say what it sees (kinds/protein.py)."""
