"""Figures of profiles along windows: predicted and measured starts, what inputs are worth, filters, representations."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.figures.style import COLOURS, PALETTE, bars, components, panels, plt, save

SHOWN = 6  # windows drawn


def draw_validation(split, p, path):
    """Draw the share of reads and the predicted share along the validation windows with most reads, on a scale of
    their own above and below the axis. Writes {path}.{svg,png}, and the summits of all windows to {path}.csv."""
    y = np.asarray(split.y)
    summits = zip(y.sum(axis=1).astype(int), y.argmax(axis=1), p.argmax(axis=1), strict=True)
    tables.write_csv(Path(f"{path}.csv"), ["reads", "measured_summit", "predicted_summit"], summits)
    rows = np.argsort(-y.sum(axis=1), kind="stable")[: SHOWN * 4 : 4]
    figure, axes = panels(len(rows), 2, (4.2, 1.6), (0, 0.7))
    for axis, row in zip(axes, rows, strict=True):
        share = y[row] / y[row].sum()
        axis.fill_between(np.arange(len(share)), share, step="mid", color="#444444", lw=0, label="reads")
        axis.fill_between(np.arange(len(share)), -p[row], step="mid", color=COLOURS["listed"], lw=0, label="predicted")
        axis.axhline(0, color="#999999", lw=0.6)
        most = max(share.max(), p[row].max())
        axis.set(ylim=(-1.1 * most, 1.1 * most), xlim=(0, len(share)))
        axis.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.2g}")
    axes[0].legend(frameon=False, fontsize=8, ncols=2, loc="lower right", bbox_to_anchor=(1, 0.97))
    figure.suptitle("Share of a window's starts, base by base (validation)", x=0.01, ha="left", fontweight="bold")
    figure.supylabel("share")
    figure.supxlabel("base of the window")
    save(figure, path, split.context["origin"])


def draw_windows(runs, tracks, origin, path):
    """Draw the tracks of some test windows, and the profiles that methods predict there. Writes {path}.{svg,png}."""
    first = next(iter(runs.values()))
    rows = np.linspace(0, len(first["codes"]) - 1, 3).astype(int)
    shown = [title for title, run in runs.items() if run["role"] in ("listed", "baseline")][:4]
    figure, axes = plt.subplots(2, len(rows), figsize=(3.6 * len(rows), 4.2), squeeze=False, sharex=True)
    for column, row in enumerate(rows):
        for number in range(len(tracks)):
            signal = np.asarray(first["tracks"][row][number], float)
            scaled = (signal - signal.min()) / max(np.ptp(signal), 1e-9)
            axes[0, column].plot(scaled * 0.9 + number, color=PALETTE[number], lw=1)
        axes[0, column].set_yticks(np.arange(len(tracks)) + 0.4, tracks if column == 0 else [""] * len(tracks))
        axes[0, column].set_title(f"test window {row + 1}")
        for number, title in enumerate(shown):
            axes[1, column].plot(runs[title]["y"][row], color=PALETTE[number], lw=1, label=title)
        axes[1, column].set_xlabel("base of the window")
    axes[1, 0].set_ylabel("predicted share")
    handles, labels = axes[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    save(figure, path, origin)


def draw_costs(runs, inputs, origin, path):
    """Draw by how much the divergence rises where an input is read alone (sufficiency: little), or is missing
    (necessity: much), over that of all inputs, means over runs. Nothing without such runs. Writes
    {path}.{svg,png,csv}."""
    of = {
        frozenset(inputs[number] for number in run["inputs"]): float(np.mean(run["scores"]["kl_divergence"]))
        for run in runs.values()
        if "inputs" in run
    }
    whole = frozenset(inputs)
    if whole not in of:
        return
    rows = []
    for name in inputs:
        for kind, subset in (("alone", frozenset([name])), ("missing", whole - {name})):
            if subset in of:
                rows.append((f"{name} {kind}", of[subset] - of[whole]))
    tables.write_csv(Path(f"{path}.csv"), ["inputs", "kl_divergence_above_all"], [(a, f"{b:.4f}") for a, b in rows])
    if rows:
        names, values = zip(*rows, strict=True)
        title = "What an input is worth"
        bars(
            list(names), list(values), [0] * len(values), "KL divergence above that of all inputs", title, origin, path
        )


def draw_representation(representation, y, origin, path):
    """Draw the principal components of the windows' summed representations, coloured by the summit. Writes
    {path}.{svg,png}."""
    places, share = components(representation, representation)
    figure, axis = plt.subplots(figsize=(5, 4))
    points = axis.scatter(*places.T, c=y.argmax(axis=1), s=8, cmap="viridis", lw=0)
    figure.colorbar(points, ax=axis, label="base with most reads")
    axis.set(xlabel=f"component 1 ({share[0]:.0%})", ylabel=f"component 2 ({share[1]:.0%})")
    axis.set_title("Representation of validation windows")
    save(figure, path, origin)


def draw_filters(filters, origin, path):
    """Draw the first filters of each encoder, name → (filters, rows, width), the strongest first. Writes
    {path}.{svg,png}."""
    figure, axes = panels(len(filters), len(filters), (2.6, 3.4), (0.4, 0.6))
    for axis, (name, weight) in zip(axes, filters.items(), strict=True):
        order = np.argsort(-np.square(weight).sum(axis=(1, 2)))[:16]
        image = weight[order].reshape(len(order) * weight.shape[1], -1)
        most = np.abs(image).max()
        drawn = axis.imshow(image, aspect="auto", cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest")
        axis.set_title(name)
        axis.set(xlabel="base", yticks=[])
        if name == "dna":
            axis.set_ylabel("filters (rows A, C, G, T)")
        else:
            axis.set_ylabel("filters")
        figure.colorbar(drawn, ax=axis, pad=0.02)
    figure.suptitle("First layer of each encoder", x=0.01, ha="left", fontweight="bold")
    save(figure, path, origin)
