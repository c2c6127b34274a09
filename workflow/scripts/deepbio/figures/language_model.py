"""Figures of language models of DNA: k-mers in the space of their embedding, and windows that are partly replaced."""

import re
from pathlib import Path

import numpy as np
from matplotlib import patheffects

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.figures import style

NAMED = 14  # k-mers whose names are drawn
WIDTH, TRIES, WINDOWS = 10, 5, 40  # replaced bases, replacements of each, and windows that are averaged


def draw_embedding(weight, k, path, origin):
    """Draw the k-mers by the first two principal components of their embedding (4^k + 1, features), coloured by their
    share of C and G. Writes {path}.{csv,svg,png}."""
    weight = weight[1:]
    places, share = style.components(weight, weight)
    names = ["".join("ACGT"[number // 4**place % 4] for place in reversed(range(k))) for number in range(4**k)]
    gc = np.array([sum(base in "CG" for base in name) / k for name in names])
    rows = [[name, f"{gc[i]:.2f}", *(f"{one:.5f}" for one in places[i])] for i, name in enumerate(names)]
    tables.write_csv(Path(f"{path}.csv"), ["kmer", "gc", "first", "second"], rows)
    figure, axis = style.plt.subplots(figsize=(6.5, 5))
    image = axis.scatter(*places.T, c=gc, s=10, cmap="viridis")
    halo = {"path_effects": [patheffects.withStroke(linewidth=2, foreground="white")]}
    for number in spread(places, NAMED):
        axis.annotate(names[number], places[number], (3, 2), textcoords="offset points", fontsize=7, **halo)
    axis.set(xlabel=f"first component ({100 * share[0]:.0f} %)", ylabel=f"second component ({100 * share[1]:.0f} %)")
    axis.set_title("Embedding of the k-mers")
    figure.colorbar(image, ax=axis, label="share of C and G")
    style.save(figure, path, origin)


def spread(places, count):
    """Choose points of a plane, places (n, 2), that are far from each other, so that their names do not overlap: the
    outermost one, and again and again the one farthest from those chosen."""
    scaled = (places - places.mean(axis=0)) / np.maximum(np.ptp(places, axis=0), 1e-9)
    chosen = [int((scaled**2).sum(axis=1).argmax())]
    nearest = np.full(len(places), np.inf)
    while len(chosen) < min(count, len(places)):
        nearest = np.minimum(nearest, ((scaled - scaled[chosen[-1]]) ** 2).sum(axis=1))
        chosen.append(int(nearest.argmax()))
    return chosen


def draw_perturbed(method, split, path):
    """Draw the prediction of windows when some bases in a row are replaced by random ones, by their place. Writes
    {path}.{csv,svg,png}."""
    rng, codes = np.random.default_rng(0), np.asarray(split["codes"])[:WINDOWS]
    starts = np.arange(0, codes.shape[1] - WIDTH + 1, max(1, WIDTH // 2))
    found = []
    for start in starts:
        made = np.repeat(codes, TRIES, axis=0)
        made[:, start : start + WIDTH] = rng.integers(0, 4, (len(made), WIDTH))
        found.append(float(method.predict(Split({"codes": made}, split.context))["y"][:, 0].mean()))
    whole = float(method.predict(Split({"codes": codes}, split.context))["y"][:, 0].mean())
    rows = [[int(start), f"{value:.5f}", f"{whole:.5f}"] for start, value in zip(starts, found, strict=True)]
    tables.write_csv(Path(f"{path}.csv"), ["start", "perturbed", "whole"], rows)
    figure, axis = style.plt.subplots(figsize=(7.5, 2.8))
    axis.plot(starts + WIDTH / 2, found, color=style.PALETTE[0])
    axis.axhline(whole, color="#767676", ls=":", label="whole windows")
    axis.set(xlabel=f"middle of the {WIDTH} bases that are replaced", ylabel="mean prediction")
    axis.set_title("Prediction of perturbed windows")
    axis.legend(frameon=False, fontsize=8)
    style.save(figure, path, split.context["origin"])


def draw_learning_curve(runs, whole, metric, label, path, origin):
    """Draw the score by the number of labelled windows, with and without a language model. Writes {path}.{csv,svg,png}.

    runs : title → `scores` (metric → values); a title may say "…, naive" and "…, 100 labels a class"
    whole : number of labelled windows where the title says none
    """
    curves = {}
    for title, run in runs.items():
        values = run["scores"].get(metric)
        if values and title.startswith("Genomic-ULMFiT"):
            said = re.search(r"(\d+) labels a class", title)
            size = 2 * int(said.group(1)) if said else whole
            curves.setdefault("naive" if "naive" in title else "pre-trained", []).append((size, values))
    if not any(len(points) > 1 for points in curves.values()):
        return
    figure, axis = style.plt.subplots(figsize=(6, 3.6))
    rows = []
    for (name, points), mark in zip(sorted(curves.items()), "os", strict=False):
        points = sorted(points)
        colour = style.PALETTE[0 if name == "pre-trained" else 1]
        axis.plot(
            [size for size, _ in points],
            [np.mean(values) for _, values in points],
            f"{mark}-",
            color=colour,
            label=name,
        )
        for size, values in points:
            axis.plot([size] * len(values), values, "|", color=colour)
            rows.append([name, size, f"{np.mean(values):.5f}", len(values)])
    axis.set(xscale="log", xlabel="labelled windows", ylabel=label)
    axis.set_title("With and without a language model of the genome")
    axis.legend(frameon=False, fontsize=8)
    tables.write_csv(Path(f"{path}.csv"), ["method", "windows", metric, "runs"], rows)
    style.save(figure, path, origin)
