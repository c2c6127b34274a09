"""Clusters of genes, and what they say of known regulons."""

import numpy as np

from deepbio.domains.expression import enrichment


def cluster(codes, count):
    """Cluster rows (n, features) as they are by k-means: numbers (n,)."""
    from sklearn.cluster import KMeans

    codes = np.asarray(codes, float)
    codes = (codes - codes.mean(axis=0)) / max(codes.std(), 1e-9)
    count = min(count, len(np.unique(codes.round(9), axis=0)))
    return KMeans(count, n_init=3, random_state=0).fit_predict(codes)


def lift(number, member):
    """Compute how many times more often two genes of one cluster share a regulator than two genes at all.

    number : (n,) clusters; member : (n, regulators) 0/1. Genes without a regulator are left out. 1 is chance.
    """
    known = np.asarray(member).sum(axis=1) > 0
    number, member = np.asarray(number)[known], np.asarray(member, float)[known]
    share = member @ member.T > 0
    upper = np.triu_indices(len(number), 1)
    together, shared = (number[:, None] == number)[upper], share[upper]
    if not together.any() or not shared.any():
        return 1.0
    return float(shared[together].mean() / shared.mean())


def single(member):
    """Number the regulator of genes that have exactly one, -1 for others."""
    member = np.asarray(member)
    return np.where(member.sum(axis=1) == 1, member.argmax(axis=1), -1)


def describe(number, member):
    """Score clusters (n,) of genes by member (n, regulators): a dict.

    regulon_lift as `lift`; cluster_rand, cluster_ari and cluster_nmi over genes with one regulator, whose regulator is
    their class; regulators_covered: share of the regulators that a cluster is rich in; permuted_covered: the same with
    the genes dealt anew.
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, rand_score

    own = single(member)
    known = own >= 0
    sets, regulons = number == np.unique(number)[:, None], np.asarray(member).T > 0
    found = {"regulon_lift": lift(number, member)}
    measures = {"rand": rand_score, "ari": adjusted_rand_score, "nmi": normalized_mutual_info_score}
    for name, measure in measures.items():
        found[f"cluster_{name}"] = float(measure(own[known], number[known])) if known.sum() > 1 else np.nan
    for name, one in (("regulators_covered", regulons), ("permuted_covered", enrichment.permuted(regulons))):
        found[name] = float(enrichment.significant(enrichment.p_values(sets, one)).any(axis=0).mean())
    return found
