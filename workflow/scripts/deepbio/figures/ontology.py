"""Figures of a network over an ontology: the hierarchy, and the importance and states of its terms."""

import textwrap

import numpy as np

from deepbio.core import tables
from deepbio.figures.style import COLOURS, components, panels, plt, save

LABELLED = 40  # terms of a hierarchy that are named
SHOWN = 25  # terms in a list
DIVERGING = "RdBu"


def draw_power(rows, ontology, origin, path):
    """Draw the RLIPP of the terms; `rows` as from dcell.Method.relative_power. Writes {path}.{svg,png,csv}."""
    order = sorted(rows, key=lambda row: -np.nan_to_num(row[2] - row[3], nan=-9))
    header = ["term", "genotypes", "spearman_of_state", "spearman_of_inputs", "rlipp"]
    tables.write_csv(
        path.with_suffix(".csv"), header, ([ontology.terms[t], n, *(f"{v:.5g}" for v in rest)] for t, n, *rest in order)
    )
    shown = [row for row in order if np.isfinite(row[2])][:SHOWN]
    figure, axis = plt.subplots(figsize=(7, 1.6 + 0.27 * max(len(shown), 1)))
    for place, (_, _, state, inputs, _) in enumerate(shown):
        axis.plot([inputs, state], [place, place], "-", color="#bbbbbb", lw=2, zorder=0)
    places = range(len(shown))
    axis.plot([row[3] for row in shown], places, "s", color=COLOURS["baseline"], label="the term's inputs")
    axis.plot([row[2] for row in shown], places, "o", color=COLOURS["listed"], label="the term's state")
    names = [
        f"{ontology.terms[t]} (RLIPP {gain:+.2f})" if np.isfinite(gain) else f"{ontology.terms[t]} (no RLIPP)"
        for t, _, _, _, gain in shown
    ]
    axis.set_yticks(places, names, fontsize=8)
    axis.set_ylim(len(shown) - 0.4, -0.6)
    axis.axvline(0, color="#999999", lw=0.8)
    axis.set(xlabel="Spearman ρ with the phenotype, genotypes with a gene of the term")
    axis.set_title("Gain in predictive power by each term")
    figure.legend(loc="outside lower left", ncols=2, frameon=False, fontsize=8)
    save(figure, path, origin)


def draw_parity(y, p, origin, path):
    """Draw the predicted against the measured phenotype. Writes {path}.{svg,png}."""
    figure, axis = plt.subplots(figsize=(4.6, 4.4))
    axis.plot(y, p, ".", color=COLOURS["listed"], ms=4, alpha=0.4)
    span = [min(y.min(), p.min()), max(y.max(), p.max())]
    axis.plot(span, span, ":", color="#999999", lw=0.8)
    axis.set(xlabel="measured", ylabel="predicted")
    axis.set_title(f"Validation genotypes, Pearson r {np.corrcoef(y, p)[0, 1] if np.ptp(p) > 0 else 0:.3f}")
    save(figure, path, origin)


def draw_states(rows, ontology, states, y, x, origin, path, most=6):
    """Draw the first two principal components of the states of the most predictive terms, coloured by phenotype.

    Writes {path}.{svg,png}.
    """
    best = sorted((row for row in rows if np.isfinite(row[2])), key=lambda row: -row[2])[:most]
    best = best or rows[:1]
    figure, axes = panels(len(best), 3, (2.7, 2.7), (1.2, 0.8))
    limit = np.nanquantile(np.abs(y - np.nanmean(y)), 0.98)
    for axis, (term, *_) in zip(axes, best, strict=True):
        held = x @ ontology.members()[term] > 0
        place, _ = components(states[term], states[term][held])
        shade = {"c": y[held] - np.nanmean(y), "cmap": DIVERGING, "vmin": -limit, "vmax": limit}
        drawn = axis.scatter(*place.T, s=8, edgecolors="#888888", linewidths=0.2, **shade)
        axis.set_title(textwrap.fill(ontology.terms[term], 26), fontsize=9)
        axis.set(xlabel="component 1", ylabel="component 2", xticks=[], yticks=[])
    figure.colorbar(drawn, ax=axes, label="phenotype minus its mean", shrink=0.7)
    figure.suptitle("States of terms, genotypes with a gene of the term", x=0.01, ha="left", fontweight="bold")
    save(figure, path, origin)


def places(ontology):
    """Return coordinates x and y (terms,) of a drawing of the terms.

    y is minus the longest path from the root; x orders terms by the first path to them.
    """
    height = ontology.heights()
    depth = np.zeros(len(height), int)
    for parent, child in ontology.edges[np.argsort(-height[ontology.edges[:, 0]], kind="stable")]:
        depth[child] = max(depth[child], depth[parent] + 1)
    children = {}
    for parent, child in ontology.edges:
        children.setdefault(int(parent), []).append(int(child))
    x, done, free = np.zeros(len(height)), set(), 0
    stack = [(ontology.root(), False)]
    while stack:
        term, back = stack.pop()
        below = children.get(term, [])
        if back:
            x[term] = np.mean(x[below])
        elif term not in done:
            done.add(term)
            fresh = [child for child in below if child not in done]
            if fresh:
                stack += [(term, True), *((child, False) for child in reversed(fresh))]
            else:
                # A term whose children are all drawn under another one stands beside them.
                x[term], free = free, free + 1
    return x, -depth


def draw_hierarchy(ontology, change, rows, genes, origin, path):
    """Draw the hierarchy, with every term coloured by `change` (terms,).

    change : prediction of a term's head for a genotype, minus that for the wild type
    genes : indices of the genotype's genes

    A mark is larger where the term's state is more predictive of the phenotype. Writes {path}.{svg,png,csv}.
    """
    members = ontology.members()[:, genes].any(1)
    x, y = places(ontology)
    spearman = np.nan_to_num([row[2] for row in rows]).clip(0)
    header = ["term", "change", "holds_gene"]
    tables.write_csv(
        path.with_suffix(".csv"),
        header,
        ([*one[:1], f"{one[1]:.5g}", int(one[2])] for one in zip(ontology.terms, change, members, strict=True)),
    )
    figure, axis = plt.subplots(figsize=(min(16, 5 + 0.55 * np.ptp(x)), 2.2 + 1.1 * np.ptp(y)))
    for parent, child in ontology.edges:
        used = members[parent] and members[child]
        style = {"color": "#333333" if used else "#cccccc", "lw": 1.4 if used else 0.6}
        axis.plot(x[[parent, child]], y[[parent, child]], "-", zorder=0, **style)
    limit = max(np.abs(change).max(), 1e-12)
    edge = ["#000000" if held else "#999999" for held in members]
    area = 40 + 260 * spearman / max(spearman.max(), 1e-12)
    shade = {"c": change, "cmap": DIVERGING, "vmin": -limit, "vmax": limit}
    drawn = axis.scatter(x, y, s=area, edgecolors=edge, linewidths=np.where(members, 1.6, 0.6), **shade)
    for term in np.argsort(-(spearman + 10 * members), kind="stable")[:LABELLED]:
        axis.annotate(
            ontology.terms[term],
            (x[term], y[term]),
            (0, -13),
            textcoords="offset points",
            ha="right",
            va="top",
            rotation=25,
            fontsize=7,
            bbox={"boxstyle": "square,pad=0.05", "fc": "white", "ec": "none", "alpha": 0.8},  # above the edges
            zorder=0.5,
        )
    axis.set_axis_off()
    axis.margins(0.08, 0.2)
    figure.colorbar(drawn, ax=axis, label="change from the wild type", shrink=0.7, pad=0.01)
    named = [ontology.genes[gene] for gene in genes]
    named = ", ".join(named[:4]) + (f" and {len(named) - 4} more" if len(named) > 4 else "")
    axis.set_title(
        f"Each term's own prediction for {named}\nblack edge: terms with such a gene; size: Spearman ρ of the state"
    )
    save(figure, path, origin)
