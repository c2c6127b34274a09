"""Clusters of genes in spite of damage: a known share of an expression matrix is replaced, and to be found again."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.domains.expression import clusters, matrices
from deepbio.scoring import curves, metrics
from deepbio.scoring.metrics import AMOUNT, SHARE, SIGNED, Metric

METRICS = {
    "damaged_rmse": Metric(False, "RMSE of replaced values", AMOUNT),
    "regulon_lift": Metric(True, "shared regulators within clusters, over chance", AMOUNT),
    "cluster_ari": Metric(True, "adjusted Rand index", SIGNED),
    "cluster_nmi": Metric(True, "NMI of clusters and regulators", SHARE),
    "cluster_rand": Metric(True, "Rand index", SHARE),
    "regulators_covered": Metric(True, "share of regulators found by a cluster", SHARE),
    "permuted_covered": Metric(False, "share of regulators found, genes dealt anew", SHARE),
}


def prepare(sources, parameters, seed):
    """Prepare genes by conditions, standardised gene by gene, ± 3 standard deviations as 0 and 1, and replace the share
    `damage` of all values by 0 or 1 at random.

    Arrays: x (n, conditions) float32, damaged; y, as it was; y_damaged uint8, where it was replaced; prior (n,
    regulators) uint8, the genes of one half of the regulators, drawn at random, for methods that use a prior network;
    y_regulon (n, regulators) uint8, those of the other half, which judge clusters; group, the operon.
    """
    rng = np.random.default_rng([seed, 214122])
    if "pymodulon" in sources:
        folder = sources["pymodulon"]
        levels, conditions, _, genes, operon = matrices.read_compendium(folder)
        names, member = matrices.read_regulons(folder / "trn.csv", genes, *parameters["regulon_size"])
    else:
        levels, conditions, genes, edges = matrices.read_yeast(sources["yeast_expression"])
        names, member = matrices.regulons(edges, genes, *parameters["regulon_size"])
        operon = genes
    profile = levels.T
    kept = np.sort(np.argsort(-profile.std(axis=1), kind="stable")[: parameters["most_genes"]])
    y, operon = matrices.unit_profiles(profile[kept]), np.array(operon)[kept]
    damaged = rng.random(y.shape) < parameters["damage"]
    x = np.where(damaged, rng.integers(0, 2, y.shape), y)
    half = rng.permutation(len(names)) < len(names) // 2
    arrays = {"x": x.astype(np.float32), "y": y.astype(np.float32), "y_damaged": damaged.astype(np.uint8)}
    arrays |= {"prior": np.ascontiguousarray(member[half][:, kept].T), "group": operon.astype("S64")}
    arrays["y_regulon"] = np.ascontiguousarray(member[~half][:, kept].T)
    context = {"conditions": conditions, "clusters": parameters["clusters"], "features": conditions}
    part = tables.group_parts(operon, parameters["valid_fraction"], parameters["test_fraction"], rng)
    whole = Split(arrays, context)
    return {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}


def score(test, predictions, wanted, train=None):
    """Score the profiles, those of replaced values alone, and, where the lift is wanted, clusters of the codes (without
    them, of the profiles)."""
    p, y = np.asarray(predictions["y"], float), np.asarray(test.y, float)
    found = metrics.evaluate([name for name in wanted if name in metrics.METRICS], y, p)
    if "y_damaged" in test:
        wrong = np.asarray(test["y_damaged"]) > 0
        found["damaged_rmse"] = float(np.sqrt(np.mean((p - y)[wrong] ** 2)))
    if "regulon_lift" in wanted:
        codes = predictions.get("code", p)
        found |= clusters.describe(clusters.cluster(codes, test.context["clusters"]), np.asarray(test["y_regulon"]))
    return found


def curve(test, predictions):
    """Draw predicted against true values of the first condition."""
    return curves.parity(test.y, predictions["y"])


def interpret(train, runs, path):
    """Draw each method's errors and scores of clusters."""
    from deepbio.figures import regulons as figures

    figures.draw_recovery(runs, train, path)
