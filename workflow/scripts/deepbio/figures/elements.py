"""Figures of regulatory elements: the path of a selecting layer, states along a stretch, ensembles, and confusion."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.figures import style
from deepbio.scoring import metrics

SHOWN = 120  # regions of a stretch


def draw_path(path, chosen, selected, names, file, origin):
    """Draw along the penalties of a selecting layer how many features are kept, the validation loss, and the weights of
    the features. Writes {file}.{csv,svg,png}.

    path : of each penalty `penalty`, `loss` and `weight` (features,)
    chosen : number of the penalty that was chosen
    """
    weight = np.stack([one["weight"] for one in path])
    counts = (weight > selected * np.maximum(weight.max(axis=1, keepdims=True), 1e-12)).sum(axis=1)
    rows = [
        [f"{one['penalty']:g}", int(count), f"{one['loss']:.5f}", *(f"{w:.4f}" for w in one["weight"])]
        for one, count in zip(path, counts, strict=True)
    ]
    tables.write_csv(Path(f"{file}.csv"), ["penalty", "features", "valid_loss", *names], rows)
    figure, (top, below) = style.plt.subplots(2, 1, figsize=(7, 3 + 0.2 * len(names)), height_ratios=[1, 1.6])
    ticks, places = [f"{one['penalty']:g}" for one in path], np.arange(len(path))
    top.plot(places, counts, "o-", color=style.PALETTE[0])
    top.set(ylabel="selected features", ylim=(0, len(names) + 1))
    top.axvline(chosen, color="#767676", ls=":")
    right = top.twinx()
    right.plot(places, [one["loss"] for one in path], "s-", color=style.PALETTE[1])
    right.set_ylabel("validation loss", color=style.PALETTE[1])
    right.spines["right"].set_visible(True)
    top.set_xticks(places, ticks, fontsize=8)
    top.set_title("Along the penalty of the selecting layer (dotted: chosen)")
    order = np.argsort(-weight[chosen], kind="stable")
    share = weight / np.maximum(weight.max(axis=1, keepdims=True), 1e-12)
    image = below.imshow(share[:, order].T, aspect="auto", cmap="viridis", vmin=0, vmax=1)
    below.set_yticks(range(len(names)), [names[i] for i in order], fontsize=8)
    below.set_xticks(places, ticks, fontsize=8)
    below.set_xlabel("penalty λ₁")
    figure.colorbar(image, ax=below, label="weight over the largest", pad=0.01)
    style.save(figure, file, origin)


def draw_confusion(split, p, path):
    """Draw which share of each class is called what. Writes {path}.{csv,svg,png}."""
    names = split.context.get("classes", ["other", "enhancer"])
    y = np.asarray(split.y, float).ravel()
    calls = p.argmax(axis=1) if p.shape[1] > 1 else (p[:, 0] > 0.5).astype(int)
    if split.context["output"] not in ("binary", "multiclass"):
        y, calls = (y > np.median(y)).astype(int), (p[:, 0] > np.median(p[:, 0])).astype(int)
        names = ["low", "high"]
    table = np.array([[((y == i) & (calls == j)).sum() for j in range(len(names))] for i in range(len(names))])
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    rows = [[name, *map(int, row)] for name, row in zip(names, table, strict=True)]
    tables.write_csv(Path(f"{path}.csv"), ["class", *names], rows)
    figure, axis = style.plt.subplots(figsize=(2.6 + 0.8 * len(names), 1.8 + 0.6 * len(names)))
    image = axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(share.shape):
        colour = "white" if share[i, j] > 0.6 else "black"
        axis.text(j, i, f"{100 * share[i, j]:.0f} %\n{table[i, j]}", ha="center", va="center", fontsize=8, color=colour)
    axis.set_xticks(range(len(names)), names, fontsize=8)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set(xlabel="called", ylabel="class")
    axis.set_title("Calls of validation regions", fontsize=10)
    figure.colorbar(image, ax=axis, label="share of the class")
    style.save(figure, path, split.context["origin"])


def draw_states(split, found, path):
    """Draw probabilities and the best path along a stretch of regions, above what they are. Writes {path}.{svg,png}."""
    chain, place, y = np.asarray(split["chain"]), np.asarray(split["place"]), np.asarray(split.y).ravel()
    order = np.lexsort((place, chain))
    hits = np.convolve(y[order], np.ones(min(SHOWN, len(y))), "valid")
    first = int(np.abs(hits - np.median(hits[hits > 0]) if (hits > 0).any() else hits).argmin())
    rows = order[first : first + SHOWN]
    figure, (top, below) = style.plt.subplots(2, 1, figsize=(9, 3.6), height_ratios=[2, 1], sharex=True)
    top.plot(found["network"][rows], color=style.PALETTE[1], lw=1, label="network alone")
    top.plot(found["y"][rows, 0], color=style.PALETTE[0], lw=1.4, label="with the Markov chain")
    top.set(ylabel="probability", ylim=(-0.03, 1.03))
    top.legend(frameon=False, fontsize=8, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    top.set_title("Along neighbouring validation regions")
    bands = np.stack([y[rows], found["state"][rows]])
    below.imshow(bands, aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    for edge in np.flatnonzero(np.diff(chain[rows])):
        below.axvline(edge + 0.5, color="#AAAAAA", lw=0.5)
    below.set_yticks([0, 1], ["enhancer", "best path"])
    below.set_xlabel("regions in their order (lines: ends of chains)")
    style.save(figure, path, split.context["origin"])


def draw_route(route, path, origin):
    """Draw the validation loss after each type of cell, where there are several; writes {path}.{csv,svg,png}."""
    rows = [[number, one["cell"], f"{one['loss']:.5f}"] for number, one in enumerate(route, 1)]
    tables.write_csv(Path(f"{path}.csv"), ["step", "cell", "valid_loss"], rows)
    if len(route) < 2:
        return
    figure, axis = style.plt.subplots(figsize=(4.5, 2.8))
    axis.plot(range(1, len(route) + 1), [one["loss"] for one in route], "o-", color=style.PALETTE[0])
    axis.set_xticks(range(1, len(route) + 1))
    axis.set(xlabel="types of cells learned", ylabel="validation loss")
    axis.set_title("From one type of cell to the next")
    style.save(figure, path, origin)


def draw_ensemble(split, scores, p, path):
    """Draw the AUROC of single machines, of the mean of ever more of them, and of the combiner. Writes
    {path}.{csv,svg,png}."""
    y = np.asarray(split.y, float).ravel()
    count, rng = scores.shape[1], np.random.default_rng(0)

    def auroc(score):
        return metrics.evaluate(["auroc"], y, score)["auroc"]

    single = [auroc(scores[:, number]) for number in range(count)]
    sizes = np.unique(np.round(np.geomspace(1, count, 8)).astype(int))
    mean = [
        np.mean([auroc(scores[:, rng.permutation(count)[:size]].mean(axis=1)) for _ in range(10)]) for size in sizes
    ]
    rows = [["machine", 1, f"{value:.5f}"] for value in single]
    rows += [["mean", int(size), f"{value:.5f}"] for size, value in zip(sizes, mean, strict=True)]
    rows.append(["combiner", count, f"{auroc(p):.5f}"])
    tables.write_csv(Path(f"{path}.csv"), ["what", "machines", "auroc"], rows)
    figure, axis = style.plt.subplots(figsize=(6, 3.4))
    axis.plot([1] * count, single, "_", color="#767676", label="single machines")
    axis.plot(sizes, mean, "o-", color=style.PALETTE[0], label="mean of so many")
    axis.plot(count, auroc(p), "s", color=style.PALETTE[1], label="combining network")
    axis.set(xlabel="machines", ylabel="AUROC of validation samples", xscale="log")
    axis.set_xticks(sizes, sizes)
    axis.minorticks_off()
    axis.set_title("Size of the ensemble")
    axis.legend(frameon=False, fontsize=8)
    style.save(figure, path, split.context["origin"])
