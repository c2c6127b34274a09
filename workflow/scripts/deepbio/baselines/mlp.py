"""A plain network to compare with Diet Networks: the same layers, with every weight of the first one free."""

from deepbio.methods import diet_networks


class Method(diet_networks.Method):
    """Parameters: hidden, dropout, training."""

    def __init__(self, parameters):
        super().__init__({**parameters, "embedding": "none", "reconstruction": 0, "first": 0, "validate": True})
