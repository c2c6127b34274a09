"""SPINDLE's network with weights and outputs rounded to 8 bits after training, in digital logic."""

from deepbio.methods import spindle


class Method(spindle.Method):
    """Parameters: those of spindle for the network, its training and the cost model."""

    def __init__(self, parameters):
        bits = {"weight_bits": 8, "output_bits": 8, "input_bits": 8}
        device = {"floor": 0, "stuck": 0}
        super().__init__({**parameters, **bits, "device": device, "noise": 0, "retrain": False, "digital": True})
