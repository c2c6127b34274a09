"""Least squares, of the smallest weights where there are more features than samples."""

from deepbio.baselines.ridge_regression import Method as Ridge


class Method(Ridge):
    """Ridge regression without a penalty."""
