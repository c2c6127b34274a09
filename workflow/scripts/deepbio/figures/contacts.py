"""Figures of residue pairs: contact maps, precision by layer, and what a layer sees of the map below."""

import numpy as np

from deepbio.core import tables
from deepbio.figures.style import PALETTE, panels, plt, save

MOST = 6  # proteins that are drawn


def _best(label, score, size):
    """Choose the best `size` known pairs i < j of a map: (size, 2), and whether each is a contact."""
    known = np.triu(~np.isnan(label), 1)
    order = np.argsort(-score[known], kind="stable")[:size]
    return np.argwhere(known)[order], label[known][order] == 1


def _scores(split, row, size):
    start, end = split["scores"].offsets[row : row + 2]
    return np.asarray(split["scores"].values[start:end]).reshape(size, size, -1)


def draw_maps(split, p, path):
    """Draw {svg,png,csv}: contacts of each validation protein (grey, both triangles) and the best L pairs above the
    diagonal, right ones and wrong ones; below it the best L pairs of the best single score."""
    count = min(MOST, len(split))
    figure, axes = panels(count, 3, (3.6, 3.6), (0, 0.4))
    rows = []
    for row, axis in enumerate(axes):
        size = int(split["residues"].lengths[row])
        label, scores = np.asarray(split.y[row], float)[:size, :size], _scores(split, row, size)
        best = max(range(scores.shape[2]), key=lambda k: _best(label, scores[:, :, k], size)[1].mean())
        axis.imshow(np.where(label == 1, 0.35, 0), cmap="Greys", vmin=0, vmax=1, origin="lower")
        shown = (("forests", p[row, :size, :size], 1), (split.context["scores"][best], scores[:, :, best], -1))
        for name, table, way in shown:
            pairs, right = _best(label, table, size)
            for hit, mark, colour in ((True, "o", PALETTE[0]), (False, "x", PALETTE[1])):
                axis.plot(*pairs[right == hit].T[::way], mark, ms=2 + (not hit), color=colour)
            rows.append([row, name, size, f"{right.mean():.4f}"])
        axis.plot([0, size - 1], [0, size - 1], color="black", lw=0.5)
        above, below = (f"{name} {float(share):.2f}" for _, name, _, share in rows[-2:])
        axis.set_title(f"above: {above}, below: {below}", fontsize=8)
        axis.set(xlabel="residue", ylabel="residue")
    tables.write_csv(path.with_suffix(".csv"), ["protein", "map", "pairs", "ppv"], rows)
    figure.suptitle("Best L pairs: dots right, crosses wrong\n(grey: contacts)", x=0.01, ha="left", fontsize=10)
    save(figure, path, split.context["origin"])


def draw_layers(split, layers, path):
    """Draw {svg,png,csv}: share of contacts among the best L pairs of each validation protein, layer by layer."""
    figure, axis = plt.subplots(figsize=(4.6, 3.4))
    found, rows = [], []
    for row in range(len(split)):
        size = int(split["residues"].lengths[row])
        label = np.asarray(split.y[row], float)[:size, :size]
        found.append([_best(label, one[row, :size, :size], size)[1].mean() for one in layers])
        rows += [[row, layer, f"{value:.4f}"] for layer, value in enumerate(found[-1])]
        axis.plot(found[-1], "-", color="#bbbbbb", lw=1, label="each protein" if row == 0 else None)
    axis.plot(np.mean(found, axis=0), "o-", color=PALETTE[0], label="mean")
    axis.set(xlabel="layer", ylabel="PPV of the best L pairs", title="Validation proteins by layer of forests")
    axis.set_xticks(range(len(layers)))
    axis.legend(fontsize=8)
    tables.write_csv(path.with_suffix(".csv"), ["protein", "layer", "ppv"], rows)
    save(figure, path, split.context["origin"])


def draw_window(weights, context, path):
    """Draw {svg,png,csv}: how much the last layer's forest makes of each place (11 x 11) of the map below around a
    pair."""
    half = len(weights) // 2
    figure, axis = plt.subplots(figsize=(4.6, 3.9))
    image = axis.imshow(weights, cmap="viridis")
    axis.set_xticks(range(0, len(weights), 2), range(-half, half + 1, 2))
    axis.set_yticks(range(0, len(weights), 2), range(-half, half + 1, 2))
    axis.set(xlabel="offset of residue j", ylabel="offset of residue i", title="Importance of the map around a pair")
    figure.colorbar(image, ax=axis, label="importance")
    rows = [[i - half, j - half, f"{weights[i, j]:.6f}"] for i, j in np.ndindex(*weights.shape)]
    tables.write_csv(path.with_suffix(".csv"), ["offset_i", "offset_j", "importance"], rows)
    save(figure, path, context["origin"])
