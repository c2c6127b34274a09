"""Figures of embedded cells: maps, what cells of each type find, and which genes or sets of genes tell a type."""

import numpy as np

from deepbio.core import tables
from deepbio.domains.expression import retrieval
from deepbio.figures.style import PALETTE, components, plt, save

SHOWN = 600  # cells of a map, and of what is measured among them
MARKS = "os^Dvp*hX<>P"
CELLS = np.array(plt.get_cmap("tab20").colors)


def _some(split, code):
    """Take at most SHOWN cells with a known type: profiles, codes and numbers of types."""
    number = np.asarray(split.y).ravel()
    rows = np.flatnonzero(~np.isnan(number))
    rows = np.random.default_rng(0).permutation(rows)[:SHOWN]
    return np.asarray(split["x"], float)[rows], code[rows], number[rows].astype(int)


def _spaces(split, code):
    """Give the cells in the embedding, in 50 principal components and as they are, and their types."""
    x, code, number = _some(split, code)
    centred = x - x.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:50]
    return {"embedding": code, "50 components": centred @ axes.T, "all genes": x}, number


def draw_map(split, code, path):
    """Draw {svg,png,csv}: the cells by t-SNE of the embedding (n, units) and of 50 principal components, by their
    type."""
    from sklearn.manifold import TSNE

    spaces, number = _spaces(split, code)
    names, rows = split.context["classes"], []
    figure, axes = plt.subplots(1, 2, figsize=(10.2, 4.2))
    for axis, space in zip(axes, ("embedding", "50 components"), strict=True):
        values = spaces[space]
        if len(values) > 10:
            perplexity = min(30, (len(values) - 1) / 3)
            values = TSNE(perplexity=perplexity, init="pca", random_state=0, max_iter=500).fit_transform(values)
        else:
            values = components(values, values)[0]
        for one, name in enumerate(names):
            here = number == one
            colour = PALETTE[one] if len(names) <= len(PALETTE) else CELLS[one % len(CELLS)]
            mark = MARKS[one % len(MARKS)]
            if here.any():
                axis.plot(
                    *values[here].T, mark, ms=4, color=colour, alpha=0.75, label=name, mec="none", rasterized=True
                )
        axis.set(title=f"t-SNE of the {space}", xticks=[], yticks=[])
        rows += [[space, names[one], *map("{:.4f}".format, place)] for one, place in zip(number, values, strict=True)]
    axes[1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    tables.write_csv(path.with_suffix(".csv"), ["space", "type", "x", "y"], rows)
    figure.suptitle("Validation cells", x=0.01, ha="left", fontsize=11)
    save(figure, path, split.context["origin"])


def draw_precision(split, code, path):
    """Draw {svg,png,csv}: how well cells of each type find each other in the embedding, in components and by all
    genes."""
    spaces, number = _spaces(split, code)
    names, values = split.context["classes"], np.full((len(spaces), len(split.context["classes"])), np.nan)
    for row, space in enumerate(spaces.values()):
        precision = retrieval.average_precision(*retrieval.among_each_other(space, number))
        for one in np.unique(number):
            here = precision[number == one]
            values[row, one] = np.nan if np.isnan(here).all() else np.nanmean(here)
    known = ~np.isnan(values).all(axis=0)
    values, names = values[:, known], [name for name, one in zip(names, known, strict=True) if one]
    size = (max(4.2, 2.4 + 0.62 * len(names)), 2.2 + 0.09 * max(map(len, names), default=0))
    figure, axis = plt.subplots(figsize=size)
    image = axis.imshow(values, cmap="viridis", vmin=0, vmax=1, aspect="auto")
    for i, j in np.ndindex(*values.shape):
        if not np.isnan(values[i, j]):
            ink = "black" if values[i, j] > 0.6 else "white"
            axis.text(j, i, f"{values[i, j]:.2f}", ha="center", va="center", fontsize=8, color=ink)
    axis.set_yticks(range(len(spaces)), list(spaces))
    axis.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8)
    figure.colorbar(image, ax=axis, label="mean average\nprecision", pad=0.01)
    rows = [[space, *map("{:.4f}".format, row)] for space, row in zip(spaces, values, strict=True)]
    tables.write_csv(path.with_suffix(".csv"), ["space", *names], rows)
    figure.suptitle("Validation cells that ask for each other", x=0.01, ha="left", fontsize=11)
    save(figure, path, split.context["origin"])


def draw_found(split, code, path):
    """Draw {svg,png,csv}: of which types the nearest cells are, as many as there are of the type that asks (rows)."""
    spaces, number = _spaces(split, code)
    names = split.context["classes"]
    distance, relevant = retrieval.among_each_other(spaces["embedding"], number)
    near = np.argsort(distance, axis=1, kind="stable")
    near += near >= np.arange(len(near))[:, None]  # a cell itself is not among the others
    shares = np.full((len(names), len(names)), np.nan)
    for one in np.unique(number):
        cells, count = np.flatnonzero(number == one), int((number == one).sum()) - 1
        if count:
            shares[one] = np.bincount(number[near[cells, :count]].ravel(), minlength=len(names)) / (count * len(cells))
    there = np.unique(number)  # a type may have no validation cells
    names, shares = [names[one] for one in there], shares[np.ix_(there, there)]
    figure, axis = plt.subplots(figsize=(3.4 + 0.5 * len(names), 2.4 + 0.42 * len(names)))
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(*shares.shape):
        if shares[i, j] >= 0.005:
            ink = "white" if shares[i, j] > 0.5 else "black"
            axis.text(j, i, f"{shares[i, j]:.2f}", ha="center", va="center", fontsize=7, color=ink)
    axis.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=8)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set(xlabel="type of the cells found", ylabel="type that asks")
    rows = [[name, *map("{:.4f}".format, row)] for name, row in zip(names, shares, strict=True)]
    tables.write_csv(path.with_suffix(".csv"), ["asks", *names], rows)
    figure.suptitle("The nearest validation cells in the embedding", x=0.01, ha="left", fontsize=11)
    save(figure, path, split.context["origin"])


def draw_effects(effects, names, context, path, most=6):
    """Draw {svg,png,csv}: the genes, or sets of genes, that add most to each type's score, by the product of the
    weights.

    effects : (types, genes or sets); names : of the genes or sets.
    """
    classes = context["classes"]
    effects = effects - effects.mean(axis=0)  # what is added to all types alike tells none
    columns = min(5, len(classes))
    lines = -(-len(classes) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(2.55 * columns, 0.5 + 1.75 * lines), squeeze=False)
    rows, widest = [], np.abs(effects).max()
    for axis in axes.flat[len(classes) :]:
        axis.set_visible(False)
    for axis, name, values in zip(axes.flat, classes, effects, strict=False):
        order = np.argsort(-values, kind="stable")[:most]
        axis.barh(range(len(order)), values[order], color=PALETTE[5])
        for place, one in enumerate(order):
            axis.text(0.02 * widest, place, names[one], va="center", fontsize=7, color="black")
        axis.set(yticks=[], xlim=(0, 1.05 * widest))
        axis.invert_yaxis()
        axis.tick_params(labelsize=7)
        axis.set_title(name, fontsize=9)
        rows += [[name, names[one], f"{values[one]:.5g}"] for one in order]
    tables.write_csv(path.with_suffix(".csv"), ["type", "genes", "weight"], rows)
    figure.suptitle("What adds most to the score of each type (product of weights)", x=0.01, ha="left", fontsize=11)
    save(figure, path, context["origin"])
