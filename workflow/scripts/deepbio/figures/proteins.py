"""Figures of proteins: scores and ROC curves with controls of length, substitutions, latent maps of a family."""

import numpy as np

from deepbio.core import tables
from deepbio.domains.protein.matching import pairs_of_like_length
from deepbio.domains.protein.sequences import AMINO_ACIDS, decode
from deepbio.figures.style import PALETTE, components, plt, save

CLASS = {0: ("others", "#888888"), 1: ("of the class", PALETTE[0])}
ORDER = "GAVLIMCFYWPSTNQHKRDE"  # amino acids by their chemistry


# ---- classes of whole proteins


def draw_scores(split, p, path):
    """Draw {svg,png,csv}: histograms of the predicted probability of both classes, and the share of each that is called
    at each cut-off."""
    y = np.asarray(split.y)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4))
    edges, rows = np.linspace(0, 1, 26), []
    for value, (name, colour) in CLASS.items():
        scores = p[y == value]
        left.hist(scores, edges, density=True, alpha=0.45, color=colour, label=f"{name} (n = {len(scores)})")
        called = [(scores > cut).mean() if len(scores) else np.nan for cut in edges]
        right.plot(edges, called, color=colour, label=name)
        rows += [[name, f"{cut:.2f}", f"{share:.4f}"] for cut, share in zip(edges, called, strict=True)]
    left.set(xlabel="predicted probability", ylabel="density", title="Scores on validation proteins")
    right.axvline(0.5, color="black", lw=0.8, ls=":")
    right.set(xlabel="cut-off", ylabel="share that is called", title="Called at each cut-off", ylim=(-0.02, 1.02))
    left.legend(fontsize=8)
    right.legend(fontsize=8)
    tables.write_csv(path.with_suffix(".csv"), ["class", "cut_off", "share_called"], rows)
    save(figure, path, split.context["origin"])


def draw_roc(split, p, path, tolerance=0.15):
    """Draw {svg,png,csv}: the ROC curve of all validation proteins, of pairs of like length, and of length alone."""
    from sklearn.metrics import roc_auc_score, roc_curve

    y, lengths = np.asarray(split.y), split["residues"].lengths
    matched = pairs_of_like_length(lengths, y, tolerance, np.random.default_rng(0))
    shown = {"all proteins": (y, p), "pairs of like length": (y[matched], p[matched]), "length alone": (y, lengths)}
    figure, axis = plt.subplots(figsize=(4.6, 4.4))
    rows = []
    for (name, (label, score)), colour in zip(shown.items(), (PALETTE[0], PALETTE[2], "#888888"), strict=True):
        if len(np.unique(label)) < 2:
            continue
        false, true, _ = roc_curve(label, score)
        area = roc_auc_score(label, score)
        axis.plot(false, true, color=colour, label=f"{name}: {area:.3f} (n = {len(label)})")
        rows.append([name, len(label), f"{area:.5f}"])
    axis.plot([0, 1], [0, 1], color="black", lw=0.8, ls=":")
    axis.set(xlabel="false-positive rate", ylabel="true-positive rate", title="ROC on validation proteins")
    axis.legend(fontsize=8, loc="lower right")
    tables.write_csv(path.with_suffix(".csv"), ["proteins", "number", "auroc"], rows)
    save(figure, path, split.context["origin"])


# ---- substitutions of one protein


def draw_substitutions(p, measured, wild_type, path):
    """Draw {svg,png,csv}: predicted effects of all substitutions, (columns, 20), over those that were measured in the
    splits `measured`; the wild type's residues are marked. Long proteins are drawn in several rows."""
    columns, numbers = len(p), measured[0].context["columns"]
    known = np.full(p.shape, np.nan)
    for split in measured:
        residues = np.asarray(split["residues"])
        differ = residues != wild_type
        place = differ.argmax(axis=1)
        changed = residues[np.arange(len(residues)), place]
        single = (differ.sum(axis=1) == 1) & (changed < 20)
        known[place[single], changed[single]] = np.asarray(split.y).reshape(len(residues))[single]
    order = [AMINO_ACIDS.index(letter) for letter in ORDER]
    width = min(columns, 90)
    lines = -(-columns // width)
    figure, axes = plt.subplots(2 * lines, 1, figsize=(2.4 + 0.11 * width, 4.6 * lines), squeeze=False)
    for table, title, offset in ((p, "predicted", 0), (known, "measured (training and validation positions)", 1)):
        limits = np.nanpercentile(table, [2, 98]) if np.isfinite(table).any() else (0, 1)
        for line in range(lines):
            axis = axes[2 * line + offset, 0]
            here = slice(line * width, min((line + 1) * width, columns))
            shown = np.full((20, width), np.nan)
            shown[:, : here.stop - here.start] = table[here][:, order].T
            image = axis.imshow(shown, cmap="viridis", vmin=limits[0], vmax=limits[1], aspect="auto")
            axis.set_facecolor("#e6e6e6")
            rows = [order.index(int(code)) if code < 20 else np.nan for code in wild_type[here]]
            axis.plot(range(len(rows)), rows, ".", color="#D55E00", ms=2.5)
            axis.set_yticks(range(20), list(ORDER), fontsize=6)
            ticks = np.arange(0, here.stop - here.start, 10)
            axis.set_xticks(ticks, [numbers[here.start + tick] for tick in ticks], fontsize=7)
            axis.set_title(f"{title}, residues {numbers[here.start]} to {numbers[here.stop - 1]}", fontsize=9)
            figure.colorbar(image, ax=axis, pad=0.01, fraction=0.03, label="effect")
            axis.set_ylabel("amino acid", fontsize=8)
    axis.set_xlabel("residue")
    rows = []
    for place, code in np.ndindex(columns, 20):
        value = "" if np.isnan(known[place, code]) else f"{known[place, code]:.5g}"
        wild = decode(wild_type[place : place + 1])
        rows.append([numbers[place], wild, AMINO_ACIDS[code], f"{p[place, code]:.5g}", value])
    tables.write_csv(path.with_suffix(".csv"), ["residue", "wild_type", "substitution", "predicted", "measured"], rows)
    figure.suptitle("Effects of all substitutions (dots: wild type)", x=0.01, ha="left", fontsize=11)
    save(figure, path, measured[0].context["origin"])


def draw_latent(family, variants, wild_type, agree, context, path):
    """Draw {svg,png,csv}: the family in the latent space (its first two principal components, where there are more
    dimensions), coloured by identity with the wild type, with variants and the wild type on it."""
    joined = np.concatenate([family, variants, wild_type])
    places, names = joined[:, :2], ("latent dimension 1", "latent dimension 2")
    if joined.shape[1] != 2:
        places, share = components(family, joined)
        names = tuple(f"component {number} ({part:.0%})" for number, part in enumerate(share, 1))
    figure, axis = plt.subplots(figsize=(5.6, 4.6))
    here, there = places[: len(family)], places[len(family) : -1]
    marks = axis.scatter(*here.T, c=agree, s=5, cmap="viridis", rasterized=True)
    axis.scatter(*there.T, s=4, color="#E69F00", label="variants", rasterized=True)
    axis.scatter(*places[-1], s=60, marker="*", color="#D55E00", label="wild type", zorder=3)
    figure.colorbar(marks, ax=axis, label="identity with the wild type")
    axis.set(xlabel=names[0], ylabel=names[1], title="Family in the latent space")
    axis.legend(fontsize=8)
    rows = [["family", f"{x:.5g}", f"{y:.5g}", f"{share:.3f}"] for (x, y), share in zip(here, agree, strict=True)]
    rows += [["variant", f"{x:.5g}", f"{y:.5g}", ""] for x, y in there]
    rows.append(["wild type", *(f"{value:.5g}" for value in places[-1]), "1"])
    tables.write_csv(path.with_suffix(".csv"), ["sequence", "x", "y", "identity"], rows)
    save(figure, path, context["origin"])
