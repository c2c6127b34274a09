"""Figures of units and the regulons that they find: heat maps beside permuted genes, weights, activities, clusters."""

import numpy as np

from deepbio.core import tables
from deepbio.domains.expression import enrichment
from deepbio.figures.style import COLOURS, PALETTE, panels, plt, quantities, save

SHOWN = 40  # regulators in a heat map
FEW = 30  # samples or units with names


def _strength(p):
    return -np.log10(np.maximum(p, 1e-30))


def draw_regulons(split, weights, path, title="Units by regulators"):
    """Draw -log10 p of each unit and regulator beside the same for genes dealt anew; {path}.csv has each unit's best
    regulator. Nothing is drawn of a split without regulons."""
    if "member" not in split.context:
        return
    member, names = np.asarray(split.context["member"]), split.context["regulators"]
    p, found = enrichment.of_units(weights, member)
    by_chance, _ = enrichment.of_units(weights, enrichment.permuted(member))
    best = p.argmin(axis=1)
    rows = ([unit + 1, names[i], f"{p[unit, i]:.3g}", int(found[unit, i])] for unit, i in enumerate(best))
    tables.write_csv(path.with_suffix(".csv"), ["unit", "best regulator", "p", "significant"], rows)
    shown = np.argsort(p.min(axis=0), kind="stable")[:SHOWN]
    rank = {regulator: place for place, regulator in enumerate(shown)}
    order = np.argsort([rank.get(one, len(shown)) for one in best], kind="stable")
    figure, axes = panels(2, 2, (1.2 + 0.13 * len(shown), 1.6 + 0.08 * len(p)), (0.8, 0.3), sharey=True)
    top = min(30.0, _strength(p).max())
    for axis, values, name in zip(axes, (p, by_chance), ("regulators", "genes dealt anew"), strict=True):
        image = axis.imshow(_strength(values)[order][:, shown], aspect="auto", cmap="viridis", vmin=0, vmax=top)
        axis.set_xticks(range(len(shown)), [names[i] for i in shown], rotation=90, fontsize=6)
        axis.set_title(name, fontsize=9)
    axes[0].set_ylabel("unit, by its best regulator")
    axes[0].set_yticks([])
    figure.colorbar(image, ax=axes, label="-log10 p")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    save(figure, path, split.context["origin"])


def draw_weights(split, weights, path, shown=6):
    """Draw the distribution of the weights of some units with the cut beyond which genes count as high-weight."""
    spread = np.abs(weights - weights.mean(axis=1, keepdims=True)).max(axis=1) / weights.std(axis=1)
    chosen = np.argsort(-spread, kind="stable")[:shown]
    figure, axes = panels(len(chosen), 3, (2.6, 2.0), (0.3, 0.5))
    for axis, unit in zip(axes, chosen, strict=True):
        values = weights[unit]
        axis.hist(values, 60, color=COLOURS["variant"])
        for sign in (-1, 1):
            axis.axvline(values.mean() + sign * enrichment.SPREAD * values.std(), color=COLOURS["baseline"], lw=1)
        sets = enrichment.high_weight_sets(values[None]).sum(axis=1)
        axis.set_title(f"unit {unit + 1}: {sets[0]} high, {sets[1]} low", fontsize=9)
        axis.set_yscale("symlog")
    figure.supylabel("genes", fontsize=9)
    figure.supxlabel("weight")
    figure.suptitle("Weights, with mean ± 2 standard deviations", x=0.01, ha="left", fontsize=11)
    save(figure, path, split.context["origin"])


def draw_activities(split, units, path):
    """Draw the units' activities over samples, units and samples in the order of their first principal component."""
    centred = units - units.mean(axis=0)
    left, _, right = np.linalg.svd(centred, full_matrices=False)
    groups = [name.decode().split("/")[0] for name in np.asarray(split["group"])] if "group" in split else None
    rows = np.lexsort((left[:, 0], groups)) if groups else np.argsort(left[:, 0])
    figure, axis = plt.subplots(figsize=(6.5, 1.5 + 0.13 * len(rows)))
    image = axis.imshow(centred[rows][:, np.argsort(right[0])], aspect="auto", cmap="RdBu_r", interpolation="nearest")
    if groups and len(rows) <= 100:
        axis.set_yticks(range(len(rows)), [groups[i] for i in rows], fontsize=5)
    axis.set(xlabel="unit", ylabel="sample", title="Activities of the units, less their means")
    figure.colorbar(image, ax=axis, label="activity")
    save(figure, path, split.context["origin"])


def draw_neighbours(split, weights, path):
    """Draw how much more often nearest genes, by their weights on all units, share a regulator than two genes do;
    beside it the same for regulons with the genes dealt anew."""
    if "member" not in split.context:
        return
    member = np.asarray(split.context["member"])
    values = []
    for one in (member, enrichment.permuted(member)):
        known = np.flatnonzero(one.any(axis=0))
        rows, own = weights.T[known], one[:, known].T.astype(np.float32)
        square = (rows**2).sum(axis=1)
        distance = square[:, None] + square - 2 * rows @ rows.T
        np.fill_diagonal(distance, np.inf)
        nearest = distance.argmin(axis=1)
        shared = own @ own.T > 0
        np.fill_diagonal(shared, False)
        count = len(known)
        values.append((shared[np.arange(count), nearest].mean(), shared.sum() / (count * (count - 1))))
    figure, axis = plt.subplots(figsize=(6, 2.4))
    names = ["nearest gene", "any gene", "nearest gene, genes dealt anew"]
    shares = [values[0][0], values[0][1], values[1][0]]
    axis.barh(names[::-1], shares[::-1], color=[COLOURS["control"], COLOURS["control"], COLOURS["listed"]])
    axis.set(xlabel="pairs with a common regulator", title="Genes whose weights are alike")
    tables.write_csv(path.with_suffix(".csv"), ["pair", "share"], zip(names, map("{:.4f}".format, shares), strict=True))
    save(figure, path, split.context["origin"])


def draw_layers(split, weights, path):
    """Draw how many regulators the units of each layer find, beside those found when genes are dealt anew.

    weights : title of a layer → (units, genes).
    """
    member, rows = np.asarray(split.context["member"]), []
    for name, one in weights.items():
        counts = [enrichment.of_units(one, m)[1].any(axis=0).sum() for m in (member, enrichment.permuted(member))]
        rows.append([name, len(one), *map(int, counts)])
    tables.write_csv(path.with_suffix(".csv"), ["layer", "units", "regulators", "genes dealt anew"], rows)
    figure, axis = plt.subplots(figsize=(5, 1.4 + 0.5 * len(rows)))
    place = np.arange(len(rows))
    axis.barh(place - 0.2, [row[2] for row in rows], 0.4, color=COLOURS["listed"], label="regulators")
    axis.barh(place + 0.2, [row[3] for row in rows], 0.4, color=COLOURS["control"], label="genes dealt anew")
    axis.set_yticks(place, [f"{row[0]} ({row[1]} units)" for row in rows])
    axis.invert_yaxis()
    axis.set(xlabel=f"regulators found, of {len(member)}", title="Regulators by layer")
    axis.legend(frameon=False, fontsize=8)
    save(figure, path, split.context["origin"])


def draw_sparsity(split, activities, path):
    """Draw a histogram of the activities of each layer; activities : title of a layer → (n, units)."""
    figure, axes = panels(len(activities), 4, (2.4, 2.2), (0.3, 0.5))
    for axis, (name, values) in zip(axes, activities.items(), strict=True):
        axis.hist(values.ravel(), 40, (0, 1), color=COLOURS["variant"])
        axis.set_title(f"{name}: mean {values.mean():.2f}", fontsize=9)
        axis.set_yscale("symlog")
    figure.supxlabel("activity")
    figure.supylabel("values", fontsize=9)
    figure.suptitle("Activities of the units", x=0.01, ha="left", fontsize=11)
    save(figure, path, split.context["origin"])


def draw_found(runs, train, path):
    """Draw each method's precision on regulons, and its shares of regulators found and of units with one."""
    wanted = {
        "regulon_auprc": "average precision of regulons, best unit",
        "regulators_covered": "share of regulators found",
        "units_explained": "share of units with a regulator",
        "regulators_named": "regulators that are a unit's best, per unit",
    }
    quantities(runs, wanted, "Units by regulators", train.context["origin"], f"{path}_regulators", columns=2)


def draw_cluster_scores(runs, train, path):
    """Draw each method's scores of clusters of genes."""
    wanted = {
        "regulon_lift": "shared regulators within clusters, over chance",
        "cluster_ari": "adjusted Rand index",
        "cluster_rand": "Rand index",
        "regulators_covered": "share of regulators found by a cluster",
    }
    quantities(runs, wanted, "Clusters of genes", train.context["origin"], f"{path}_clusters", columns=2)


def draw_profiles(split, clean, number, path, most=9):
    """Draw the mean profile of each cluster with its members, and those of the rebuilt genes (n, conditions)."""
    x, counts = np.asarray(split["x"]), np.bincount(number)
    chosen = np.argsort(-counts, kind="stable")[:most]
    figure, axes = panels(len(chosen), 3, (2.7, 1.9), (0.3, 0.5), sharey=True)
    for axis, one in zip(axes, chosen, strict=True):
        rows = number == one
        axis.plot(x[rows][:40].T, color="#bbbbbb", lw=0.4)
        axis.plot(x[rows].mean(axis=0), color=COLOURS["baseline"], lw=1.5, label="mean, raw")
        axis.plot(clean[rows].mean(axis=0), color=COLOURS["listed"], lw=1.5, ls="--", label="mean, rebuilt")
        axis.set_title(f"cluster {one + 1}: {counts[one]} genes", fontsize=9)
    _save_profiles(figure, axes, "Clusters of genes over conditions", split, path)


def _save_profiles(figure, axes, title, split, path):
    for axis in axes:
        axis.set_ylim(0, 1)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=2, frameon=False, fontsize=8)
    figure.supylabel("expression (0 to 1)", fontsize=9)
    figure.supxlabel("condition")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    save(figure, path, split.context["origin"])


def draw_rebuilt(split, clean, path, shown=6):
    """Draw raw and rebuilt profiles of some genes; {path}.csv has the rebuilt error of each condition."""
    x = np.asarray(split["x"])
    error = ((x - clean) ** 2).mean(axis=0)
    rows = zip(split.context["conditions"], map("{:.5f}".format, error), strict=True)
    tables.write_csv(path.with_suffix(".csv"), ["condition", "squared error"], rows)
    chosen = np.linspace(0, len(x) - 1, shown).astype(int)
    figure, axes = panels(shown, 3, (2.7, 1.9), (0.3, 0.5), sharey=True)
    for axis, gene in zip(axes, chosen, strict=True):
        axis.plot(x[gene], ".-", color="#888888", ms=3, lw=0.7, label="raw")
        axis.plot(clean[gene], color=COLOURS["listed"], lw=1.5, label="rebuilt")
    _save_profiles(figure, axes, "Raw and rebuilt profiles", split, path)


def draw_map(split, codes, number, path):
    """Draw genes on the first two principal components of their codes, coloured by cluster."""
    from deepbio.figures.style import components

    places, share = components(codes, codes)
    figure, axis = plt.subplots(figsize=(5, 4.2))
    for one in np.unique(number):
        rows = number == one
        axis.plot(*places[rows].T, "os^Dvx"[one // len(PALETTE) % 6], ms=3, color=PALETTE[one % len(PALETTE)])
    axis.set(xlabel=f"first component ({100 * share[0]:.0f} %)", ylabel=f"second component ({100 * share[1]:.0f} %)")
    axis.set_title(f"Codes of {len(codes)} genes, {len(np.unique(number))} clusters")
    save(figure, path, split.context["origin"])


def draw_parts(split, clean, sparse, path, shown=60):
    """Draw the matrix, what the network rebuilds, and the sparse rest side by side, for some genes."""
    rows = np.linspace(0, len(clean) - 1, min(shown, len(clean))).astype(int)
    parts = {"measured": np.asarray(split["x"])[rows], "rebuilt": clean[rows], "sparse rest": sparse[rows]}
    figure, axes = panels(3, 3, (2.8, 3.2), (0.8, 0.4), sharey=True)
    for axis, (name, values) in zip(axes, parts.items(), strict=True):
        low = -1 if name == "sparse rest" else 0
        image = axis.imshow(values, aspect="auto", cmap="RdBu_r" if low else "viridis", vmin=low, vmax=1)
        axis.set_title(f"{name}" + (f", {100 * np.mean(sparse != 0):.0f} % not 0" if low else ""), fontsize=9)
        figure.colorbar(image, ax=axis, location="bottom", shrink=0.8)
    axes[0].set_ylabel("gene")
    figure.suptitle("Profiles as a rebuilt and a sparse part (conditions from left to right)", x=0.01, ha="left")
    save(figure, path, split.context["origin"])


def draw_recovery(runs, train, path):
    """Draw each method's errors against the matrix before the damage, and its scores of clusters."""
    wanted = {
        "rmse": "RMSE of all values",
        "damaged_rmse": "RMSE of replaced values",
        "regulon_lift": "shared regulators within clusters, over chance",
        "cluster_ari": "adjusted Rand index",
    }
    quantities(runs, wanted, "Damaged profiles", train.context["origin"], f"{path}_recovery", columns=2)
