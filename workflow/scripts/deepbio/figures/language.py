"""Figures of protein language models: amino acids by their vectors, hidden residues, attention over contacts."""

import numpy as np

from deepbio.core import tables
from deepbio.domains.protein.sequences import AMINO_ACIDS
from deepbio.figures.style import PALETTE, components, panels, plt, save

CLASSES = {
    "aromatic": "FWY",
    "aliphatic": "AVILM",
    "positive": "KRH",
    "negative": "DE",
    "polar": "STNQ",
    "special": "CGP",
}
BEST = 3  # heads that are drawn


def draw_amino_acids(vectors, context, path):
    """Draw {svg,png,csv}: the 20 amino acids by the first two principal components of their vectors (20, width),
    coloured by biochemical class."""
    places, share = components(vectors, vectors)
    figure, axis = plt.subplots(figsize=(4.8, 4.2))
    rows = []
    for (name, letters), colour in zip(CLASSES.items(), PALETTE, strict=False):
        index = [AMINO_ACIDS.index(letter) for letter in letters]
        axis.plot(*places[index].T, "o", color=colour, ms=4, label=name)
        for letter, one in zip(letters, index, strict=True):
            axis.annotate(letter, places[one], textcoords="offset points", xytext=(4, 3), fontsize=9, color=colour)
            rows.append([letter, name, *(f"{value:.5g}" for value in places[one])])
    axis.set(xlabel=f"component 1 ({share[0]:.0%})", ylabel=f"component 2 ({share[1]:.0%})", title="Amino acids")
    axis.legend(fontsize=7)
    tables.write_csv(path.with_suffix(".csv"), ["amino_acid", "class", "x", "y"], rows)
    save(figure, path, context["origin"])


def draw_hidden(split, p, path):
    """Draw {svg,png,csv}: mean probability of each amino acid (columns) where each one (rows) is hidden, in validation
    proteins."""
    y = np.asarray(split.y)
    known = ~np.isnan(y).any(axis=2)
    truth, guess = y[known], p[known]
    table = truth.T @ guess / np.maximum(truth.sum(axis=0), 1)[:, None]
    figure, axis = plt.subplots(figsize=(5.2, 4.4))
    image = axis.imshow(table, cmap="viridis")
    axis.set_xticks(range(20), list(AMINO_ACIDS), fontsize=8)
    axis.set_yticks(range(20), list(AMINO_ACIDS), fontsize=8)
    axis.set(xlabel="predicted", ylabel="hidden", title="Mean probability where a residue is hidden")
    figure.colorbar(image, ax=axis, label="mean probability")
    rows = [[AMINO_ACIDS[i], *(f"{value:.4f}" for value in table[i])] for i in range(20)]
    tables.write_csv(path.with_suffix(".csv"), ["hidden", *AMINO_ACIDS], rows)
    save(figure, path, split.context["origin"])


def draw_attention(maps, label, predicted, context, path):
    """Draw {svg,png,csv}: corrected attention of the heads that know most contacts of a validation protein (above the
    diagonal) over its true contacts (below), and the regression on all heads; the precision of each head."""
    size = len(label)
    upper = np.triu(label != 255, 6)

    def precision(table):
        order = np.argsort(-table[upper], kind="stable")[:size]
        return (label[upper] == 1)[order].mean()

    each = np.array([precision(maps[:, :, head]) for head in range(maps.shape[2])])
    order = np.argsort(-each, kind="stable")[:BEST]
    shown = [(f"head {head + 1} of {len(each)}: {each[head]:.2f}", maps[:, :, head]) for head in order]
    if predicted is not None:
        shown.append((f"regression: {precision(predicted):.2f}", predicted))
    figure, axes = panels(len(shown), 4, (3.0, 3.0), (0, 0.5))
    for axis, (title, table) in zip(axes, shown, strict=True):
        low, high = np.percentile(table[upper], [50, 99.5])
        scaled = np.clip((table - low) / max(high - low, 1e-12), 0, 1)
        axis.imshow(np.where(np.triu(np.ones_like(scaled), 1), scaled, (label == 1) * 0.8), cmap="Blues")
        axis.set_title(title, fontsize=9)
        axis.set(xticks=[], yticks=[], xlabel="residue")
    axes[0].set_ylabel("residue")
    rows = [[head + 1, f"{value:.4f}"] for head, value in enumerate(each)]
    tables.write_csv(path.with_suffix(".csv"), ["head", "precision_at_length"], rows)
    figure.suptitle("Attention (above) over contacts (below), PPV of the best L pairs", x=0.01, ha="left", fontsize=10)
    save(figure, path, context["origin"])
