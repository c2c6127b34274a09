"""Figures of coding potential: accuracy by length, telling words, scores along a transcript, mutations and shuffles."""

from pathlib import Path

import numpy as np
from scipy.special import logit

from deepbio.core import tables
from deepbio.core.data import Ragged, Split
from deepbio.domains.rna import coding
from deepbio.figures import style

BINS = 6  # of the lengths
WORDS = 24  # drawn at most
LONGEST = 1500  # bases of a transcript in a figure
MUTATED = 90  # bases around the start codon whose mutations are drawn
SHUFFLES = 40
PARTS = ("5' UTR", "frame", "3' UTR")


def draw_by_length(split, p, path):
    """Draw the share of right calls by the length of the transcript. Writes {path}.{csv,svg,png}."""
    y, lengths = np.asarray(split.y).ravel(), split["codes"].lengths
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, BINS + 1)).astype(int))
    of_bin = np.clip(np.searchsorted(edges, lengths, side="right") - 1, 0, len(edges) - 2)
    rows, figure = [], style.plt.figure(figsize=(7, 3.4))
    axis = figure.subplots()
    for label, name in enumerate(split.context.get("classes", ["non-coding", "coding"])):
        places, values = [], []
        for one in range(len(edges) - 1):
            here = (of_bin == one) & (y == label)
            if here.any():
                right = float(((p[here] > 0.5) == label).mean())
                places.append(one)
                values.append(right)
                rows.append([name, int(edges[one]), int(edges[one + 1]), int(here.sum()), f"{right:.4f}"])
        axis.plot(places, values, "os"[label] + "-", color=style.PALETTE[label], label=name)
    axis.set_xticks(range(len(edges) - 1), [f"{a}–{b}" for a, b in zip(edges[:-1], edges[1:], strict=True)])
    axis.set(xlabel="bases of the transcript", ylabel="share called right", ylim=(-0.02, 1.02))
    axis.set_title("Right calls by length")
    axis.legend(frameon=False, fontsize=8)
    tables.write_csv(Path(f"{path}.csv"), ["class", "from", "to", "transcripts", "right"], rows)
    style.save(figure, path, split.context["origin"])


def draw_words(split, x, lengths, path):
    """Draw the words whose information differs most between the classes, in standard deviations. Writes
    {path}.{csv,svg,png}."""
    y = np.asarray(split.y).ravel()
    names = [
        "".join("ACGU"[number // 4**place % 4] for place in reversed(range(k)))
        for k in lengths
        for number in range(4**k)
    ]
    difference = (x[y == 1].mean(axis=0) - x[y == 0].mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
    order = np.argsort(-np.abs(difference), kind="stable")[:WORDS]
    rows = [
        [names[i], f"{difference[i]:.4f}", f"{x[y == 1, i].mean():.5f}", f"{x[y == 0, i].mean():.5f}"] for i in order
    ]
    tables.write_csv(Path(f"{path}.csv"), ["word", "difference", "coding", "non-coding"], rows)
    style.bars(
        [names[i] for i in order], difference[order], np.zeros(len(order)),
        "difference of −p log₂ p, coding less non-coding\n(standard deviations)",
        "Words whose information differs most", split.context["origin"], path,
    )  # fmt: skip


def examples(split, p):
    """Choose the surest coding and the surest non-coding transcript that is not too long, and the most wrong one."""
    y, lengths = np.asarray(split.y).ravel(), split["codes"].lengths
    fit = lengths <= max(LONGEST, int(lengths.min()))
    found = {}
    for name, score in (("coding", p * (y == 1)), ("non-coding", (1 - p) * (y == 0)), ("called wrong", np.abs(y - p))):
        found[name] = int(np.where(fit, score, -1).argmax())
    return found


def draw_trajectories(split, p, trajectory, path):
    """Draw the log odds of coding after each base of three transcripts, with their longest frame. Writes
    {path}.{csv,svg,png}."""
    import torch

    chosen, rows = examples(split, p), []
    figure, axes = style.panels(len(chosen), 1, (8.5, 1.7), (0, 0.4))
    for axis, (name, row) in zip(axes, chosen.items(), strict=True):
        codes = next(coding.samples(split["codes"].take([row])))
        score = trajectory(torch.from_numpy(np.array(codes))).numpy()
        first, length = coding.longest_frame(codes)
        axis.plot(score, color=style.PALETTE[0], lw=1)
        axis.axhline(0, color="#999999", lw=0.6)
        if length:
            axis.axvspan(first, first + length, color=style.PALETTE[4], alpha=0.25, lw=0)
        label = split.context.get("classes", ["non-coding", "coding"])[int(np.asarray(split.y).ravel()[row])]
        axis.set_title(f"{name}: {label} transcript of {len(codes)} bases, longest frame {length}", fontsize=9)
        axis.set_ylabel("log odds")
        rows += [[name, place, f"{value:.4f}"] for place, value in enumerate(score)]
    axes[-1].set_xlabel("bases read (shaded: the longest open reading frame)")
    tables.write_csv(Path(f"{path}.csv"), ["transcript", "base", "log_odds"], rows)
    style.save(figure, path, split.context["origin"])


def _odds(method, samples, context):
    codes = Ragged.join([np.asarray(one, np.uint8) for one in samples])
    return logit(np.clip(method.predict(Split({"codes": codes}, context))["y"][:, 0], 1e-9, 1 - 1e-9))


def draw_mutations(method, split, p, path):
    """Draw the change of the log odds by each substitution around the start of the longest frame of the surest coding
    transcript. Writes {path}.{svg,png}."""
    codes = next(coding.samples(split["codes"].take([examples(split, p)["coding"]])))
    first, _ = coding.longest_frame(codes)
    start = max(0, min(first - MUTATED // 3, len(codes) - MUTATED))
    places = np.arange(start, min(start + MUTATED, len(codes)))
    mutants = [codes]
    for place in places:
        for base in range(4):
            one = codes.copy()
            one[place] = base
            mutants.append(one)
    odds = _odds(method, mutants, split.context)
    change = (odds[1:] - odds[0]).reshape(-1, 4).T
    figure, axis = style.plt.subplots(figsize=(9, 2.1))
    limit = max(float(np.abs(change).max()), 1e-9)
    edges = (places[0] - 0.5, places[-1] + 0.5, 3.5, -0.5)
    image = axis.imshow(change, aspect="auto", cmap="PuOr", vmin=-limit, vmax=limit, extent=edges)
    axis.axvline(first - 0.5, color="black", lw=0.8)
    axis.set_yticks(range(4), list("ACGU"))
    axis.set(xlabel="base of the transcript (line: start of the longest frame)", ylabel="new base")
    axis.set_title("Every substitution around a start codon")
    figure.colorbar(image, ax=axis, label="change of\nlog odds", pad=0.01)
    style.save(figure, path, split.context["origin"])


def draw_shuffles(method, split, p, path):
    """Draw how far the log odds of coding transcripts lie above those with one part shuffled, in the shuffles' standard
    deviations. Writes {path}.{csv,svg,png}."""
    y, rng, rows = np.asarray(split.y).ravel(), np.random.default_rng(0), []
    fit = np.flatnonzero((y == 1) & (split["codes"].lengths <= max(LONGEST, int(split["codes"].lengths.min()))))
    for row in fit[np.argsort(-p[fit], kind="stable")][:8]:
        codes = next(coding.samples(split["codes"].take([row])))
        first, length = coding.longest_frame(codes)
        ends = (0, first, first + length, len(codes))
        for name, start, end in zip(PARTS, ends[:-1], ends[1:], strict=True):
            if end - start >= 20:
                made = [
                    np.concatenate([codes[:start], rng.permutation(codes[start:end]), codes[end:]])
                    for _ in range(SHUFFLES)
                ]
                odds = _odds(method, [codes, *made], split.context)
                rows.append([int(row), name, f"{(odds[0] - odds[1:].mean()) / max(odds[1:].std(), 1e-6):.4f}"])
    tables.write_csv(Path(f"{path}.csv"), ["transcript", "part", "z"], rows)
    figure, axis = style.plt.subplots(figsize=(6, 3))
    for place, name in enumerate(PARTS):
        values = [float(row[2]) for row in rows if row[1] == name]
        axis.plot(values, [place] * len(values), "o", color=style.PALETTE[0], alpha=0.6)
    axis.axvline(0, color="#999999", lw=0.8)
    axis.set_yticks(range(3), PARTS)
    axis.set(ylim=(-0.6, 2.6), xlabel="standard deviations above the shuffled transcript")
    axis.set_title("What is lost when one part is shuffled")
    style.save(figure, path, split.context["origin"])
