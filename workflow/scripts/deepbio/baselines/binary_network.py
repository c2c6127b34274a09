"""SPINDLE's network with weights of one bit and outputs of 8 bits, in digital logic (after BinaryConnect)."""

from deepbio.methods import spindle


class Method(spindle.Method):
    """Parameters: those of spindle for the network, its training and the cost model."""

    def __init__(self, parameters):
        bits = {"weight_bits": 1, "output_bits": 8, "input_bits": 8}
        device = {"floor": 0, "stuck": 0}
        super().__init__({**parameters, **bits, "device": device, "noise": 0, "retrain": True, "digital": True})
