"""AWD-LSTM (Merity et al. 2017, arXiv:1708.02182): a language model of stacked LSTMs with four kinds of dropout.

Written out, because torch has none of them: whole rows of the embedding, weights between hidden states, and masks that
stay the same over all steps of a sequence.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def locked_dropout(x: Tensor, share: float, training: bool) -> Tensor:
    """Drop the same features of x (n, steps, features) at every step (Gal and Ghahramani 2016)."""
    if not training or not share:
        return x
    mask = x.new_empty(len(x), 1, x.shape[2]).bernoulli_(1 - share) / (1 - share)
    return x * mask


class DroppedEmbedding(nn.Embedding):
    """Tokens (n, steps) -> (n, steps, features); in training a share of the tokens is zero wherever they stand."""

    def __init__(self, tokens: int, features: int, dropout: float):
        super().__init__(tokens, features)
        self.dropout = dropout
        nn.init.uniform_(self.weight, -0.1, 0.1)

    def forward(self, tokens: Tensor) -> Tensor:
        weight = self.weight
        if self.training and self.dropout:
            weight = weight * weight.new_empty(len(weight), 1).bernoulli_(1 - self.dropout) / (1 - self.dropout)
        return F.embedding(tokens, weight)


class DroppedLSTM(nn.Module):
    """An LSTM whose weights between hidden states are dropped in training, one mask a sequence (weight-drop)."""

    def __init__(self, inputs: int, units: int, dropout: float):
        super().__init__()
        self.lstm, self.dropout = nn.LSTM(inputs, units, batch_first=True), dropout

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Give outputs (n, steps, units) and the last state."""
        if not (self.training and self.dropout):
            return self.lstm(x, state)
        own = dict(self.lstm.named_parameters())
        dropped = own | {"weight_hh_l0": F.dropout(own["weight_hh_l0"], self.dropout)}
        return torch.func.functional_call(self.lstm, dropped, (x, state))


class Encoder(nn.Module):
    """Tokens (n, steps) -> outputs of the last layer, dropped and as they are, and the states of all layers.

    embedding -> `layers` LSTMs of `units`, the last one as wide as the embedding. `dropout`: input, hidden, embedding,
    weight, and output (of the language model's decoder).
    """

    def __init__(self, tokens: int, features: int, units: int, layers: int, dropout: dict):
        super().__init__()
        self.dropout, sizes = dropout, [features, *[units] * (layers - 1), features]
        self.embedding = DroppedEmbedding(tokens, features, dropout["embedding"])
        self.layers = nn.ModuleList(
            DroppedLSTM(a, b, dropout["weight"]) for a, b in zip(sizes[:-1], sizes[1:], strict=True)
        )

    def forward(self, tokens: Tensor, states: list | None = None) -> tuple[Tensor, Tensor, list]:
        x = locked_dropout(self.embedding(tokens), self.dropout["input"], self.training)
        after: list = []
        for number, layer in enumerate(self.layers):
            x, state = layer(x, states[number] if states else None)
            after.append(tuple(part.detach() for part in state))
            if number < len(self.layers) - 1:
                x = locked_dropout(x, self.dropout["hidden"], self.training)
        return locked_dropout(x, self.dropout["output"], self.training), x, after

    def groups(self) -> list[list[nn.Parameter]]:
        """List the parameters layer by layer, the embedding first."""
        return [list(self.embedding.parameters()), *(list(layer.parameters()) for layer in self.layers)]


class LanguageModel(nn.Module):
    """Tokens (n, steps) -> scores of the next token (n, steps, tokens), by the embedding's own weights and a bias."""

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder = encoder
        self.bias = nn.Parameter(torch.zeros(encoder.embedding.num_embeddings))

    def forward(self, tokens: Tensor, states: list | None = None) -> tuple[Tensor, Tensor, Tensor, list]:
        dropped, raw, states = self.encoder(tokens, states)
        return F.linear(dropped, self.encoder.embedding.weight, self.bias), dropped, raw, states


def activity(dropped: Tensor, raw: Tensor, alpha: float, beta: float) -> Tensor:
    """Compute the penalties on the last layer's outputs: alpha times their mean square, and beta times that of their
    change from step to step (AR and TAR)."""
    return alpha * dropped.square().mean() + beta * (raw[:, 1:] - raw[:, :-1]).square().mean()
