"""Basenji (Kelley et al. 2018): coverage along a long window of DNA by convolutions, the later ones dilated."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import sequences
from deepbio.learning import layers
from deepbio.learning.sequence_network import SequenceMethod, SequenceNetwork, moved

LOGO_FLANK = 64  # bases on both sides of a peak bin that are searched for motifs


class Layer(nn.Module):
    """Convolution without bias, batch norm, ReLU, max pooling, dropout: (n, a, length) -> (n, b, length // pool).

    The order, Xavier's initial weights and the norm's settings are those of the code's release 0.1 (seqnn_orig.py).
    """

    def __init__(self, a, b, width, pool=1, dilation=1, dropout=0.0):
        super().__init__()
        self.convolution = nn.Conv1d(a, b, width, dilation=dilation, padding="same", bias=False)
        layers.glorot(self.convolution)
        self.norm = nn.BatchNorm1d(b, eps=1e-3, momentum=0.1)
        self.pool, self.dropout = pool, dropout

    def forward(self, x):
        x = F.relu(self.norm(self.convolution(x)))
        return F.dropout(F.max_pool1d(x, self.pool) if self.pool > 1 else x, self.dropout, self.training)


class Basenji(SequenceNetwork):
    """One-hot (n, 4, length) -> (n, bins, tracks), before the link. The bins are those in the window's middle."""

    def __init__(self, kernels, widths, pools, dilated, dilations, last, dropout, dilated_dropout, shape):
        super().__init__()
        self.bins = shape["bins"]
        sizes = [4, *kernels]
        self.tower = nn.ModuleList(
            Layer(a, b, width, pool, dropout=dropout)
            for a, b, width, pool in zip(sizes[:-1], sizes[1:], widths, pools, strict=True)
        )
        size = kernels[-1]
        self.dilated = nn.ModuleList()
        for dilation in dilations:
            self.dilated.append(Layer(size, dilated, 3, dilation=dilation, dropout=dilated_dropout))
            size += dilated
        self.last = Layer(size, last, 1, dropout=dropout)
        self.head = nn.Conv1d(last, shape["outputs"], 1)
        layers.glorot(self.head)

    @property
    def detectors(self):
        return self.tower[0].convolution

    def score(self, x):
        for layer in self.tower:
            x = layer(x)
        for layer in self.dilated:
            x = torch.cat([x, layer(x)], dim=1)  # densely connected: every layer reads all layers before it
        beyond = (x.shape[2] - self.bins) // 2
        return self.head(self.last(x)[:, :, beyond : beyond + self.bins]).transpose(1, 2)


def exp_linear(x):
    """Compute x + 1 above zero and exp(x) below: positive, with a slope of 1 where coverage is high.

    ELU plus 1 has the same values but rounds to 0, which has no logarithm, where x is far below zero.
    """
    return torch.where(x > 0, x + 1, torch.exp(x.clamp(-50, 0)))


def other_strand(codes, pairs, *tracks):
    """Turn codes (n, length), and their tracks (n, bins, tracks), to the other strand.

    The bases are complemented and read backwards, and the bins are in the opposite order. The track of one strand is
    exchanged with that of the other (`pairs`: the index of each track's partner).
    """
    complement = torch.tensor([3, 2, 1, 0, 4], dtype=codes.dtype, device=codes.device)
    return complement[codes.flip(1).long()], *(track.flip(1)[:, :, pairs] for track in tracks)


class Method(SequenceMethod):
    """Parameters: kernels, widths, pools (the tower; the pools' product is the data's bin), dilated (kernels of each
    dilated layer), dilations, last (kernels of the 1 x 1 convolution), dropout, dilated_dropout, shift (bases) and
    flip, which augment training, both_strands (a prediction is the mean over both), training."""

    def describe(self, split):
        shape = super().describe(split)
        names = ("bin", "strand_pair")
        return shape | {name: split.context[name] for name in names} | {"bins": int(split.y.shape[1])}

    def build(self, parameters, shape):
        pooled = int(np.prod(parameters["pools"]))
        if pooled != shape["bin"]:
            raise BadInput(
                f"basenji: pools {parameters['pools']} join {pooled} bases, but the data's bins have {shape['bin']}; "
                "their product must be the width of a bin"
            )
        beyond = shape["length"] - shape["bins"] * shape["bin"]
        if beyond < 0 or beyond % (2 * shape["bin"]):
            raise BadInput(
                f"basenji: {shape['bins']} bins of {shape['bin']} bases do not lie whole in the middle of windows of "
                f"{shape['length']} bases"
            )
        names = ("kernels", "widths", "pools", "dilated", "dilations", "last", "dropout", "dilated_dropout")
        return Basenji(**{name: parameters[name] for name in names}, shape=shape)

    def loss(self, network, batch):
        if network.training:
            batch = self.augment(batch)
        return super().loss(network, batch)

    def augment(self, batch):
        """Shift each window by up to `shift` bases and, with `flip`, turn half of them at random to their other strand.

        The random numbers come from torch's CPU generator, whose state a checkpoint holds.
        """
        codes, y = moved(batch["codes"], self.parameters["shift"]), batch["y"]
        if self.parameters["flip"]:
            flip = (torch.rand(len(codes)) < 0.5).to(codes.device)
            other_codes, other_y = other_strand(codes, self.shape["strand_pair"], y)
            codes = torch.where(flip[:, None], other_codes, codes)
            y = torch.where(flip[:, None, None], other_y, y)
        return batch | {"codes": codes, "y": y}

    def loss_of(self, output, batch):
        """Compute Poisson's negative log likelihood over known bins.

        The term that the prediction cannot change is left out. The loss is in single precision, also under AMP.
        """
        y = batch["y"].float()
        known = ~torch.isnan(y)  # selected first: an unknown bin left out later would still put NaN into the gradient
        predicted, y = exp_linear(output.float()[known]), y[known]
        return (predicted - y * torch.log(predicted)).mean()

    def activate(self, output):
        return exp_linear(output.float())

    def turned(self, found):
        return found[:, ::-1][:, :, self.shape["strand_pair"]]

    # ---- figures

    def interpret(self, split, folder):
        from deepbio.figures import coverage, interpretation

        names = split.context.get("features", [f"track {i}" for i in range(self.shape["outputs"])])
        measured, predicted = np.asarray(split.y, float), self.predict(split)["y"].astype(float)
        coverage.write_tracks(names, measured, predicted, folder)
        # Peaks are relative to each track's own mean; otherwise only the tracks with most coverage would be drawn.
        scale = np.maximum(np.nanmean(measured, axis=(0, 1)), 1e-6)
        sample, peak, track = np.unravel_index((predicted / scale).argmax(), predicted.shape)
        r, width = coverage.per_track("pearson", measured, predicted), self.shape["bin"]
        drawn = np.sort(np.argsort(-r, kind="stable")[: coverage.TRACKS])
        coverage.draw_window(names, measured[sample], predicted[sample], drawn, width, split.context, folder)
        coverage.draw_scatter(names, measured, predicted, drawn, split.context, folder)
        found = interpretation.saliency(self.network, split["codes"][[sample]], (int(peak), int(track)))[0]
        reach = (sum(self.parameters["dilations"]) + 1) * width
        where = (sample, peak, track)
        coverage.draw_saliency(np.abs(found), split, where, width, self.shape["bins"], reach, names, folder)
        peaks = self.around_peaks(split, np.nan_to_num(measured / scale).max(axis=2))
        interpretation.detector_logos(peaks["codes"], *self.activations(peaks), split.context, folder)

    def around_peaks(self, split, height, most=400):
        """Cut the sequences around the `most` highest bins: codes (n, bin and LOGO_FLANK bases on both sides).

        height : (windows, bins), by which bins are ranked
        """
        width, bins = self.shape["bin"], self.shape["bins"]
        codes = np.asarray(split["codes"])
        first = (codes.shape[1] - bins * width) // 2
        padded = np.pad(codes, ((0, 0), (LOGO_FLANK, LOGO_FLANK)), constant_values=sequences.UNKNOWN)
        rows, columns = np.unravel_index(np.argsort(-height, axis=None, kind="stable")[:most], height.shape)
        cut = (first + columns * width)[:, None] + np.arange(width + 2 * LOGO_FLANK)
        return Split({"codes": padded[rows[:, None], cut]}, split.context)
