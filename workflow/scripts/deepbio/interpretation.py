"""Figures that explain sequence models: detector logos beside the known motif they match, and mutation maps."""

import csv
from pathlib import Path

import numpy as np
from scipy.special import logit

from deepbio import motifs, plotting, sequences
from deepbio.data import Split
from deepbio.files import atomic

MOST_LOGOS = 12
SHOWN = 80  # bases of a mutation map


def detector_logos(codes, active, place, strand, width, context, folder):
    """Logos of motif detectors from the windows that activate them, matched to JASPAR.

    Parameters
    ----------
    codes : (n, length) windows that the model finds positive
    active, place, strand : (n, detectors) activation, first base of the best window, and its strand (1: reverse)
    width : width of the detectors
    folder : where detectors.{svg,png} and detectors.csv go

    A window counts when its activation is above half of the detector's largest (as in Alipanahi et al. 2015,
    Online Methods: subsequences that pass the threshold are aligned). Detectors that never fire are left out.
    """
    length = codes.shape[1]
    padded = np.pad(codes, ((0, 0), (width, width)), constant_values=sequences.UNKNOWN)
    rows, found = [], []
    for detector in range(active.shape[1]):
        strength = active[:, detector]
        if strength.max() <= 1e-6:
            continue
        fires = np.flatnonzero(strength > 0.5 * strength.max())
        if len(fires) < 10:
            continue
        starts = np.clip(place[fires, detector], -width, length) + width
        cut = padded[fires[:, None], starts[:, None] + np.arange(width)]
        reverse = strand[fires, detector] == 1
        cut[reverse] = sequences.reverse_complement(cut[reverse])
        found.append(motifs.trim(motifs.probabilities(motifs.count_matrix(cut))))
        rows.append({"detector": detector, "windows": len(fires), "mean_activation": float(strength.mean())})
    with atomic(Path(folder) / "detectors.csv") as temporary, open(temporary, "w", newline="") as handle:
        writer = csv.DictWriter(handle, ["detector", "windows", "mean_activation", "consensus", "id", "name", "p", "q"])
        writer.writeheader()
        if found:
            for row, motif, hit in zip(rows, found, motifs.match(found), strict=True):
                row |= hit | {"consensus": "".join(sequences.BASES[i] for i in motif.argmax(0))}
                writer.writerow(row)
    if not found:
        return
    order = sorted(range(len(rows)), key=lambda i: (rows[i]["q"], -rows[i]["mean_activation"]))[:MOST_LOGOS]
    columns = min(3, len(order))
    lines = -(-len(order) // columns)
    figure, axes = plotting.plt.subplots(lines, columns, figsize=(4 * columns, 0.6 + 1.5 * lines), squeeze=False)
    for axis in axes.flat[len(order) :]:
        axis.set_visible(False)
    for axis, i in zip(axes.flat, order, strict=False):
        known = f"{rows[i]['name']} ({rows[i]['id']}), q = {rows[i]['q']:.1g}"
        motifs.logo(axis, found[i], known if rows[i]["q"] < 0.1 else f"no match (nearest {rows[i]['name']})")
    figure.suptitle("Motif detectors and their nearest JASPAR motif", x=0.01, ha="left", fontweight="bold")
    plotting.save(figure, Path(folder) / "detectors", context["origin"])


def mutation_map(method, split, sample, folder):
    """Change of the prediction by every substitution in one window, under its bases scaled by their importance.

    Writes mutation_map.{svg,png}. Importance of a base is the largest fall that its replacement causes, as in
    Alipanahi et al. 2015, Figure 4.
    """
    codes = np.asarray(split["codes"][sample])
    length = len(codes)
    mutants = np.repeat(codes[None], 4 * length, axis=0)
    mutants[np.arange(4 * length), np.repeat(np.arange(length), 4)] = np.tile(np.arange(4), length)
    predicted = method.predict(Split({"codes": np.concatenate([codes[None], mutants])}, split.context))["y"][:, 0]
    unit = "change"
    if split.context["output"] != "regression":
        # A sure prediction hardly moves as a probability; its log odds do.
        predicted, unit = logit(np.clip(predicted.astype(float), 1e-9, 1 - 1e-9)), "change of log odds"
    change = (predicted[1:] - predicted[0]).reshape(length, 4).T
    importance = np.maximum(0, -change.min(axis=0))
    centre = int(np.average(np.arange(length), weights=importance)) if importance.any() else length // 2
    first = min(max(0, centre - SHOWN // 2), max(0, length - SHOWN))
    shown = slice(first, min(length, first + SHOWN))
    heights = np.zeros((length, 4))
    known = codes != sequences.UNKNOWN
    heights[np.flatnonzero(known), codes[known]] = importance[known]
    figure, (top, below) = plotting.plt.subplots(2, 1, figsize=(9, 3.6), height_ratios=[1.4, 1], sharex=True)
    import logomaker
    import pandas as pd

    logomaker.Logo(
        pd.DataFrame(heights[shown], columns=list("ACGT"), index=range(shown.start, shown.stop)),
        ax=top,
        color_scheme="colorblind_safe",
        show_spines=False,
    )
    top.spines["left"].set_visible(True)
    top.set(ylabel="largest fall", title="Mutation map of the strongest window")
    limit = max(np.abs(change).max(), 1e-9)
    top.set_xlim(shown.start - 0.5, shown.stop - 0.5)
    edges = (shown.start - 0.5, shown.stop - 0.5, 3.5, -0.5)
    image = below.imshow(change[:, shown], aspect="auto", cmap="PuOr", vmin=-limit, vmax=limit, extent=edges)
    below.set_yticks(range(4), list(sequences.BASES))
    below.set(xlabel="position in the window (bp)", ylabel="new base")
    figure.colorbar(image, ax=below, label=unit, pad=0.01)
    plotting.save(figure, Path(folder) / "mutation_map", split.context["origin"])
