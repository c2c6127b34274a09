"""Figures of fingerprints of molecules: fragments behind a feature, and fingerprints without training."""

from io import BytesIO

import numpy as np

from deepbio.core import tables
from deepbio.domains.chemistry import molecules
from deepbio.figures.style import PALETTE, plt, save
from deepbio.scoring import metrics

PENALTIES = np.logspace(-4, 5, 10)
STYLES = {
    "circular": ("o-", PALETTE[6]),
    "counts": ("D-.", PALETTE[2]),
    "large": ("s--", PALETTE[0]),
    "small": ("^:", PALETTE[1]),
}
NAMES = {"circular": "circular, bits", "counts": "circular, counts"}
NAMES |= {"large": "large random weights", "small": "small random weights"}
ERRORS = {"rmse": "RMSE", "auroc": "1 − AUROC"}


def draw_fragments(rows, unit, title, origin, path):
    """Draw a row of molecules for each feature, with the neighbourhood of an atom marked in each.

    rows : dicts with feature, effect (change of the prediction in `unit` by one unit of activation), molecule (SMILES),
        atom, radius, activation; and `holds`, the known groups in the fragment, where they are known

    Writes {path}.{svg,png,csv}.
    """
    tables.write_csv(path.with_suffix(".csv"), list(rows[0]), (row.values() for row in rows))
    lines = [[row for row in rows if row["feature"] == f] for f in dict.fromkeys(row["feature"] for row in rows)]
    columns = max(map(len, lines))
    # Room for the known groups in a fragment, one per line.
    height = 2.35 + 0.17 * max(row.get("holds", "").count(";") + bool(row.get("holds")) for row in rows)
    figure, axes = plt.subplots(len(lines), columns, figsize=(2.4 * columns, height * len(lines) + 0.5), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for line, here in zip(axes, lines, strict=True):
        effect = here[0]["effect"]
        change = f"{'raises' if effect > 0 else 'lowers'} the {unit} ({effect:+.2g} per unit of activation)"
        line[0].set_title(f"Feature {here[0]['feature']} {change}\n", fontsize=10)
        for axis, row in zip(line, here, strict=False):
            molecule = molecules.parse(row["molecule"])
            axis.imshow(plt.imread(BytesIO(molecules.fragment_image(molecule, row["atom"], row["radius"], (560, 420)))))
            caption = f"radius {row['radius']}, activation {row['activation']:.2f}"
            if row.get("holds"):
                caption += "\n" + row["holds"].replace("; ", "\n")
            axis.text(0.5, -0.02, caption, transform=axis.transAxes, ha="center", va="top", fontsize=8)
    figure.suptitle(f"Fragments behind two features of the fingerprint: {title}", x=0.01, ha="left", fontweight="bold")
    save(figure, path, origin)


def tanimoto_distances(x, pairs):
    """Compute Tanimoto distances, for counts and reals, of the rows `pairs` (2, n) of x.

    A distance is 1 - sum of minima / sum of maxima.
    """
    one, other = x[pairs[0]], x[pairs[1]]
    return 1 - np.minimum(one, other).sum(axis=1) / np.maximum(one, other).sum(axis=1)


def linear_error(x, y, others, truth, kind):
    """Compute the validation error of a ridge regression from fingerprints x (n, length) to y (n,).

    The error is the RMSE or, for classes, 1 - AUROC. The penalty is the one with the smallest leave-one-out error in
    training. All features are divided by one number, because fingerprints with small weights are nearly the same for
    all molecules.
    """
    from sklearn.linear_model import RidgeCV

    mean, scale = x.mean(axis=0), np.sqrt(x.var(axis=0).mean())
    guess = RidgeCV(PENALTIES).fit((x - mean) / scale, y).predict((others - mean) / scale)
    metric = "rmse" if kind == "regression" else "auroc"
    value = metrics.evaluate([metric], truth, guess)[metric]
    return value if kind == "regression" else 1 - value


def compare_random(circular, random, labels, kind, facts, origin, path):
    """Draw distances of random neural fingerprints against circular ones, and the error of a linear model on each.

    This is Figure 3 of Duvenaud et al. 2015. Counts of circular fragments are shown beside the bits, because a neural
    fingerprint is a sum too. circular(length, counts) and random(weights, length, draw) return the fingerprints of
    training and validation molecules, float64.

    labels : y of both, (n,)
    facts : scales, lengths, repeats, pairs

    Writes {path}.{svg,png,csv}.
    """
    (y, truth), rows, distances = labels, [], {}
    rng, longest = np.random.default_rng(0), max(facts["lengths"])
    pairs = np.array([rng.choice(len(truth), 2, replace=False) for _ in range(facts["pairs"])]).T
    error = "rmse" if kind == "regression" else "auroc_loss"
    every = ("circular", "counts", *facts["scales"])
    for weights in every:
        is_random = weights in facts["scales"]
        for length in facts["lengths"]:
            for draw in range(facts["repeats"] if is_random else 1):
                x, others = random(weights, length, draw) if is_random else circular(length, weights == "counts")
                rows.append([weights, length, draw, error, linear_error(x, y, others, truth, kind)])
                if length == longest:
                    found = tanimoto_distances(others, pairs)
                    distances.setdefault(weights, found)
                    for other in ("circular", "counts") if is_random else ():
                        r = np.corrcoef(distances[other], found)[0, 1]
                        rows.append([weights, length, draw, f"distance_pearson_{other}", r])
    tables.write_csv(path.with_suffix(".csv"), ["weights", "length", "draw", "measure", "value"], rows)

    figure, axes = plt.subplots(1, len(facts["scales"]) + 1, figsize=(3.7 * len(facts["scales"]) + 4.3, 3.9))
    for axis, weights in zip(axes, facts["scales"], strict=False):
        r = np.mean([row[4] for row in rows if row[0] == weights and row[3] == "distance_pearson_circular"])
        axis.plot(
            distances["circular"], distances[weights], ".", color=STYLES[weights][1], ms=4, alpha=0.25, rasterized=True
        )
        axis.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="distance of circular fingerprints", aspect="equal")
        axis.set_title(f"{NAMES[weights].capitalize()}: r = {r:.2f}", fontsize=10)
    axes[0].set_ylabel("distance of neural fingerprints")
    for weights in every:
        style, colour = STYLES[weights]
        points = np.array([row[1:5:3] for row in rows if row[0] == weights and row[3] == error], float)
        lengths = np.unique(points[:, 0])
        means = [points[points[:, 0] == length, 1].mean() for length in lengths]
        axes[-1].plot(lengths, means, style, color=colour, label=NAMES[weights], ms=5)
        axes[-1].plot(*points.T, "_", color=colour, alpha=0.6)
    axes[-1].set_xscale("log", base=2)
    axes[-1].set_xticks(facts["lengths"], facts["lengths"], rotation=45, fontsize=8)
    axes[-1].set(xlabel="length of the fingerprint", ylabel=f"validation {ERRORS[error.removesuffix('_loss')]}")
    axes[-1].set_title("A linear model on each", fontsize=10)
    axes[-1].legend(frameon=False, fontsize=8)
    title = f"Fingerprints without training: Tanimoto distances of {len(pairs[0])} pairs, length {longest}"
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11)
    save(figure, path, origin)
