"""One linear filter over the bases and all tracks, whose scores at each position are a softmax over the window."""

import torch
from torch import nn

from deepbio.methods import fiddle


class Filter(nn.Module):
    """{"codes", "tracks"} -> scores (n, length): a weighted sum of what lies within half a width of each position."""

    def __init__(self, tracks, width):
        super().__init__()
        self.register_buffer("bases", torch.cat([torch.eye(4), torch.full((1, 4), 0.25)]), persistent=False)
        self.layer = nn.Conv1d(4 + tracks, 1, width, padding=width // 2)
        nn.init.zeros_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)

    def forward(self, batch):
        x = torch.cat([self.bases[batch["codes"].long()].transpose(1, 2), batch["tracks"]], dim=1)
        return self.layer(x)[:, 0]


class Method(fiddle.Method):
    """Parameters: inputs (null: all are read), width (odd), training."""

    def build(self, parameters, shape):
        return Filter(len(shape["tracks"]), parameters["width"])

    def predict(self, split, first=0):
        return {"y": super().predict(split, first)["y"]}
