"""Figures of kernels over RNA: their logos, where they answer and in which class, and inputs that a network likes."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.domains.dna import motifs
from deepbio.figures import style
from deepbio.figures.interpretation import window

KERNELS = 8  # drawn; the most important ones
LOGO = 750  # sequences of a logo at most, and no more than a third of those that answer
BASES = ("A", "C", "G", "U")
FIELDS = ["kernel", "class", "importance", "threshold", "sequences", "median_position", "consensus", "structure"]
STEPS, RATE, DECAY = 600, 0.02, 0.01  # of the optimised input: gradient steps, their size, and of the squared input


def classes_of(split):
    """Give the number of the class of each sample and the names of the classes; numbers are parted at their median."""
    y = np.asarray(split.y, float).reshape(len(split), -1)[:, 0]
    if split.context["output"] not in ("binary", "multilabel", "multiclass"):
        return (y > np.median(y)).astype(int), ["low", "high"]
    return y.astype(int), split.context.get("classes", ["negative", "positive"])


def select(active, number):
    """Choose for each kernel the class that it goes with: (kernels,) class, importance and threshold.

    The threshold is the highest class mean of the largest activations, the importance that mean less the lowest one.
    """
    means = np.stack([active[number == one].mean(axis=0) for one in np.unique(number)])
    return np.unique(number)[means.argmax(axis=0)], means.max(axis=0) - means.min(axis=0), means.max(axis=0)


def aligned(active, number, kernel, one, threshold):
    """List the samples of class `one` that answer above the threshold, the strongest first."""
    above = np.flatnonzero(active[:, kernel] > threshold)
    most = min(LOGO, max(1, len(above) // 3))
    chosen = above[number[above] == one]
    return chosen[np.argsort(-active[chosen, kernel], kind="stable")][:most]


def draw_kernels(split, letters, active, place, width, path):
    """Draw the most important kernels: logo of the sequence and of the structure, where they answer in each class, and
    how strongly. Writes {path}.{csv,svg,png}; all kernels are in the CSV.

    letters : letters of the structure, empty where none was used
    active, place : (n, kernels) largest activation in each window and where it begins
    """
    codes, (number, names) = np.asarray(split["codes"]), classes_of(split)
    of_class, importance, threshold = select(active, number)
    rows, logos = [], {}
    for kernel in np.argsort(-importance, kind="stable"):
        chosen = aligned(active, number, kernel, of_class[kernel], threshold[kernel])
        starts = np.clip(place[chosen, kernel], 0, max(0, codes.shape[1] - width))
        cut = motifs.windows(codes[chosen], starts, width)
        motif = motifs.probabilities(motifs.count_matrix(cut))
        shapes = None
        if letters:
            inside = motifs.windows(np.asarray(split["structure"])[chosen], starts, width)
            shapes = np.stack([(inside == one).mean(axis=0) for one in range(len(letters))]) if len(chosen) else None
        logos[int(kernel)] = motif, shapes
        consensus = "".join(BASES[i] for i in motif.argmax(axis=0)) if len(chosen) else ""
        spots = place[active[:, kernel] > threshold[kernel], kernel]
        rows.append(
            [int(kernel), names[of_class[kernel]], f"{importance[kernel]:.4g}", f"{threshold[kernel]:.4g}"]
            + [len(chosen), int(np.median(spots)) if len(spots) else "", consensus]
            + ["".join(letters[i] for i in shapes.argmax(axis=0)) if shapes is not None else ""]
        )
    tables.write_csv(Path(f"{path}.csv"), FIELDS, rows)
    shown = [row for row in rows if row[4]][:KERNELS]
    if not shown:
        return
    columns = 4 if letters else 3
    figure, axes = style.plt.subplots(
        len(shown), columns, figsize=(3.1 * columns, 0.9 + 1.35 * len(shown)), squeeze=False,
        width_ratios=[1.3, *([1.3] if letters else []), 1.3, 0.8],
    )  # fmt: skip
    for line, row in zip(axes, shown, strict=True):
        kernel, last = row[0], row is shown[-1]
        motifs.logo(line[0], logos[kernel][0], f"kernel {kernel}: {row[1]}, {row[4]} windows")
        if letters:
            _structure_logo(line[1], logos[kernel][1], letters)
        _positions(line[-2], active[:, kernel], place[:, kernel], threshold[kernel], number, names, codes.shape[1])
        _strengths(line[-1], active[:, kernel], number, names, threshold[kernel])
        if last:
            line[-2].set_xlabel("position in the window (nt)")
    handles = [style.plt.Line2D([], [], color=style.PALETTE[i], label=name) for i, name in enumerate(names)]
    figure.legend(handles=handles, loc="outside lower left", ncols=4, frameon=False, fontsize=8)
    title = "Kernels that part the classes: logo (T = U), where they answer, and their largest activation"
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=10)
    style.save(figure, path, split.context["origin"])


def _structure_logo(axis, shares, letters):
    """Draw the share of each letter of the structure at each position of a kernel."""
    import logomaker
    import pandas as pd

    colours = dict(zip(letters, style.PALETTE, strict=False))
    logomaker.Logo(pd.DataFrame(shares.T, columns=list(letters)), ax=axis, color_scheme=colours, show_spines=False)
    axis.set(ylim=(0, 1), yticks=[0, 1], xticks=[])
    axis.set_title("S stem, H hairpin, I internal, M multiloop, E outside", fontsize=7)


def _positions(axis, active, place, threshold, number, names, length):
    """Draw by class the share of the windows in which a kernel answers, at each position."""
    edges = np.linspace(0, length, min(40, length) + 1)
    for one, name in enumerate(names):
        members = number == one
        spots = place[members & (active > threshold)]
        counts = np.histogram(spots, edges)[0] / max(1, members.sum())
        axis.stairs(100 * counts, edges, color=style.PALETTE[one], label=name)
    axis.set_ylabel("% of windows", fontsize=8)
    axis.tick_params(labelsize=7)


def _strengths(axis, active, number, names, threshold):
    """Draw the largest activations of a kernel by class, and the threshold of its logo."""
    values = [active[number == one] for one in range(len(names))]
    parts = axis.violinplot([one if np.ptp(one) else one + [0, 1e-6][: len(one)] for one in values if len(one) > 1])
    for body, colour in zip(parts["bodies"], style.PALETTE, strict=False):
        body.set(facecolor=colour, alpha=0.6)
    for name in ("cbars", "cmins", "cmaxes"):
        parts[name].set(color="#555555", lw=0.6)
    axis.axhline(threshold, color="#555555", lw=0.7, ls=":")
    axis.set_xticks([])
    axis.tick_params(labelsize=7)


def optimise(network, outputs, length):
    """Climb from a nearly empty input to one with a high score of each output: (outputs, letters, length).

    The score less DECAY times the squared input is maximised, in steps of RATE along the gradient scaled by its size.
    """
    import torch

    where = next(network.parameters()).device
    generator = torch.Generator().manual_seed(0)
    x = 0.2 * torch.rand(outputs, network.letters, max(length, network.shortest), generator=generator) - 0.1
    x = x.to(where).requires_grad_()
    for _ in range(STEPS):
        scores = network.score(x)
        wanted = scores.diagonal() if scores.shape[1] > 1 else torch.cat([-scores[:1, 0], scores[1:2, 0]])
        gradient = torch.autograd.grad(wanted.sum() - DECAY * x.square().sum(), x)[0]
        gradient = gradient / gradient.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp(min=1e-8)
        with torch.no_grad():
            x += RATE * gradient
    return x.detach().cpu().numpy().astype(float)


def draw_optimised(network, shape, context, path):
    """Draw an input that each class likes: what its bases, and the letters of its structure, add up to at each of the
    positions that matter most. Writes {path}.{svg,png}. The authors advise against reading biology from it."""
    import logomaker
    import pandas as pd

    classes = context.get("classes", ["negative", "positive"])
    several = shape["outputs"] > 1
    names = (classes if shape["kind"] == "multiclass" else context.get("features", [])) if several else classes
    count = min(len(names), 6) if several else 2
    found, letters = optimise(network, shape["outputs"] if several else 2, shape["length"])[:count], shape["structure"]
    panels = [
        (name, part) for name in names[:count] for part in (("sequence", "structure") if letters else ("sequence",))
    ]
    shown = window(np.maximum(found, 0).max(axis=(0, 1)))  # letters of a whole window cannot be read
    figure, axes = style.panels(len(panels), 1, (9, 1.25), (0, 0.6))
    for axis, (name, part), x in zip(axes, panels, np.repeat(found, len(panels) // count, axis=0), strict=True):
        pairs = x.reshape(4, -1, x.shape[1])
        table, signs = (pairs.max(axis=1), BASES) if part == "sequence" else (pairs.max(axis=0), tuple(letters))
        colours = dict(zip(signs, style.PALETTE, strict=False))
        frame = pd.DataFrame(np.maximum(table, 0).T, columns=list(signs))
        logomaker.Logo(frame.iloc[shown], ax=axis, color_scheme=colours, show_spines=False)
        axis.set(yticks=[])
        axis.set_title(f"{name}: {part}", fontsize=9)
    axes[-1].set_xlabel("position in the window (nt)")
    figure.suptitle("Inputs that raise the score of a class", x=0.01, ha="left", fontweight="bold", fontsize=10)
    style.save(figure, path, context["origin"])
