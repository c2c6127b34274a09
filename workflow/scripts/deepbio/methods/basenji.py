"""Basenji (Kelley et al. 2018): coverage along a long window of DNA by convolutions, the later ones dilated."""

import textwrap
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.dna import sequences
from deepbio.learning import layers
from deepbio.learning.sequence_network import SequenceMethod, SequenceNetwork, moved
from deepbio.scoring import metrics

TRACKS = 6  # drawn at most
LOGO_FLANK = 64  # bases on both sides of a peak bin in which detectors are sought


class Layer(nn.Module):
    """Convolution without bias, batch norm, ReLU, max pooling, dropout: (n, a, length) -> (n, b, length // pool).

    The order, Xavier's first weights and the norm's settings are those of the code's release 0.1 (seqnn_orig.py).
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
            x = torch.cat([x, layer(x)], dim=1)  # densely connected: every layer sees all before it
        beyond = (x.shape[2] - self.bins) // 2
        return self.head(self.last(x)[:, :, beyond : beyond + self.bins]).transpose(1, 2)


def exp_linear(x):
    """x + 1 above zero, exp(x) below: positive, and as steep as its input where coverage is high.

    ELU plus 1 is the same but rounds to 0, which has no logarithm, where x is well below zero.
    """
    return torch.where(x > 0, x + 1, torch.exp(x.clamp(-50, 0)))


def other_strand(codes, pairs, *tracks):
    """Codes (n, length), and tracks (n, bins, tracks) of them, as the other strand has them.

    The bases are complemented and read backwards, the bins are in the opposite order, and a track of one strand
    takes the place of its partner (`pairs`: for each track its partner's number).
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
        """Each window moved by up to `shift` bases, and with `flip` every other one on its other strand.

        The draws come from torch's CPU generator, whose state a checkpoint holds.
        """
        codes, y = moved(batch["codes"], self.parameters["shift"]), batch["y"]
        if self.parameters["flip"]:
            flip = (torch.rand(len(codes)) < 0.5).to(codes.device)
            other_codes, other_y = other_strand(codes, self.shape["strand_pair"], y)
            codes = torch.where(flip[:, None], other_codes, codes)
            y = torch.where(flip[:, None, None], other_y, y)
        return batch | {"codes": codes, "y": y}

    def loss_of(self, output, batch):
        """Poisson's negative log likelihood, less what the prediction cannot change, over known bins.

        In single precision, also under AMP.
        """
        y = batch["y"].float()
        known = ~torch.isnan(y)  # left out first: NaN would go into the gradient even where the loss leaves it out
        predicted, y = exp_linear(output.float()[known]), y[known]
        return (predicted - y * torch.log(predicted)).mean()

    def activate(self, output):
        return exp_linear(output.float())

    def turned(self, found):
        return found[:, ::-1][:, :, self.shape["strand_pair"]]

    # ---- figures

    def interpret(self, split, folder):
        from deepbio.figures import interpretation

        names = split.context.get("features", [f"track {i}" for i in range(self.shape["outputs"])])
        measured, predicted = np.asarray(split.y, float), self.predict(split)["y"].astype(float)
        write_tracks(names, measured, predicted, folder)
        # Peaks against each track's own mean, so that the highest tracks are not the only ones seen.
        scale = np.maximum(np.nanmean(measured, axis=(0, 1)), 1e-6)
        sample, peak, track = np.unravel_index((predicted / scale).argmax(), predicted.shape)
        drawn = np.sort(np.argsort(-per_track("pearson", measured, predicted), kind="stable")[:TRACKS])
        draw_window(names, measured[sample], predicted[sample], drawn, self.shape["bin"], split.context, folder)
        draw_scatter(names, measured, predicted, drawn, split.context, folder)
        self.draw_saliency(names, split, (sample, peak, track), folder)
        peaks = self.around_peaks(split, np.nan_to_num(measured / scale).max(axis=2))
        interpretation.detector_logos(peaks["codes"], *self.activations(peaks), split.context, folder)

    def around_peaks(self, split, height, most=400):
        """Sequences (n, bin and LOGO_FLANK bases on both sides) of the bins that stand highest."""
        width, bins = self.shape["bin"], self.shape["bins"]
        codes = np.asarray(split["codes"])
        first = (codes.shape[1] - bins * width) // 2
        padded = np.pad(codes, ((0, 0), (LOGO_FLANK, LOGO_FLANK)), constant_values=sequences.UNKNOWN)
        rows, places = np.unravel_index(np.argsort(-height, axis=None, kind="stable")[:most], height.shape)
        cut = (first + places * width)[:, None] + np.arange(width + 2 * LOGO_FLANK)
        return Split({"codes": padded[rows[:, None], cut]}, split.context)

    def draw_saliency(self, names, split, where, folder):
        """saliency.{svg,png}: gradient times input of one bin of one track along its window, summed over bins, above
        the measured tracks: what reaches the peak from afar."""
        from deepbio.figures import interpretation
        from deepbio.figures.style import PALETTE, plt, save

        sample, peak, track = where
        width, bins = self.shape["bin"], self.shape["bins"]
        codes = np.asarray(split["codes"][sample])
        found = np.abs(interpretation.saliency(self.network, codes[None], (int(peak), int(track)))[0])
        found = found[: len(found) // width * width].reshape(-1, width).sum(1)
        first = (len(codes) - bins * width) // 2
        distance = (np.arange(len(found)) * width - first - peak * width) / 1000
        reach = (sum(self.parameters["dilations"]) + 1) * width / 1000
        figure, (top, below) = plt.subplots(2, 1, figsize=(9, 4), height_ratios=[1.2, 1], sharex=True)
        top.fill_between(distance, found / found.max(), step="mid", color=PALETTE[0])
        top.set_yscale("symlog", linthresh=1e-3)
        top.set(ylim=(0, 1.5), ylabel="|gradient × input|,\nshare of the largest")
        top.axvspan(-reach, reach, color="#e0e0e0", zorder=0, label="reach of the dilated layers")
        top.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.97))
        top.set_title(f"What the strongest predicted peak of {names[track].split()[0]} rests on")
        measured = np.asarray(split.y[sample], float)
        place = (np.arange(bins) - peak) * width / 1000
        others = np.argsort(-np.nanstd(split.y, axis=(0, 1), dtype=float), kind="stable")
        for i, one in enumerate([track, *[other for other in others if other != track][:2]]):
            height = measured[:, one] / max(np.nanmax(measured[:, one]), 1e-9)
            below.fill_between(place, i, i + 0.9 * height, step="mid", color=PALETTE[i + 1], label=names[one])
        below.set_yticks([])
        below.set(xlabel="distance from the peak (kb)", ylabel="measured")
        below.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.97), ncols=3)
        below.set_xlim(max(distance[0], -1.2 * reach), min(distance[-1], 1.2 * reach))
        save(figure, Path(folder) / "saliency", split.context["origin"])


def per_track(metric, measured, predicted):
    """A metric of every track (tracks,) over all bins of all windows (n, bins, tracks)."""
    tracks = range(measured.shape[2])
    return np.array([metrics.evaluate([metric], measured[:, :, [i]], predicted[:, :, [i]])[metric] for i in tracks])


def write_tracks(names, measured, predicted, folder):
    """tracks.csv: the three correlations of every track on the validation windows."""
    wanted = ("pearson", "log_pearson", "spearman")
    values = np.stack([per_track(metric, measured, predicted) for metric in wanted], axis=1)
    rows = [[name, *(f"{value:.4f}" for value in row)] for name, row in zip(names, values, strict=True)]
    tables.write_csv(Path(folder) / "tracks.csv", ["track", *wanted], rows)


def draw_window(names, measured, predicted, drawn, width, context, folder):
    """tracks.{svg,png}: measured coverage upwards and predicted downwards along one window (bins, tracks)."""
    from deepbio.figures.style import COLOURS, plt, save

    figure, axes = plt.subplots(len(drawn), 1, figsize=(9, 0.9 + 1.1 * len(drawn)), sharex=True, squeeze=False)
    place = np.arange(len(measured)) * width / 1000
    for axis, track in zip(axes.flat, drawn, strict=True):
        axis.fill_between(place, measured[:, track], step="mid", color="#444444", lw=0, label="measured")
        axis.fill_between(place, -predicted[:, track], step="mid", color=COLOURS["listed"], lw=0, label="predicted")
        axis.axhline(0, color="#999999", lw=0.6)
        most = max(np.nanmax(measured[:, track]), predicted[:, track].max(), 1e-6)
        axis.set(ylim=(-1.05 * most, 1.05 * most))
        axis.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
        axis.set_title(names[track], fontsize=9)
    axes[0, 0].legend(frameon=False, fontsize=8, ncols=2, loc="lower right", bbox_to_anchor=(1, 0.95))
    axes[-1, 0].set(xlabel="position among the window's bins (kb)", xlim=(place[0], place[-1]))
    figure.supylabel("coverage", fontsize=10)
    figure.suptitle("Coverage along one validation window", x=0.01, ha="left", fontweight="bold")
    save(figure, Path(folder) / "tracks", context["origin"])


def draw_scatter(names, measured, predicted, drawn, context, folder):
    """scatter.{svg,png}: predicted against measured coverage of every bin on logarithmic scales."""
    from deepbio.figures.style import plt, save

    columns = min(3, len(drawn))
    rows = -(-len(drawn) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(0.8 + 2.9 * columns, 0.8 + 2.7 * rows), squeeze=False)
    for axis in axes.flat[len(drawn) :]:
        axis.set_visible(False)
    for axis, track in zip(axes.flat, drawn, strict=False):
        x, y = (np.log1p(values[:, :, track].ravel()) for values in (measured, predicted))
        known = ~np.isnan(x)
        x, y = x[known], y[known]
        top = max(x.max(), y.max(), 1e-6)
        image = axis.hexbin(x, y, gridsize=30, bins="log", mincnt=1, cmap="viridis", extent=(0, top, 0, top), lw=0.1)
        axis.plot([0, top], [0, top], color="#999999", lw=0.8, ls=":")
        r = metrics.evaluate(["pearson"], x, y)["pearson"]
        axis.set_title(textwrap.fill(f"{names[track]}, r = {r:.2f}", 36), fontsize=9)
        axis.set(xlabel="log(1 + measured)", ylabel="log(1 + predicted)")
        figure.colorbar(image, ax=axis, label="bins", pad=0.02)
    figure.suptitle("Bins of all validation windows", x=0.01, ha="left", fontweight="bold")
    save(figure, Path(folder) / "scatter", context["origin"])
