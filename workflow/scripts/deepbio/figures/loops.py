"""Figures of loops: distance matrices with the loop blanked and filled, traces, and errors by length."""

import numpy as np

from deepbio.core import tables
from deepbio.figures.style import PALETTE, panels, plt, save

DRAWN = 3


def _rmsd(split, y):
    real, missing = np.asarray(split.y, float), np.asarray(split["missing"]) > 0
    off = np.where(missing[:, :, None], np.nan_to_num((y - real) ** 2), 0).sum(axis=(1, 2))
    return np.sqrt(off / missing.sum(axis=1))


def draw_matrices(split, distance, path):
    """Draw {svg,png,csv}: true, blanked and filled distance matrices of the first loops, and the mean error of the
    filled band of each loop."""
    trace, missing = np.asarray(split["trace"], float), np.asarray(split["missing"]) > 0
    there = missing | (np.asarray(split["present"]) > 0)
    real = np.where(missing[:, :, None], np.nan_to_num(split.y), trace)
    truth = np.linalg.norm(real[:, :, None] - real[:, None], axis=3)
    count = min(DRAWN, len(truth))
    figure, axes = panels(3 * count, 3, (2.7, 2.5), (0.4, 0.4))
    rows = []
    for row in range(len(truth)):
        band = np.triu((missing[row][:, None] | missing[row]) & there[row][:, None] & there[row], 1)
        off = np.abs(truth[row] - distance[row])[band].mean()
        rows.append([row, int(missing[row].sum()), f"{off:.4f}"])
        if row < count:
            outside = ~(there[row][:, None] & there[row])
            blank = missing[row][:, None] | missing[row] | outside
            shown = (
                ("true", truth[row], outside),
                ("loop missing", truth[row], blank),
                ("filled", distance[row], outside),
            )
            for axis, (name, table, hidden) in zip(axes[3 * row : 3 * row + 3], shown, strict=True):
                image = axis.imshow(np.where(hidden, np.nan, table), cmap="viridis_r", vmin=0, vmax=truth[row].max())
                axis.set_facecolor("#dddddd")
                axis.set(xticks=[], yticks=[], xlabel="residue" if row == count - 1 else None)
                axis.set_title(name if name != "filled" else f"filled: off by {off:.1f} Å", fontsize=9)
            axes[3 * row].set_ylabel("residue")
            figure.colorbar(image, ax=axis, label="distance (Å)")
    tables.write_csv(path.with_suffix(".csv"), ["loop", "residues", "mean_error"], rows)
    figure.suptitle("Distances of CA atoms in validation windows", x=0.01, ha="left", fontsize=11)
    save(figure, path, split.context["origin"])


def draw_traces(split, y, path):
    """Draw {svg,png,csv}: traces of loops of small, middling and large error beside the true ones, with the residues
    around them."""
    errors = _rmsd(split, y)
    order = np.argsort(errors, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, min(DRAWN, len(order))).astype(int)]
    figure = plt.figure(figsize=(3.5 * len(chosen), 3.6))
    for number, row in enumerate(chosen, 1):
        axis = figure.add_subplot(1, len(chosen), number, projection="3d")
        trace, missing = np.asarray(split["trace"][row], float), np.asarray(split["missing"][row]) > 0
        present, real = np.asarray(split["present"][row]) > 0, np.asarray(split.y[row], float)
        loop = np.flatnonzero(missing)
        for side in (np.arange(loop[0]), np.arange(loop[-1] + 1, len(missing))):
            side = side[present[side]]
            axis.plot(*trace[side].T, "-", color="#999999", lw=1.5)
        ends = [loop[0] - 1, loop[-1] + 1]
        for name, x, colour in (("true", real, "#000000"), ("predicted", y[row], PALETTE[1])):
            line = np.concatenate([trace[ends[:1]], x[loop], trace[ends[1:]]])
            axis.plot(*line.T, "o-", color=colour, ms=2.5, lw=1.5, label=name)
        axis.set_title(f"{len(loop)} residues: {errors[row]:.1f} Å", fontsize=9)
        axis.set_axis_off()
    axis.legend(fontsize=8)
    figure.suptitle("Validation loops and their RMSD, from the best to the worst", x=0.01, ha="left", fontsize=11)
    rows = [[int(row), int(np.sum(split["missing"][row])), f"{errors[row]:.4f}"] for row in order]
    tables.write_csv(path.with_suffix(".csv"), ["loop", "residues", "rmsd"], rows)
    save(figure, path, split.context["origin"])


def draw_errors(split, y, path):
    """Draw {svg,png,csv}: RMSD of validation loops by their length, and against the distance of the anchors."""
    errors, missing = _rmsd(split, y), np.asarray(split["missing"]) > 0
    lengths, trace = missing.sum(axis=1), np.asarray(split["trace"], float)
    first, last = missing.argmax(axis=1) - 1, missing.argmax(axis=1) + lengths
    rows = np.arange(len(errors))
    apart = np.linalg.norm(trace[rows, first] - trace[rows, np.minimum(last, missing.shape[1] - 1)], axis=1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.0, 3.3))
    values = np.unique(lengths)
    left.boxplot([errors[lengths == one] for one in values], positions=values, widths=0.6)
    left.set(xlabel="residues of the loop", ylabel="RMSD (Å)", title="Validation loops")
    right.plot(apart, errors, "o", ms=3, color=PALETTE[0])
    right.set(xlabel="distance of the anchors (Å)", ylabel="RMSD (Å)")
    table = [[int(size), f"{gap:.3f}", f"{error:.4f}"] for size, gap, error in zip(lengths, apart, errors, strict=True)]
    tables.write_csv(path.with_suffix(".csv"), ["residues", "anchor_distance", "rmsd"], table)
    save(figure, path, split.context["origin"])
