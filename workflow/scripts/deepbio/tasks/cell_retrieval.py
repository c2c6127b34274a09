"""Retrieval of cells: a cell of a study that no method was taught asks for cells of its type in another study."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.expression import graphs, matrices, retrieval
from deepbio.domains.expression.h5ad import read_h5ad
from deepbio.scoring import curves, intervals, metrics
from deepbio.scoring.functions import share
from deepbio.scoring.metrics import SHARE, SIGNED, Metric

METRICS = {
    "retrieval_map": Metric(True, "mean average precision by type", SHARE),
    "found_map": Metric(True, "precision at the hits found (as published)", SHARE),
    "map_seen": Metric(True, "mean average precision, types with labels", SHARE),
    "map_unseen": Metric(True, "mean average precision, types without labels", SHARE),
    "cluster_ari": Metric(True, "adjusted Rand index of clusters", SIGNED),
    "cluster_ami": Metric(True, "adjusted mutual information of clusters", SIGNED),
}
SCALE = 1e4  # counts to which each cell is scaled


def prepare(sources, parameters, seed):
    """Prepare one split; `parameters["format"]` names the source.

    studies : two studies with labels of their own, which `types` brings together: name → beginnings of labels, up to
        an underscore; cells of other labels are left out, and so are the genes `without`. Cells of `trained` are for
        training, validation and, the rest, for the database; all cells of the other study ask. With `sets` (smallest,
        most), genes and their neighbours in a graph of interactions are known sets; names are compared in capitals, as
        mouse and human symbols differ in that.
    cells : one AnnData file, `labels` its column of types; half of the test cells ask, the others are the database.

    Types in `unseen` have no label in training and validation. Counts are scaled to 10,000 a cell and put to log(1 +
    x); each gene is standardised in each study, by the training cells or, in the study that asks, by all of its cells.

    Arrays: x (n, genes) float32; y (n,) float32, number of the type, NaN where it is not told; y_query (n,) uint8,
    which test cells ask; y_study (n,) int16; group, the cell. The context has `genes`, `classes`, the numbers of the
    `unseen` types and, where sets are known, `set_names`, `set_member` and how many genes are in none.
    """
    rng = np.random.default_rng([seed, 156])
    read = {"studies": _studies, "cells": _cells}[parameters["format"]]
    levels, label, study, cells, genes = read(sources, parameters)
    classes = sorted(set(map(str, label)) - {""})
    number = np.array([classes.index(one) if one else -1 for one in label])
    trained = study == parameters["trained"] if "trained" in parameters else np.ones(len(study), bool)
    part = np.full(len(label), 2)
    shares = [1 - parameters["valid_fraction"] - parameters["test_fraction"], parameters["valid_fraction"]]
    part[trained] = tables.stratified(number[trained], [*shares, parameters["test_fraction"]], rng)
    query = ~trained
    if not query.any():
        held = np.flatnonzero(part == 2)
        query[held] = tables.stratified(number[held], [0.5, 0.5], rng) == 0
    x = np.zeros(levels.shape, np.float32)
    for rows, of in ((trained, part == 0), (~trained, ~trained)):
        if rows.any():
            x[rows] = _standardised(levels[rows], levels[of])
    hidden = [classes.index(one) for one in parameters.get("unseen", [])]
    y = np.where((part < 2) & np.isin(number, hidden), np.nan, number).astype(np.float32)
    names = np.unique(study)
    arrays = {"x": x, "y": y, "y_query": query.astype(np.uint8), "group": np.array(cells).astype("S")}
    arrays["y_study"] = np.searchsorted(names, study).astype(np.int16)
    context = {"genes": list(genes), "classes": classes, "unseen": hidden, "studies": names.tolist()}
    if "sets" in parameters:
        context |= _sets(sources["gene_graphs"] / "genemania.adjlist.gz", genes, parameters["sets"])
    whole = Split(arrays, context)
    return {name: whole.take(part == i) for i, name in enumerate(("train", "valid", "test"))}


def _studies(sources, parameters):
    """Read two studies of one file: levels (cells, genes), type, study and name of each cell, and the genes."""
    path = sources["scrna"] / "MetaNeighbor_US_data.Rdata"
    found = matrices.read_r(path)
    counts, about = found["data"], found["pheno"]
    genes, cells = (list(map(str, counts.coords[axis].values)) for axis in counts.dims)
    if list(map(str, about["Sample_ID"])) != cells:
        raise BadInput(f"{path}: `pheno` and `data` name other cells")
    of_word = {str(word): name for name, words in parameters["types"].items() for word in words}
    label = np.array([of_word.get(str(one).partition("_")[0], "") for one in about["Celltype"]])
    counts = np.asarray(counts, np.float64).T
    missing = set(parameters["without"]) - set(genes)
    if missing:
        raise BadInput(f"{path}: no gene '{min(missing)}'")
    left, kept = [i for i, gene in enumerate(genes) if gene not in parameters["without"]], label != ""
    levels = _logarithm(counts[kept])[:, left]
    names = [genes[i] for i in left]
    return levels, label[kept], about["Study_ID"].to_numpy(str)[kept], np.array(cells)[kept], names


def _cells(sources, parameters):
    """Read the cells of one AnnData file, whose levels are logarithms already."""
    path = sources[parameters["files"]] / parameters["file"]
    found = read_h5ad(path, raw=True)
    if parameters["labels"] not in found.about:
        raise BadInput(f"{path}: obs has no column '{parameters['labels']}'; it has: {', '.join(found.about)}")
    label = np.array(found.about[parameters["labels"]])
    kept = label != ""
    return found.x[kept], label[kept], np.full(kept.sum(), "all"), np.array(found.samples)[kept], found.genes


def _logarithm(counts):
    total = counts.sum(axis=1, keepdims=True)
    return np.log1p(counts * SCALE / np.where(total > 0, total, 1))


def _standardised(levels, rows):
    """Standardise genes by the moments of `rows`, within ± 10; a gene that does not vary there becomes 0."""
    std = rows.std(axis=0)
    z = (levels - rows.mean(axis=0)) / np.where(std > 1e-6, std, 1)
    return np.where(std > 1e-6, z, 0).clip(-10, 10)


def _sets(path, genes, limits):
    upper = [gene.upper() for gene in genes]
    edges = graphs.read_adjacency(path, upper)
    centres, member = graphs.neighbourhoods(edges, len(genes), limits["smallest"], limits["most"])
    lacking = int((graphs.degrees(edges, len(genes)) == 0).sum())
    names = [f"{genes[i]} and neighbours" for i in centres]
    return {"set_names": names, "set_member": member.astype(np.int32), "genes_without_edge": lacking}


# ---- scores


def _precision(test, predictions, measure=retrieval.average_precision):
    """Measure each query's precision: (queries,), their types (queries,), and the codes of the queries."""
    from scipy.spatial.distance import cdist

    code = np.asarray(predictions.get("code", predictions["y"]), float)
    query, number = np.asarray(test["y_query"]) > 0, np.asarray(test.y).astype(int)
    relevant = number[query][:, None] == number[~query]
    return measure(cdist(code[query], code[~query]), relevant), number[query], code[query]


def score(test, predictions, wanted, train=None):
    """Score the retrieval in `code`, where a method gives one, else in its probabilities; clusters of the cells that
    ask; and, of all metrics of classes, how these cells are named."""
    precision, number, code = _precision(test, predictions)
    published, _, _ = _precision(test, predictions, retrieval.precision_of_found)
    unseen = np.isin(np.arange(len(test.context["classes"])), test.context["unseen"])
    of_type = _by_type(precision, number, len(unseen))
    found = {"retrieval_map": np.nanmean(of_type), "found_map": np.nanmean(_by_type(published, number, len(unseen)))}
    for name, types in (("map_seen", ~unseen), ("map_unseen", unseen)):
        if unseen.any() and not np.isnan(of_type[types]).all():
            found[name] = np.nanmean(of_type[types])
    found |= _clusters(code, number)
    query = np.asarray(test["y_query"]) > 0
    others = [name for name in wanted if name in metrics.METRICS]
    found |= metrics.evaluate(others, np.asarray(test.y)[query], np.asarray(predictions["y"], float)[query])
    return {name: float(found[name]) for name in dict.fromkeys([*wanted, *found])}


def _by_type(values, number, types):
    """Average values (n,) over each type, (types,); NaN for a type that no cell is of."""
    member = (number[:, None] == np.arange(types)) & ~np.isnan(values)[:, None]
    return share(np.nan_to_num(values) @ member, member.sum(axis=0))


def _clusters(code, number):
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    count = min(len(np.unique(number)), len(np.unique(code.round(9), axis=0)))
    called = KMeans(count, n_init=5, random_state=0).fit_predict(code)
    return {
        "cluster_ari": adjusted_rand_score(number, called),
        "cluster_ami": adjusted_mutual_info_score(number, called),
    }


def curve(test, predictions):
    """Draw ROC curves of the types that the cells that ask are called, each against the rest."""
    query = np.asarray(test["y_query"]) > 0
    return curves.curve("multiclass", np.asarray(test.y)[query], np.asarray(predictions["y"], float)[query])


def resampled(test, predictions, metric, train=None):
    """Resample the cells that ask, the database as it is; None for another metric than the mean average precision."""
    if metric != "retrieval_map":
        return None
    precision, number, _ = _precision(test, predictions)
    member = (number[:, None] == np.arange(len(test.context["classes"]))) & ~np.isnan(precision)[:, None]
    summed, weight = np.nan_to_num(precision)[:, None] * member, member.astype(float)
    return intervals.Resampling(
        len(number), lambda drawn: intervals.nanmean(share((drawn @ summed).T, (drawn @ weight).T))
    )


def interpret(train, runs, path):
    """Draw the scores of all methods side by side."""
    from deepbio.figures import style

    wanted = {name: metric.title for name, metric in METRICS.items()} | {"accuracy": "accuracy of the types named"}
    style.quantities(runs, wanted, "Cells that ask", train.context["origin"], f"{path}_retrieval", 4)
