"""Features of expression, learned without labels: which known regulators do units, or clusters of genes, find?"""

from dataclasses import replace

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.expression import clusters, enrichment, matrices
from deepbio.scoring import intervals
from deepbio.scoring.curves import Curve
from deepbio.scoring.metrics import AMOUNT, SHARE, SIGNED, Metric

METRICS = {
    "regulon_auprc": Metric(True, "average precision of regulons, best unit", SHARE),
    "regulators_covered": Metric(True, "share of regulators found", SHARE),
    "units_explained": Metric(True, "share of units with a regulator", SHARE),
    "regulators_named": Metric(True, "regulators that are a unit's best, per unit", SHARE),
    "permuted_covered": Metric(False, "share of regulators found, genes dealt anew", SHARE),
    "class_nmi": Metric(True, "NMI of samples' clusters and experiments", SHARE),
    "layer2_covered": Metric(True, "share of regulators found, second layer", SHARE),
    "layer3_covered": Metric(True, "share of regulators found, third layer", SHARE),
    "layer4_covered": Metric(True, "share of regulators found, fourth layer", SHARE),
    "strain_separation": Metric(True, "gap between strains over their spread, best unit", AMOUNT),
    "anr_separation": Metric(True, "gap between strains over their spread, Anr's unit", AMOUNT),
    "regulon_lift": Metric(True, "shared regulators within clusters, over chance", AMOUNT),
    "cluster_rand": Metric(True, "Rand index", SHARE),
    "cluster_ari": Metric(True, "adjusted Rand index", SIGNED),
    "cluster_nmi": Metric(True, "NMI of clusters and regulators", SHARE),
}
ANR = "Anr"
UNITS = 50  # that all methods have


def prepare(sources, parameters, seed):
    """Prepare one split; `parameters["format"]` names the source.

    compendium : E. coli, samples by genes. pseudomonas : the compendium of ADAGE, and two
        held-out experiments with an anr mutant as the test split. In all, genes lie between 0 and 1 by the least and
        greatest level in training, and other samples are cut there.
    ecoli_genes : genes by conditions. Each gene is standardised over its own conditions, and ± 3 standard deviations
        become 0 and 1.
    `most_genes`: those that vary most.

    Arrays of samples: x (n, genes) float32; y (n, regulators) float32, the mean of the standardised levels of each
    regulator's genes; y_class (n,) int16, the experiment; group. The context has `genes`, `regulators` and `member`
    (regulators, genes). Arrays of genes: x (n, conditions); y (n, regulators) 0/1; group, the operon. The context has
    `conditions`, `regulators` and the number of `clusters`.
    """
    readers = {"compendium": _compendium, "pseudomonas": _pseudomonas, "ecoli_genes": _ecoli_genes}
    return readers[parameters["format"]](sources, parameters, np.random.default_rng([seed, 5549]))


# ---- samples by genes


def _compendium(sources, parameters, rng):
    folder = sources["pymodulon"]
    levels, _, group, genes, _ = matrices.read_compendium(folder)
    part = tables.group_parts(np.array(group), parameters["valid_fraction"], parameters["test_fraction"], rng)
    kept = np.sort(np.argsort(-levels[part == 0].std(axis=0), kind="stable")[: parameters.get("most_genes")])
    levels, genes = levels[:, kept], [genes[i] for i in kept]
    names, member = matrices.read_regulons(folder / "trn.csv", genes, *parameters["regulon_size"])
    experiment = [name.split("/")[0] for name in group]
    return _samples(levels, group, experiment, genes, names, member, part)


def _pseudomonas(sources, parameters, rng):
    levels, arrays, genes = matrices.read_pcl(sources["adage_compendium"] / "Pa_compendium_02.22.2014.pcl")
    held, strains, origin = [], [], []
    for file in ("Anr-gene.pcl", "Anr_RNAseq_PAO1_gene.pcl"):
        x, names, own = matrices.read_pcl(sources["pseudomonas_expression"] / file)
        place = {gene: i for i, gene in enumerate(own)}
        missing = [gene for gene in genes if gene not in place]
        if missing:
            raise BadInput(f"{sources['pseudomonas_expression'] / file}: no gene '{missing[0]}' of the compendium")
        x = x[:, [place[gene] for gene in genes]]
        if "RNAseq" in file:  # to the arrays' distribution, by ranks
            x = matrices.quantile_normalise(x, levels)
        held.append(x)
        strains += [int("anr" in name) for name in names]
        origin += [file] * len(names)
    sets = matrices.read_gene_sets(sources["pseudomonas_expression"] / "pseudomonas_KEGG_terms.txt")
    sets[ANR] = matrices.read_list(sources["adage_compendium"] / "anr_regulated_cooperonic_genes.txt")
    edges = [(name, gene) for name, own in sets.items() for gene in own]
    names, member = matrices.regulons(edges, genes, *parameters["regulon_size"])
    count = len(levels)
    part = np.concatenate([(rng.random(count) < parameters["valid_fraction"]).astype(int), np.full(len(strains), 2)])
    group = [f"array{i}" for i in range(count)] + [f"{one}{i}" for i, one in enumerate(origin)]
    experiment = ["compendium"] * count + [f"{o}{s}" for o, s in zip(origin, strains, strict=True)]
    splits = _samples(np.concatenate([levels, *held]), group, experiment, genes, names, member, part)
    splits["test"].arrays["y_strain"] = np.array(strains, np.int16)
    splits["test"].arrays["y_study"] = np.unique(origin, return_inverse=True)[1].astype(np.int16)
    return splits


def _samples(levels, group, experiment, genes, names, member, part):
    rows = levels[part == 0]
    low, high = rows.min(axis=0), rows.max(axis=0)
    x = ((levels - low) / np.where(high > low, high - low, 1)).clip(0, 1)
    z = (levels - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-6)
    y = z.clip(-5, 5) @ member.T / member.sum(axis=1)
    arrays = {"x": x.astype(np.float32), "y": y.astype(np.float32), "group": np.array(group).astype("S64")}
    arrays["y_class"] = np.unique(experiment, return_inverse=True)[1].astype(np.int16)
    context = {"genes": list(genes), "regulators": names, "member": member}
    whole = Split(arrays, context)
    return {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}


# ---- genes by conditions


def _ecoli_genes(sources, parameters, rng):
    folder = sources["pymodulon"]
    levels, samples, _, genes, operon = matrices.read_compendium(folder)
    names, member = matrices.read_regulons(folder / "trn.csv", genes, *parameters["regulon_size"])
    return _genes(levels, samples, genes, operon, names, member, parameters, rng)


def _genes(levels, conditions, genes, operon, names, member, parameters, rng):
    profile = levels.T
    spread = profile.std(axis=1)
    # Genes that hardly change have no profile; the number to keep is stated, and no label is asked.
    kept = np.sort(np.argsort(-spread, kind="stable")[: parameters["most_genes"]])
    profile, operon = profile[kept], np.array(operon)[kept]
    arrays = {"x": matrices.unit_profiles(profile).astype(np.float32), "y": member[:, kept].T.astype(np.float32)}
    arrays["group"] = operon.astype("S64")
    context = {"conditions": conditions, "regulators": names, "clusters": parameters["clusters"]}
    part = tables.group_parts(operon, parameters["valid_fraction"], parameters["test_fraction"], rng)
    whole = Split(arrays, context)
    return {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}


# ---- scores


def _weights(test, predictions):
    """Give the weights (units, genes) that a method states. Of one that states none, as of the controls, give the
    correlations of its units with the genes: of the first UNITS, for the best of more units is better by chance."""
    if "weights" in predictions:
        return np.asarray(predictions["weights"], float)
    return enrichment.loadings(np.asarray(predictions["y"], float)[:, :UNITS], np.asarray(test["x"]))


def score(test, predictions, wanted, train=None):
    p = np.asarray(predictions["y"], float)
    if test.context["input"] == "gene_profiles":
        return clusters.describe(clusters.cluster(p, test.context["clusters"]), np.asarray(test.y))
    member, weights = np.asarray(test.context["member"]), _weights(test, predictions)
    best, found = enrichment.of_units(weights, member)
    scores = {
        "regulon_auprc": float(enrichment.best_precision(weights, member).mean()),
        "regulators_covered": float(found.any(axis=0).mean()),
        "units_explained": float(found.any(axis=1).mean()),
        "regulators_named": len(np.unique(best.argmin(axis=1)[found.any(axis=1)])) / len(weights),
        "permuted_covered": float(enrichment.of_units(weights, enrichment.permuted(member))[1].any(axis=0).mean()),
    }
    if "y_class" in test:
        scores["class_nmi"] = _class_nmi(p, np.asarray(test["y_class"]))
    for key in (name for name in predictions if name.startswith("weights_layer")):
        scores[f"{key[8:]}_covered"] = float(enrichment.of_units(predictions[key], member)[1].any(axis=0).mean())
    if "y_strain" in test:
        gap = separation(p, np.asarray(test["y_strain"]), np.asarray(test["y_study"]))
        scores["strain_separation"] = float(gap.max())
        if ANR in test.context["regulators"]:
            scores["anr_separation"] = float(gap[best[:, test.context["regulators"].index(ANR)].argmin()])
    return {name: scores[name] for name in wanted} | scores


def _class_nmi(p, number):
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(number, clusters.cluster(p, len(np.unique(number)))))


def separation(p, strain, study):
    """Compute for each unit the least gap between the strains' means in one study, over the spread within strains."""
    gaps = []
    for one in np.unique(study):
        a, b = (p[(study == one) & (strain == s)] for s in (0, 1))
        within = np.sqrt((a.var(axis=0) + b.var(axis=0)) / 2)
        gaps.append(np.abs(a.mean(axis=0) - b.mean(axis=0)) / np.maximum(within, 1e-3))
    return np.min(gaps, axis=0)


def curve(test, predictions):
    """Draw the share of regulators for which a unit has an average precision or more; nothing of gene clusters."""
    if test.context["input"] == "gene_profiles":
        return None
    best = enrichment.best_precision(_weights(test, predictions), np.asarray(test.context["member"]))
    grid, names = np.linspace(0, 1, 101), ("average precision of the best unit at least", "share of regulators")
    share = (best[:, None] >= grid).mean(axis=0)
    return Curve("line", "Regulators by their best unit (mean over runs)", *names, grid, share)


def resampled(test, predictions, metric, train=None):
    """Resample the regulators, each with the best unit's average precision, the same in all splits; None for other
    metrics."""
    if metric != "regulon_auprc":
        return None
    found = intervals.share_of(enrichment.best_precision(_weights(test, predictions), test.context["member"]))
    return replace(found, units=np.char.add("regulator ", np.arange(found.samples).astype(str)))


def interpret(train, runs, path):
    """Draw the regulators that each method finds, beside those found when genes are dealt anew."""
    from deepbio.figures import regulons as figures

    if train.context["input"] == "expression":
        figures.draw_found(runs, train, path)
    else:
        figures.draw_cluster_scores(runs, train, path)
