"""Figures of variant calling: images of sites, calibration of genotype quality, precision and recall, channels."""

import numpy as np

from deepbio.core import tables
from deepbio.domains.variation import pileups, variants
from deepbio.figures.style import COLOURS, PALETTE, plt, save

SHOWN = 2  # images of each outcome
OUTCOMES = ("called, het", "called, hom-alt", "rightly not called", "called wrongly", "missed")
DRAWN = (0, 1, 3, 4, 5)  # channels of an image that are shown


def outcomes(y, p):
    """Return the index of each sample's outcome in OUTCOMES, (n,).

    An allele called with a wrong number of copies counts as called.
    """
    made = p.argmax(axis=1)
    found = np.where(made > 0, np.where(y > 0, np.maximum(made - 1, 0), 3), np.where(y > 0, 4, 2))
    return found.astype(int)


def name_of(split, i):
    """Return position (1-based) and alleles of a sample as text."""
    ref, alt = (np.asarray(split[key][i]).item().decode() for key in ("ref", "alt"))
    short = [one if len(one) < 9 else f"{one[:4]}…({len(one)})" for one in (ref, alt)]
    return f"{split.context['contig']}:{int(split['place'][i]) + 1} {short[0]}>{short[1]}"


def draw_pileups(split, p, path):
    """Draw images of sites, channel by channel: the samples of each outcome with the highest genotype quality.

    Writes {path}.{svg,png,csv}.
    """
    y, gq = np.asarray(split.y), variants.quality(p)
    kind = outcomes(y, p)
    chosen = [
        (outcome, i)
        for outcome in range(len(OUTCOMES))
        for i in np.flatnonzero(kind == outcome)[np.argsort(-gq[kind == outcome], kind="stable")][:SHOWN]
    ]
    channels = [channel for channel in DRAWN if channel < split["pileup"].shape[1]]
    size = len(chosen), len(channels)
    figure, axes = plt.subplots(*size, figsize=(2.1 * size[1] + 2.6, 0.6 + 1.15 * size[0]), squeeze=False)
    rows = []
    for line, (outcome, i) in zip(axes, chosen, strict=True):
        picture = np.asarray(split["pileup"][i])
        for axis, channel in zip(line, channels, strict=True):
            axis.imshow(picture[channel], aspect="auto", cmap="magma", vmin=0, vmax=255, interpolation="nearest")
            axis.axhline(pileups.REFERENCE_ROWS - 0.5, color="white", lw=0.4)
            axis.set(xticks=[], yticks=[])
            if axis in axes[0]:
                axis.set_title(pileups.CHANNELS[channel], fontsize=8)
        text = f"{OUTCOMES[outcome]}\n{name_of(split, i)}\ntruth {variants.GENOTYPES[int(y[i])]}, GQ {gq[i]:.0f}"
        line[0].set_ylabel(text, rotation=0, ha="right", va="center", fontsize=7)
        rows.append([OUTCOMES[outcome], name_of(split, i), int(y[i]), *(f"{value:.4g}" for value in (*p[i], gq[i]))])
    header = ["outcome", "allele", "copies", "p_hom_ref", "p_het", "p_hom_alt", "gq"]
    tables.write_csv(path.with_suffix(".csv"), header, rows)
    bar = figure.colorbar(axes[0, 0].images[0], ax=axes, location="bottom", fraction=0.02, aspect=60, pad=0.01)
    bar.set_label("value of the channel, 0 to 255 (0: no read)", fontsize=8)
    figure.suptitle(
        "Reads over validation sites, the most certain of each outcome", x=0.01, ha="left", fontweight="bold"
    )
    save(figure, path, split.context["origin"])


def draw_calibration(split, p, path, most_bins=8):
    """Draw the share of wrong genotypes against the predicted share, in bins of genotype quality of similar size.

    Writes {path}.{svg,png,csv}.
    """
    y, gq = np.asarray(split.y), variants.quality(p)
    wrong = p.argmax(axis=1) != y
    order = np.argsort(gq, kind="stable")
    rows = []
    for part in np.array_split(order, min(most_bins, max(1, len(order) // 15))):
        predicted = 10 ** (-gq[part] / 10)
        # One wrong and one right genotype are added, so that no bin has an infinite quality.
        rows.append((len(part), gq[part].mean(), predicted.mean(), (wrong[part].sum() + 1) / (len(part) + 2)))
    tables.write_csv(
        path.with_suffix(".csv"),
        ["alleles", "mean_gq", "predicted_error", "error"],
        [[n, *(f"{value:.5g}" for value in row)] for n, *row in rows],
    )
    expected, seen = (variants.phred([row[i] for row in rows]) for i in (2, 3))
    figure, axis = plt.subplots(figsize=(5, 4.4))
    top = max(*expected, *seen) + 2
    axis.plot([0, top], [0, top], color="#999999", lw=0.8, ls=":")
    axis.scatter(expected, seen, s=[15 + 1.5 * row[0] for row in rows], color=COLOURS["listed"], alpha=0.7)
    axis.set(xlabel="predicted genotype quality (Phred)", ylabel="observed quality (Phred)")
    axis.set_title("Calibration of GQ on validation alleles")
    save(figure, path, split.context["origin"])


def draw_precision_recall(split, p, path):
    """Draw precision by recall of the alleles called, ordered by genotype quality, beside bcftools.

    Writes {path}.{svg,png,csv}.
    """
    y, missed, rows = np.asarray(split.y), int(np.asarray(split["y_missed"])[:, :, 0].sum()), []
    figure, axis = plt.subplots(figsize=(5, 4.4))
    for number, (name, values) in enumerate((("DeepVariant", p), ("bcftools", np.asarray(split["called"])))):
        recall, precision = variants.precision_recall(y, values, missed)
        axis.step(recall, precision, ["-", "--"][number], where="post", color=PALETTE[number], label=name)
        rows += [[name, f"{r:.5g}", f"{q:.5g}"] for r, q in zip(recall, precision, strict=True)]
    tables.write_csv(path.with_suffix(".csv"), ["caller", "recall", "precision"], rows)
    axis.set(xlim=(0, 1.02), ylim=(0, 1.03), xlabel="recall", ylabel="precision")
    axis.set_title("Validation alleles called, by genotype quality")
    axis.legend(frameon=False, loc="lower left")
    save(figure, path, split.context["origin"])


def draw_channels(share, origin, path):
    """Draw the share of gradient times input in each channel; `share` (samples, channels). Writes
    {path}.{svg,png,csv}."""
    names = pileups.CHANNELS[: share.shape[1]]
    figure, axis = plt.subplots(figsize=(6, 3))
    place = np.arange(len(names))[::-1]
    axis.barh(place, share.mean(axis=0), xerr=share.std(axis=0), color=PALETTE[5])
    axis.set_yticks(place, names)
    axis.set(xlabel="share of |gradient × input|", title="Saliency of the most likely genotype by channel")
    tables.write_csv(
        path.with_suffix(".csv"),
        ["channel", "mean", "sd"],
        [[n, f"{m:.5g}", f"{s:.5g}"] for n, m, s in zip(names, share.mean(axis=0), share.std(axis=0), strict=True)],
    )
    save(figure, path, origin)


def draw_rates(runs, context, path):
    """Draw recall, precision and F1 of SNPs and indels of each method, as means over its runs.

    Writes {path}.{svg,png,csv}.
    """
    names = ("recall", "precision", "f1")
    kinds = [kind for kind in ("snp", "indel", "confident_snp", "confident_indel") if _known(runs, f"{kind}_f1")]
    titles = {"snp": "SNPs", "indel": "indels"}
    figure, axes = plt.subplots(1, len(kinds), figsize=(1.5 + 3.1 * len(kinds), 3.6), squeeze=False, sharey=True)
    rows = []
    for axis, kind in zip(axes[0], kinds, strict=True):
        for number, (title, run) in enumerate(runs.items()):
            values = [np.mean(run["scores"][f"{kind}_{name}"]) for name in names]
            rows.append([kind, title, *(f"{value:.5g}" for value in values)])
            place = np.arange(3) + (number - (len(runs) - 1) / 2) / (len(runs) + 1)
            axis.bar(place, values, 0.9 / (len(runs) + 1), color=PALETTE[number % len(PALETTE)], label=title)
        axis.set_xticks(range(3), ["recall", "precision", "F1"])
        where = ", confident intervals" if kind.startswith("confident") else ""
        axis.set(ylim=(0, 1.02), title=titles[kind.removeprefix("confident_")] + where)
    axes[0, 0].set_ylabel("share (mean over runs)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower left", ncols=2, frameon=False, fontsize=8)
    tables.write_csv(path.with_suffix(".csv"), ["kind", "method", *names], rows)
    save(figure, path, context["origin"])


def _known(runs, metric):
    return all(metric in run["scores"] for run in runs.values())
