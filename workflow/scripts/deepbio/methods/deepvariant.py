"""DeepVariant (Poplin et al. 2018): genotypes from images of reads (pileups), by a network made for photographs.

The network is Inception-v3 (Szegedy et al. 2016) without its auxiliary head. It reads the channels of a pileup image in
place of three colours, and has three classes. Every convolution is without bias and is followed by batch normalisation.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepbio.domains.variation import pileups, variants
from deepbio.learning.network import NetworkMethod, tensors

LEAST = 8  # channels that a narrow network's first layers need to keep the information of the image's channels


def convolution(inputs, outputs, kernel, stride=1, padding=0):
    """Build a convolution with batch normalisation and ReLU; `kernel` is a number, or (rows, columns)."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3),
        nn.ReLU(inplace=True),
    )


class Branches(nn.Module):
    """Several branches over the same input; their outputs are concatenated along the channels."""

    def __init__(self, *ways):
        super().__init__()
        self.ways = nn.ModuleList(ways)

    def forward(self, x):
        return torch.cat([way(x) for way in self.ways], dim=1)


def pooled(inputs, outputs):
    """Build a pooling to the mean of the neighbourhood, followed by a convolution of 1 by 1."""
    return nn.Sequential(nn.AvgPool2d(3, 1, 1), convolution(inputs, outputs, 1))


class Inception(nn.Module):
    """(n, channels, rows, columns), scaled to about -1 … 1, -> scores (n, outputs).

    width : factor of all numbers of channels, of which there are at least LEAST. stem : strides of the first
    convolution and of the two poolings (2, 2, 2 in the published network; a pooling of stride 1 is left out), smaller
    for smaller images. blocks : number of blocks of each of the three kinds (3, 4, 2 in the published network).
    """

    def __init__(self, channels, outputs, width=1.0, stem=(2, 2, 2), blocks=(3, 4, 2), dropout=0.2):
        super().__init__()

        def w(n):
            return max(LEAST, round(n * width))

        def pool(stride):
            return [nn.MaxPool2d(3, stride)] if stride > 1 else []

        layers = [convolution(channels, w(32), 3, stem[0]), convolution(w(32), w(32), 3)]
        layers += [convolution(w(32), w(64), 3, padding=1), *pool(stem[1])]
        layers += [convolution(w(64), w(80), 1), convolution(w(80), w(192), 3), *pool(stem[2])]
        at = w(192)
        for number in range(blocks[0]):
            last = w(32 if number == 0 else 64)
            layers.append(
                Branches(
                    convolution(at, w(64), 1),
                    nn.Sequential(convolution(at, w(48), 1), convolution(w(48), w(64), 5, padding=2)),
                    self.double(at, w, 1),
                    pooled(at, last),
                )
            )
            at = 2 * w(64) + w(96) + last
        layers.append(Branches(convolution(at, w(384), 3, 2), self.double(at, w, 2), nn.MaxPool2d(3, 2)))
        at = w(384) + w(96) + at
        for inner in (128, 160, 160, 192)[: blocks[1]]:
            layers.append(
                Branches(
                    convolution(at, w(192), 1),
                    nn.Sequential(convolution(at, w(inner), 1), *self.long(w, inner, (1, 7), inner, (7, 1), 192)),
                    nn.Sequential(
                        convolution(at, w(inner), 1),
                        *self.long(w, inner, (7, 1), inner, (1, 7), inner, (7, 1), inner, (1, 7), 192),
                    ),
                    pooled(at, w(192)),
                )
            )
            at = 4 * w(192)
        layers.append(
            Branches(
                nn.Sequential(convolution(at, w(192), 1), convolution(w(192), w(320), 3, 2)),
                nn.Sequential(
                    convolution(at, w(192), 1),
                    *self.long(w, 192, (1, 7), 192, (7, 1), 192),
                    convolution(w(192), w(192), 3, 2),
                ),
                nn.MaxPool2d(3, 2),
            )
        )
        at = w(320) + w(192) + at
        for _ in range(blocks[2]):
            layers.append(
                Branches(
                    convolution(at, w(320), 1),
                    nn.Sequential(convolution(at, w(384), 1), self.cross(w)),
                    nn.Sequential(convolution(at, w(448), 1), convolution(w(448), w(384), 3, padding=1), self.cross(w)),
                    pooled(at, w(192)),
                )
            )
            at = w(320) + 4 * w(384) + w(192)
        self.layers = nn.Sequential(*layers)
        self.out = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(at, outputs))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    @staticmethod
    def double(at, w, stride):
        """Build a convolution of 1 by 1 and two of 3 by 3, the last of `stride`."""
        padding = 1 if stride == 1 else 0
        return nn.Sequential(
            convolution(at, w(64), 1),
            convolution(w(64), w(96), 3, padding=1),
            convolution(w(96), w(96), 3, stride, padding),
        )

    @staticmethod
    def long(w, first, *steps):
        """Build a chain of convolutions from `first` channels on; `steps`: a shape and a number of channels in turn."""
        found, before = [], first
        for shape, after in zip(steps[::2], steps[1::2], strict=True):
            found.append(convolution(w(before), w(after), shape, padding=(shape[0] // 2, shape[1] // 2)))
            before = after
        return found

    @staticmethod
    def cross(w):
        """Build a convolution of 1 by 3 and one of 3 by 1 over the same input."""
        return Branches(
            convolution(w(384), w(384), (1, 3), padding=(0, 1)), convolution(w(384), w(384), (3, 1), padding=(1, 0))
        )

    def forward(self, batch):
        return self.out(self.layers((batch["x"].float() - 128) / 128))


class Method(NetworkMethod):
    """Parameters: network (width, stem, blocks, dropout), label_smoothing, augment (drop: the largest share of an
    image's reads that is left out; turn: whether strands are exchanged, in half of the images; jitter: the largest
    change of an image's base qualities, in steps of Phred), training.
    """

    by_row = True

    def describe(self, split):
        facts = {key: split.context[key] for key in ("pileup", "contig")}
        return super().describe(split) | facts | {"channels": split["pileup"].shape[1]}

    def build(self, parameters, shape):
        return Inception(shape["channels"], shape["outputs"], **parameters["network"])

    def fit(self, train, valid, job):
        # Alleles that only another caller proposes are no candidates of this one.
        train, valid = (part.take(np.asarray(part["candidate"]) > 0) for part in (train, valid))
        super().fit(train, valid, job)

    def batch(self, split, index):
        return tensors(split, index, "pileup")

    def loss(self, network, batch):
        if not network.training:
            return super().loss(network, batch)
        output = network({"x": self.augment(batch["x"])})
        y = batch["y"].flatten()
        known = ~torch.isnan(y)
        return F.cross_entropy(
            output[known].float(), y[known].long(), label_smoothing=self.parameters["label_smoothing"]
        )

    def augment(self, x):
        """Augment images (n, channels, rows, columns) uint8: drop reads, exchange strands, change base qualities."""
        facts, top = self.parameters["augment"], pileups.REFERENCE_ROWS
        reads, n = x[:, :, top:], len(x)

        def draw(*shape):
            return torch.rand(shape, device=x.device)

        if facts["drop"]:
            kept = draw(n, reads.shape[2]) >= facts["drop"] * draw(n, 1)
            # The remaining reads move up, in their order.
            order = (~kept).to(torch.uint8).argsort(dim=1, stable=True)
            index = order[:, None, :, None].expand_as(reads)
            reads = (reads * kept[:, None, :, None]).gather(2, index)
        there = reads[:, [2]] > 0  # the pixels of reads have a mapping quality, unless it is 0
        channels = list(reads.unbind(1))
        if facts["turn"]:
            turned = pileups.FORWARD + pileups.REVERSE - channels[3]
            turn = (draw(n, 1, 1) < 0.5) & (channels[3] > 0)
            channels[3] = torch.where(turn, turned, channels[3])
        if facts["jitter"]:
            step = pileups.FULL / pileups.MOST_QUALITY
            change = (2 * draw(n, 1, 1) - 1) * facts["jitter"] * step
            moved = (channels[1].float() + change).clamp(0, pileups.FULL).to(x.dtype)
            channels[1] = torch.where(there[:, 0], moved, channels[1])
        return torch.cat([x[:, :, :top], torch.stack(channels, dim=1)], dim=2)

    def predict(self, split):
        """Predict genotype probabilities; an allele that is no candidate of this caller is predicted as absent."""
        found = super().predict(split)["y"]
        return {"y": np.where(np.asarray(split["candidate"])[:, None] > 0, found, np.float32(variants.ABSENT))}

    def saliency(self, split, index):
        """Compute the share of each channel in the saliency of an image: (samples, channels).

        Saliency is the absolute value of the gradient of the largest class's score times the input.
        """
        x = (torch.from_numpy(np.asarray(split["pileup"][index])).float()).requires_grad_()
        network = self.network.cpu().eval()
        scores = network({"x": x})
        (slope,) = torch.autograd.grad(scores.max(dim=1).values.sum(), x)
        found = (slope * (x.detach() - 128)).abs().sum(dim=(2, 3))
        return (found / found.sum(dim=1, keepdim=True)).numpy()

    def interpret(self, split, folder):
        from deepbio.figures import variant as figures

        folder, p = Path(folder), self.predict(split)["y"]
        figures.draw_pileups(split, p, folder / "pileups")
        figures.draw_calibration(split, p, folder / "calibration")
        figures.draw_precision_recall(split, p, folder / "precision_recall")
        share = self.saliency(split, np.flatnonzero(np.asarray(split["candidate"]) > 0)[:256])
        figures.draw_channels(share, split.context["origin"], folder / "channels")
        contig = split.context["contig"]
        texts = (np.asarray(split[name]).astype(str).tolist() for name in ("ref", "alt"))
        alleles = [(contig, int(position), *pair) for position, *pair in zip(split["place"], *texts, strict=True)]
        lengths = {contig: split.context["contig_length"]}
        variants.write_vcf(folder / "calls.vcf", lengths, "sample", alleles, p, np.asarray(split["counts"]))
