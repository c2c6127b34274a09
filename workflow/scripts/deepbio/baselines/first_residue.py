"""Logistic regression on whether a protein begins with Met: what tells whole proteins from pieces."""

from deepbio.learning.linear import RidgeLogistic


class Method(RidgeLogistic):
    """The regression, unchanged; `features` say what it sees (kinds/protein.py)."""
