"""Phenotypes from the expression of all genes, learned from few samples: a gene's own level, or a tumour's receptor."""

import numpy as np

from deepbio.core import tables
from deepbio.core.data import Split
from deepbio.core.files import BadInput
from deepbio.domains.expression import graphs, matrices

PREFIX = "num_HS_"  # how SurvSet begins the names of human genes


def prepare(sources, parameters, seed):
    """Prepare one split; `parameters["format"]` names the source.

    survset : one study of SurvSet, `study`. tumours : Chowdary's arrays, two of each tumour, log2, a gene the mean of
        its probe sets and centred within each of the two tissues.

    With `targets`, so many genes are to be predicted, drawn at random among those kept (the same for every split):
    whether each is above its mean over the training samples. Its own level is 1 in all samples. With `label`, a column
    of 0 and 1 is, and the genes `without` are left out. Of the samples `test` are for testing; of the others `size` are
    drawn, a quarter of which is for validation; those of a patient stay together. The genes are the `most_genes` of the
    graph (without one: of all) that vary most over training samples.

    Arrays: x (n, genes) float32; y (n,) or (n, targets) float32; group, the patient. The context has `genes`, `edges`
    where a graph is known, how many measured genes are not in it, and `series` and `size` for learning curves.
    """
    rng = np.random.default_rng([seed, 6975])
    read = {"survset": _survset, "tumours": _tumours}[parameters["format"]]
    levels, genes, y, patient, strata = read(sources, parameters)
    size, test = parameters["size"], parameters["test"]
    if size + test > len(levels):
        raise BadInput(f"expression_phenotypes: {size} and {test} samples are wanted of {len(levels)}")
    part = _draw(patient, strata, test, size, rng)
    context = {"series": parameters["series"], "series_id": parameters["series_id"], "size": size}
    kept = np.flatnonzero(~np.isin(genes, parameters.get("without", [])))
    if "gene_graphs" in sources:
        path = sources["gene_graphs"] / "genemania.adjlist.gz"
        joined = np.unique(graphs.read_adjacency(path, [genes[i] for i in kept]))
        context["genes_without_edge"] = int(len(kept) - len(joined))
        kept = kept[joined]
    spread = levels[part == 0][:, kept].std(axis=0)
    kept = np.sort(kept[np.argsort(-spread, kind="stable")[: parameters["most_genes"]]])
    x, names = levels[:, kept], [genes[i] for i in kept]
    if "gene_graphs" in sources:
        context["edges"] = graphs.read_adjacency(path, names)
    if y is None:
        x, y, context["features"] = _own_levels(x, names, part == 0, parameters["targets"])
    context["genes"] = names
    arrays = {"x": x.astype(np.float32), "y": y.astype(np.float32), "group": np.array(patient).astype("S")}
    whole = Split(arrays, context)
    return {name: whole.take(part == number) for number, name in enumerate(("train", "valid", "test"))}


def _draw(patient, strata, test, size, rng):
    """Draw whole patients, with as many samples each, evenly over the strata: 2 for testing, 1 for validation, a
    quarter of `size`, 0 for training; -1 for the others.

    Testing patients are drawn first, so that they are the same for every size.
    """
    _, first, member = np.unique(patient, return_index=True, return_inverse=True)
    each = len(patient) // len(first)
    test, size = test // each, size // each
    rows = np.sort(first)
    order = rows[_evenly(strata[rows], rng)]
    part = np.full(len(patient), -1)
    part[order[:test]] = 2
    chosen = order[test : test + size]
    part[chosen[: size // 4]], part[chosen[size // 4 :]] = 1, 0
    return part[first][member]


def _evenly(strata, rng):
    """Order samples at random such that every stretch has the strata in about the proportions of the whole."""
    place = np.empty(len(strata))
    for one in np.unique(strata):
        members = rng.permutation(np.flatnonzero(strata == one))
        place[members] = (np.arange(len(members)) + rng.random()) / len(members)
    return np.argsort(place, kind="stable")


def _own_levels(x, genes, train, count):
    """Hide `count` genes: levels in which theirs is 1, whether each is above its training mean, and their names."""
    high = x > x[train].mean(axis=0)
    share = high[train].mean(axis=0)
    both = np.flatnonzero((share > 0.2) & (share < 0.8))  # with too few of either, chance decides
    targets = np.sort(np.random.default_rng(6975).permutation(both)[:count])
    hidden = x.copy()
    hidden[:, targets] = 1
    return hidden, high[:, targets], [genes[i] for i in targets]


def _survset(sources, parameters):
    path = sources["survset"] / f"{parameters['study']}.pickle"
    frame = tables.read_frame(path)
    columns = [name for name in frame.columns if name.startswith(PREFIX)]
    if not columns or "pid" not in frame:
        raise BadInput(f"{path}: no column 'pid' or none that begins with {PREFIX}")
    levels, y, known = frame[columns].to_numpy(float), None, np.ones(len(frame), bool)
    if "label" in parameters:
        if parameters["label"] not in frame:
            raise BadInput(f"{path}: no column '{parameters['label']}'")
        status = frame[parameters["label"]].astype(str).to_numpy()
        known = np.isin(status, ["0", "1"])
        y = (status[known] == "1").astype(float)
    levels = levels[known]
    if np.isnan(levels).any():
        raise BadInput(f"{path}: column '{columns[int(np.isnan(levels).any(axis=0).argmax())]}' has missing values")
    patient, strata = frame["pid"].astype(str).to_numpy()[known], np.zeros(len(levels)) if y is None else y
    return levels, [name.removeprefix(PREFIX) for name in columns], y, patient, strata


def _tumours(sources, parameters):
    levels, genes, _, tissue, tumour = matrices.read_tumours(sources["human_expression"])
    for one in np.unique(tissue):  # or the tissue would tell most genes
        levels[tissue == one] -= levels[tissue == one].mean(axis=0)
    return levels, genes, None, tumour, tissue


def interpret(train, runs, path):
    """Draw what the graph gains for each gene, and the scores by the number of training samples."""
    from deepbio.figures import gene_graphs as figures

    figures.draw_gains(runs, train.context, f"{path}_gain")
    figures.draw_sizes(runs, train.context, path)
