"""Logistic (or linear) regression with a ridge penalty, on standardised features."""

from deepbio.learning.linear import RidgeLogistic


class Method(RidgeLogistic):
    """The regression, unchanged."""
