"""Figures of segmented micrographs: masks over images, what was asked to be labelled, and learning curves."""

import numpy as np

from deepbio.core import tables
from deepbio.domains.cells import segmentation
from deepbio.figures.style import PALETTE, panels, plt, save

COLOURS = ["#999999", PALETTE[2], PALETTE[1]]  # of exterior, interior and boundary
TRUTH, FOUND = PALETTE[4], PALETTE[5]


def _show(axis, image):
    axis.imshow(image, cmap="gray", vmin=np.percentile(image, 1), vmax=np.percentile(image, 99.5))
    axis.axis("off")


def _outline(axis, mask, colour):
    """Draw the edges of each object: of touching ones the line between them, too."""
    for number in np.unique(mask)[1:]:
        axis.contour(mask == number, [0.5], colors=[colour], linewidths=0.9)


def draw_overlays(split, masks, labels, path, most=3):
    """Draw {svg,png,csv}: edges of the objects over validation images, after the first and after the last round of
    labels.

    masks : of the first and of the last round, (n, rows, columns) each; labels : how many pixels each round had.
    """
    truth = np.asarray(split.y)
    chosen = np.linspace(0, len(truth) - 1, min(most, len(truth))).round().astype(int)
    names = [f"{labels[0]} labelled pixels", f"{labels[-1]} labelled pixels"]
    height, width = truth.shape[1:]
    figure, axes = panels(2 * len(chosen), len(chosen), (3.1, 0.3 + 3.0 * height / width), (0, 0.5))
    rows = []
    for line, (name, mask) in enumerate(zip(names, masks, strict=True)):
        for axis, image in zip(axes[line * len(chosen) :], chosen, strict=False):
            _show(axis, split["image"][image])
            _outline(axis, truth[image], TRUTH)
            _outline(axis, mask[image], FOUND)
            dice = segmentation.dice(truth[image], mask[image])
            f1 = segmentation.object_f1(truth[image : image + 1], mask[image : image + 1])
            axis.set_title(f"{name}\nDice {dice:.3f}, objects' F1 {f1:.3f}", fontsize=8)
            rows.append([int(image), labels[0] if line == 0 else labels[-1], f"{dice:.4f}", f"{f1:.4f}"])
    tables.write_csv(path.with_suffix(".csv"), ["image", "labels", "dice", "object_f1"], rows)
    for colour, name in ((TRUTH, "drawn by hand"), (FOUND, "predicted")):
        axes[0].plot([], [], color=colour, label=name)
    axes[0].legend(fontsize=7, loc="lower left")
    figure.suptitle("Validation images", x=0.01, ha="left", fontsize=11)
    save(figure, path, split.context["origin"])


def draw_maps(split, probability, path):
    """Draw {svg,png,csv}: the probability of each class over one validation image, (n, 3, rows, columns) of all."""
    image = int(np.argmax([np.unique(one).size for one in np.asarray(split.y)]))
    height, width = split["image"].shape[1:]
    figure, axes = panels(4, 4, (2.7, 0.3 + 2.6 * height / width), (0.7, 0.5))
    _show(axes[0], split["image"][image])
    axes[0].set_title("image", fontsize=9)
    for axis, name, values in zip(axes[1:], segmentation.CLASSES, probability[image], strict=True):
        shown = axis.imshow(values, cmap="magma", vmin=0, vmax=1)
        axis.set_title(name, fontsize=9)
        axis.axis("off")
    figure.colorbar(shown, ax=axes, label="probability", shrink=0.8, pad=0.01)
    truth = segmentation.pixel_classes(np.asarray(split.y), split.context["boundary"])
    rows = [
        [truly, *(f"{probability[:, called][truth == number].mean():.4f}" for called in range(3))]
        for number, truly in enumerate(segmentation.CLASSES)
        if (truth == number).any()
    ]
    tables.write_csv(path.with_suffix(".csv"), ["class", *(f"p_{name}" for name in segmentation.CLASSES)], rows)
    save(figure, path, split.context["origin"])


def draw_queries(train, places, classes, labels, window, path, shown=14):
    """Draw {svg,png,csv}: the first patches that each round asked for, framed in the colour of their class.

    places : (pixels, 3), in the order of the rounds; labels : how many there were after each round.
    """
    image = np.pad(np.asarray(train["image"]), ((0, 0), *[(window // 2, window // 2 - 1)] * 2), mode="symmetric")
    starts = [0, *labels[:-1]]
    lines = np.unique(np.linspace(0, len(labels) - 1, min(6, len(labels))).round().astype(int))
    rng, rows = np.random.default_rng(0), []
    figure, axes = plt.subplots(len(lines), shown, figsize=(0.62 * shown + 1, 0.72 * len(lines) + 0.7), squeeze=False)
    low, high = np.percentile(image, [1, 99.5])
    for line, number in enumerate(lines):
        here = np.arange(starts[number], labels[number])
        here = rng.permutation(here)[:shown] if number == 0 else here[:shown]
        for axis in axes[line]:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        for axis, one in zip(axes[line], here, strict=False):
            picture, row, column = places[one]
            axis.imshow(image[picture, row : row + window, column : column + window], cmap="gray", vmin=low, vmax=high)
            axis.spines[:].set_visible(True)
            axis.spines[:].set(color=COLOURS[classes[tuple(places[one])]], linewidth=2.5)
            rows.append([int(number), *map(int, places[one]), segmentation.CLASSES[classes[tuple(places[one])]]])
        axes[line, 0].set_ylabel("first" if number == 0 else f"round {number}", rotation=0, ha="right", va="center")
    for colour, name in zip(COLOURS, segmentation.CLASSES, strict=True):
        axes[0, 0].plot([], [], "s", color=colour, label=name)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="upper right", ncols=3, fontsize=8, frameon=False)
    tables.write_csv(path.with_suffix(".csv"), ["round", "image", "row", "column", "class"], rows)
    figure.suptitle("Patches whose middle pixel was labelled", x=0.01, ha="left", fontsize=11)
    save(figure, path, train.context["origin"])


def draw_composition(classes, places, labels, context, path):
    """Draw {svg,png,csv}: the share of each class among the pixels that each round asked for, and in the images."""
    of = classes[tuple(places.T)]
    starts = [0, *labels[:-1]]
    share = np.array(
        [np.bincount(of[a:b], minlength=3) / max(b - a, 1) for a, b in zip(starts, labels, strict=True)]
        + [np.bincount(classes.ravel(), minlength=3) / classes.size]
    )
    names = ["first", *map(str, range(1, len(labels))), "images"]
    figure, axis = plt.subplots(figsize=(2.6 + 0.42 * len(names), 3.2))
    below = np.zeros(len(names))
    for name, colour, values in zip(segmentation.CLASSES, COLOURS, share.T, strict=True):
        axis.bar(range(len(names)), values, 0.75, bottom=below, color=colour, label=name)
        below += values
    axis.set_xticks(range(len(names)), names)
    axis.set(xlabel="round", ylabel="share of the labelled pixels", ylim=(0, 1))
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    rows = [[name, *map("{:.4f}".format, values)] for name, values in zip(names, share, strict=True)]
    tables.write_csv(path.with_suffix(".csv"), ["round", *segmentation.CLASSES], rows)
    save(figure, path, context["origin"])


def learning(scores):
    """Give the shares of the labels at which Dice is known, (rounds,), and Dice in each run, (runs, rounds)."""
    names = [name for name in scores if name.startswith("dice_at_")]
    names.sort(key=lambda name: int(name.rpartition("_")[2]))
    at = np.array([int(name.rpartition("_")[2]) / 100 for name in names])
    return at, np.array([scores[name] for name in names]).T


def labels_to(at, dice, target):
    """Interpolate the share of the labels at which a learning curve first reaches `target`; None where it never
    does."""
    if not len(at) or dice.max() < target:
        return None
    first = int(np.argmax(dice >= target))
    if first == 0:
        return float(at[0])
    rise = dice[first] - dice[first - 1]
    return float(at[first - 1] + (at[first] - at[first - 1]) * (target - dice[first - 1]) / rise)


def draw_learning(runs, origin, path):
    """Draw {path}.{svg,png,csv}: Dice of the test images by the number of labelled pixels, the mean over runs and their
    range; lines of the methods that know all labels at once.

    The table says at which share of the labels a method reaches what random labels reach with all of them, by the mean
    curves. No figure where no method learns in rounds.
    """
    curved = {name: run for name, run in runs.items() if len(learning(run["scores"])[0]) > 1}
    if not curved:
        return
    target = next((np.mean(run["scores"]["dice_at_100"]) for name, run in curved.items() if "random" in name), None)
    figure, axis = plt.subplots(figsize=(7.4, 4.2))
    rows = []
    for (name, run), colour, mark in zip(curved.items(), PALETTE, "os^Dv", strict=False):
        at, dice = learning(run["scores"])
        count = np.mean(run["scores"]["labels"])
        mean = dice.mean(axis=0)
        reached = labels_to(at, mean, target) if target is not None else None
        axis.plot(at * count, mean, "-", marker=mark, color=colour, label=name, ms=4)
        axis.fill_between(at * count, dice.min(axis=0), dice.max(axis=0), color=colour, alpha=0.15, lw=0)
        for share, values in zip(at, dice.T, strict=True):
            ratio = "" if reached is None else f"{reached:.4f}"
            rows.append([name, f"{share * count:.0f}", f"{values.mean():.4f}", f"{values.min():.4f}"])
            rows[-1] += [f"{values.max():.4f}", ratio]
    others = {name: run for name, run in runs.items() if name not in curved and "dice" in run["scores"]}
    for (name, run), style in zip(
        others.items(), ("--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2))), strict=False
    ):
        axis.axhline(np.mean(run["scores"]["dice"]), color="#555555", ls=style, lw=1.1, label=name)
    axis.set(xlabel="labelled pixels", ylabel="Dice of the test images")
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    header = ["method", "labels", "dice", "least", "most", "share_of_labels_to_random"]
    tables.write_csv(path_of(path, ".csv"), header, rows)
    save(figure, path, origin)


def path_of(path, ending):
    """Add an ending to a path whose name may hold points."""
    from pathlib import Path

    return Path(f"{path}{ending}")


def draw_methods(runs, origin, path, most=8):
    """Draw {path}.{svg,png}: the masks of the methods over the part of one test image in which they have most
    objects."""
    shown = dict(list(runs.items())[:most])
    first = next(iter(shown.values()))
    image = np.asarray(first["image"])
    masks = {name: np.asarray(run["y"]).reshape(image.shape) for name, run in shown.items()}
    chosen = int(np.argmax([np.unique(one).size for one in next(iter(masks.values()))]))
    rows, columns = (slice(0, min(side, 256)) for side in image.shape[1:])
    height, width = image[chosen, rows, columns].shape
    figure, axes = panels(len(masks), 4, (2.7, 0.3 + 2.6 * height / width), (0, 0.4))
    for axis, (name, mask) in zip(axes, masks.items(), strict=True):
        _show(axis, image[chosen, rows, columns])
        _outline(axis, mask[chosen, rows, columns], FOUND)
        axis.set_title(name, fontsize=8)
    figure.suptitle("Predicted objects in one test image", x=0.01, ha="left", fontsize=11)
    save(figure, path, origin)
