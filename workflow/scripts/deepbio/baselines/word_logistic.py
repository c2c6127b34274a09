"""Logistic (or linear) regression on counts of all overlapping words of three residues."""

from deepbio.learning.linear import RidgeLogistic


class Method(RidgeLogistic):
    """The regression, unchanged; `features` say what it sees (kinds/protein.py)."""
