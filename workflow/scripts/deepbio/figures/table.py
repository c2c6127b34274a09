"""Figures of a network on a table: importances side by side, hidden nodes, correlated features, levels by class."""

from pathlib import Path

import numpy as np
from scipy import stats
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from deepbio.core import tables
from deepbio.figures.style import COLOURS, PALETTE, bars, plt, save
from deepbio.scoring import metrics

MARKED = COLOURS["baseline"]  # the colour of features that the paper names
CLUSTERS = [colour for colour in PALETTE if colour != MARKED]
CLOSE = 0.5  # |Spearman r| of an edge, and from which clusters are joined
SMALLEST = 3  # features that make a cluster
EDGES = 200  # drawn in a network
STRONGEST = 16  # features that describe a hidden node


def ranks(values):
    """Return the ranks of `values` (n,): 1 for the largest, n for the smallest; equal values share their mean rank."""
    return stats.rankdata(-np.asarray(values), method="average")


def draw_compared(measures, names, marked, shown, title, origin, path):
    """Draw several measures of the importance of features, each scaled to its largest value.

    measures : title → importance (features,), larger where a feature matters more

    The features with the best mean rank are shown, and all `marked` ones, in another colour. The number beside a bar is
    its rank. Writes {path}.{svg,png,csv}.
    """
    rank = {key: ranks(values) for key, values in measures.items()}
    mean = np.mean(list(rank.values()), axis=0)
    order = np.argsort(mean, kind="stable")
    first = list(measures)[0]
    rows = ([names[i], int(names[i] in marked), *(f"{v[i]:.5g}" for v in measures.values())] for i in order)
    rows = ([*row, *(f"{v[i]:g}" for v in rank.values())] for row, i in zip(rows, order, strict=True))
    header = ["feature", "named", *measures, *(f"rank, {key}" for key in measures)]
    tables.write_csv(path.with_suffix(".csv"), header, rows)

    place = [i for number, i in enumerate(order) if number < shown or names[i] in marked]
    colours = [MARKED if names[i] in marked else COLOURS["variant"] for i in place]
    figure, axes = plt.subplots(
        1, len(measures), figsize=(2.2 + 2.5 * len(measures), 1.3 + 0.24 * len(place)), sharey=True, squeeze=False
    )
    for axis, (key, values) in zip(axes[0], measures.items(), strict=True):
        values = values / max(np.max(values), 1e-12)
        axis.barh(range(len(place)), values[place].clip(min=0), color=colours)
        note = ""
        if np.ptp(values) == 0:
            note = "the same for all"  # such as the decrease of an AUROC of 1 on few samples
        else:
            for line, i in enumerate(place):
                axis.text(max(values[i], 0) + 0.02, line, f"{rank[key][i]:g}", va="center", fontsize=7)
            if key != first:
                note = f"Spearman ρ with the first {stats.spearmanr(values, measures[first])[0]:.2f}"
        axis.set_title(f"{key}\n{note}", fontsize=9)
        axis.set(xlim=(0, 1.16), xlabel="share of the largest")
    axes[0, 0].set_yticks(range(len(place)), [names[i] for i in place], fontsize=8)
    axes[0, 0].set_ylim(len(place) - 0.4, -0.6)
    mark_labels(axes[0, 0].get_yticklabels(), marked)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11)
    save(figure, path, origin)


def mark_labels(labels, marked):
    """Print the labels whose text is in `marked` in bold and in another colour."""
    for label in labels:
        if label.get_text() in marked:
            label.set(color=MARKED, fontweight="bold")


def draw_levels(figure, axis, levels, labels, y, order, classes):
    """Draw a heat map of standardised `levels` (samples, rows) over samples in `order`.

    A line separates the classes of y (samples,).
    """
    scaled = (levels - levels.mean(0)) / np.maximum(levels.std(0), 1e-9)
    image = axis.imshow(scaled[order].T, aspect="auto", cmap="PuOr_r", vmin=-2.5, vmax=2.5, interpolation="nearest")
    border = int((y == 0).sum())
    axis.axvline(border - 0.5, color="black", lw=1.5)
    axis.set_yticks(range(len(labels)), labels)
    axis.set_xticks([(border - 1) / 2, (border + len(y) - 1) / 2], classes)
    axis.tick_params(axis="both", length=0)
    axis.set_xlabel("validation samples, by class and then by predicted probability")
    return image


def clusters(x):
    """Cluster the features of x (samples, features) by Spearman correlation, with average linkage.

    Returns the correlations (features, features); the order of the features along the tree; and the cluster of each: 0,
    1, … from the largest, or -1 for a feature outside all clusters.
    """
    close = np.nan_to_num(np.corrcoef(stats.rankdata(x, axis=0), rowvar=False))
    np.fill_diagonal(close, 1)
    tree = hierarchy.linkage(squareform(1 - np.abs(close), checks=False), "average")
    found = hierarchy.fcluster(tree, 1 - CLOSE, "distance")
    _, member, sizes = np.unique(found, return_inverse=True, return_counts=True)
    number = np.full(len(sizes), -1)
    large = [i for i in np.argsort(-sizes, kind="stable") if sizes[i] >= SMALLEST]
    number[large] = np.arange(len(large))
    return close, hierarchy.leaves_list(tree), number[member]


def draw_network(close, order, cluster, importance, names, marked, shown, kind, origin, path):
    """Draw features on a circle in the order of a tree, with a line between correlated features.

    `close`, `order`, `cluster` as from `clusters`. At most `shown` features are drawn: the `marked` ones and those of
    the strongest correlations. Writes {path}.{svg,png} and two tables.
    """
    one, other = np.nonzero(np.tril(np.abs(close) >= CLOSE, -1))
    pairs = sorted(zip(one.tolist(), other.tolist(), strict=True), key=lambda pair: -abs(close[pair]))
    wanted = {i for i, name in enumerate(names) if name in marked}
    for pair in pairs:
        if len(wanted.union(pair)) > shown:
            break
        wanted.update(pair)
    ring = [i for i in order.tolist() if i in wanted]
    rows = ([names[i], cluster[i] + 1 or "", f"{importance[i]:.4f}"] for i in order)
    tables.write_csv(path.with_name(f"{path.name}_clusters.csv"), ["feature", "cluster", "importance"], rows)
    rows = ([names[i], names[j], f"{close[i, j]:.3f}"] for i, j in pairs)
    tables.write_csv(path.with_suffix(".csv"), ["feature", "other", "spearman"], rows)

    figure, axis = plt.subplots(figsize=(8.6, 8.6))
    angle = {i: 2 * np.pi * place / max(len(ring), 1) for place, i in enumerate(ring)}
    spot = {i: np.array([np.cos(a), np.sin(a)]) for i, a in angle.items()}
    steps = np.linspace(0, 1, 30)[:, None]
    drawn = [pair for pair in pairs if spot.keys() >= set(pair)]
    for i, j in drawn[:EDGES]:
        # Bézier's curve towards the middle, more so the farther apart its ends.
        bend = (spot[i] + spot[j]) / 2 * (1 - np.linalg.norm(spot[i] - spot[j]) / 3)
        curve = (1 - steps) ** 2 * spot[i] + 2 * steps * (1 - steps) * bend + steps**2 * spot[j]
        style = {"ls": "-", "color": "#555555"} if close[i, j] > 0 else {"ls": "--", "color": MARKED}
        axis.plot(*curve.T, lw=0.8, alpha=0.55, zorder=1, **style)
    for i in ring:
        colour = CLUSTERS[cluster[i] % len(CLUSTERS)] if cluster[i] >= 0 else "#bbbbbb"
        axis.scatter(*spot[i], s=20 + 180 * importance[i] / importance.max(), color=colour, zorder=2)
        if cluster[i] >= 0:
            axis.text(*spot[i], cluster[i] + 1, color="white", fontsize=6.5, ha="center", va="center", zorder=3)
        turned = np.cos(angle[i]) < -1e-9
        text = axis.text(
            *(1.07 * spot[i]),
            names[i],
            rotation=np.degrees(angle[i]) + 180 * turned,
            rotation_mode="anchor",
            ha="right" if turned else "left",
            va="center",
            fontsize=8,
        )
        mark_labels([text], marked)
    if not ring:
        axis.text(0, 0, f"no two {kind}s correlate that much", ha="center")
    axis.set(xlim=(-1.65, 1.65), ylim=(-1.6, 1.5), aspect="equal")
    axis.axis("off")
    cut = f" ({EDGES} strongest of {len(drawn)} edges)" if len(drawn) > EDGES else ""
    handles = [
        plt.Line2D([], [], color="#555555", label=f"r ≥ {CLOSE}" + cut),
        plt.Line2D([], [], color=MARKED, ls="--", label=f"r ≤ −{CLOSE}"),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False, fontsize=8)
    figure.suptitle(
        f"Correlated {kind}s (Spearman, training samples; no pathway database)\n"
        "number and colour: cluster, size: importance by weights"
        + (", bold: named by the paper" if set(marked) & set(names) else ""),
        x=0.01,
        ha="left",
        fontsize=10,
    )
    save(figure, path, origin)


def node_rows(levels, slopes, effect, cluster, names, y):
    """Describe every hidden node in a dict, the node with the largest effect first.

    levels : activations (samples, nodes)
    slopes : mean change of a node by one SD of a feature (features, nodes)
    effect : mean change of the log odds by one SD of a node

    The features with the steepest slopes describe a node. A node is assigned to a cluster of correlated features where
    more of these features belong to the cluster than expected by chance (hypergeometric test, adjusted over nodes and
    clusters by Benjamini and Hochberg).
    """
    drawn, number = min(STRONGEST, len(names)), cluster.max() + 1
    steepest = np.argsort(-np.abs(slopes), axis=0, kind="stable")[:drawn]
    sizes = np.bincount(cluster[cluster >= 0], minlength=number)
    hits = (cluster[steepest][:, :, None] == np.arange(number)).sum(axis=0)  # (nodes, clusters)
    p = stats.hypergeom.sf(hits - 1, len(names), sizes, drawn)
    q = stats.false_discovery_control(p.ravel()).reshape(p.shape) if p.size else p
    rows = []
    for node in np.argsort(-np.abs(effect), kind="stable"):
        best = int(q[node].argmin()) if number else -1
        share = metrics.evaluate(["auroc"], y, levels[:, node])["auroc"]
        rows.append(
            {
                "node": int(node),
                "effect": float(effect[node]),
                "auroc": share,
                "features": [(names[i], float(slopes[i, node])) for i in steepest[:, node]],
                "cluster": best + 1,
                "q": float(q[node, best]) if number else 1.0,
            }
        )
    return rows


def draw_nodes(rows, levels, y, order, classes, shown, origin, path):
    """Draw hidden nodes (rows as from `node_rows`): activation over samples, and the features with the largest slopes.

    Writes {path}.{svg,png,csv}.
    """
    header = ["node", "effect", "auroc", "cluster", "q", "features"]
    written = (
        [r["node"], f"{r['effect']:.4f}", f"{r['auroc']:.3f}", r["cluster"] or "", f"{r['q']:.3g}"]
        + ["; ".join(f"{name} {slope:+.3f}" for name, slope in r["features"])]
        for r in rows
    )
    tables.write_csv(path.with_suffix(".csv"), header, written)
    rows = rows[:shown]
    figure, (axis, beside) = plt.subplots(
        1, 2, figsize=(12.5, 1.9 + 0.28 * len(rows)), width_ratios=[1, 1.05], sharey=True
    )
    labels = [f"node {row['node']} ({row['effect']:+.2f})" for row in rows]
    image = draw_levels(figure, axis, levels[:, [row["node"] for row in rows]], labels, y, order, classes)
    axis.set_title("Activation of first-layer nodes (effect on the log odds by one SD)", fontsize=10)
    figure.colorbar(image, ax=axis, label="activation (SD)", location="left", pad=0.02, shrink=0.8)
    beside.axis("off")
    for line, row in enumerate(rows):
        text = "  ".join(f"{'↑' if slope > 0 else '↓'} {name}" for name, slope in row["features"][:4])
        text += f"   [cluster {row['cluster']}]" if row["q"] < 0.05 else ""
        beside.text(0, line, text, va="center", fontsize=8, transform=beside.get_yaxis_transform())
    beside.set_title("Features with the largest slopes: ↑ raise, ↓ lower", fontsize=10)
    save(figure, path, origin)


def draw_importance(change, names, metric, title, origin, folder, beside=None, shown=None):
    """Draw the importance of each feature, as a mean over permutations. Writes importance.{svg,png} and importance.csv.

    The table has further columns `beside` (name → values). The `shown` most important features are drawn, or all.
    """
    beside, folder = beside or {}, Path(folder)
    mean, std = change.mean(axis=1), change.std(axis=1)
    order = np.argsort(-mean, kind="stable")
    rows = (
        [names[i], f"{mean[i]:.5f}", f"{std[i]:.5f}", *(f"{values[i]:.5g}" for values in beside.values())]
        for i in order
    )
    tables.write_csv(folder / "importance.csv", ["feature", f"{metric}_loss", f"{metric}_loss_sd", *beside], rows)
    label = f"loss of validation {metrics.title(metric)} (mean ± SD of {change.shape[1]} permutations)"
    top = np.sort(order[:shown])
    bars([names[i] for i in top], mean[top], std[top], label, title, origin, folder / "importance")


def draw_by_class(x, labels, marked, y, order, classes, title, origin, path):
    """Draw the levels of features (n, features) of all samples in `order`, by class; names in `marked` are in bold.

    Writes {path}.{svg,png}.
    """
    figure, axis = plt.subplots(figsize=(8.5, 1.2 + 0.24 * len(labels)))
    image = draw_levels(figure, axis, x, labels, y, order, classes)
    mark_labels(axis.get_yticklabels(), marked)
    axis.set_title(title)
    figure.colorbar(image, ax=axis, label="level (SD)", pad=0.01, shrink=0.8)
    save(figure, path, origin)
