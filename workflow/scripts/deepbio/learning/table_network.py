"""What networks on tables share: the moments of the training columns, and standardised batches."""

import numpy as np
import torch
from torch import Tensor

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.learning.network import NetworkMethod


class TableMethod(NetworkMethod):
    """A network method whose input is `x` (n, columns), standardised by the moments of the training columns.

    Parameter that all of them take: `limit`, the largest standardised value; without it there is none.
    """

    by_row = True

    def describe(self, split: Split) -> dict:
        return {**super().describe(split), **self.moments(split)}

    def moments(self, split: Split) -> dict:
        """Measure `column_mean` and `column_std`, lists with a number for each column; 1 in place of a std of 0."""
        mean, std = tables.column_moments(split["x"])
        return {"column_mean": mean, "column_std": std}

    def batch(self, split: Split, index: np.ndarray) -> dict[str, Tensor]:
        limit = self.parameters.get("limit", np.inf)
        x = tables.standardise(split["x"][index], self.shape["column_mean"], self.shape["column_std"], limit)
        tensors = {"x": torch.from_numpy(x)}
        return tensors | ({"y": torch.from_numpy(np.array(split.y[index], np.float32))} if "y" in split else {})
