"""The training that DeepSEA and its successor share: bounded weights, and few active units in the last hidden layer."""

from typing import Any

from torch import Tensor

from deepbio.learning import layers
from deepbio.learning.sequence_network import SequenceMethod


class ChromatinMethod(SequenceMethod):
    """A sequence method whose network has `detectors`, `deeper`, `dense`, `hidden(x)` and `head`.

    Parameters: max_norm (the largest Euclidean norm of a unit's incoming weights), l1 (weight of the mean sum of the
    last hidden layer's activations in the training loss), and those of SequenceMethod.
    """

    def loss(self, network: Any, batch: dict[str, Tensor]) -> Tensor:
        if network.training:
            limited = (network.detectors, *network.deeper, network.dense, network.head)
            layers.limit_norms(limited, self.parameters["max_norm"])  # which the last step may have passed
            hidden = network.hidden(network.one_hot(batch["codes"]))
            sparsity = self.parameters["l1"] * hidden.abs().sum(1).mean()
            return self.loss_of(network.head(hidden), batch) + sparsity
        return super().loss(network, batch)
