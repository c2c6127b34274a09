"""Gated recurrent units with the reset gate before the recurrent product, as Keras 2 and Passage have them.

torch's own have it behind the product (Chung et al. 2014 against cuDNN's form), so that their weights mean something
else.
"""

import torch
from torch import Tensor, nn


class GatedUnits(nn.Module):
    """x (n, steps, inputs) -> the last states (n, units).

    `steep` multiplies what goes into the gates' sigmoid; with `first` the first state is learned, else it is zero.
    Padded steps come first in a sample and change nothing, so that a state does not depend on the batch.
    """

    def __init__(self, inputs: int, units: int, steep: float = 1.0, first: bool = False, gain: float = 1.0):
        super().__init__()
        self.units, self.steep = units, steep
        self.inputs = nn.Linear(inputs, 3 * units)  # update, reset, candidate
        self.gates = nn.Linear(units, 2 * units, bias=False)
        self.candidate = nn.Linear(units, units, bias=False)
        self.first = nn.Parameter(torch.zeros(units)) if first else None
        for block in (*self.gates.weight.split(units), self.candidate.weight):
            nn.init.orthogonal_(block, gain)
        for block in self.inputs.weight.split(units):
            nn.init.xavier_uniform_(block)
        nn.init.zeros_(self.inputs.bias)

    def forward(self, x: Tensor, padded: Tensor | None = None, every: bool = False) -> Tensor:
        """Give the last states, or with `every` those after each step (n, steps, units); `padded` (n,) counts the steps
        at the beginning of each sample that are no part of it."""
        with torch.autocast(x.device.type, enabled=False):  # many steps add up what half precision rounds away
            return self.walk(x.float(), padded, every)

    def walk(self, x, padded, every):
        """Go from state to state, as `forward` gives them."""
        given = self.inputs(x).transpose(0, 1)
        state = x.new_zeros(len(x), self.units) if self.first is None else self.first.expand(len(x), -1)
        gates, candidate, states = self.gates.weight.T, self.candidate.weight.T, []
        free = int(padded.max()) if padded is not None else 0  # of samples of nearly one length a few steps alone
        pairs = zip(given[..., : 2 * self.units].unbind(), given[..., 2 * self.units :].unbind(), strict=True)
        for step, (to_gates, to_candidate) in enumerate(pairs):
            update, reset = torch.sigmoid(self.steep * torch.addmm(to_gates, state, gates)).chunk(2, 1)
            new = torch.lerp(torch.tanh(torch.addmm(to_candidate, reset * state, candidate)), state, update)
            state = torch.where((step >= padded)[:, None], new, state) if padded is not None and step < free else new
            if every:
                states.append(state)
        return torch.stack(states, 1) if every else state
