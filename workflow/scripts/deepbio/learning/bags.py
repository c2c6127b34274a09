"""What methods share that learn from bags of cells: standardised bags, and fixed numbers of cells drawn from them."""

import numpy as np
import torch

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.learning.network import NetworkMethod


def moments(split: Split) -> dict:
    """Measure `column_mean` and `column_std` of the markers over all cells of all bags, as lists."""
    mean, std = tables.column_moments(split["cells"].values)
    return {"column_mean": mean, "column_std": std}


def standardised(split: Split, shape: dict) -> tuple[np.ndarray, np.ndarray]:
    """Give all cells (cells, markers) float32, standardised by the moments in `shape`, and the offsets (n + 1,)."""
    values = tables.standardise(split["cells"].values, shape["column_mean"], shape["column_std"], np.inf)
    return values, np.asarray(split["cells"].offsets, np.int64)


def draw(y: np.ndarray, offsets: np.ndarray, each: int, cells: int, rng: np.random.Generator) -> tuple:
    """Draw about `each` bags of `cells` cells of each class, evenly from its samples and with replacement: numbers of
    cells (bags, cells) and labels (bags,)."""
    rows, labels = [], []
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        for sample in members:
            count = max(1, each // len(members))
            rows.append(rng.integers(offsets[sample], offsets[sample + 1], (count, cells)))
            labels.append(np.full(count, label, np.float32))
    return np.concatenate(rows), np.concatenate(labels)


class BagMethod(NetworkMethod):
    """A network over bags of cells; parameters: bags (of each class) and cells (of a bag)."""

    def describe(self, split: Split) -> dict:
        return {**super().describe(split), **moments(split)}

    def batch(self, split: Split, index: np.ndarray) -> dict[str, torch.Tensor]:
        """Draw as many cells as a bag has from each of the samples `index`, the same ones each time."""
        part = split.take(index)
        values, offsets = standardised(part, self.shape)
        rng = np.random.default_rng(0)
        rows = [rng.integers(*ends, self.parameters["cells"]) for ends in zip(offsets[:-1], offsets[1:], strict=True)]
        found = {"cells": torch.from_numpy(values[np.stack(rows)])}
        return found | ({"y": torch.from_numpy(np.array(part.y, np.float32))} if "y" in part else {})

    def draw(self, split: Split, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Draw the bags of a split: all cells, numbers of the cells of each bag, labels."""
        values, offsets = standardised(split, self.shape)
        rows, y = draw(np.asarray(split.y), offsets, self.parameters["bags"], self.parameters["cells"], rng)
        return torch.from_numpy(values), torch.from_numpy(rows), torch.from_numpy(y)
