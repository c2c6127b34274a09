"""Figures of episodes: vectors of support and queries before and after refinement, and the attention of a query."""

import numpy as np

from deepbio.core import tables
from deepbio.figures.molecule import picture
from deepbio.figures.style import PALETTE, components, plt, save

SHOWN = 5  # support molecules of each class


def draw_vectors(stages, labels, y, title, origin, path):
    """Draw the first two principal components of an episode's vectors at each stage. Writes {path}.{svg,png,csv}.

    stages : name → vectors of the support (s, d) and of the queries (q, d)
    labels, y : (s,) and (q,), 0 or 1
    """
    figure, axes = plt.subplots(1, len(stages), figsize=(5.0 * len(stages), 4.2), squeeze=False)
    kinds = {"inactive query": (y == 0, "."), "active query": (y == 1, ".")}
    rows = []
    for axis, (name, (support, query)) in zip(axes[0], stages.items(), strict=True):
        together = np.concatenate([support, query])
        places, share = components(together, together)
        near, far = places[: len(support)], places[len(support) :]
        for (label, (those, mark)), colour in zip(kinds.items(), ("#aaaaaa", PALETTE[1]), strict=True):
            axis.plot(*far[those].T, mark, color=colour, ms=5, alpha=0.7, label=label)
        for value, mark, colour in ((0, "s", "#555555"), (1, "*", PALETTE[0])):
            # Open marks: vectors may lie on each other.
            style = {"ms": 11 if value else 9, "mfc": "none", "mew": 1.4}
            kind = "active" if value else "inactive"
            axis.plot(*near[labels == value].T, mark, color=colour, label=f"{kind} of the support", **style)
        axis.set(xlabel=f"component 1 ({share[0]:.0%})", ylabel=f"component 2 ({share[1]:.0%})")
        axis.set_title(name)
        for part, values, where in (("support", labels, near), ("query", y, far)):
            rows += [[name, part, int(v), *(f"{w:.5g}" for w in place)] for v, place in zip(values, where, strict=True)]
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=4, frameon=False, fontsize=9)
    figure.suptitle(f"Molecules of one episode. {title}", x=0.01, ha="left", fontsize=11)
    save(figure, path, origin)
    tables.write_csv(path.with_suffix(".csv"), ["stage", "part", "active", "component1", "component2"], rows)


def draw_attention(query, support, labels, weights, title, origin, path):
    """Draw a query and the molecules of its support with the most attention, in each class.

    query, support : SMILES
    labels : (s,) 0 or 1
    weights : (s,) attention, with a sum of one

    Writes {path}.{svg,png,csv}.
    """
    figure, axes = plt.subplots(2, SHOWN + 1, figsize=(2.1 * (SHOWN + 1), 4.3), width_ratios=[1.25] + [1] * SHOWN)
    for axis in axes.flat:
        axis.axis("off")
    axes[0, 0].imshow(picture(query))
    axes[0, 0].set_title("query, an active\n", fontsize=9)
    text = f"predicted {weights @ labels:.3f}\nshare of actives\nin the support {labels.mean():.3f}"
    axes[1, 0].text(0.02, 0.95, text, transform=axes[1, 0].transAxes, va="top", fontsize=9)
    even = 1 / len(labels)
    for line, value in zip(axes, (1, 0), strict=True):
        order = np.flatnonzero(labels == value)
        order = order[np.argsort(-weights[order], kind="stable")][:SHOWN]
        for axis, place in zip(line[1:], order, strict=False):
            axis.imshow(picture(support[place]))
            kind = "active" if value else "inactive"
            axis.set_title(f"{kind}\n{weights[place]:.4f} ({weights[place] / even:.2f} ×)", fontsize=8)
    figure.suptitle(
        f"Attention of a query over its support, and as a multiple of an even one. {title}",
        x=0.01,
        ha="left",
        fontsize=11,
    )
    save(figure, path, origin)
    rows = sorted(zip(support, labels.astype(int), weights, strict=True), key=lambda row: -row[2])
    header = ["query", "support", "active", "attention"]
    tables.write_csv(path.with_suffix(".csv"), header, ([query, s, v, f"{w:.6g}"] for s, v, w in rows))
