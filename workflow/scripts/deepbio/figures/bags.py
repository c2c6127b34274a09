"""Figures of bags of cells: filters, the subset of cells that answers to one, and how often it is in each sample."""

import numpy as np

from deepbio.core import tables
from deepbio.domains.cells.samples import ks_distances
from deepbio.figures.style import PALETTE, components, panels, plt, save


def draw_filters(weights, effects, differences, chosen, context, path):
    """Draw {svg,png,csv}: consensus filters (rows) by their weights of the markers, with what each adds to the label,
    and how much higher its pooled response is in samples of label 1 (in standard deviations)."""
    order = np.argsort(differences)
    names = [f"filter {i + 1}{' (chosen)' if i == chosen else ''}" for i in order]
    size = 2.6 + 0.3 * weights.shape[1], 1.9 + 0.3 * len(order)
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(size[0] + 2.6, size[1]), width_ratios=[size[0], 2.2], sharey=True
    )
    shown = np.column_stack([weights, effects])[order]
    limit = np.abs(shown).max()
    image = left.imshow(shown, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    left.axvline(weights.shape[1] - 0.5, color="black", lw=1)
    left.set_xticks(range(shown.shape[1]), [*context["features"], "output"], rotation=90, fontsize=8)
    left.set_yticks(range(len(order)), names, fontsize=8)
    figure.colorbar(image, ax=left, label="weight", pad=0.01)
    right.barh(range(len(order)), np.array(differences)[order], color=PALETTE[0])
    right.axvline(0, color="black", lw=0.8)
    right.set_xlabel("difference of responses (SD)", fontsize=9)
    rows = [
        [name, *(f"{value:.4f}" for value in row), f"{differences[i]:.4f}"]
        for name, row, i in zip(names, shown, order, strict=True)
    ]
    tables.write_csv(path.with_suffix(".csv"), ["filter", *context["features"], "output", "difference"], rows)
    figure.suptitle("Filters that several runs found, on validation samples", x=0.01, ha="left", fontsize=11)
    save(figure, path, context["origin"])


def draw_subset(split, response, selected, path, most=7):
    """Draw {svg,png,csv}: principal components of the cells coloured by their response, and the markers in which the
    selected cells differ most from all cells, by KS distance."""
    cells, context = np.asarray(split["cells"].values), split.context
    some = np.random.default_rng(0).permutation(len(cells))[:3000]
    some = some[np.argsort(response[some], kind="stable")]
    distance = ks_distances(cells[selected], cells) if selected.any() else np.zeros(cells.shape[1])
    order = np.argsort(-distance, kind="stable")[:most]
    figure, axes = panels(1 + len(order), 4, (2.7, 2.3), (0.3, 0.5))
    places, share = components(cells[some], cells[some])
    marks = axes[0].scatter(*places.T, c=response[some], s=3, cmap="viridis", rasterized=True)
    figure.colorbar(marks, ax=axes[0])
    axes[0].set_xlabel(f"component 1 ({share[0]:.0%})", fontsize=8)
    axes[0].set_ylabel(f"component 2 ({share[1]:.0%})", fontsize=8)
    axes[0].set_title("response", fontsize=9)
    for axis, marker in zip(axes[1:], order, strict=True):
        edges = np.linspace(*np.percentile(cells[:, marker], [0.2, 99.8]), 40)
        for name, values, colour in (("all cells", cells, "#888888"), ("selected", cells[selected], PALETTE[1])):
            if len(values):
                axis.hist(values[:, marker], edges, density=True, histtype="step", color=colour, label=name, lw=1.4)
        axis.set_title(f"{context['features'][marker]}: KS {distance[marker]:.2f}", fontsize=9)
        axis.tick_params(labelsize=8)
    axes[1].legend(fontsize=7)
    rows = [[name, f"{value:.4f}"] for name, value in zip(context["features"], distance, strict=True)]
    tables.write_csv(path.with_suffix(".csv"), ["marker", "ks_selected"], rows)
    figure.suptitle(f"Cells that answer to the chosen filter: {selected.mean():.2%}", x=0.01, ha="left", fontsize=11)
    save(figure, path, context["origin"])


def draw_frequency(split, selected, path):
    """Draw {svg,png,csv}: share of selected cells in the samples of each label."""
    offsets, y, context = np.asarray(split["cells"].offsets), np.asarray(split.y), split.context
    share = np.array([100 * selected[a:b].mean() for a, b in zip(offsets[:-1], offsets[1:], strict=True)])
    figure, axis = plt.subplots(figsize=(3.8, 3.6))
    for label, colour in ((0, PALETTE[5]), (1, PALETTE[1])):
        values = share[y == label]
        if len(values):
            axis.boxplot([values], positions=[label], widths=0.5, manage_ticks=False, showfliers=False)
            shift = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else [0]
            axis.plot(label + np.asarray(shift), values, "o", color=colour, ms=5, alpha=0.8)
    axis.set_xticks([0, 1], context.get("classes", ["0", "1"]))
    axis.set(ylabel="selected cells (%)", xlim=(-0.6, 1.6), title="Validation samples")
    axis.set_ylim(bottom=0)
    rows = [[i, int(label), f"{value:.4f}"] for i, (label, value) in enumerate(zip(y, share, strict=True), 1)]
    tables.write_csv(path.with_suffix(".csv"), ["sample", "label", "selected_percent"], rows)
    save(figure, path, context["origin"])


def draw_recovery(split, response, path):
    """Draw {svg,png,csv}: precision and recall of the planted cells along the response, in samples of label 1."""
    ill = np.repeat(np.asarray(split.y) == 1, np.diff(split["cells"].offsets))
    truth, score = np.asarray(split["y_cells"].values)[ill].astype(bool), response[ill]
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])
    hits = np.cumsum(truth[order])[last]
    recall, precision = hits / max(truth.sum(), 1), hits / (last + 1)
    figure, axis = plt.subplots(figsize=(4.2, 3.6))
    axis.plot(recall, precision, color=PALETTE[0])
    axis.axhline(truth.mean(), ls=":", color="#888888", label=f"chance ({truth.mean():.2%})")
    axis.set(
        xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.05), title="Planted cells, validation samples"
    )
    axis.legend(fontsize=8)
    keep = np.unique(np.linspace(0, len(last) - 1, min(len(last), 200)).astype(int))
    rows = [[f"{recall[i]:.4f}", f"{precision[i]:.4f}"] for i in keep]
    tables.write_csv(path.with_suffix(".csv"), ["recall", "precision"], rows)
    save(figure, path, split.context["origin"])
