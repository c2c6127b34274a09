"""Figures of pairs of elements: scores over all pairs of places, and logos of the kernels that answer most."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.domains.dna import motifs
from deepbio.figures import style

KERNELS = 6


def draw_scores(scores, split, rows, p, parameters, path):
    """Draw the scores (pairs, promoter places, enhancer places) of some pairs, with the ends of both elements. Writes
    {path}.{csv,svg,png}."""
    figure, axes = style.panels(len(rows), 2, (4.6, 3.4), (0.3, 0.5))
    pool, found = parameters["pool"], []
    for axis, table, row in zip(axes, scores, rows, strict=True):
        size = [pool * count for count in table.shape]
        limit = max(float(np.abs(table - np.median(table)).max()), 1e-9)
        extent = (0, size[1], size[0], 0)
        shown = table - np.median(table)
        image = axis.imshow(shown, aspect="auto", cmap="PuOr", vmin=-limit, vmax=limit, extent=extent)
        places = np.asarray(split["places"][row])
        for end in places[:2]:
            axis.axvline(end, color="black", lw=0.8, ls=":")
        for end in places[2:]:
            axis.axhline(end, color="black", lw=0.8, ls=":")
        axis.set(xlabel="base of the enhancer's window", ylabel="base of the promoter's window")
        axis.set_title(f"pair {int(row)}: probability {p[row]:.2f}", fontsize=9)
        figure.colorbar(image, ax=axis, label="score less its median")
        top = np.argsort(-table, axis=None)[:20]
        for place in top:
            line, column = divmod(int(place), table.shape[1])
            found.append([int(row), pool * column, pool * line, f"{table.flat[place]:.4f}"])
    tables.write_csv(Path(f"{path}.csv"), ["pair", "enhancer_base", "promoter_base", "score"], found)
    title = "Which places of a linked pair go together (dotted: ends of the elements)"
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=10)
    style.save(figure, path, split.context["origin"])


def draw_logos(codes, active, place, width, origin, path):
    """Draw the logos of the kernels whose activation varies most over windows, from those above half of their largest,
    matched to JASPAR. Writes {path}.{csv,svg,png}."""
    chosen, found = np.argsort(-active.std(axis=0), kind="stable")[:KERNELS], []
    for kernel in chosen:
        strong = np.flatnonzero(active[:, kernel] > 0.5 * active[:, kernel].max())
        strong = strong if len(strong) >= 10 else np.argsort(-active[:, kernel], kind="stable")[:10]
        cut = motifs.windows(codes[strong], place[strong, kernel], width)
        found.append(motifs.trim(motifs.probabilities(motifs.count_matrix(cut))))
    hits = motifs.match(found)
    rows = [[int(kernel), hit["id"], hit["name"], f"{hit['q']:.3g}"] for kernel, hit in zip(chosen, hits, strict=True)]
    tables.write_csv(Path(f"{path}.csv"), ["kernel", "id", "name", "q"], rows)
    figure, axes = style.panels(len(found), 3, (3.6, 1.4), (0, 0.4))
    for axis, kernel, motif, hit in zip(axes, chosen, found, hits, strict=True):
        nearest = f"{hit['name']}, q = {hit['q']:.1g}" if hit["name"] else "too little to compare"
        motifs.logo(axis, motif, f"kernel {kernel}: {nearest}")
    style.save(figure, path, origin)
