"""SPINDLE's network in float, as digital logic of 32 bits computes it."""

from deepbio.methods import spindle


class Method(spindle.Method):
    """Parameters: those of spindle for the network, its training and the cost model."""

    def __init__(self, parameters):
        bits = {"weight_bits": None, "output_bits": None, "input_bits": None}
        super().__init__({**parameters, **bits, "digital": True})
