"""Convolutions on graphs of atoms: batches sorted by degree, and the network of Altae-Tran et al. 2017."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepbio.domains.chemistry.molecules import CONVMOL_DEGREE, CONVMOL_FEATURES, MAX_DEGREE, Graphs


def by_degree(graph: dict[str, np.ndarray], samples: int, most: int = MAX_DEGREE) -> dict[str, Tensor]:
    """Turn a batch of molecules.Graphs into tensors, its atoms sorted by number of neighbours.

    Adds `order` (atoms,), where each atom stood before, `degrees` (most + 1,), the numbers of atoms with 0, 1, … and
    with `most` or more neighbours, and `sizes` (molecules,) in atoms.
    """
    degree = np.bincount(graph["target"], minlength=len(graph["atoms"])).clip(max=most)
    order = np.argsort(degree, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    arrays = {
        "atoms": graph["atoms"][order],
        "bonds": graph["bonds"],
        "source": place[graph["source"]],
        "target": place[graph["target"]],
        "molecule": graph["molecule"][order],
        "order": order,
        "degrees": np.bincount(degree, minlength=most + 1),
        "sizes": np.bincount(graph["molecule"], minlength=samples),
    }
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def convmol_batch(graphs: Graphs, index: np.ndarray) -> dict[str, Tensor]:
    """Give the molecules `index` of molecules.Graphs with ConvMol features as tensors for GraphConvolution.

    Atoms are sorted by degree and `near` (atoms + bonds,) by atom, each before its neighbours, so that those of all
    atoms of one degree are a table: no atom is handled by itself.
    """
    batch = by_degree(graphs.batch(index), len(index), CONVMOL_DEGREE)
    itself = torch.arange(len(batch["atoms"]))
    order = torch.cat([itself, batch["target"]]).argsort(stable=True)
    kept = {name: batch[name] for name in ("atoms", "molecule", "degrees", "sizes")}
    return kept | {"near": torch.cat([itself, batch["source"]])[order]}


def blocks(values: Tensor, near: Tensor, degrees: list[int]) -> Iterator[tuple[int, Tensor]]:
    """Yield for each degree of which there are atoms: degree, and the rows of each and of its neighbours
    (n, 1 + degree, f).

    values : (atoms, f), sorted by degree; near : of a convmol_batch; degrees : numbers of atoms, a list.
    """
    ends = values.index_select(0, near).split([(1 + degree) * count for degree, count in enumerate(degrees)])
    for degree, count in enumerate(degrees):
        if count:
            yield degree, ends[degree].view(count, 1 + degree, values.shape[1])


class GraphLayer(nn.Module):
    """Atoms (atoms, before) -> (atoms, width), ReLU, then the maximum over each atom and its neighbours.

    Weights and biases of an atom itself and of the sum of its neighbours differ with its degree, 0 to 10.
    """

    def __init__(self, before, width):
        super().__init__()
        self.own = nn.Parameter(torch.empty(CONVMOL_DEGREE + 1, before, width))
        self.near = nn.Parameter(torch.empty(CONVMOL_DEGREE, before, width))
        self.own_bias = nn.Parameter(torch.zeros(CONVMOL_DEGREE + 1, width))
        self.near_bias = nn.Parameter(torch.zeros(CONVMOL_DEGREE, width))
        for weights in (*self.own, *self.near):
            nn.init.xavier_uniform_(weights.data)

    def forward(self, x, near, degrees):
        # Unbound once: the gradient of one row after the other would be as large as all of them each time.
        own, own_bias, others, others_bias = (p.unbind() for p in (self.own, self.own_bias, self.near, self.near_bias))
        found = []
        for degree, rows in blocks(x, near, degrees):
            out = torch.addmm(own_bias[degree], rows[:, 0], own[degree])
            if degree:
                out = out + torch.addmm(others_bias[degree - 1], rows[:, 1:].sum(1), others[degree - 1])
            found.append(out)
        x = F.relu(torch.cat(found))
        return torch.cat([rows.amax(1) for _, rows in blocks(x, near, degrees)])


class GraphConvolution(nn.Module):
    """A convmol_batch -> vectors of its molecules (molecules, `vector`), each number within (-1, 1).

    `widths` of the graph layers, then a dense tanh layer on every atom, and the tanh of the sum over a molecule.
    """

    def __init__(self, widths=(64, 128, 64), vector=128):
        super().__init__()
        sizes = [CONVMOL_FEATURES, *widths]
        self.layers = nn.ModuleList(GraphLayer(*pair) for pair in zip(sizes[:-1], sizes[1:], strict=True))
        self.dense = nn.Linear(sizes[-1], vector)
        nn.init.xavier_uniform_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)

    def forward(self, batch):
        x, degrees = batch["atoms"].float(), batch["degrees"].tolist()
        for layer in self.layers:
            x = layer(x, batch["near"], degrees)
        x = torch.tanh(self.dense(x))
        empty = x.new_zeros(len(batch["sizes"]), x.shape[1])
        return torch.tanh(empty.index_add(0, batch["molecule"], x))


@torch.no_grad()
def embed(network: nn.Module, graphs: Graphs, index: np.ndarray, size: int = 128) -> Tensor:
    """Compute vectors (n, vector) of the molecules `index` of molecules.Graphs, in batches."""
    where = next(network.parameters()).device
    parts = []
    for start in range(0, len(index), size):
        batch = convmol_batch(graphs, index[start : start + size])
        parts.append(network({key: value.to(where) for key, value in batch.items()}))
    return torch.cat(parts)
