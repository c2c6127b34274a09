"""Figures of networks on crossbars: precision, noise, devices, neurons and modelled energy."""

import numpy as np
import torch

from deepbio.core import tables
from deepbio.domains.hardware import crossbar
from deepbio.figures.style import PALETTE, plt, save

PUBLISHED = 14.4  # times less energy than CMOS of equal area, by the abstract of Ramasubramanian et al. (2014)


def bit(count):
    """Return a number of bits as text."""
    return f"{count} bit" if count == 1 else f"{count} bits"


def draw_float(axis, top):
    """Draw the float network's accuracy as a line, with a label at its right end."""
    axis.axhline(top, color="#999999", ls=":", lw=1)
    axis.text(1, top, "float network", va="bottom", ha="right", fontsize=8, transform=axis.get_yaxis_transform())


def draw_grid(rows, top, origin, path):
    """Draw accuracy by bits of weights and of outputs, without and with retraining. Writes {path}.{svg,png,csv}.

    rows : (weight bits, output bits, retrained, accuracy, pJ)
    top : accuracy of the float network
    """
    header = ["weight_bits", "output_bits", "retrained", "accuracy", "energy_pj"]
    tables.write_csv(path.with_suffix(".csv"), header, ([*row[:3], f"{row[3]:.4f}", f"{row[4]:.4g}"] for row in rows))
    weights, outputs = (sorted({row[place] for row in rows}) for place in (0, 1))
    figure, axes = plt.subplots(1, 2, figsize=(8.6, 1.5 + 0.5 * len(weights)), sharey=True)
    for axis, retrained in zip(axes, (False, True), strict=True):
        found = {row[:2]: row[3] for row in rows if row[2] == retrained}
        grid = np.array([[found[weight, output] for output in outputs] for weight in weights])
        image = axis.imshow(grid, cmap="viridis", vmin=0.5, vmax=1, aspect="auto")
        for i, j in np.ndindex(*grid.shape):
            axis.text(j, i, f"{grid[i, j]:.3f}", ha="center", va="center", color="k" if grid[i, j] > 0.8 else "w")
        axis.set_xticks(range(len(outputs)), outputs)
        axis.set_yticks(range(len(weights)), weights)
        axis.set(xlabel="bits of an output", title="retrained" if retrained else "not retrained")
    axes[0].set_ylabel("bits of a weight")
    figure.colorbar(image, ax=axes, label="accuracy", shrink=0.9)
    title = f"Validation accuracy by precision (float network: {top:.3f})"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    save(figure, path, origin)


def draw_pareto(rows, top, logic, origin, path):
    """Draw accuracy against modelled energy of every precision; a line joins the Pareto front.

    logic : pJ of digital logic of 8 bits

    Writes {path}.{svg,png,csv}.
    """
    best = {}
    for weight, output, _, right, cost in rows:
        best[weight, output] = max(best.get((weight, output), (0, 0)), (right, cost))
    points = sorted(((cost, right, bits) for bits, (right, cost) in best.items()), key=lambda one: (one[0], -one[1]))
    front, highest = [], -1.0
    for cost, right, bits in points:
        if right > highest:
            front.append((cost, right, bits))
            highest = right
    listed = ([*bits, f"{cost:.4g}", f"{right:.4f}", (cost, right, bits) in front] for cost, right, bits in points)
    header = ["weight_bits", "output_bits", "energy_pj", "accuracy", "on_front"]
    tables.write_csv(path.with_suffix(".csv"), header, listed)
    figure, axis = plt.subplots(figsize=(7.6, 5.0))
    for place, output in enumerate(sorted({bits[1] for _, _, bits in points})):
        here = [(cost, right) for cost, right, bits in points if bits[1] == output]
        mark = "osD^vP"[place % 6]
        axis.plot(*zip(*here, strict=True), mark, color=PALETTE[place % 8], label=f"outputs of {bit(output)}")
    axis.plot(*zip(*(one[:2] for one in front), strict=True), "-", color="#999999", zorder=0, label="Pareto front")
    for number, (cost, right, bits) in enumerate(front):
        above = {"xytext": (0, -14 if number % 2 else 8), "textcoords": "offset points"}
        axis.annotate(f"{bits[0]} | {bits[1]}", (cost, right), ha="center", fontsize=8, **above)
    draw_float(axis, top)
    axis.set(xlabel="modelled energy of one inference (pJ); assumed constants", ylabel="validation accuracy")
    axis.set_xscale("log")
    axis.margins(y=0.15)
    axis.axvline(logic, color="black", lw=1, ls="--", label=f"digital, 8 bits ({logic:,.0f} pJ, same model)")
    axis.axvline(
        logic / PUBLISHED, color="black", lw=1, ls=":", label=f"published: {PUBLISHED} times less (whole chip)"
    )
    figure.legend(loc="outside lower left", ncols=2, fontsize=8, frameon=False)
    title = "Accuracy and energy by precision (bits of a weight | of an output)"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    save(figure, path, origin)


def draw_noise(noise, right, top, origin, path):
    """Draw mean and SD over chips of the accuracy against the noise of conductances. Writes {path}.{svg,png,csv}.

    right : title of a network → accuracies (noise levels, chips)
    """
    rows = [
        [title, f"{sigma:g}", f"{row.mean():.4f}", f"{row.std():.4f}", len(row)]
        for title, values in right.items()
        for sigma, row in zip(noise, values, strict=True)
    ]
    tables.write_csv(path.with_suffix(".csv"), ["network", "noise", "accuracy", "sd", "chips"], rows)
    figure, axis = plt.subplots(figsize=(6.8, 4.2))
    for place, (title, values) in enumerate(right.items()):
        style = {"color": PALETTE[place], "marker": "osD"[place % 3], "capsize": 3, "label": title}
        axis.errorbar(100 * np.array(noise), values.mean(1), values.std(1), **style)
    draw_float(axis, top)
    axis.set(xlabel="standard deviation of a conductance (%)", ylabel="validation accuracy")
    axis.legend(frameon=False, fontsize=9, title=f"mean and SD of {values.shape[1]} chips", title_fontsize=9)
    figure.suptitle("Accuracy with device variation", x=0.01, ha="left", fontsize=11, fontweight="bold")
    save(figure, path, origin)


def draw_levels(pairs, origin, path):
    """Draw the number of devices programmed to each conductance, layer by layer; pairs (2, columns, …).

    Writes {path}.{svg,png}.
    """
    figure, axes = plt.subplots(1, len(pairs), figsize=(3.6 * len(pairs), 3.2), squeeze=False)
    for number, (axis, pair) in enumerate(zip(axes[0], pairs, strict=True), 1):
        places, counts = np.unique(np.round(pair, 4), return_counts=True)
        axis.bar(places, counts, width=0.6 * np.diff(places).min() if len(places) > 1 else 0.1, color=PALETTE[5])
        axis.set(xlabel="conductance (share of the highest)", title=f"layer {number}: {pair.size:,} devices")
    axes[0, 0].set_ylabel("devices")
    figure.suptitle("Programmed conductances", x=0.01, ha="left", fontsize=11, fontweight="bold")
    save(figure, path, origin)


def draw_staircases(bits, origin, path):
    """Draw the output of a spin neuron against its input, for some numbers of output bits. Writes {path}.{svg,png}."""
    x = torch.linspace(-0.4, 1.4, 721)
    figure, axes = plt.subplots(1, len(bits), figsize=(2.4 * len(bits), 2.7), sharey=True, squeeze=False)
    for axis, count in zip(axes[0], bits, strict=True):
        axis.plot(x, x.clamp(0, 1), ":", color="#999999")
        axis.plot(x, crossbar.staircase(x, count, torch.zeros(()), torch.ones(())), color=PALETTE[0])
        axis.set(xlabel="current (share of the range)", title=bit(count))
    axes[0, 0].set_ylabel("output")
    figure.suptitle("Transfer function of the neurons", x=0.01, ha="left", fontsize=11, fontweight="bold")
    save(figure, path, origin)


def draw_energy(runs, origin, path):
    """Draw the modelled energy of one inference by part. Writes {path}.{svg,png,csv}.

    runs : title → `energy` (compute, conversion, memory), `delay`, `ratios`
    """
    parts = ("compute", "conversion", "memory")
    header = ["method", *(f"{part}_pj" for part in parts), "delay_ns", "energy_ratio", "energy_delay_ratio"]
    header += ["energy_ratio_low", "energy_ratio_high"]
    shown = sorted(runs.items(), key=lambda one: -np.sum(one[1]["energy"]))
    rows = [
        [title, *(f"{value:.4g}" for value in (*one["energy"], one["delay"], *np.resize(one["ratios"], 4)))]
        for title, one in shown
    ]
    for row, (_, one) in zip(rows, shown, strict=True):
        row[7:] = row[7:] if len(one["ratios"]) == 4 else ["", ""]
    tables.write_csv(path.with_suffix(".csv"), header, rows)
    figure, axis = plt.subplots(figsize=(9, 1.6 + 0.36 * len(shown)))
    whole = np.array([one["energy"] for _, one in shown])
    share = whole / whole.sum(axis=1, keepdims=True)
    left = np.zeros(len(shown))
    for place, part in enumerate(parts):
        axis.barh(range(len(shown)), share[:, place], left=left, color=PALETTE[(0, 4, 5)[place]], label=part)
        left += share[:, place]
    for line, (_, one) in enumerate(shown):
        limits = f" ({one['ratios'][2]:.0f}–{one['ratios'][3]:.0f})" if len(one["ratios"]) == 4 else ""
        text = f" {np.sum(one['energy']):,.0f} pJ, ratio {one['ratios'][0]:.2g}{limits}"
        axis.text(1, line, text, va="center", fontsize=8)
    axis.set_yticks(range(len(shown)), [title for title, _ in shown])
    axis.set(xlim=(0, 1.55), xlabel="share of the energy of one inference")
    axis.set_xticks([0, 0.5, 1])
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=3, frameon=False, fontsize=9)
    title = (
        "Modelled energy, constants assumed; ratio to digital logic of 8 bits (range: one constant halved or doubled)"
    )
    title += f"\npublished for a whole chip against CMOS of equal area: {PUBLISHED}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    save(figure, path, origin)
