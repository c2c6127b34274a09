"""Figures of 5' untranslated regions: effects of upstream start codons and of the Kozak sequence, and evolved
regions."""

from pathlib import Path

import numpy as np

from deepbio.core import tables
from deepbio.domains.dna import motifs, sequences
from deepbio.domains.rna import utr
from deepbio.figures import style

SHOWN = 6  # evolved regions that are spelled


def draw_rules(codes, y, p, path, origin):
    """Draw measured and predicted values by the number of upstream start codons out of frame and by the base three
    before the start codon, and the correlation of both. Writes {path}.{csv,svg,png}."""
    starts = np.minimum(utr.upstream_starts(codes), 2)
    groups = [(f"{'≥ 2' if one == 2 else one} uAUG", starts == one) for one in range(3)]
    groups += [(f"{base} at −3", codes[:, -3] == number) for number, base in enumerate("ACGU")]
    groups = [(name, inside) for name, inside in groups if inside.sum() > 2]
    figure, (left, right) = style.plt.subplots(1, 2, figsize=(9, 3.4), width_ratios=[1.5, 1])
    rows = []
    for place, (name, inside) in enumerate(groups):
        for shift, values, label, colour in ((-0.18, y, "measured", 0), (0.18, p, "predicted", 1)):
            low, middle, high = np.percentile(values[inside], [25, 50, 75])
            left.plot([place + shift] * 2, [low, high], color=style.PALETTE[colour], lw=2)
            left.plot(
                place + shift, middle, "os"[colour], color=style.PALETTE[colour], label=label if place == 0 else None
            )
            rows.append([name, label, int(inside.sum()), *(f"{one:.4f}" for one in (low, middle, high))])
    left.set_xticks(range(len(groups)), [f"{name}\n({inside.sum()})" for name, inside in groups], fontsize=8)
    left.set_ylabel("label: median and quartiles")
    left.legend(frameon=False, fontsize=8)
    left.set_title("Start codons and the base before them")
    right.plot(y, p, ".", color=style.PALETTE[0], ms=3, alpha=0.4)
    right.set(xlabel="measured", ylabel="predicted")
    right.set_title(f"r² = {np.corrcoef(y, p)[0, 1] ** 2:.2f}" if np.ptp(p) else "")
    tables.write_csv(Path(f"{path}.csv"), ["group", "values", "regions", "low", "median", "high"], rows)
    style.save(figure, path, origin)


def draw_evolution(steps, values, path, origin):
    """Draw predictions round by round, some regions before and after, and what bases were put where.

    steps : (rounds + 1, n, length) codes
    values : (rounds + 1, n) predictions

    Writes {path}.{csv,svg,png}.
    """
    first, last = steps[0], steps[-1]
    rows = [
        [number, round_, f"{values[round_, number]:.5f}", sequences.decode(steps[round_, number])]
        for number in range(values.shape[1])
        for round_ in range(len(steps))
        if round_ == 0 or (steps[round_, number] != steps[round_ - 1, number]).any()
    ]
    tables.write_csv(Path(f"{path}.csv"), ["region", "round", "prediction", "sequence"], rows)
    figure, axes = style.plt.subplots(3, 1, figsize=(9, 6.6), height_ratios=[1.5, 1.2, 1])
    axes[0].plot(values, color=style.PALETTE[0], alpha=0.5, lw=1)
    axes[0].set(xlabel="round", ylabel="prediction")
    gain = (values[-1] - values[0]).mean()
    axes[0].set_title(f"Regions evolved by the network: a mean gain of {gain:.2f} in {len(steps) - 1} rounds")
    chosen = np.unique(np.linspace(0, values.shape[1] - 1, SHOWN).astype(int))
    axes[1].axis("off")
    for line, number in enumerate(chosen):
        changed = first[number] != last[number]
        before, after = (sequences.decode(one[number]).replace("T", "U") for one in (first, last))
        text = "".join(new if one else new.lower() for new, one in zip(after, changed, strict=True))
        label = f"{values[0, number]:6.2f} → {values[-1, number]:5.2f}   {before}\n{'':18}{text}"
        axes[1].text(0, 1 - line / len(chosen), label, family="DejaVu Sans Mono", fontsize=7, va="top")
    axes[1].set_title("Before, and after (capitals: replaced)", fontsize=10)
    motif = motifs.probabilities(motifs.count_matrix(last))
    motifs.logo(axes[2], motif, "Bases of the evolved regions (T = U); the start codon follows at the right")
    axes[2].set_ylim(0, max(0.5, float(motifs.information(motif).max()) * 1.1))
    style.save(figure, path, origin)
